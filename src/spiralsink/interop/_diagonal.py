"""Diagonal state-space layers: LRU, S4D and S5, whose complex states become real ones."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float

from .._conventions import CONVENTIONS
from .._errors import InvalidInput, Shown, check_choice
from ..models import JaxStep, LinearReadout, LinearRecurrence, Model, Readout
from ._heads import Head, check_rows
from ._keys import Found
from ._tensors import Tensors

KINDS = ("lru", "s4d", "s5")
CONJUGATES = CONVENTIONS["conjugates"].choices
DISCRETIZATIONS = CONVENTIONS["discretization"].choices

_MOST_DENSE = 4096  # numbers of state up to which the recurrent matrix is written out: 128 MiB
_PAIRED = 1e-3


def rotate(weights: Any, x: Any, state: Any) -> Any:
    """h_t = lambda * h_{t-1} + B x_t with complex h, as [Re h; Im h]."""
    n = len(weights["re"])
    real, imaginary = state[:n], state[n:]
    return jnp.concatenate(
        [
            weights["re"] * real - weights["im"] * imaginary + weights["B_re"] @ x,
            weights["re"] * imaginary + weights["im"] * real + weights["B_im"] @ x,
        ]
    )


@dataclasses.dataclass(frozen=True)
class Reading:
    """What the arrays of a diagonal layer do not say.

    Attributes:
        conjugates: "stored" if all poles are stored, y = Re(C h) + D x; "implied" if half of each conjugate pair is,
            y = 2 Re(C h) + D x; "" when it is not known.
        discretization: Of S4D and S5, with step d: "zoh" (lambda = exp(d A), B = (lambda - 1) / A B~), "bilinear"
            (lambda = (1 + d A / 2) / (1 - d A / 2), B = d / (1 - d A / 2) B~), "euler" (lambda = 1 + d A, B = d B~) or
            "mamba" (lambda = exp(d A), B = d B~).
        scale: Of LRU: whether inputs are multiplied by the "stored" exp(gamma_log), by "one", or by the "unit"
            sqrt(1 - |lambda|^2).
        feedthrough: Whether D x is added.
    """

    conjugates: str
    discretization: str = "zoh"
    scale: str = "stored"
    feedthrough: bool = True


@dataclasses.dataclass(frozen=True, eq=False)
class Diagonal:
    """A diagonal layer as it was stored.

    Attributes:
        kind: "lru", "s4d" or "s5".
        poles: lambda of an LRU, A of the others, (n,).
        step: d, (n,), all ones for an LRU.
        B: (n, features); all ones where an S4D layer has its own states per channel.
        C: (outputs, n).
        D: (outputs, features).
        gain: exp(gamma_log) of an LRU, (n,).
    """

    kind: str
    poles: Complex[np.ndarray, " n"]
    step: Float[np.ndarray, " n"]
    B: Complex[np.ndarray, "n features"]
    C: Complex[np.ndarray, "outputs n"]
    D: Float[np.ndarray, "outputs features"]
    gain: Float[np.ndarray, " n"]

    @property
    def paired(self) -> bool:
        """Whether every pole that is not real has its conjugate beside it."""
        turning = self.poles[np.abs(np.imag(self.poles)) > _PAIRED * np.abs(self.poles)]
        gaps = np.abs(turning[:, None] - turning.conj()).min(1) if len(turning) else np.ones(1)
        return bool((gaps < _PAIRED * np.abs(turning)).all()) if len(turning) else False


def stored_layer(tensors: Tensors, found: Found) -> Diagonal:
    """A diagonal layer out of a table, by its kind.

    LRU: `nu_log`, `theta_log`, `gamma_log` (n,), `B` (n, features), `C` (outputs, n), `D` (outputs, features) or, for a
    diagonal one, (features,); lambda = exp(-exp(nu_log) + i exp(theta_log)). S4D: `log_dt` (H,), `log_A_real`, `A_imag`
    and `C` (H, n), and `D` (H,) one level up; A = -exp(log_A_real) + i A_imag, each channel for itself. S5: `Lambda`
    (n,) or `Lambda_re` and `Lambda_im`, `log_step` (n,) or (n, 1), `B` (n, H), `C` (H, n), `D` (H,). Complex arrays may
    be stored as such, with a last axis of two, or in two arrays that end in `_re` and `_im`.

    Raises:
        InvalidInput: If an array is missing, of the wrong shape or not finite.
    """
    return {"lru": _lru, "s4d": _s4d, "s5": _s5}[found.kind](tensors, found.prefix)


def reading(layer: Diagonal, *, conjugates: Any = None, discretization: Any = None) -> Reading:
    """The reading that the user gave, or the one of the code that the names come from.

    All poles are stored in an LRU and half of them in S4D. S5 has both kinds: all are stored where each pole has its
    conjugate; otherwise `conjugates` is "".

    Raises:
        InvalidInput: If an option is unknown or does not apply.
    """
    if discretization is not None and layer.kind == "lru":
        raise InvalidInput("discretization", discretization, "absent for lru", hint="it stores discrete poles")
    own = {"lru": "stored", "s4d": "implied", "s5": "stored" if layer.paired else ""}[layer.kind]
    return Reading(
        conjugates=own if conjugates is None else check_choice("conjugates", conjugates, CONJUGATES),
        discretization="zoh"
        if discretization is None
        else check_choice("discretization", discretization, DISCRETIZATIONS),
    )


def build(layer: Diagonal, under: Reading) -> Model:
    """The model that a stored layer is; [Re h; Im h] is its state, (Re C, -Im C) reads it."""
    poles, B = _discrete(layer, under)
    n, n_features = B.shape
    weights = {"re": poles.real, "im": poles.imag, "B_re": B.real, "B_im": B.imag}
    C: Any = layer.C * (2 if under.conjugates == "implied" else 1)
    D = layer.D if under.feedthrough else np.zeros_like(layer.D)
    return Model(
        kind={"lru": "LRU", "s4d": "S4D layer before its activation", "s5": "S5 layer"}[layer.kind]
        + _words(layer, under),
        n_features=n_features,
        n_hidden=2 * n,
        dynamics=JaxStep(rotate, weights),
        readout=LinearReadout(np.concatenate([C.real, -C.imag], 1).T, np.zeros(len(C)), D),
        initial=np.zeros(2 * n),
        linear=_dense(poles, B) if 2 * n <= _MOST_DENSE else None,
        poles=np.concatenate([poles, poles.conj()]),
        layout=(("real part", n), ("imaginary part", n)),
    )


def with_head(model: Model, head: Head, after: str) -> Model:
    """A layer y = Re(C h) + D x with what reads y: a linear layer; or with a readout of the user instead."""
    if isinstance(head.readout, Readout):
        check_rows(head.readout, model.n_hidden)
        return dataclasses.replace(model, readout=head.readout)
    own: Any = model.readout
    matrix, bias = head.readout
    readout = LinearReadout(own.weights @ matrix.T, bias, matrix @ own.feedthrough, after)
    return dataclasses.replace(model, readout=readout, kind=f"{model.kind}, {head.words(after)}")


def _words(layer: Diagonal, under: Reading) -> str:
    words = "" if under.discretization == "zoh" else f", {under.discretization}"
    return words + (f", conjugates {under.conjugates}" if layer.kind == "s5" else "")


def _discrete(layer: Diagonal, under: Reading) -> tuple[Any, Any]:
    if layer.kind == "lru":
        scales = {"stored": layer.gain, "one": np.ones(len(layer.gain)), "unit": np.sqrt(1 - np.abs(layer.poles) ** 2)}
        return layer.poles, scales[under.scale][:, None] * layer.B
    A, d = layer.poles, layer.step
    if under.discretization == "bilinear":
        return (1 + d * A / 2) / (1 - d * A / 2), (d / (1 - d * A / 2))[:, None] * layer.B
    if under.discretization == "euler":
        return 1 + d * A, d[:, None] * layer.B
    poles = np.exp(d * A)
    held = np.where(A == 0, d, np.expm1(d * A) / np.where(A == 0, 1, A))
    return poles, (d if under.discretization == "mamba" else held)[:, None] * layer.B


def _dense(poles: Any, B: Any) -> LinearRecurrence:
    real, imaginary = np.diag(poles.real), np.diag(poles.imag)
    W_h = np.block([[real, -imaginary], [imaginary, real]])
    return LinearRecurrence(np.concatenate([B.real, B.imag]), W_h, np.zeros(2 * len(poles)))


def _lru(tensors: Tensors, prefix: str) -> Diagonal:
    nu = tensors.real(prefix + "nu_log", (None,))
    n = len(nu)
    theta = tensors.real(prefix + "theta_log", (n,), "one per state")
    poles = np.exp(-np.exp(nu) + 1j * np.exp(theta))
    log_gain = tensors.real(prefix + "gamma_log", (n,), "one per state")
    B = tensors.complex(prefix + "B", (n, None), "(states, features)")
    C = tensors.complex(prefix + "C", (None, n), "(outputs, states)")
    D = _feedthrough(tensors, prefix + "D", len(C), B.shape[1])
    return Diagonal("lru", poles, np.ones(n), B, C, D, np.exp(log_gain))


def _s4d(tensors: Tensors, prefix: str) -> Diagonal:
    log_step = tensors.real(prefix + "log_dt", (None,))
    n_channels = len(log_step)
    real = tensors.real(prefix + "log_A_real", (n_channels, None), "(channels, states)")
    n = real.shape[1]
    A = -np.exp(real) + 1j * tensors.real(prefix + "A_imag", (n_channels, n), "(channels, states)")
    C = tensors.complex(prefix + "C", (n_channels, n), "(channels, states)")
    above = prefix.removesuffix("kernel.") if prefix.endswith("kernel.") else prefix
    D = _feedthrough(tensors, above + "D", n_channels, n_channels)
    own = np.kron(np.eye(n_channels), np.ones((1, n)))  # (channels, channels * states): which states are whose
    flat = np.zeros(n_channels * n)
    return Diagonal("s4d", A.ravel(), np.repeat(np.exp(log_step), n), own.T + 0j, own * C.ravel(), D, flat + 1)


def _s5(tensors: Tensors, prefix: str) -> Diagonal:
    poles = tensors.complex(prefix + "Lambda", (None,))
    n = len(poles)
    steps = tensors.arrays[prefix + "log_step"]
    log_step = tensors.real(prefix + "log_step", (n, 1) if steps.ndim == 2 else (n,), "one per state").ravel()
    B = tensors.complex(prefix + "B", (n, None), "(states, features)")
    C = tensors.complex(prefix + "C", (None, n), "(outputs, states), forward only")
    D = _feedthrough(tensors, prefix + "D", len(C), B.shape[1])
    return Diagonal("s5", poles, np.exp(log_step), B, C, D, np.ones(n))


def _feedthrough(tensors: Tensors, name: str, n_outputs: int, n_features: int) -> np.ndarray:
    if name not in tensors:
        return np.zeros((n_outputs, n_features))
    if tensors.arrays[name].ndim == 1 and n_outputs == n_features:
        return np.diag(tensors.real(name, (n_features,), "one per channel"))
    return tensors.real(name, (n_outputs, n_features), "(outputs, features)")


def undecided(where: str, layer: Diagonal) -> InvalidInput:
    """The error of an S5 layer of which nothing says whether it keeps half of each pair."""
    allowed = "given: 'stored' (y = Re C h) or 'implied' (half of each pair is kept, y = 2 Re C h)"
    turning = np.abs(np.imag(layer.poles)) > _PAIRED * np.abs(layer.poles)
    hint = "the poles do not come in conjugate pairs" if turning.any() else "all poles are real, which fits both"
    return InvalidInput(f"{where}conjugates", Shown("nothing"), allowed, hint=hint)
