"""What a user may say about a network whose arrays do not say it."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from .._errors import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class Options:
    """The options of `as_model`, which explains them."""

    kind: Any
    prefix: Any
    nonlinearity: Any
    reset: Any
    update: Any
    gates: Any
    head: Any
    readout: Any
    layer: Any
    direction: Any
    conjugates: Any
    discretization: Any
    initial: Any
    reference: Any
    tolerance: Any
    seed: Any

    @property
    def convention(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("nonlinearity", "reset", "update", "gates")}

    @property
    def diagonal(self) -> dict[str, Any]:
        return {"conjugates": self.conjugates, "discretization": self.discretization}

    def refuse(self, names: Iterable[str], kind: str) -> None:
        """Raises if an option was given that does not apply to the kind."""
        for name in names:
            if getattr(self, name) is not None:
                raise InvalidInput(name, getattr(self, name), f"absent for {kind}")
