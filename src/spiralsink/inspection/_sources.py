"""What is measured and on what: anything as a `Model`, inputs in the order (batch, time, features)."""

import re
from typing import Any

import numpy as np
from jaxtyping import Float

from .._errors import InvalidInput, Shown, check_finite
from ..models import Model

ORDER = "(batch, time, features)"

_SHORTEST_AXIS = 16  # fewer steps or sequences do not show on which of the two axes the data are smooth
_SMOOTH, _ROUGH = 0.5, 0.1


def as_measurable(source: Any) -> Model:
    """A `Model` unchanged; anything else through `interop.as_model`."""
    if isinstance(source, Model):
        return source
    from .. import interop

    try:
        return interop.as_model(source)
    except InvalidInput as error:
        if str(error.value) != "nothing":
            raise
        name = re.findall(r"\w+", error.field)[-1]
        hint = "; ".join(filter(None, [error.hint, f"inspect what sk.as_model(..., {name}=...) makes of it"]))
        raise InvalidInput(error.field, error.value, error.allowed, hint=hint) from None


def as_numbers(field: str, value: Any) -> np.ndarray:
    """A NumPy, JAX or torch array, or nested lists, in float64.

    Raises:
        InvalidInput: If it is no array of finite real numbers.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    if np.ma.isMaskedArray(value):
        hint = "fill or leave out what is masked"
        raise InvalidInput(field, Shown("a masked array"), "an array without a mask", hint=hint)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        raise InvalidInput(field, Shown(type(value).__name__), "an array of real numbers") from None
    if array.dtype.kind not in "biuf":
        shown = Shown(f"an array of {array.dtype}" if hasattr(value, "dtype") else type(value).__name__)
        raise InvalidInput(field, shown, "an array of real numbers")
    check_finite(field, array)
    return np.asarray(array, np.float64)


def as_inputs(
    model: Model, inputs: Any, *, check_order: bool = True, field: str = "inputs"
) -> tuple[Float[np.ndarray, "batch time features"], tuple[str, ...]]:
    """Inputs in the order (batch, time, features), and notes on how they were taken.

    A wrong order is known by the size of the feature axis. Time before batch is known only where the data tell: when
    they are smooth along the first axis (correlation of neighbours above 0.5) and rough along the second (below 0.1);
    inputs that are independent over time are never suspected.

    Args:
        model: The network that they are for.
        inputs: (batch, time, features), or (time, features) for one sequence. NumPy, JAX, torch or lists.
        check_order: Whether to look for time before batch.
        field: What errors call them.

    Raises:
        InvalidInput: If the order is wrong, if numbers are missing or not finite, or if there are none.
    """
    array = as_numbers(field, inputs)
    n_features, notes = model.n_features, ()
    wanted = f"of shape {ORDER} with {n_features} features last"
    if array.ndim == 2 and array.shape[-1] == n_features:
        array, notes = array[None], (f"{field} of shape (time, features) were taken as one sequence",)
    if array.ndim != 3 or array.shape[-1] != n_features:
        found = _order_of(array.shape, n_features)
        raise InvalidInput(field, Shown(f"shape {np.shape(array)}"), wanted, hint=found)
    if not array.size:
        raise InvalidInput(field, Shown(f"shape {array.shape}"), f"{wanted}, with at least one sequence and step")
    if check_order and _time_is_first(array):
        hint = (
            "they look like (time, batch, features): smooth along the first axis, independent along the second; "
            "swap the first two axes, or pass check_order=False if they are right"
        )
        raise InvalidInput(field, Shown(f"shape {array.shape}"), wanted, hint=hint)
    return array, notes


def check_steps(inputs: np.ndarray, n_steps: int, why: str, field: str = "inputs") -> None:
    """Raises unless sequences have that many steps; says so when time seems to be the first axis."""
    n_sequences, time = inputs.shape[:2]
    if time >= n_steps:
        return
    first = n_sequences >= n_steps and n_sequences > 4 * time
    hint = f"{n_sequences} sequences of {time} steps look like (time, batch, features)" if first else ""
    raise InvalidInput(field, Shown(f"{time} steps"), f"at least {n_steps} steps long {why}", hint=hint)


def _order_of(shape: tuple[int, ...], n_features: int) -> str:
    if len(shape) == 2 and shape[0] == n_features:
        return "they look like (features, time): transpose them"
    if len(shape) == 3 and shape[1] == n_features:
        return "they look like (batch, features, time): swap the last two axes"
    if len(shape) == 3 and shape[0] == n_features:
        return "the features are the first axis: move it to the end"
    if len(shape) == 1 and n_features == 1:
        return "one sequence of one feature is x[:, None]"
    return ""


def _time_is_first(inputs: np.ndarray) -> bool:
    if min(inputs.shape[:2]) < _SHORTEST_AXIS:
        return False
    along_first, along_second = _smoothness(inputs), _smoothness(inputs.swapaxes(0, 1))
    return along_first > _SMOOTH and along_second < _ROUGH


def _smoothness(inputs: np.ndarray) -> float:
    """Correlation of neighbours along the first axis, the mean along it taken off."""
    centred = inputs - inputs.mean(axis=0)
    power = (centred**2).mean()
    varies = power > 1e-24 * (inputs**2).mean()
    return float((centred[1:] * centred[:-1]).mean() / power) if varies else 0.0
