"""What every way of computing a rectified sum returns."""

from typing import Any, NamedTuple


class RectifiedMoments(NamedTuple):
    """Moments of a rectified sum z = b + sum_n a_n x_n, and what they are known to.

    Attributes:
        square: E[(z_+)^2].
        cross: E[y (z)_+], with y = sum_n g_n x_n.
        square_check: The same as `square`, from a coarser rule; equal where the rule is exact.
        cross_check: Likewise for `cross`.
        floor: Error that the coarser rule shares: folding, rounding, and what was left out on purpose.
    """

    square: Any
    cross: Any
    square_check: Any
    cross_check: Any
    floor: Any

    @property
    def error(self) -> Any:
        """Estimated absolute error of square - 2 cross."""
        return abs(self.square - self.square_check - 2 * (self.cross - self.cross_check)) + self.floor
