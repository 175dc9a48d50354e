"""Signs of inputs and sizes of states that change what a measurement means."""

import numpy as np
import pytest

import spiralsink as sk

RNG = np.random.default_rng(0)
SPARSE = RNG.random((16, 80, 1)) * (RNG.random((16, 80, 1)) < 0.4)


@pytest.fixture(scope="module")
def register():
    """Remembers three inputs; its ReLU readout hears the two that wait as negative."""
    return sk.as_model(
        sk.RecurrentNetwork(np.eye(3)[:, :1], np.eye(3, k=-1), np.array([[-1.0], [-1.0], [1.0]]), readout="relu")
    )


@pytest.mark.parametrize(("inputs", "share"), [(SPARSE, 1.0), (-SPARSE, 0.0)])
def test_what_waits_is_hidden_from_the_sign_that_it_has(register, inputs, share):
    found = sk.inspect(register, inputs, n_lags=5, delay=2)
    assert found.free_space.mean == pytest.approx(share, abs=1e-12)
    assert "positive inputs" not in found.free_space.kind


def test_inputs_of_both_signs_are_said(register):
    found = sk.inspect(register, RNG.standard_normal((16, 80, 1)), n_lags=5, delay=2)
    assert found.free_space.mean == pytest.approx(1.0)
    assert "for positive inputs, of those that take both signs" in str(found)


def test_states_that_drown_their_inputs_are_said():
    def grow(x, h):
        return 1.5 * h + x

    explosive = sk.step_model(grow, n_features=1, n_hidden=1)
    found = sk.inspect(explosive, RNG.standard_normal((12, 150, 1)), n_lags=5)
    assert any("measure their rounding" in note for note in found.notes)
    tame = sk.inspect(explosive, RNG.standard_normal((20, 20, 1)), n_lags=5)
    assert not any("rounding" in note for note in tame.notes)


def test_a_network_that_hears_nothing_says_so():
    deaf = sk.step_model(lambda x, h: 0 * h + 0 * x[0] + 1.0, n_features=1, n_hidden=2)
    assert "differ from theirs by nothing" in str(sk.inspect(deaf, SPARSE, n_lags=5))
