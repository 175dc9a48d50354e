"""`spiralsink inspect`: what somebody's recurrent network remembers, and where."""

import re
from pathlib import Path
from typing import Any

import click

from .._conventions import CONVENTIONS
from ._command import SEED, Command, OneOf, Whole, common, emit, writes_into
from ._folders import result_folder
from ._page_beside import write_page_beside

_DEFAULT_SEQUENCES, _DEFAULT_STEPS = 32, 200
_NO_HEAD = "none"

_EXAMPLE = """
spiralsink inspect gru.pt --head fc --inputs data.npy --out results/gru
spiralsink inspect rnn.safetensors --nonlinearity tanh --delay 4 --json
"""


def _conventions(function: Any) -> Any:
    """One option for everything that weights do not say."""
    for name, each in reversed(tuple(CONVENTIONS.items())):
        kind = OneOf(each.choices) if each.choices else None if each.shown else Whole(0)
        function = click.option(f"--{name}", type=kind, metavar=each.shown or None, help=each.words)(function)
    return function


@click.command(cls=Command, example=_EXAMPLE)
@click.argument("file", metavar="FILE")
@_conventions
@click.option("--initial", metavar="FILE.npy", help="The state before the first input; zero by default.")
@click.option("--delay", type=Whole(0), help="k: the age at which the task wants an input.")
@click.option("--inputs", metavar="FILE.npy", help="Inputs (batch, time, features); independent N(0, 1) by default.")
@click.option("--features", metavar="FILE.npy", help="Input directions to use instead of channels, one a row.")
@click.option("--codes", metavar="FILE.npy", help="How much of each of these directions there is at every step.")
@click.option("--targets", metavar="FILE.npy", help="What the outputs should be, (batch, time, outputs).")
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
    model = _read(file, options.pop("initial"), {name: options.pop(name) for name in CONVENTIONS})
    inputs, about = _inputs(options.pop("inputs"), model, options["seed"])
    for name in ("features", "codes", "targets"):
        options[name] = None if options[name] is None else _array(name, options[name])
    result = _inspect(model, inputs, about, folder, **options)
    emit(result.pop("json"), result["text"], as_json=as_json, quiet=quiet)


def _read(file: str, initial: str | None, given: dict[str, Any]) -> Any:
    from .._errors import InvalidInput
    from ..interop import NoReadout, as_model

    if given["head"] == _NO_HEAD:
        given["head"] = NoReadout()
    start = None if initial is None else _array("initial", initial)
    try:
        return as_model(Path(file), initial=start, **given)
    except InvalidInput as error:
        where, _, name = error.field.rpartition(": ")
        field = name if where == file and name in CONVENTIONS else error.field
        raise type(error)(field, error.value, error.allowed, hint=_as_options(error.hint)) from None


def _as_options(hint: str) -> str:
    """What an error says to pass, as it is said on the command line: `--gates z,r,n` for `gates='z,r,n'`."""

    def spelt(match: re.Match[str]) -> str:
        name, value = match[1], _NO_HEAD if match[2] == "NoReadout()" else match[2].strip("'")
        return f"--{name} {value}".strip()

    names = "|".join((*CONVENTIONS, "initial"))
    hint = re.sub(rf"\b({names})=('[^']*'|NoReadout\(\)|)", spelt, hint)
    return hint.replace(", --", " --").replace("step_model", "step_model in Python")


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
