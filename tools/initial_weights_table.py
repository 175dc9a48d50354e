"""Writes the table of docs/initial-weights.md from a run: `initial_weights_table.py results/data/how-many.nc`."""

import argparse
import sys
from pathlib import Path
from typing import Any

import xarray as xr
from readme_table import replace_between


def table(data: Any) -> str:
    """What nonlinear networks reach from the shipped and from plain weights, one row for each setting.

    Args:
        data: The dataset of the claim `how-many`.
    """
    rows = [
        "| N_h | delay | p | represented: shipped | plain | within 5 % of the lowest loss: shipped | plain "
        "| lowest E[L]/p: shipped | plain |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for index in range(data.sizes["other"]):
        one = data.isel(other=index)
        cells = [f"{int(one['other_n_hidden'])}", f"{int(one['other_delay'])}", f"{float(one['other_p']):g}"]
        for name, form in (
            ("other_represented", "{:.0%}"),
            ("other_reached", "{:.0%}"),
            ("other_lowest_loss_per_p", "{:.4f}"),
        ):
            cells += [form.format(float(one[name].sel(scheme=each))) for each in ("shipped", "plain")]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    """Rewrites the page and returns the exit code."""
    parser = argparse.ArgumentParser(description="Writes the table of initial weights into docs/initial-weights.md.")
    parser.add_argument("data", type=Path, help="data/how-many.nc of a run")
    parser.add_argument("--page", type=Path, default=Path(__file__).parents[1] / "docs" / "initial-weights.md")
    paths = parser.parse_args(arguments)
    with xr.open_dataset(paths.data, engine="h5netcdf") as data:
        content = table(data.load())
    text = paths.page.read_text(encoding="utf-8")
    paths.page.write_text(replace_between(text, content), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
