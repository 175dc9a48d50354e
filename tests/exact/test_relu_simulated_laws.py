"""The exact loss of ReLU readouts against simulations: laws of amplitudes, one or one for each feature."""

import pytest

import spiralsink as sk
from cases.relu import Case, assert_simulated_networks_have_the_expected_loss
from spiralsink.theory import SteadyState

STEADY, SIX = (SteadyState(),), (6,)
# every law in steady state and for six steps, with and without biases, though not in all four combinations
CASES = {
    "exponential, biases": Case(amplitude=sk.Exponential(2.0), bias=True, horizons=STEADY),
    "exponential, six steps": Case(amplitude=sk.Exponential(2.0), horizons=SIX),
    "half-normal": Case(amplitude=sk.HalfNormal(0.7), horizons=STEADY),
    "half-normal, biases, six steps": Case(amplitude=sk.HalfNormal(0.7), bias=True, horizons=SIX),
    "constant": Case(amplitude=sk.Constant(0.7)),
    "both signs": Case(amplitude=sk.Uniform(-1.0, 1.0), horizons=STEADY),
    "both signs, biases, six steps": Case(amplitude=sk.Uniform(-0.5, 1.0), bias=True, horizons=SIX),
    "away from zero": Case(amplitude=sk.Uniform(0.5, 1.0)),
    "two scales": Case(amplitude=(sk.Uniform(), sk.Uniform(0.0, 3.0)), horizons=STEADY),
    "two signs": Case(amplitude=(sk.Uniform(-1.0, 0.0), sk.Uniform()), horizons=SIX),
    "two laws": Case(amplitude=(sk.Exponential(2.0), sk.HalfNormal(0.7)), horizons=SIX),
    "bounded and unbounded": Case(amplitude=(sk.HalfNormal(0.7), sk.Uniform()), horizons=STEADY),
}


def test_simulated_networks_have_the_expected_loss_with_exponential_amplitudes():
    assert_simulated_networks_have_the_expected_loss(Case(amplitude=sk.Exponential(2.0), horizons=STEADY))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_simulated_networks_have_the_expected_loss(name):
    assert_simulated_networks_have_the_expected_loss(CASES[name])
