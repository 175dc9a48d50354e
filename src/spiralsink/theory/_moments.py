"""What every way of computing a rectified sum returns."""

from typing import Any, NamedTuple

_LEAST_RELATIVE = 1e-9


class RectifiedMoments(NamedTuple):
    """Moments of a rectified sum z = b + sum_n a_n x_n, and what they are known to.

    Attributes:
        square: E[(z_+)^2].
        cross: E[y (z)_+], with y = sum_n g_n x_n.
        square_check: The same as `square` from coarser rules, along a leading axis; equal where the rule is exact.
        cross_check: Likewise for `cross`.
        floor: Error that the coarser rules share: folding, rounding, and what was left out on purpose.
    """

    square: Any
    cross: Any
    square_check: Any
    cross_check: Any
    floor: Any

    @property
    def error(self) -> Any:
        """Estimated absolute error of square - 2 cross.

        Twice the largest difference between the rules, whose errors may have the same sign, and never below the
        accuracy to which such rules were found to agree with high-precision integration.
        """
        change = abs(self.square - self.square_check - 2 * (self.cross - self.cross_check)).max(axis=0)
        return 2 * change + self.floor + _LEAST_RELATIVE * (abs(self.square) + 2 * abs(self.cross))
