"""The claim about recall at a time that the network cannot know."""

from typing import Any, NamedTuple

import numpy as np

from ..networks import Orthogonal, RecurrentNetwork
from ..processes import Constant, SparseProcess, Uniform
from ..tasks import CuedRecall
from ..training import Adam, Every, SampledLoss, fit, sampled_loss
from ._claim import Bar, Budget, Claim, Measurement
from ._draw_cued import draw_random_delay
from ._experiments import experiment_key, training_horizon
from ._folder import require_xarray
from ._values_cued import cued_values, seen_off_cue, turns

# name -> recurrence and whether hidden units have biases; the first two are what is claimed
CASES = {
    "nonlinear": ("relu", True),
    "tanh": ("tanh", True),
    "nonlinear, no biases": ("relu", False),
    "tanh, no biases": ("tanh", False),
}
_CLAIMED = ["nonlinear", "tanh"]
_VALUES = (0.25, 0.5, 0.75, 1.0)
_TURNS = 5.0


def random_delay(
    budget: Budget,
    *,
    n_hidden: int,
    delays: list[int],
    settling: int,
    n_seeds: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
    n_sequences: int,
) -> Measurement:
    """Trains networks on cued recall and watches what their readouts see before, at and after the cue.

    All readouts are ReLU: only those have states that they cannot see. The state needs a bias: without one, a ReLU
    recurrence answers in proportion to its inputs, so while it waits the readout sees v a_s with a_s <= 0, at the cue
    (c + v a_s)_+, and that falls with the value v. The best it can hide and answer is a constant, c = E[v], and this
    alone is a quarter of the silent loss; hence the bar `recall`. With biases two hidden units are enough: one holds v,
    one rests at -1 and is lifted to 0 by the cue, and the readout is their sum. Sequences start with a few silent
    steps, in which the state goes from 0 to this rest: of a value in the very first step, some networks see a tenth.
    """
    xr = require_xarray()
    task, horizon = CuedRecall((delays[0], delays[1]), settling), training_horizon(delays[1])
    value_law, cue_law = Uniform(), Constant(1.0)
    process = SparseProcess(2, amplitude=(value_law, cue_law))
    init_key, train_key, key = (experiment_key(budget, "random-delay", use) for use in ("init", "train", "evaluate"))
    probe = make_probe(_VALUES, delays, horizon, settling)
    parts, networks = [], {}
    for name, (recurrence, with_biases) in CASES.items():
        start = RecurrentNetwork.init(
            init_key,
            n_features=2,
            n_hidden=n_hidden,
            recurrence=recurrence,
            readout="relu",
            n_outputs=1,
            stack=n_seeds,
            scheme=Orthogonal(),
        )
        if with_biases:
            start = _with_biases(start)
        result = fit(
            start,
            task,
            process,
            key=train_key,
            steps=steps,
            objective=SampledLoss(batch_size, horizon, batches="shared"),
            optimizer=Adam(learning_rate),
            record=Every(0),
        )
        sampled = sampled_loss(result.networks, task, process, key=key, n_sequences=n_sequences, horizon=horizon)
        best = int(np.nanargmin(sampled.mean))
        networks[name] = result.networks[best]
        parts.append(_watch(result.networks, best, probe).assign(loss=("network", sampled.mean / sampled.silent)))
    data = xr.concat(parts, xr.DataArray(list(CASES), dims="case", name="case"))
    mean_answer = 1 - value_law.mean**2 / value_law.second_moment
    data = data.assign_attrs(horizon=horizon, mean_answer=mean_answer, value_at=probe.value_at)
    chosen = data.isel(network=data["best"]).sel(case=_CLAIMED)
    values = cued_values(chosen["loss"].values, chosen["seen"].values, mean_answer)
    return Measurement(
        values=values,
        measured=_in_words(data, chosen, n_seeds),
        data=data,
        n_networks=len(CASES) * n_seeds,
        horizon=str(horizon),
        networks={name.replace(", ", "-").replace(" ", "-"): each for name, each in networks.items()},
    )


class Probe(NamedTuple):
    """Sequences with one value and one cue each, for every value, start and delay, and two without cue.

    `inputs` (sequences, time, 2); `stored`, `start`, `delay` (sequences,) and `at_cue` (sequences, time) of those with
    a cue. Of the last two, one hears a value of 1 at the step `value_at`, the other nothing.
    """

    inputs: np.ndarray
    stored: np.ndarray
    start: np.ndarray
    delay: np.ndarray
    at_cue: np.ndarray
    value_at: int


def make_probe(values: Any, delays: list[int], horizon: int, settling: int) -> Probe:
    """Every sequence that the task can ask for with one of these values, and two without cue.

    Args:
        values: Values to be stored, > 0.
        delays: The first and the last delay.
        horizon: T.
        settling: Silent steps at the start.
    """
    first, last = delays
    grid = np.meshgrid(values, np.arange(settling, horizon - last), np.arange(first, last + 1), indexing="ij")
    stored, start, delay = (each.ravel() for each in grid)
    rows, value_at = np.arange(len(stored)), settling + (horizon - last - settling) // 3
    inputs = np.zeros((len(stored) + 2, horizon, 2), np.float32)
    inputs[rows, start, 0] = stored
    inputs[rows, start + delay, 1] = 1
    inputs[-2, value_at, 0] = 1
    return Probe(inputs, stored, start, delay, inputs[:-2, :, 1] > 0, value_at)


def _watch(networks: RecurrentNetwork, best: int, probe: Probe) -> Any:
    """What all networks let through and how their states turn; what the best one sees and answers."""
    xr = require_xarray()
    outputs, states = (np.asarray(each, np.float64) for each in networks(probe.inputs))
    outputs = outputs[..., 0]
    last = int(probe.delay.max())
    window = slice(probe.value_at, probe.value_at + last + 1)
    network = networks[best]
    drive = states[best] @ np.asarray(network.output_weights, np.float64)[:, 0]
    shown = (probe.stored == probe.stored.max()) & (probe.start == probe.value_at)
    slowest = (probe.delay == last) & (probe.start == probe.value_at)
    n_values, n_delays = len(set(probe.stored)), len(set(probe.delay))
    answers = outputs[best, :-2][probe.at_cue].reshape(n_values, -1, n_delays)
    return xr.Dataset(
        {
            "best": best,
            "seen": ("network", seen_off_cue(outputs[:, :-2], probe.stored, probe.at_cue)),
            "turn": (("network", "step"), turns((states[:, -2] - states[:, -1])[:, window])),
            "answer": (("value", "start", "delay"), answers),
            "drive": (("delay", "time"), drive[:-2][shown]),
            "states": (("value", "time", "hidden"), states[best, :-2][slowest]),
            "resting_state": ("hidden", states[best, -1, -1]),
            "output_weights": ("hidden", np.asarray(network.output_weights, np.float64)[:, 0]),
        },
        coords={"value": np.unique(probe.stored), "delay": np.unique(probe.delay)},
    )


def _with_biases(networks: RecurrentNetwork) -> RecurrentNetwork:
    b_h = np.zeros(networks.W_x.shape[:-1], np.float32)
    kinds = {"recurrence": networks.recurrence, "readout": networks.readout}
    return RecurrentNetwork(networks.W_x, networks.W_h, networks.W_y, b_h=b_h, **kinds)


def _in_words(data: Any, chosen: Any, n_seeds: int) -> str:
    # the first step is the passage through the nonlinearity
    settled = data["turn"].isel(step=slice(1, None)).mean("step")
    best = settled.isel(network=data["best"]).sel(case=_CLAIMED)
    recalls = data["loss"] < 0.5 * data.attrs["mean_answer"]
    turning = int(((settled > _TURNS) & recalls).sel(case=_CLAIMED).sum())
    solved = recalls.sum("network")
    bare = data["loss"].min("network").drop_sel(case=_CLAIMED)
    pairs = [
        f"{name}: loss {float(chosen['loss'].sel(case=name)):.2g} L_0, readout sees at most "
        f"{float(chosen['seen'].sel(case=name)):.2g} of the value off the cue, stored state turns "
        f"{float(best.sel(case=name)):.1f} degrees per step, {int(solved.sel(case=name))} of {n_seeds} networks recall"
        for name in _CLAIMED
    ]
    turned = f"{turning} of the {int(solved.sel(case=_CLAIMED).sum())} that recall turn by more than {_TURNS:g} degrees"
    without = " and ".join(f"{float(each):.2g} ({recurrence})" for each, recurrence in zip(bare, _CLAIMED, strict=True))
    return f"{'; '.join(pairs)}; {turned}; without biases the lowest losses are {without} L_0"


def _random_delay_settings(budget: Budget) -> dict[str, Any]:
    return {
        "n_hidden": 2,
        "delays": [1, 6],
        "settling": 3,
        "n_seeds": budget.n_seeds,
        "steps": budget.steps,
        "batch_size": 32 if budget.scale == "quick" else 64,
        "learning_rate": 0.02,
        "n_sequences": budget.n_sequences,
    }


CLAIMS = (
    Claim(
        id="random-delay",
        group="nonlinear",
        statement="When a cue at a random time says when to recall, nonlinear networks keep the feature where the "
        "readout cannot see it until the cue comes.",
        expected="the value at the cue and nothing of it at any other step; a stored state that need not turn, because "
        "there is no delay to count",
        bars={
            "loss": Bar("<", 0.5, "largest loss of a best network over that of a silent network"),
            "hidden": Bar("<=", 0.05, "largest output at a step without cue over the stored value"),
            "recall": Bar("<", 0.5, "largest loss of a best network over that of answering the mean at every cue"),
        },
        measure=random_delay,
        draw=draw_random_delay,
        settings=_random_delay_settings,
    ),
)
