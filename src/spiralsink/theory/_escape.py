"""Where the exact loss of a ReLU readout has no minimiser: networks that fall forever while they write ever longer."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float

from .._errors import InvalidInput, check_count
from .._types import AnyArray


@dataclasses.dataclass(frozen=True)
class EscapeFamily:
    """Networks whose loss approaches E[L] / p = nu (1 - (1 - p)^blocked) as their poles go to zero; never attained.

    A waiting lag whose projection goes to minus infinity silences the output whenever its input is active, and costs
    nothing else; a lag whose projection is zero costs nothing at all. With poles of modulus r -> 0 everything behind
    the delay vanishes next to a_k = 1, and the waiting lags that are not zero grow like 1 / r^(k - s). So only their
    number counts: with probability (1 - p)^blocked all of them are silent and the output is exactly x_{t-k};
    otherwise it is 0 and the step costs x_{t-k}^2.

    A recurrence of order n has most zeros when its n poles are T-th roots of -r^T, T = k - n + 1: its impulse response
    is 0 for n - 1 lags, and repeats itself every T lags with the other sign. For even n, with the poles next to the
    positive axis, it is

        a_s = -r^(s - k) prod_{i=0}^{n-2} sin((s - i) pi / T) / sin((i + 1) pi / T),

    zero at the first n - 1 and at the last n - 1 waiting lags and negative between them: k - 2 n + 2 lags block. For
    odd n one more pole lies on the negative axis, which needs an odd T. For n = 2 these are the k - 2 lags between
    lag 0 and lag k - 1, with a pair of poles at 180 / (k - 1) degrees.

    Hidden units can also be used in other ways. A pole at exactly zero delays everything by one step, and a recurrence
    in steps of m instead of 1, with n m units, writes only every m-th lag. The family is the best combination:
    `silent` poles at zero, then a recurrence of order `order` in steps of `stride`. The infimum of the loss is at most
    the limit of the family; where that is lower than every finite optimum, the loss has no minimiser. For n_hidden = 2
    and k <= 7, and for n_hidden = 3 and 4 and k <= 8, no recurrence of that order blocks fewer lags, by an exhaustive
    numerical search over all patterns of zeros.

    Attributes:
        delay: k.
        n_hidden: N_h = silent + stride * order.
        blocked: How many waiting lags go to minus infinity.
        silent: Poles at exactly zero.
        stride: m, steps between lags that are written.
        order: n, order of the recurrence in steps of `stride`.
    """

    delay: int
    n_hidden: int
    blocked: int
    silent: int
    stride: int
    order: int

    def infimum(
        self, p: Float[AnyArray, "*grid"] | float, second_moment: float = 1 / 3
    ) -> Float[AnyArray, "*grid"] | float:
        """The limit of E[L] / p: nu (1 - (1 - p)^blocked). Exact for every law of amplitudes >= 0.

        Args:
            p: Activity probability, in (0, 1].
            second_moment: nu = E[U^2]; 1/3 for Uniform(0, 1).
        """
        return second_moment * (1 - (1 - p) ** self.blocked)

    @property
    def eigenangle_span(self) -> float:
        """The limit of k |arg lambda| in degrees; NaN where poles of several angles are equally large."""
        if self.stride > 1 or self.order > 2:
            return math.nan
        return 180.0 * self.delay / self._period

    def coefficients(self, radius: float) -> Float[np.ndarray, " two_hidden"]:
        """Transfer coefficients of the member whose recurrence (in steps of `stride`) has poles of this modulus.

        Args:
            radius: In (0, 1); the loss falls towards the infimum as it goes to zero.

        Raises:
            InvalidInput: If the radius is not in (0, 1).
        """
        if not (isinstance(radius, int | float) and 0 < radius < 1):
            raise InvalidInput("radius", radius, "in (0, 1)")
        angles = math.pi / self._period * np.arange(1, self.order, 2)
        poles = np.concatenate([np.exp(1j * angles), np.exp(-1j * angles), [-1.0] * (self.order % 2)])
        numerator, denominator = np.zeros(self.n_hidden), np.zeros(self.n_hidden)
        first = self.silent + (self.delay - self.silent) % self.stride
        numerator[first + self.stride * (self.order - 1)] = -(radius**-self._period)
        denominator[self.stride - 1 : self.stride * self.order : self.stride] = np.poly(radius * poles)[1:].real
        return np.append(numerator, denominator)

    @property
    def _period(self) -> int:
        """T, after which the impulse response in steps of `stride` repeats itself with the other sign."""
        return (self.delay - self.silent) // self.stride - self.order + 1


def escape_family(delay: int, n_hidden: int) -> EscapeFamily | None:
    """The escape of networks with a ReLU readout that recall one scalar input after a delay, or None.

    There is none where the loss reaches 0, as it does with a shift register (n_hidden > k), and none is known for
    n_hidden = 1 and k > 1.

    Args:
        delay: k >= 0.
        n_hidden: N_h >= 1.
    """
    check_count("delay", delay, 0)
    check_count("n_hidden", n_hidden)
    found = []
    for order in range(1, n_hidden + 1):
        for stride in range(1, n_hidden // order + 1):
            silent = n_hidden - order * stride
            inner = (delay - silent) // stride
            blocked = inner - 2 * order + 2
            exists = inner == 1 if order == 1 else order % 2 == 0 or inner % 2 == 1
            if delay >= silent and blocked >= 1 and exists:
                found.append(EscapeFamily(delay, n_hidden, blocked, silent, stride, order))
    return min(found, key=lambda each: (each.blocked, each.stride, -each.order), default=None)
