"""All claims, in the order of the paper, and how they are chosen by name."""

from collections.abc import Iterable
from typing import Any

from .._errors import InvalidInput, nearest
from .._version import __version__
from ._claim import Budget, Claim

# the paper's order, then what goes beyond it
_ORDER = (
    "four-terms",
    "staircase",
    "spiral-sink",
    "sparse-limit",
    "free-space",
    "phase-transition",
    "dense-is-linear",
    "sharp-forgetting",
    "pentagon",
    "all-or-none",
    "wider",
    "hundred-units",
    "random-delay",
    "readout-tying",
    "how-many",
    "transition-is-first-order",
    "realistic-tasks",
    "realistic-load",
    "realistic-additivity",
    "realistic-hidden",
    "realistic-sharpness",
)


def all_claims() -> tuple[Claim, ...]:
    """Every claim, in the order of the paper."""
    from . import (
        capacity,
        cued,
        forgetting,
        linear,
        realistic,
        regimes,
        seeds,
        sparse,
        spatial,
        transition,
        tying,
        width,
    )

    modules = (linear, sparse, regimes, transition, forgetting, spatial, capacity, width, cued, tying, seeds, realistic)
    found = {claim.id: claim for module in modules for claim in module.CLAIMS}
    return tuple(found[each] for each in _ORDER)


def select_claims(select: Iterable[str] | None = None, *, claims: Iterable[Claim] | None = None) -> list[Claim]:
    """The claims whose id or group is named, in the order of the paper.

    Args:
        select: Ids and groups; None for all claims but those that are run on request.
        claims: What to choose from; every claim if None.

    Raises:
        InvalidInput: If a name is neither an id nor a group; names the nearest one.
    """
    known = list(all_claims() if claims is None else claims)
    if select is None:
        return [claim for claim in known if not claim.on_request]
    wanted = [select] if isinstance(select, str) else list(select)
    names = [*(claim.id for claim in known), *dict.fromkeys(claim.group for claim in known)]
    for each in wanted:
        if each not in names:
            close = nearest(each, names)
            allowed = "the id or the group of a claim: " + ", ".join(names)
            raise InvalidInput("claims", each, allowed, hint=f"did you mean {close}?" if close else "")
    if not wanted:
        raise InvalidInput("claims", wanted, "at least one id or group")
    return [claim for claim in known if claim.id in wanted or claim.group in wanted]


def catalogue(scale: str = "quick", *, seed: int = 0, claims: Iterable[Claim] | None = None) -> dict[str, Any]:
    """What would be run: ids, statements, settings and bars of all claims at that scale, without running them."""
    budget = Budget.of(scale, seed)
    listed = [
        {
            "id": claim.id,
            "group": claim.group,
            "statement": claim.statement,
            "expected": claim.expected,
            "bars": [{"name": name, **bar_record(bar), "about": bar.about} for name, bar in claim.bars.items()],
            "settings": claim.settings(budget),
            "on_request": claim.on_request,
            "code": claim.code,
        }
        for claim in (all_claims() if claims is None else claims)
    ]
    return {"claims": listed, "version": __version__, "scale": scale, "seed": seed}


def bar_record(bar: Any) -> dict[str, Any]:
    """A bar as it is written to files."""
    return {"op": bar.op, "value": bar.value}
