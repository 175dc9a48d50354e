"""The exact loss of ReLU readouts against simulations: tasks, sizes, biases and leaks."""

import pytest

import spiralsink as sk
from cases.relu import STANDARD, Case, EchoTask, assert_simulated_networks_have_the_expected_loss
from spiralsink.theory import SteadyState

STEADY, SIX = (SteadyState(),), (6,)
CASES = {
    "free": STANDARD,
    "tied": Case(tied=True, p=(0.1, 0.8)),
    "dense": Case(p=1.0),
    "no delay": Case(sk.Delay(0), tied=True),
    "sum": Case(sk.DelayedSum((1, 3), (1.0, 1.0))),
    "difference": Case(sk.DelayedSum((0, 2), (1.0, -1.0))),
    "moving average": Case(sk.MovingAverage(4)),
    "permutation": Case(sk.Permutation(2, (1, 0)), tied=True),
    "mixing": Case(sk.Mixing(1, ((1.0, -2.0), (0.5, 0.0)))),
    "own task": Case(EchoTask()),
    "biases": Case(bias=True, horizons=STEADY),
}
SLOW_CASES = {
    "biases, six steps": Case(bias=True, horizons=SIX),
    "scalar": Case(sk.Delay(4), p=0.3, tied=True, n_features=1, n_hidden=2),
    "one unit": Case(sk.Delay(3), p=0.3, n_features=1, n_hidden=1, horizons=SIX),
    "wide": Case(sk.Delay(1), p=0.05, n_features=6, n_hidden=20, horizons=STEADY),
    "several delays": Case(sk.Delays((0, 3)), n_hidden=4, horizons=SIX),
    "leaky integration": Case(sk.LeakyIntegration(0.8), p=0.1, horizons=STEADY),
    "leak and biases": Case(bias=True, leak=0.4, horizons=SIX),
}


@pytest.mark.parametrize("name", CASES)
def test_simulated_networks_have_the_expected_loss(name):
    assert_simulated_networks_have_the_expected_loss(CASES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW_CASES)
def test_more_simulated_networks_have_the_expected_loss(name):
    assert_simulated_networks_have_the_expected_loss(SLOW_CASES[name])
