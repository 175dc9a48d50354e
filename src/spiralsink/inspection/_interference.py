"""How much of what a readout says comes from other features, or from the same feature at another age."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from ._memory import Memory, lagged, states_of
from ._recording import Recording

_FEWEST_STEPS_PER_PAIR = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Interference:
    """Where the variance of readouts comes from, by (feature, lag).

    A readout's output z_t is regressed on all lagged inputs, z_t = sum_n a_n c_{n,t} + e_t, n = (lag, feature), with
    coefficients from the steps that the readout was fitted on and variances from the held-out steps.

    Attributes:
        shares: a_n^2 Var(c_n) / Var(z) of every n, for every readout.
        own: The same for the pair that the readout is for, n*.
        others: Var(sum_{n != n*} a_n c_n) / Var(z): the interference of every readout.
        unexplained: Var(e) / Var(z): what comes from older inputs or is not linear in the inputs; with ten training
            steps or more for each pair, errors of the coefficients add about a tenth of it at most. The three add up
            to 1 when lagged inputs are uncorrelated.
        lag: Lag of the pair that each readout is for.
        feature: Its feature.
        of: Whose outputs: "ridge readouts" or "the network's readout".
    """

    shares: Float[np.ndarray, "readouts lags features"]
    own: Float[np.ndarray, " readouts"]
    others: Float[np.ndarray, " readouts"]
    unexplained: Float[np.ndarray, " readouts"]
    lag: Int[np.ndarray, " readouts"]
    feature: Int[np.ndarray, " readouts"]
    of: str

    @property
    def mean(self) -> float:
        """Mean of `others` over the readouts."""
        return float(self.others.mean())


def interferences(
    recording: Recording, memory: Memory, delay: int | None
) -> tuple[Interference | str, Interference | str]:
    """Interference of the ridge readouts of readable pairs, and of the network's own readout.

    Args:
        recording: The network's run over data.
        memory: Its ridge readouts.
        delay: k; with as many outputs as features, output i is for feature i at lag k. None for the pair of which most
            of an output comes.

    Returns:
        Both, or why there are none.
    """
    model, shape = recording.model, memory.r2.shape
    parts = memory.split.train, memory.split.test
    states, inputs = (
        [states_of(recording, part) for part in parts],
        [lagged(recording, part, shape[0]) for part in parts],
    )
    readable = np.flatnonzero(memory.readable)
    ridge: Interference | str = "no (feature, lag) pair is readable"
    if len(readable):
        train, test = ((memory.readouts.outputs(h)[:, readable], x) for h, x in zip(states, inputs, strict=True))
        ridge = interference(train, test, shape, readable, "ridge readouts")
    if not model.n_outputs:
        return ridge, "the network has no readout"
    heard = [recording.inputs[part.sequences, part.times] for part in parts]
    train, test = ((model.readout.outputs(h, x), past) for h, x, past in zip(states, heard, inputs, strict=True))
    wanted = None
    if delay is not None and model.n_outputs == shape[1]:
        wanted = delay * shape[1] + np.arange(model.n_outputs)
    return ridge, interference(train, test, shape, wanted, "the network's readout")


def interference(
    fitted: tuple[Float[np.ndarray, "train readouts"], Float[np.ndarray, "train pairs"]],
    measured: tuple[Float[np.ndarray, "test readouts"], Float[np.ndarray, "test pairs"]],
    shape: tuple[int, int],
    wanted: Int[np.ndarray, " readouts"] | None,
    of: str,
) -> Interference | str:
    """Measures where the variance of readouts comes from.

    Args:
        fitted: Outputs of the readouts and all lagged inputs on the training part.
        measured: The same on the test part.
        shape: (lags, features): the pairs are in this order.
        wanted: The pair that each readout is for; None for the one of which most of its variance comes on the training
            part.
        of: Whose outputs they are.

    Returns:
        The measurement over the readouts whose output varies, or why there is none.
    """
    outputs, inputs = fitted
    n_steps, n_pairs = inputs.shape
    if n_steps < _FEWEST_STEPS_PER_PAIR * n_pairs:
        needed = _FEWEST_STEPS_PER_PAIR * n_pairs
        return f"{n_steps} training steps are too few for {n_pairs} lagged inputs: at least {needed}, or fewer lags"
    coefficients = np.linalg.lstsq(inputs - inputs.mean(axis=0), outputs - outputs.mean(axis=0), rcond=1e-10)[0]
    most = (coefficients**2 * inputs.var(axis=0)[:, None]).argmax(axis=0)
    outputs, inputs = measured
    whole = outputs.var(axis=0)
    varies = whole > 0
    if not varies.any():
        return "no output varies"
    whole, coefficients, outputs = whole[varies], coefficients[:, varies], outputs[:, varies]
    shares = (coefficients**2 * inputs.var(axis=0)[:, None]).T / whole[:, None]
    wanted = (most if wanted is None else wanted)[varies]
    explained, readouts = inputs @ coefficients, np.arange(len(wanted))
    others = explained - inputs[:, wanted] * coefficients[wanted, readouts]
    lag, feature = np.divmod(wanted, shape[1])
    return Interference(
        shares.reshape(-1, *shape),
        shares[readouts, wanted],
        others.var(axis=0) / whole,
        (outputs - explained).var(axis=0) / whole,
        lag,
        feature,
        of,
    )
