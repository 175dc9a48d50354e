"""A network inspected, and the folder that shows it: report.html, inspection.json, inspection.nc and figures."""

import importlib.util
from pathlib import Path
from typing import Any

from .._atomic import make_folder, write_file
from .._errors import MissingExtra
from .._json import json_file
from ..inspection import Inspection, inspect_model
from ._inspection_figures import draw_figures
from ._inspection_page import inspection_page, inspection_record


def inspect(
    model: Any,
    inputs: Any,
    *,
    features: Any = None,
    codes: Any = None,
    n_lags: Any = 20,
    delay: Any = None,
    targets: Any = None,
    seed: Any = 0,
    check_order: bool = True,
    out: Any = None,
    about_inputs: str = "",
) -> Inspection:
    """What a recurrent network of any kind remembers of its inputs, where it writes it, and what its readout sees.

    ```python
    gru = torch.nn.GRU(3, 32, batch_first=True)
    found = sk.inspect(gru, inputs, delay=4, out="results/gru")  # inputs: (batch, time, features)
    print(found)
    ```

    Args:
        model: A torch `RNN`, `GRU` or `LSTM`, a module that holds one, an Equinox cell, a network of this package, the
            name of a file of weights, or what `sk.as_model` and `sk.step_model` made of something else. What weights do
            not say is given to `as_model`: `sk.inspect(sk.as_model("rnn.pt", nonlinearity="tanh"), inputs)`.
        inputs: (batch, time, features), NumPy, JAX, torch or lists; (time, features) is taken as one sequence.
        features: Input directions to use instead of channels, (n_dictionary, channels), such as the decoder rows of
            a sparse autoencoder.
        codes: How much of every direction there is, (batch, time, n_dictionary); None for least squares.
        n_lags: Ages s = 0 .. n_lags - 1.
        delay: k, the age at which the task wants an input; None where it is not known.
        targets: What the outputs should be, (batch, time, outputs), for `target_r2`.
        seed: Draws times, pairs and the sequences of every part.
        check_order: Whether to look for inputs in the order (time, batch, features).
        out: Folder for report.html, inspection.json, inspection.nc and figures/; None writes nothing.
        about_inputs: One sentence for the report: where the inputs come from.

    Returns:
        `Inspection`: directions, impulses, additivity, memory, capacity, interference, free space and spectrum, as
        `inspection.inspect_model` defines them; what could not be measured is None with a reason. Prints in about ten
        lines.

    Raises:
        InvalidInput: If the model cannot be read or disagrees with an independent forward pass, or inputs are in a
            wrong order, too short or not finite.
        MissingExtra: With `out`, if matplotlib, xarray, h5netcdf or jinja2 is not installed.
    """
    if out is not None:
        require_page_tools()
    found = inspect_model(
        model,
        inputs,
        features=features,
        codes=codes,
        n_lags=n_lags,
        delay=delay,
        targets=targets,
        seed=seed,
        check_order=check_order,
    )
    if out is not None:
        write_inspection(found, out, about_inputs=about_inputs)
    return found


def write_inspection(found: Inspection, folder: Any, *, about_inputs: str = "") -> Path:
    """Writes an inspection into a folder and returns the path of its page.

    Args:
        found: What `inspect` returned.
        folder: Made if it is missing.
        about_inputs: One sentence: where the inputs come from.

    Raises:
        MissingExtra: If matplotlib, xarray, h5netcdf or jinja2 is not installed.
    """
    require_page_tools()
    folder, dataset = make_folder(Path(folder)), found.to_dataset()
    draw_figures(dataset, folder / "figures")
    write_file(folder / "inspection.nc", bytes(dataset.to_netcdf(engine="h5netcdf")))
    write_file(folder / "inspection.json", json_file(inspection_record(found, inputs=about_inputs)))
    page = folder / "report.html"
    write_file(page, inspection_page(found, folder, about_inputs=about_inputs).encode("utf-8"))
    return page


def require_page_tools() -> None:
    """Raises unless all that pages of inspections are made with is installed."""
    from ..plots import require_matplotlib

    for package, extra in {"xarray": "data", "h5netcdf": "data", "jinja2": "report"}.items():
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, extra)
    require_matplotlib()
