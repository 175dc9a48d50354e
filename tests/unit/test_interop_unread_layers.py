"""Something between a recurrent layer and the linear layer that reads it, which no file says."""

import numpy as np
import pytest

from spiralsink import InvalidInput
from spiralsink.interop import NoReadout, as_model

RNG = np.random.default_rng(5)
P, H = 3, 2
LRU = {
    "nu_log": np.log(-np.log(RNG.uniform(0.6, 0.95, P))),
    "theta_log": np.log(RNG.uniform(0.1, 2.5, P)),
    "gamma_log": RNG.standard_normal(P) * 0.3,
    "B": RNG.standard_normal((P, H)) + 1j * RNG.standard_normal((P, H)),
    "C": RNG.standard_normal((H, P)) + 1j * RNG.standard_normal((H, P)),
    "D": RNG.standard_normal((H, H)),
}
HEAD = {"fc.weight": RNG.standard_normal((4, H)), "fc.bias": RNG.standard_normal(4)}


def layer(inputs):
    return as_model(LRU).outputs(inputs)


def with_gate(inputs):
    y = layer(inputs)
    return (y / (1 + np.exp(-y))) @ HEAD["fc.weight"].T + HEAD["fc.bias"]


def test_a_head_after_something_unread_may_be_left_out():
    with pytest.raises(InvalidInput, match=r"between the layer and fc, pass head=NoReadout\(\)"):
        as_model(LRU | HEAD, head="fc", reference=with_gate)
    states = as_model(LRU).states
    agreement = as_model(LRU | HEAD, head=NoReadout(), reference=states).agreement
    assert agreement is not None
    assert agreement < 1e-12


def test_without_a_head_nothing_is_said_of_one():
    with pytest.raises(InvalidInput, match="other readings agrees") as raised:
        as_model(LRU, reference=lambda inputs: np.sin(layer(inputs)))
    assert "NoReadout" not in str(raised.value)
