"""Complex arithmetic on two real arrays: compilers vectorise it, and complex dtypes they do not."""

from typing import Any, NamedTuple

import jax.numpy as jnp


class Split(NamedTuple):
    """re + i im, elementwise; `*` also takes real arrays and numbers."""

    re: Any
    im: Any

    def __add__(self, other: Any) -> "Split":
        if isinstance(other, Split):
            return Split(self.re + other.re, self.im + other.im)
        return Split(self.re + other, self.im)

    __radd__ = __add__

    def __neg__(self) -> "Split":
        return Split(-self.re, -self.im)

    def __sub__(self, other: Any) -> "Split":
        return self + (-other)

    def __rsub__(self, other: Any) -> "Split":
        return -self + other

    def __mul__(self, other: Any) -> "Split":
        if isinstance(other, Split):
            return Split(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)
        return Split(self.re * other, self.im * other)

    __rmul__ = __mul__

    def __getitem__(self, index: Any) -> "Split":  # pyright: ignore[reportIncompatibleMethodOverride]
        return Split(self.re[index], self.im[index])

    def inverse(self) -> "Split":
        """1 / z, without the scaling that guards against overflow."""
        size = 1 / (self.re * self.re + self.im * self.im)
        return Split(self.re * size, -self.im * size)

    def sum(self, axis: int) -> "Split":
        """The sum over one axis."""
        return Split(self.re.sum(axis=axis), self.im.sum(axis=axis))

    def where(self, condition: Any, other: "Split") -> "Split":
        """This where the condition holds, `other` elsewhere."""
        return Split(jnp.where(condition, self.re, other.re), jnp.where(condition, self.im, other.im))

    def real_of_product(self, other: "Split") -> Any:
        """Re(z other)."""
        return self.re * other.re - self.im * other.im


def split_exp(z: Split) -> Split:
    """exp(z)."""
    size = jnp.exp(z.re)
    return Split(size * jnp.cos(z.im), size * jnp.sin(z.im))


def split_product(z: Split) -> Split:
    """The product over the first axis, as a tree."""
    while z.re.shape[0] > 1:
        half = z.re.shape[0] // 2
        rest = z[2 * half :]
        z = z[:half] * z[half : 2 * half]
        if rest.re.shape[0]:
            z = Split(jnp.concatenate([z.re, rest.re]), jnp.concatenate([z.im, rest.im]))
    return z[0]
