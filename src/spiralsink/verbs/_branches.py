"""Branches of local optima as users see them: along p, with their names, radii, spans, gains and terms."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import CubicHermiteSpline

from .._float64 import computes_in_float64
from ..geometry import balanced_weights, eigenmodes
from ..networks import RecurrentNetwork, Tied
from ..optimisation import Branch
from ..theory import TERM_NAMES, tie_readout, transfer_weights
from ._branch_search import same_filter
from ._branch_segments import Node
from ._filter_loss import FilterLoss

_ROWS = 32  # points that are measured by one compiled program


@dataclasses.dataclass(frozen=True)
class PhaseBranch:
    """One branch of local optima; every array runs along p, upwards.

    Attributes:
        name: "dense", "sparse", "turns-n", "real", "alternating", or "angleless" where no leading eigenvalue has an
            angle, as with all poles at zero.
        p: Activity probabilities, (m,).
        loss_per_p: E[L] / p, (m,).
        spectral_radius: Modulus of the leading eigenvalue, (m,).
        eigenangle_span: k |arg| of the leading eigenvalue in degrees, (m,).
        gain: max_s |a_s| / max(a_k, 1), (m,).
        stable: Whether the point is a local minimum, (m,); False where the branch ends by a fold.
        terms: The four terms of the loss divided by p, by name, each (m,).
        error_estimate: Estimated absolute error of `loss_per_p`, (m,).
        coefficients: Transfer coefficients, (m, 2 N_h).
        ends: How the branch ends below and above: "range", "fold", "bound", "bifurcation" (stability is lost without
            a fold) or "lost" (it could not be followed).
        delay: k.
        readout: "linear" or "relu".
        curve: The same points as they were followed, along log p.
    """

    name: str
    p: Float[np.ndarray, " m"]
    loss_per_p: Float[np.ndarray, " m"]
    spectral_radius: Float[np.ndarray, " m"]
    eigenangle_span: Float[np.ndarray, " m"]
    gain: Float[np.ndarray, " m"]
    stable: Bool[np.ndarray, " m"]
    terms: dict[str, Float[np.ndarray, " m"]]
    error_estimate: Float[np.ndarray, " m"]
    coefficients: Float[np.ndarray, "m two_hidden"]
    ends: tuple[str, str]
    delay: int
    readout: str
    curve: Branch

    def loss_at(self, p: Any) -> Float[np.ndarray, "*grid"]:
        """E[L] / p between the points, NaN outside of the branch.

        Args:
            p: Activity probabilities, any shape.
        """
        if len(self.p) < 2:
            return np.where(np.isclose(p, self.p[0], rtol=1e-12), self.loss_per_p[0], np.nan)
        at = np.clip(np.log(p), *np.log(self.p[[0, -1]]))
        inside = np.abs(at - np.log(p)) < 1e-12
        return np.where(inside, self._spline(at), np.nan)

    def network_at(self, p: float) -> RecurrentNetwork:
        """The network of the branch at one activity probability, in float64.

        Tied where a_k > 0, which costs nothing, else with a free readout; before it is tied it is balanced.

        Args:
            p: Within the branch; between its points coefficients are interpolated.

        Raises:
            ValueError: If the branch does not pass there.
        """
        return filter_network(self.curve.at(float(np.log(p)))[0], self.delay, self.readout)

    @functools.cached_property
    def _spline(self) -> CubicHermiteSpline:
        return CubicHermiteSpline(self.curve.parameter, self.curve.value, self.curve.slope)


def filter_network(coefficients: np.ndarray, delay: int, readout: str) -> RecurrentNetwork:
    """The network with these transfer coefficients, balanced, and tied at no cost where a_k > 0.

    Args:
        coefficients: (2 N_h,), stable and minimal.
        delay: k.
        readout: "linear" or "relu".
    """
    weights = balanced_weights(*_weights(coefficients))
    W_x, W_h, W_y = weights.W_x, weights.W_h, weights.W_y
    if (W_y.T @ np.linalg.matrix_power(W_h, delay) @ W_x).item() > 0:
        W_x, W_h = tie_readout(W_x, W_h, W_y, delay)
        return RecurrentNetwork(W_x, W_h, Tied(delay), readout=readout)
    return RecurrentNetwork(W_x, W_h, W_y, readout=readout)


def assemble(nodes: list[list[Node]], where: list[float]) -> list[tuple[Branch, tuple[str, str]]]:
    """Joins the pieces between stations to whole branches, upwards in p, each with its two ends.

    Args:
        nodes: The optima of every station and the pieces between them.
        where: log p of the stations.
    """
    whole = []
    for at, here in enumerate(nodes):
        for node in here:
            pieces, ends = _chain(nodes, at, node) if node.below_node is None else ([], ("", ""))
            if pieces:
                joined = Branch.join(pieces)
                below = "range" if joined.parameter[0] <= where[0] + 1e-12 else ends[0]
                above = "range" if joined.parameter[-1] >= where[-1] - 1e-12 else ends[1]
                whole.append((joined, (below, above)))
    whole.sort(key=lambda each: each[0].parameter[0] - each[0].parameter[-1])
    kept: list[tuple[Branch, tuple[str, str]]] = []
    for branch, ends in whole:
        if not any(_same(branch, other) for other, _ in kept):
            kept.append((branch, ends))
    return kept


def cut(branch: Branch, ends: tuple[str, str], highest: float) -> tuple[Branch, tuple[str, str]] | None:
    """The part of a branch up to some log p, or None.

    Args:
        branch: Upwards in p.
        ends: Its ends.
        highest: Largest log p that is kept.
    """
    inside = np.flatnonzero(branch.parameter <= highest + 1e-12)
    if not inside.size:
        return None
    return (branch, ends) if inside[-1] == len(branch.parameter) - 1 else (branch[: inside[-1] + 1], (ends[0], "range"))


def measured(
    loss: FilterLoss, branches: list[tuple[Branch, tuple[str, str]]], delay: int, readout: str
) -> list[PhaseBranch]:
    """Branches with everything that is reported along them, not yet named.

    Args:
        loss: A loss whose error estimate is wanted.
        branches: Curves along log p with their ends.
        delay: k.
        readout: "linear" or "relu".
    """
    points = np.concatenate([branch.point for branch, _ in branches])
    p = np.exp(np.concatenate([branch.parameter for branch, _ in branches]))
    terms, gain = _evaluate(loss, points, p)
    modes = eigenmodes(*_weights(points), recall_lag=delay)
    found = []
    start = 0
    for branch, ends in branches:
        rows = slice(start, start + len(branch.parameter))
        start = rows.stop
        found.append(
            PhaseBranch(
                name="",
                p=p[rows],
                loss_per_p=terms["total"][rows] / p[rows],
                spectral_radius=modes.spectral_radius[rows],
                eigenangle_span=modes.eigenangle_span[rows],
                gain=gain[rows],
                stable=branch.stable,
                terms={name: terms[name][rows] / p[rows] for name in TERM_NAMES},
                error_estimate=terms["error_estimate"][rows] / p[rows],
                coefficients=branch.point,
                ends=ends,
                delay=delay,
                readout=readout,
                curve=branch,
            )
        )
    return found


def named(branches: list[PhaseBranch], dense: list[bool]) -> list[PhaseBranch]:
    """Names branches by what they are: "dense", "sparse", and the others by how often they turn.

    Args:
        branches: Without names.
        dense: Which of them holds the optimum at p = 1, if one does.
    """
    spans = np.array([_median_span(each) for each in branches])
    turning = [i for i in range(len(branches)) if not dense[i] and abs(spans[i] - 270) < 90 and not _real(branches[i])]
    sparse = min(turning, key=lambda i: abs(spans[i] - 270), default=None)
    order = np.argsort([np.min(each.loss_per_p) for each in branches], kind="stable")
    used: dict[str, int] = {}
    names = {}
    for i in order:
        turns = "angleless" if np.isnan(spans[i]) else f"turns-{round(float(spans[i]) / 360)}"
        name = _real(branches[i]) or turns
        name = "dense" if dense[i] else "sparse" if i == sparse else name
        used[name] = used.get(name, 0) + 1
        names[i] = name if used[name] == 1 else f"{name}-{'abcdefghijklmnopqrstuvwxyz'[(used[name] - 1) % 26]}"
    return [dataclasses.replace(branch, name=names[i]) for i, branch in enumerate(branches)]


def _real(branch: PhaseBranch) -> str:
    """Whether the leading eigenvalue is real along most of the branch, and its sign."""
    angle = _median_span(branch) / branch.delay
    return "real" if angle < 1e-3 else "alternating" if angle > 180 - 1e-3 else ""


def _median_span(branch: PhaseBranch) -> float:
    """Median of the spans that are defined; NaN if none is."""
    defined = branch.eigenangle_span[~np.isnan(branch.eigenangle_span)]
    return float(np.median(defined)) if defined.size else np.nan


def _chain(nodes: list[list[Node]], at: int, node: Node) -> tuple[list[Branch], tuple[str, str]]:
    """From an optimum that nothing leads to from below: the pieces upwards in p."""
    pieces, below = [], "range"
    if node.below is not None:
        piece, below = _stable_part(node.below)
        pieces.append(piece.reversed())
    above = "range"
    while node.above is not None:
        piece, above = _stable_part(node.above)
        pieces.append(piece)
        if node.above_node is None:
            break
        at += 1
        node = nodes[at][node.above_node]
    return [piece for piece in pieces if len(piece.parameter)], (below, above)


def _stable_part(piece: Branch) -> tuple[Branch, str]:
    """The piece up to where it stops being a minimum."""
    last = len(piece.parameter) - (piece.end == "fold")
    unstable = np.flatnonzero(~piece.stable[:last])
    return (piece[: unstable[0]], "bifurcation") if unstable.size else (piece, piece.end)


def _same(one: Branch, other: Branch) -> bool:
    low, high = max(one.parameter[0], other.parameter[0]), min(one.parameter[-1], other.parameter[-1])
    if low > high:
        return False
    middle = (low + high) / 2
    try:
        return same_filter(one.at(middle)[0], other.at(middle)[0])
    except ValueError:
        return False


def _weights(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return computes_in_float64(transfer_weights)(points)


def _evaluate(loss: FilterLoss, points: np.ndarray, p: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Total, terms and error estimate of every point, and its gain, in batches of one shape."""
    program = _programs(loss)
    parts = []
    for start in range(0, len(points), _ROWS):
        rows = np.minimum(np.arange(start, start + _ROWS), len(points) - 1)
        parts.append(program(points[rows], p[rows]))
    return jax.tree.map(lambda *each: np.concatenate(each)[: len(points)], *parts)


@functools.lru_cache(maxsize=4)  # a program is large, and no diagram comes back to that of another
def _programs(loss: FilterLoss) -> Any:
    def one(point: Any, p: Any) -> Any:
        terms = loss.terms(point, p)
        wanted = ("total", *TERM_NAMES, "error_estimate")
        return {name: getattr(terms, name) for name in wanted}, loss.gain(point)

    return computes_in_float64(jax.vmap(one))
