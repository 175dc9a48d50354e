"""`spiralsink inspect`: what somebody's recurrent network remembers, and where."""

from pathlib import Path
from typing import Any

import click

from ._command import SEED, Command, OneOf, Whole, common, emit, writes_into
from ._folders import result_folder
from ._page_beside import write_page_beside

_DEFAULT_SEQUENCES, _DEFAULT_STEPS = 32, 200

_EXAMPLE = """
spiralsink inspect gru.pt --head fc --inputs data.npy --out results/gru
spiralsink inspect rnn.safetensors --nonlinearity tanh --delay 4 --json
"""


@click.command(cls=Command, example=_EXAMPLE)
@click.argument("file", metavar="FILE")
@click.option("--kind", help="What the file holds, such as rnn, gru, lstm, lru, s4d, s5; inferred by default.")
@click.option("--prefix", help="Which of several recurrent modules in the file: the beginning of its keys.")
@click.option("--nonlinearity", type=OneOf(["tanh", "relu"]), help="Of an RNN, which its weights do not tell.")
@click.option("--reset", type=OneOf(["after", "before"]), help="Of a GRU: the reset gate after or before the matrix.")
@click.option("--gates", metavar="ORDER", help='Order of the gates in the rows, such as "r,z,n" or "i,f,g,o".')
@click.option("--head", metavar="KEY", help="The linear layer that reads the states, such as fc or fc.weight.")
@click.option("--readout", type=OneOf(["linear", "relu"]), help="What follows the head; linear by default.")
@click.option("--layer", type=Whole(0), help="One layer of several; all of them by default.")
@click.option("--direction", type=OneOf(["forward", "backward"]), help="Of a bidirectional network.")
@click.option("--delay", type=Whole(0), help="k: the age at which the task wants an input.")
@click.option("--inputs", metavar="FILE.npy", help="Inputs (batch, time, features); independent N(0, 1) by default.")
@click.option("--features", metavar="FILE.npy", help="Input directions to use instead of channels, one a row.")
@click.option("--lags", "n_lags", type=Whole(), default=20, show_default=True, help="Ages 0 to LAGS - 1 are measured.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of samples and of default inputs.")
@click.option(
    "--out", metavar="DIR", help="Folder for report.html, explorer.html, inspection.json, inspection.nc, figures/."
)
@common
def command(file: str, out: str | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Measure which inputs a network remembers, along which directions, and what its readout sees of them.

    FILE holds torch weights (.pt, .pth, .safetensors, .npz), a diagonal state-space layer, or a network of spiralsink.
    Nothing in it is executed. The first line says how far the forward pass agrees with an independent one.
    """
    # before anything is read: what cannot be written need not be computed
    folder = None if out is None else _folder(out)
    model = _read(file, **{name: options.pop(name) for name in _READING})
    inputs, about = _inputs(options.pop("inputs"), model, options["seed"])
    features = None if options["features"] is None else _array("features", options["features"])
    options["features"] = features
    result = _inspect(model, inputs, about, folder, **options)
    emit(result.pop("json"), result["text"], as_json=as_json, quiet=quiet)


_READING = ("kind", "prefix", "nonlinearity", "reset", "gates", "head", "readout", "layer", "direction")


def _read(file: str, **options: Any) -> Any:
    from ..interop import as_model

    return as_model(Path(file), **options)


def _inspect(model: Any, inputs: Any, about: str, folder: Path | None, **options: Any) -> dict[str, Any]:
    from ..report import inspect, inspection_record

    if folder is None:
        found = inspect(model, inputs, **options)
        return {"json": inspection_record(found, inputs=about), "text": _text(found, about)}
    with writes_into(folder):
        found = inspect(model, inputs, out=folder, about_inputs=about, **options)
    pages = {"page": "report.html", "explorer": write_page_beside(folder)}
    lines = [_text(found, about), *(f"written: {folder / each}" for each in pages.values() if each)]
    return {"json": inspection_record(found, inputs=about) | pages, "text": "\n".join(lines)}


def _text(found: Any, about: str) -> str:
    first, *rest = str(found).splitlines()
    return "\n".join([first, f"  inputs         {about}", *rest])


def _inputs(path: str | None, model: Any, seed: int) -> tuple[Any, str]:
    if path is not None:
        return _array("inputs", path), f"{Path(path).name}"
    import numpy as np

    shape = (_DEFAULT_SEQUENCES, _DEFAULT_STEPS, model.n_features)
    about = f"none given: {shape[0]} sequences of {shape[1]} steps of independent N(0, 1), seed {seed}"
    return np.random.default_rng(seed).standard_normal(shape), about


def _array(field: str, path: str) -> Any:
    """An array of numbers from a .npy file, in which nothing is executed."""
    import io

    import numpy as np

    from .._atomic import read_file
    from .._errors import InvalidInput, Shown

    if Path(path).suffix != ".npy":
        raise InvalidInput(field, path, "the name of a .npy file")
    try:
        content = read_file(Path(path))
    except InvalidInput as error:
        raise InvalidInput(field, Shown(f"{path}: {error.value}"), error.allowed, hint=error.hint) from None
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:
        # a damaged header raises errors of several kinds
        words = " ".join(str(error).split())[:80]
        raise InvalidInput(field, Shown(f"{path}: {words}"), "a .npy file of plain numbers") from None


def _folder(out: str) -> Path:
    from ..report import require_page_tools

    require_page_tools()
    return result_folder(out)
