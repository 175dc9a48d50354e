"""From what cued networks answer to the numbers that their bars judge. A missing number is never passed over."""

import numpy as np
from jaxtyping import Bool, Float


def cued_values(
    loss: Float[np.ndarray, " cases"], seen: Float[np.ndarray, " cases"], mean_answer: float
) -> dict[str, float]:
    """What `random-delay` is judged by: the worst of its kinds of network; NaN if any is.

    Args:
        loss: Loss of the best network of each kind over that of a silent network.
        seen: What its readout sees at any step but the cue, over the stored value.
        mean_answer: Loss of a network that answers the mean value at every cue, over that of a silent network.
    """
    worst = float(np.max(loss))
    return {"loss": worst, "hidden": float(np.max(seen)), "recall": worst / mean_answer}


def seen_off_cue(
    outputs: Float[np.ndarray, "*stack sequences time"],
    stored: Float[np.ndarray, " sequences"],
    at_cue: Bool[np.ndarray, "sequences time"],
) -> Float[np.ndarray, "*stack"]:
    """The largest |output| at a step without cue, over the value of its sequence.

    Args:
        outputs: y_t.
        stored: The value of each sequence, > 0.
        at_cue: Whether the cue is heard.
    """
    seen = np.where(at_cue, 0.0, np.abs(outputs)) / stored[:, None]
    return np.where(np.isfinite(outputs).all(axis=(-2, -1)), seen.max(axis=(-2, -1)), np.nan)


def turns(written: Float[np.ndarray, "*stack lags hidden"]) -> Float[np.ndarray, "*stack steps"]:
    """Angles between what a value has written to the state at one age and at the next, degrees; NaN from nothing.

    Args:
        written: State with the value minus state without it, at ages 0, 1, ...
    """
    before, after = written[..., :-1, :], written[..., 1:, :]
    lengths = np.linalg.norm(before, axis=-1) * np.linalg.norm(after, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.sum(before * after, axis=-1) / lengths
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
