"""Bad input: one clear line that names the field, the value and what is allowed."""

import jax
import numpy as np
import pytest

import spiralsink as sk

KEY = jax.random.key(0)
PROCESS = sk.SparseProcess(1, 0.3)
NETWORK = sk.RecurrentNetwork([[1.0], [0.5]], [[0.3, 0.2], [-0.1, 0.5]], [[0.2], [0.4]])


class Undecayed:
    importance = 1.0
    recall_lag = None

    def n_outputs(self, n_features):
        return n_features

    def target_filter(self, n_lags, n_features):
        return np.ones((n_lags, n_features, n_features))


class Silent(Undecayed):
    def target_filter(self, n_lags, n_features):
        return np.zeros((n_lags, n_features, n_features))


class Endless(Undecayed):
    memory = 10**20


def network(**changes):
    fields = {"W_x": np.ones((2, 1)), "W_h": np.eye(2) / 2, "W_y": np.ones((2, 1))}
    return sk.RecurrentNetwork(**(fields | changes))


CASES = {
    "p above one": (lambda: sk.SparseProcess(1, 1.5), r"p must be in \(0, 1\], got 1.5"),
    "p of zero": (lambda: sk.SparseProcess(1, 0.0), r"p must be in \(0, 1\], got 0.0"),
    "p not a number": (lambda: sk.SparseProcess(1, "often"), r"p must be .* got 'often'"),
    "p not a number but true": (lambda: sk.SparseProcess(1, True), r"p must be a number .*, got True"),
    "p missing": (lambda: sk.SparseProcess(1, None), r"p must be a number .*, got None"),
    "p NaN": (lambda: sk.SparseProcess(1, float("nan")), "p must be finite, got nan$"),
    "p per network without a feature axis": (lambda: sk.SparseProcess(2, [0.1, 0.2, 0.3]), r"p must be .*last axis"),
    "no features": (lambda: sk.SparseProcess(0, 0.1), "n_features must be a whole number >= 1, got 0"),
    "law of the wrong kind": (lambda: sk.SparseProcess(1, 0.1, 2.0), "amplitude must be an amplitude law"),
    "laws missing": (lambda: sk.SparseProcess(2, 0.1, (sk.Uniform(),)), "amplitude must be .*2, got 1 law"),
    "empty interval": (lambda: sk.Uniform(1.0, 1.0), "amplitude.high must be .* above low = 1.0, got 1.0"),
    "rate below zero": (lambda: sk.Exponential(-1.0), "amplitude.rate must be .* > 0, got -1.0"),
    "unknown field": (lambda: PROCESS.replace(q=0.5), "field must be one of .*got 'q'"),
    "delay below zero": (lambda: sk.Delay(-1), "delay must be a whole number >= 0, got -1"),
    "delay that no machine holds": (lambda: sk.Delay(10**20), "delay must be below 1000000, got 1000000000000"),
    "one delay too long": (lambda: sk.Delay([2, 10**6]), "delay must be below 1000000, got 1000000$"),
    "delays too long": (lambda: sk.Delays((1, 10**20)), "delays must be below 1000000, got 1000"),
    "sum of delays too long": (lambda: sk.DelayedSum((10**9,), (1.0,)), "delays must be below 1000000, got 1000000000"),
    "average too wide": (lambda: sk.MovingAverage(10**20), "width must be below 1000000, got 1000"),
    "permutation too late": (lambda: sk.Permutation(10**20, (0,)), "delay must be below 1000000, got 1000"),
    "mixture too late": (lambda: sk.Mixing(10**20, [[1.0]]), "delay must be below 1000000, got 1000"),
    "memory that no machine holds": (
        lambda: sk.expected_loss(NETWORK, Endless(), PROCESS),
        "memory must be <= 1000000, got 100000000000000000000$",
    ),
    "horizon that no machine holds": (
        lambda: sk.expected_loss(NETWORK, sk.Delay(1), PROCESS, horizon=10**20),
        "horizon must be <= 1000000, got 100000000000000000000$",
    ),
    "delay too long for the features": (
        lambda: sk.optimum(sk.Delay(10**5), sk.SparseProcess(50, 0.3)),
        r"delay must be below 26843, got 100000 \(50 features\)",
    ),
    "delay not whole": (lambda: sk.Delay(1.5), "delay must be a whole number >= 0, got 1.5"),
    "importance below zero": (lambda: sk.Delay(1, importance=-1.0), "importance must be >= 0 .*got -1.0"),
    "delays twice": (lambda: sk.Delays((1, 1)), "delays must be a list of different lags"),
    "coefficients missing": (lambda: sk.DelayedSum((1, 2), (1.0,)), "coefficients must be 2 finite numbers"),
    "integrator without leak": (lambda: sk.LeakyIntegration(1.0), r"decay must be in \(-1, 1\), got 1.0"),
    "no permutation": (lambda: sk.Permutation(1, (0, 2)), "order must be a permutation"),
    "no matrix": (lambda: sk.Mixing(1, [1.0, 2.0]), "matrix must be of shape"),
    "recurrence misspelt": (lambda: network(recurrence="rleu"), "recurrence must be one of .*did you mean relu"),
    "weights NaN": (lambda: network(W_h=np.full((2, 2), np.nan)), "W_h must be finite, got nan at index"),
    "weights that do not fit": (lambda: network(W_h=np.eye(3)), r"W_h must be of shape \(2, 2\).*got shape \(3, 3\)"),
    "readout of other units": (
        lambda: network(W_y=np.ones((1, 2))),
        r"W_y must be of shape \(2, n_outputs\), .*got shape \(1, 2\)",
    ),
    "weights complex": (lambda: network(W_h=1j * np.eye(2)), "W_h must be an array of real numbers"),
    "weights not numbers": (lambda: network(W_x=[["a"], ["b"]]), "W_x must be an array of .*numbers"),
    "weights ragged": (lambda: network(W_x=[[1.0], [1.0, 2.0]]), "W_x must be an array of numbers"),
    "bias that does not fit": (lambda: network(b_h=np.ones(3)), r"b_h must be of shape \(2,\)"),
    "leak above one": (lambda: network(leak=2.0), r"leak must be in \(0, 1\], got 2.0"),
    "lags for no stack": (lambda: network(W_y=sk.Tied([1, 2])), "W_y must be Tied with one lag"),
    "index into a single network": (lambda: network()[0], "network must be a stack"),
    "inputs time last": (lambda: network()(np.ones((4, 1, 9))), r"inputs must be .*\(4, 1, 9\).*feature axis"),
    "inputs of another stack": (
        lambda: sk.RecurrentNetwork.init(KEY, stack=3)(np.ones((2, 5, 4, 1))),
        r"inputs must be .*stack \(3,\)",
    ),
    "too many outputs": (
        lambda: sk.RecurrentNetwork.init(KEY, tied_lag=1, n_outputs=2),
        "n_outputs must be n_features = 1",
    ),
    "theory of ReLU recurrence": (
        lambda: sk.expected_loss(network(recurrence="relu"), sk.Delay(1), PROCESS),
        "recurrence must be linear .*sampled_loss",
    ),
    "task without a filter": (lambda: sk.expected_loss(NETWORK, object(), PROCESS), "task must be a filter task"),
    "features that differ": (
        lambda: sk.expected_loss(NETWORK, sk.Delay(1), sk.SparseProcess(2, 0.1)),
        "network must be of n_features = 2, got 1 input",
    ),
    "outputs that differ": (
        lambda: sk.expected_loss(NETWORK, sk.Delays((1, 2)), PROCESS),
        "network must be of n_outputs = 2",
    ),
    "importance that does not fit": (
        lambda: sk.expected_loss(NETWORK, sk.Delay(1, importance=(1.0, 2.0)), PROCESS),
        "importance must be a number or one per output",
    ),
    "delay beyond the horizon": (
        lambda: sk.expected_loss(NETWORK, sk.Delay(6), PROCESS, horizon=4),
        "delay must be less than the horizon 4, got 6",
    ),
    "tolerance that is no number": (
        lambda: sk.expected_loss(NETWORK, sk.Delay(1), PROCESS, tolerance="small"),
        "tolerance must be a finite number > 0, got 'small'",
    ),
    "horizon of zero": (
        lambda: sk.expected_loss(NETWORK, sk.Delay(1), PROCESS, horizon=0),
        "horizon must be a whole number >= 1, got 0",
    ),
    "stacks that differ": (
        lambda: sk.expected_loss(sk.RecurrentNetwork.init(KEY, stack=3), sk.Delay([1, 2]), PROCESS),
        r"task must be equal to \(3,\), that of the network, or absent, got \(2,\)",
    ),
    "process stack that differs": (
        lambda: sk.expected_loss(
            sk.RecurrentNetwork.init(KEY, stack=3), sk.Delay(1), sk.SparseProcess(1, np.full((4, 1), 0.1))
        ),
        r"process must be equal to \(3,\)",
    ),
    "filter that never ends": (
        lambda: sk.expected_loss(NETWORK, Undecayed(), PROCESS),
        "target_filter must be decayed",
    ),
    "filter of zeros": (lambda: sk.expected_loss(NETWORK, Silent(), PROCESS), "target_filter must be a filter with"),
    "optimum of a ReLU recurrence": (
        lambda: sk.optimum(sk.Delay(1), PROCESS, recurrence="relu"),
        "recurrence must be linear for an exact optimum",
    ),
    "optimum tied without a lag": (
        lambda: sk.optimum(sk.MovingAverage(3), PROCESS, readout="linear"),
        "tied must be False",
    ),
    "optimum of too many units": (
        lambda: sk.optimum(sk.Delay(1), PROCESS, n_hidden=1000, readout="linear"),
        "n_hidden must be at most 32",
    ),
    "optimum of a stack": (
        lambda: sk.optimum(sk.Delay(1), sk.SparseProcess(1, [[0.1], [0.2]]), readout="linear"),
        "process must be without stack axes",
    ),
    "optimum without starts": (lambda: sk.optimum(sk.Delay(1), PROCESS, restarts=0), "restarts must be"),
    "bound that is a number": (
        lambda: sk.optimum(sk.Delay(1), PROCESS, readout="linear", bound=5),
        "bound must be a GainBound, got int",
    ),
    "loss of nothing": (lambda: sk.expected_loss(None, sk.Delay(1), PROCESS), "network must be a RecurrentNetwork"),
    "geometry of nothing": (lambda: sk.measure(None, sk.Delay(1)), "network must be a RecurrentNetwork, .*NoneType"),
    "nothing saved": (lambda: sk.save("nothing.safetensors", None), "network must be a RecurrentNetwork"),
    "saved the wrong way round": (lambda: sk.save(NETWORK, "network.safetensors"), "path must be the name of a file"),
    "loaded from a number": (lambda: sk.load(3), "path must be the name of a file, got int"),
    "bound below zero": (lambda: sk.GainBound(-1.0), "bound must be a number > 0, got -1.0"),
}


@pytest.mark.parametrize(("call", "message"), CASES.values(), ids=CASES.keys())
def test_one_clear_line(call, message):
    with pytest.raises(sk.InvalidInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert caught.value.field
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, sk.SpiralsinkError)
