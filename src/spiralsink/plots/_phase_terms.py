"""Which of the four terms separates two branches of a phase diagram."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from .._errors import NotCovered, check_choice
from ._phase_axes import log_p_axis
from ._phase_data import phase_data
from ._style import INK, TERMS, axes_or_new, outlined, require_matplotlib, style, term_style

# fills are told apart in grey by their hatching
_HATCHES = dict(zip(TERMS, ("", "////", "....", "xxxx"), strict=True))


@dataclasses.dataclass(frozen=True)
class TermDifferences:
    """Terms of the loss on one branch minus those on another, at the same p.

    Attributes:
        one: Name of the first branch.
        other: Name of the branch that is subtracted.
        p: Activity probabilities at which both branches pass.
        terms: Differences of the four terms divided by p, by name; they sum to `total`.
        total: Difference of E[L] / p.
        crossing_p: Where `total` changes its sign, if it does.
    """

    one: str
    other: str
    p: Float[np.ndarray, " m"]
    terms: dict[str, Float[np.ndarray, " m"]]
    total: Float[np.ndarray, " m"]
    crossing_p: float | None


def term_differences_data(diagram: Any, one: str, other: str, *, n_points: int = 201) -> TermDifferences:
    """The four terms of the loss on one branch minus those on another, along the p that they share.

    Args:
        diagram: A phase diagram or its dataset.
        one: Name of a branch.
        other: Name of the branch that is subtracted.
        n_points: Points, evenly spaced in log p.

    Raises:
        InvalidInput: If a branch is not there.
        NotCovered: If no p belongs to both.
    """
    data = phase_data(diagram)
    first, second = data.branch(one), data.branch(other)
    low, high = max(first.p[0], second.p[0]), min(first.p[-1], second.p[-1])
    if not low < high:
        raise NotCovered("other", other, f"a branch that shares some p with {one}")
    p = np.geomspace(low, high, n_points)
    p[[0, -1]] = low, high
    terms = {name: first.at(first.terms[name], p) - second.at(second.terms[name], p) for name in TERMS}
    total = np.sum(list(terms.values()), axis=0)
    change = np.flatnonzero(np.diff(np.sign(total)) != 0)
    crossing = None
    if change.size:
        i = int(change[-1])
        share = total[i] / (total[i] - total[i + 1])
        crossing = float(np.exp(np.log(p[i]) + share * np.log(p[i + 1] / p[i])))
    return TermDifferences(one, other, p, terms, total, crossing)


def term_differences(
    diagram: Any, one: str = "sparse", other: str = "dense", *, ax: Any = None, kind: str = "lines", legend: bool = True
) -> Any:
    """Draws the four terms of the loss on one branch minus those on another against p; they sum to the black line.

    Args:
        diagram: A phase diagram, its dataset, or `TermDifferences`.
        one: Name of a branch.
        other: Name of the branch that is subtracted.
        ax: Matplotlib axes to draw into; new ones if None.
        kind: "lines", or "stacked": what a branch pays upwards from zero and what it gains downwards.
        legend: Whether to name the terms.

    Returns:
        The matplotlib axes.

    Raises:
        InvalidInput: If a branch is not there.
        NotCovered: If no p belongs to both.
    """
    check_choice("kind", kind, ("lines", "stacked"))
    data = diagram if isinstance(diagram, TermDifferences) else term_differences_data(diagram, one, other)
    require_matplotlib()
    with style():
        axes = axes_or_new(ax)
        axes.axhline(0, color=INK, linewidth=0.5, zorder=2.5)
        if kind == "stacked":
            _stack(axes, data)
        else:
            for name in TERMS:
                axes.plot(data.p, data.terms[name], gid=f"term-{name}", zorder=2, **term_style(name))
        axes.plot(data.p, data.total, gid="term-total", zorder=3, **term_style("total"))
        log_p_axis(axes, float(data.p[0]), float(data.p[-1]))
        if data.crossing_p is not None:
            axes.axvline(data.crossing_p, color=INK, linewidth=0.7, zorder=1.5, gid="crossing")
            axes.annotate(
                f"$p$ = {data.crossing_p:.4f}",
                (data.crossing_p, 0),
                xycoords=("data", "axes fraction"),
                xytext=(3, 3),
                textcoords="offset points",
                fontsize=6.5,
                path_effects=outlined(),
                zorder=6,
            )
        axes.set(xlabel="activity probability $p$", ylabel=f"$E[L]/p$, {data.one} − {data.other}")
        if legend:
            options: dict[str, Any] = {"fontsize": 6.5, "handlelength": 2.0, "columnspacing": 0.8}
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.3, **options)
    return axes


def _stack(axes: Any, data: TermDifferences) -> None:
    above, below = np.zeros(len(data.p)), np.zeros(len(data.p))
    for name in TERMS:
        values = data.terms[name]
        drawn = term_style(name)
        fill: dict[str, Any] = {
            "facecolor": drawn["color"],
            "edgecolor": "white",
            "linewidth": 0,
            "hatch": _HATCHES[name],
        }
        top, bottom = above + np.maximum(values, 0), below + np.minimum(values, 0)
        axes.fill_between(data.p, above, top, label=drawn["label"], gid=f"pays-{name}", **fill)
        axes.fill_between(data.p, below, bottom, gid=f"gains-{name}", **fill)
        above, below = top, bottom
