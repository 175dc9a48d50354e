"""What a user may say about a network whose arrays do not say it."""

import dataclasses
from typing import Any


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
    layer: Any
    direction: Any
    initial: Any
    reference: Any
    tolerance: float
    seed: int

    @property
    def convention(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("nonlinearity", "reset", "update", "gates")}
