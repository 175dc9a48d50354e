"""How large a difference between two forward passes may be: of the scale that their numbers have at that step."""

import numpy as np
import pytest

import spiralsink as sk
from spiralsink.interop import as_model

RNG = np.random.default_rng(2)
GROWING = {"weight_ih": RNG.standard_normal((3, 2)), "weight_hh": 1.55 * np.eye(3)}


def run(inputs, *, dtype=np.float64, offset=0.0):
    W_x, W_h = (GROWING[name].astype(dtype) for name in ("weight_ih", "weight_hh"))
    h, states = np.zeros((len(inputs), 3), dtype), []
    for t in range(inputs.shape[1]):
        h = h @ W_h.T + inputs[:, t].astype(dtype) @ W_x.T
        states.append(h + dtype(offset))
    return np.stack(states, 1)


def test_a_network_that_grows_is_compared_at_every_step():
    model = as_model(GROWING, nonlinearity="linear", reference=run)
    assert model.states(np.ones((1, 30, 2))).max() > 1e5
    single = as_model(GROWING, nonlinearity="linear", reference=lambda inputs: run(inputs, dtype=np.float32))
    assert single.agreement > 1e-4  # of numbers of 1e6
    with pytest.raises(sk.InvalidInput, match=r"agreement must be at most .*e-05 with the function .*, got 0\.1"):
        as_model(GROWING, nonlinearity="linear", reference=lambda inputs: run(inputs, offset=0.1))


def test_a_network_that_fades_may_differ_by_what_its_larger_numbers_are_rounded_to():
    arrays = {"weight_ih": RNG.standard_normal((3, 2)), "weight_hh": 0.5 * np.eye(3)}
    model = as_model(arrays, nonlinearity="linear")
    inputs = RNG.standard_normal((4, 30, 2)) * 0.3 ** np.arange(30)[:, None]
    states = model.states(inputs)
    assert as_model(model, reference=(inputs, states + 1e-8)).agreement == pytest.approx(1e-8, rel=1e-3)
    with pytest.raises(sk.InvalidInput, match="agreement must be at most"):
        as_model(model, reference=(inputs, states + 1e-3))
