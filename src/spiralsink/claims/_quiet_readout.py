"""How the networks of the claims about several features with memory are drawn."""

import dataclasses
from typing import Any

from ..networks import Orthogonal


@dataclasses.dataclass(frozen=True)
class QuietReadout:
    """The weights of another scheme, with output weights `gain` times as large.

    Outputs start near zero: a network then gains by recall before it loses by interference. At full size interference
    comes first: outputs are pushed below zero, where a ReLU readout has no gradient, and most of them stay there.

    Attributes:
        gain: What output weights are multiplied by.
        scheme: How the weights are drawn.
    """

    gain: float = 0.1
    scheme: Any = Orthogonal()  # noqa: RUF009 (frozen)

    def __call__(self, key: Any, n_features: int, n_hidden: int, n_outputs: int) -> Any:
        W_x, W_h, W_y = self.scheme(key, n_features, n_hidden, n_outputs)
        return W_x, W_h, self.gain * W_y


SCHEME = QuietReadout()
"""How all networks of these claims are drawn."""
