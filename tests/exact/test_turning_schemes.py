"""Initial weights that turn: what the algebra says of them without noise, and what must survive noise."""

import jax
import numpy as np
import pytest

import spiralsink as sk

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("delay", "turn", "modulus"), [(1, 120.0, 0.5), (4, 90.0, 0.8), (4, 270.0, 0.7), (9, 90.0, 0.95)]
)
def test_spiral_has_the_eigenvalues_it_is_asked_for(delay, turn, modulus):
    stack = sk.RecurrentNetwork.init(KEY, n_hidden=4, stack=5, scheme=sk.Spiral(delay, turn, modulus, noise=0.0))
    values = np.linalg.eigvals(np.asarray(stack.W_h, np.float64))
    np.testing.assert_allclose(np.abs(values), modulus, rtol=1e-5)
    np.testing.assert_allclose(delay * np.degrees(np.abs(np.angle(values))), turn, rtol=1e-4)


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("tied", [True, False])
def test_spiral_returns_every_feature_unchanged(noise, tied):
    scheme = sk.Spiral(3, turn=90.0, noise=noise)
    stack = sk.RecurrentNetwork.init(
        KEY, n_features=2, n_hidden=5, stack=6, tied_lag=3 if tied else None, scheme=scheme
    )
    seen = np.asarray(sk.projections(stack, 4))[:, 3]
    np.testing.assert_allclose(np.diagonal(seen, axis1=1, axis2=2), 1, rtol=2e-4)


@pytest.mark.parametrize("modulus", [0.7, 0.85, 1.5])
@pytest.mark.parametrize("delay", [1, 2, 3, 4, 5, 8, 20])
def test_clock_hides_then_returns_then_erases(delay, modulus):
    """a_k = 1, nothing older is seen, nothing younger is positive, and the state was not lost on the way."""
    network = sk.RecurrentNetwork.init(
        KEY, recurrence="relu", readout="relu", tied_lag=delay, scheme=sk.Clock(delay, modulus=modulus, noise=0.0)
    )
    held = np.asarray(sk.projections(network, 2 * delay + 4))[:, 0, 0]
    np.testing.assert_allclose(held[delay], 1, rtol=2e-5 * delay)  # float32, delay products
    assert (held[:delay] <= 1e-5).all()
    assert (held[delay + 1 :] == 0).all()


@pytest.mark.parametrize("delay", [3, 5])
def test_clock_turns_as_it_says(delay):
    W_h = np.asarray(sk.Clock(delay, modulus=0.9, shortfall=0.4, noise=0.0)(KEY, 1, 2, 1)[1], np.float64)
    values = np.linalg.eigvals(W_h)
    np.testing.assert_allclose(np.abs(values), 0.9, rtol=1e-5)
    np.testing.assert_allclose((delay - 1 + 0.4) * np.degrees(np.abs(np.angle(values))), 180, rtol=1e-4)


def test_each_feature_has_a_clock_of_its_own():
    scheme = sk.Clock(3, noise=0.0)
    network = sk.RecurrentNetwork.init(KEY, 2, 5, recurrence="relu", readout="relu", tied_lag=3, scheme=scheme)
    seen = np.asarray(sk.projections(network, 8))
    np.testing.assert_allclose(seen[3], np.eye(2), atol=1e-5)
    assert np.delete(seen, 3, axis=0).max() <= 1e-6


def test_a_feature_without_a_clock_starts_with_noise_only():
    W_x, _, _ = sk.Clock(2, noise=0.0)(KEY, 3, 2, 3)
    assert np.abs(W_x[:, 0]).max() > 0.1
    assert (np.asarray(W_x[:, 1:]) == 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sk.Spiral(0), "delay must be a whole number >= 1, got 0"),
        (lambda: sk.Spiral(2, turn=360.0), "turn must be in (0, 360) degrees, 180 per step, got 360.0"),
        (lambda: sk.Spiral(2, modulus=0.0), "modulus must be > 0, with modulus^2 from 1e-20 to 1e20, got 0.0"),
        (lambda: sk.Clock(2000, modulus=1.5), "modulus must be > 0, with modulus^2000 from 1e-20 to 1e20, got 1.5"),
        (lambda: sk.Spiral(2, noise=-0.1), "noise must be >= 0, got -0.1"),
        (lambda: sk.Clock(2, shortfall=1.0), "shortfall must be in (0, 1) steps, got 1.0"),
        (lambda: sk.Clock(2, margin=0.5), "margin must be in (0, 1 - shortfall = 0.5) steps, got 0.5"),
        (lambda: sk.Clock(2, lean=0.0), "lean must be > 0, got 0.0"),
        (
            lambda: sk.RecurrentNetwork.init(KEY, n_hidden=1, scheme=sk.Clock(2)),
            "n_hidden must be at least 2 for a scheme that turns in a plane, got 1",
        ),
        (
            lambda: sk.RecurrentNetwork.init(KEY, n_outputs=2, scheme=sk.Spiral(2)),
            "n_outputs must be n_features = 1 for a scheme that recalls every feature, got 2",
        ),
    ],
)
def test_what_a_scheme_refuses(make, message):
    with pytest.raises(sk.InvalidInput) as caught:
        make()
    assert str(caught.value) == message
