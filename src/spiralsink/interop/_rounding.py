"""How finely a function rounds that takes float64: by what it gives back, and by its differences over tiny steps."""

from collections.abc import Callable

import numpy as np

_TINY = 1e-6  # some ten steps of the float32 grid near 1
_WEIGHTS = (1, -4, 6, -4, 1)  # a fourth difference: 1e-24 of a smooth function
_NOISE = 1e-10
_DISTINCT = 4


def rounding(call: Callable[[np.ndarray, np.ndarray], np.ndarray], x: np.ndarray, h: np.ndarray) -> str:
    """What a function rounds to somewhere inside: "float64", "float32" or "float16".

    It rounds to a dtype if all that it gives for random points is on the grid of that dtype, or, to float32, if its
    fourth differences over steps of 1e-6 are no rounding of float64 at half of the points or more (a kink of a ReLU
    lies near few of them).

    Args:
        call: (x (points, features), h (points, hidden)) -> (points, values).
        x: Points, random.
        h: States at these.
    """
    values = call(x, h)
    telling = np.unique(values[values != np.rint(values)])
    if len(telling) > _DISTINCT:
        for dtype in ("float16", "float32"):
            with np.errstate(over="ignore", under="ignore"):
                if np.array_equal(telling.astype(dtype).astype(np.float64), telling):
                    return dtype
    rng = np.random.default_rng(1)
    along = [_TINY * rng.standard_normal(each.shape) for each in (x, h)]
    difference = sum(
        weight * call(x + steps * along[0], h + steps * along[1])
        for steps, weight in zip(range(-2, 3), _WEIGHTS, strict=True)
    )
    scale = np.maximum(1, np.abs(values).max(-1, initial=0))
    noise = np.median(np.abs(difference).max(-1, initial=0) / scale)
    return "float32" if noise > _NOISE else "float64"
