"""Phase diagrams for many delays and sizes: the best branch over (p, k) and (p, N_h)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from .._errors import InvalidInput, MissingExtra, check_count
from .._float64 import computes_in_float64
from .._progress import NoProgress, Progress
from ..geometry import eigenmodes, free_fraction_per_output
from ..tasks import Delay
from ..theory import Horizon, SteadyState, transfer_projections, transfer_weights
from ._gain import GainBound
from ._phase_diagram import phase_diagram
from ._phase_result import PhaseDiagram

REGISTER = "register"
_VALUES = {
    "loss_per_p": ("expected loss of the best branch divided by p", ""),
    "eigenangle_span": ("delay times the angle of the leading eigenvalue of the best branch", "degree"),
    "spectral_radius": ("modulus of the leading eigenvalue of the best branch", ""),
    "free_fraction": ("share of what waits that lies where the readout cannot see it", ""),
}


@dataclasses.dataclass(frozen=True)
class PhaseMap:
    """The best branch at every p of one grid, for every delay and number of hidden units.

    Attributes:
        delays: k, (K,).
        n_hidden: N_h, (N,).
        p: The grid of activity probabilities, upwards, (m,).
        diagrams: The phase diagram of every (k, N_h) with N_h <= k.
        branch: Name of the best branch, (K, N, m). "register" where N_h > k: a shift register, whose loss is 0 at
            every p. Empty where no branch of the diagram passes; the numbers are NaN there.
        loss_per_p: E[L] / p of the best branch, (K, N, m).
        eigenangle_span: Its k |arg| of the leading eigenvalue in degrees, (K, N, m); NaN for a register.
        spectral_radius: Modulus of its leading eigenvalue, (K, N, m); 0 for a register.
        free_fraction: sum_{s<k} relu(-a_s)^2 / sum_{s<k} a_s^2 of it, (K, N, m); NaN for a register.
    """

    delays: tuple[int, ...]
    n_hidden: tuple[int, ...]
    p: Float[np.ndarray, " m"]
    diagrams: dict[tuple[int, int], PhaseDiagram]
    branch: np.ndarray
    loss_per_p: Float[np.ndarray, "K N m"]
    eigenangle_span: Float[np.ndarray, "K N m"]
    spectral_radius: Float[np.ndarray, "K N m"]
    free_fraction: Float[np.ndarray, "K N m"]

    @property
    def escape_p(self) -> Float[np.ndarray, "K N"]:
        """Below it the loss has no global minimiser; 0 where there is one at every p of the range."""
        found = np.zeros((len(self.delays), len(self.n_hidden)))
        for i, delay in enumerate(self.delays):
            for j, n_hidden in enumerate(self.n_hidden):
                diagram = self.diagrams.get((delay, n_hidden))
                found[i, j] = (diagram.escape_p or 0.0) if diagram else 0.0
        return found

    def to_dataset(self) -> Any:
        """An `xarray.Dataset` with dimensions `delay`, `n_hidden` and `p`, and `crossing` with one row for each.

        Raises:
            MissingExtra: If xarray is not installed.
        """
        try:
            import xarray as xr
        except ImportError:
            raise MissingExtra("xarray", "data") from None
        dims = ("delay", "n_hidden", "p")
        along: dict[str, Any] = {
            name: (dims, getattr(self, name), {"long_name": text} | ({"units": units} if units else {}))
            for name, (text, units) in _VALUES.items()
        }
        along["branch"] = (dims, self.branch, {"long_name": "name of the best branch"})
        along["escape_p"] = (dims[:2], self.escape_p, {"long_name": "no global minimiser below this p"})
        rows = [(*cell, each) for cell, diagram in self.diagrams.items() for each in diagram.crossings]
        columns = {
            "crossing_delay": np.array([row[0] for row in rows], np.int64),
            "crossing_n_hidden": np.array([row[1] for row in rows], np.int64),
            "crossing_p": np.array([row[2].p for row in rows], np.float64),
            "crossing_from": np.array([row[2].above for row in rows], dtype=object),
            "crossing_to": np.array([row[2].below for row in rows], dtype=object),
            "span_jump": np.array([row[2].span_jump for row in rows], np.float64),
            "radius_jump": np.array([row[2].radius_jump for row in rows], np.float64),
        }
        along |= {name: (("crossing",), values) for name, values in columns.items()}
        coordinates = {"delay": np.array(self.delays), "n_hidden": np.array(self.n_hidden), "p": self.p}
        diagram = next(iter(self.diagrams.values()))
        attributes = {"readout": diagram.readout, "horizon": str(diagram.horizon), "gain_bound": diagram.bound.limit}
        return xr.Dataset(along, coords=coordinates, attrs=attributes)

    def __str__(self) -> str:
        jumps = [
            f"k = {k}, N_h = {n}: "
            + (", ".join(f"{each.below} below {each.p:.4f}" for each in diagram.crossings) or "none")
            for (k, n), diagram in self.diagrams.items()
        ]
        shown = "; ".join(jumps[:4]) + (f"; and {len(jumps) - 4} more" if len(jumps) > 4 else "")
        escape = [
            f"p < {diagram.escape_p:.4f} (k = {k}, N_h = {n})"
            for (k, n), diagram in self.diagrams.items()
            if diagram.escape_p
        ]
        statuses = [str(each.status) for each in self.diagrams.values()]
        counted = ", ".join(f"{statuses.count(each)} {each}" for each in sorted(set(statuses)))
        spans = self.eigenangle_span[np.isfinite(self.eigenangle_span)]
        lines = [
            f"phase map of {len(self.diagrams)} diagrams: delays {_listed(self.delays)}, hidden units "
            f"{_listed(self.n_hidden)}, {len(self.p)} p from {self.p[0]:g} to {self.p[-1]:g}",
            f"  diagrams          {counted}",
            f"  spans of the best {spans.min():.1f} to {spans.max():.1f} degrees",
            f"  crossings         {shown}",
            f"  no minimiser for  {'; '.join(escape[:4]) or 'none'}"
            + (f"; and {len(escape) - 4} more" if len(escape) > 4 else ""),
        ]
        return "\n".join(lines)


def phase_map(
    process: Any,
    *,
    delays: Any = (2, 3, 4, 5, 6, 8),
    n_hidden: Any = (2,),
    p: Any = (0.05, 1.0),
    n_points: Any = 61,
    readout: Any = "relu",
    horizon: Horizon = SteadyState(),  # noqa: B008 (frozen)
    restarts: Any = 12,
    seed: Any = 0,
    bound: Any = GainBound(),  # noqa: B008 (frozen)
    progress: Progress = NoProgress(),  # noqa: B008 (stateless)
) -> PhaseMap:
    """One phase diagram for every delay and number of hidden units, and the best branch of each on one grid of p.

    Args:
        process: A `SparseProcess` of one feature; its p is replaced.
        delays: k of `Delay(k)`, each >= 1 and given once.
        n_hidden: N_h, each in 1 .. 8 and given once. Where N_h > k a shift register recalls without loss.
        p: Smallest and largest activity probability, in (0, 1].
        n_points: Points of the grid, evenly spaced in log p.
        readout: "relu" or "linear".
        horizon: `SteadyState()`, or T for the mean over t = 1 .. T.
        restarts: Random starts at each p that is searched, for each diagram.
        seed: Seed of the starts, the same for each diagram.
        bound: Largest gain allowed.
        progress: Told about the diagrams that are done.

    Returns:
        `PhaseMap`.

    Raises:
        InvalidInput: If a number is out of its range, or every N_h is above every k.
        NotCovered: If there is more than one input (see `phase_diagram`).
    """
    delays, n_hidden = _counts("delays", delays), _counts("n_hidden", n_hidden)
    check_count("n_points", n_points, 2)
    cells = [(delay, units) for delay in delays for units in n_hidden if units <= delay]
    if not cells:
        raise InvalidInput("n_hidden", n_hidden, f"at most the largest delay {max(delays)} somewhere")
    options = {"p": p, "readout": readout, "horizon": horizon, "restarts": restarts, "seed": seed, "bound": bound}
    diagrams = {}
    progress.start("phase diagrams", len(cells), "diagrams")
    try:
        for delay, units in cells:
            diagrams[delay, units] = phase_diagram(Delay(delay), process, n_hidden=units, **options)
            progress.advance(1, f"delay {delay}, {units} hidden units")
    finally:
        progress.close()
    return _as_map(delays, n_hidden, diagrams, n_points)


def _as_map(
    delays: tuple[int, ...], n_hidden: tuple[int, ...], diagrams: dict[tuple[int, int], PhaseDiagram], n_points: int
) -> PhaseMap:
    low, high = next(iter(diagrams.values())).p_range
    grid = np.geomspace(low, high, n_points)
    grid[[0, -1]] = low, high
    shape = (len(delays), len(n_hidden), n_points)
    branch = np.full(shape, "", dtype=object)
    values = {name: np.full(shape, np.nan) for name in _VALUES}
    for i, delay in enumerate(delays):
        for j, units in enumerate(n_hidden):
            if units > delay:
                branch[i, j] = REGISTER
                values["loss_per_p"][i, j] = values["spectral_radius"][i, j] = 0.0
                continue
            best = _best(diagrams[delay, units], grid)
            branch[i, j] = best.pop("branch")
            for name, row in best.items():
                values[name][i, j] = row
    return PhaseMap(delays, n_hidden, grid, diagrams, branch, **values)


def _best(diagram: PhaseDiagram, grid: np.ndarray) -> dict[str, Any]:
    """Name, loss and modes of the best branch at every p; the filter itself is interpolated, and measured."""
    losses = np.stack([branch.loss_at(grid) for branch in diagram.branches])
    passes = np.isfinite(losses).any(axis=0)
    at = np.flatnonzero(passes)
    best = [diagram.branches[i] for i in np.nanargmin(losses[:, passes], axis=0)]
    points = np.stack([branch.curve.at(_within(branch, grid[i]))[0] for branch, i in zip(best, at, strict=True)])
    modes = eigenmodes(*computes_in_float64(transfer_weights)(points), recall_lag=diagram.delay)
    a = np.asarray(computes_in_float64(transfer_projections)(points, diagram.delay + 1))
    found = {
        "loss_per_p": np.nanmin(losses[:, passes], axis=0),
        "eigenangle_span": modes.eigenangle_span,
        "spectral_radius": modes.spectral_radius,
        "free_fraction": free_fraction_per_output(a[..., None, None], diagram.delay)[:, 0],
    }
    name = np.full(len(grid), "", dtype=object)
    name[at] = [branch.name for branch in best]
    rows = {key: np.full(len(grid), np.nan) for key in found}
    for key, row in rows.items():
        row[at] = found[key]
    return {"branch": name} | rows


def _within(branch: Any, p: float) -> float:
    return float(np.clip(np.log(p), *branch.curve.parameter[[0, -1]]))


def _counts(field: str, given: Any) -> tuple[int, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray | range) or not len(given):
        raise InvalidInput(field, given, "a list of whole numbers >= 1")
    counts = tuple(check_count(field, each) for each in given)
    if len(set(counts)) < len(counts):
        raise InvalidInput(field, counts, "a list without repeats")
    return counts


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(str(each) for each in numbers)
