"""From a folder of results to the payload of its page."""

from pathlib import Path
from typing import Any

from .._errors import InvalidInput, Shown
from ._assemble import assemble
from ._branches import groups_of_branches
from ._datasets import read_dataset
from ._diagrams import diagram_of_dataset
from ._inspections import group_of_inspection
from ._payload import Payload
from ._stores import groups_of_store

_ALLOWED = "a folder that reproduce, sweep, train, phase-diagram or inspect wrote"


def payload_of(folder: Any) -> Payload:
    """What the page of a folder holds.

    Args:
        folder: One that `reproduce`, `sweep`, `train`, `phase-diagram` or `inspect` wrote.

    Raises:
        InvalidInput: If it is none of these, or a file of it is damaged.
        MissingExtra: If xarray or h5netcdf is not installed.
    """
    path = Path(folder)
    if not path.is_dir():
        raise InvalidInput(str(folder), Shown("a file" if path.exists() else "no such folder"), _ALLOWED)
    if (path / "claims.json").is_file():
        from ._claims import payload_of_claims

        return payload_of_claims(path)
    if (path / "blocks").is_dir():
        groups, about = groups_of_store(path)
        return assemble(title=f"Sweep {path.resolve().name}", about=about, groups=groups)
    if (path / "phase-diagram.nc").is_file():
        return _phase_diagram(path / "phase-diagram.nc")
    if (path / "inspection.nc").is_file():
        group = group_of_inspection(path / "inspection.nc")
        return assemble(title=f"Inside a {group.label}", about=group.about, groups=[group])
    raise InvalidInput(str(folder), Shown("a folder of something else"), _ALLOWED)


def _phase_diagram(path: Path) -> Payload:
    data = read_dataset(path)
    groups = groups_of_branches(path, data)
    diagram = diagram_of_dataset(path, data, [group.key for group in groups])
    about = "Branches of optima of the exact loss, followed along p by spiralsink phase-diagram; nothing was trained."
    return assemble(title=f"Phase diagram: {diagram.label}", about=about, groups=groups, diagrams=[diagram])
