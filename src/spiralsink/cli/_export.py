"""`spiralsink export`: a store in the formats of other tools."""

from pathlib import Path

import click

from ._command import Command, common, emit

_EXAMPLE = """
spiralsink export results/train --out train.nc
spiralsink export results/train --out train.parquet
"""


@click.command(cls=Command, example=_EXAMPLE)
@click.argument("store", metavar="DIR")
@click.option("--out", metavar="FILE", required=True, help="What is written: NAME.nc, NAME.zarr or NAME.parquet.")
@common
def command(store: str, out: str, as_json: bool, quiet: bool) -> int:
    """Write all networks of a store as NetCDF, Zarr or Parquet.

    NetCDF and Zarr hold the labelled dataset that `spiralsink.open_store` returns, Parquet one row per network.
    """
    from ..data import export_store

    path = export_store(Path(store), out)
    emit({"path": str(path)}, f"written: {path}", as_json=as_json, quiet=quiet)
    return 0
