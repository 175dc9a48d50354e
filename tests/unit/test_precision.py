"""Matrix products of training and evaluation ask for all digits of float32, which GPUs would not take by themselves."""

import re

import jax
import jax.numpy as jnp
import pytest

import spiralsink as sk
from spiralsink.training import Batched, _descent, _evaluate
from spiralsink.training._goals import prepare
from spiralsink.training._lanes import to_lanes

KEY = jax.random.key(0)
SETTINGS = {
    "all steps at once": (sk.RecurrentNetwork.init(KEY, n_hidden=3, recurrence="tanh", stack=2), 8),
    "pieces": (sk.RecurrentNetwork.init(KEY, n_hidden=3, recurrence="relu", stack=2), 512),
    "powers, tied": (sk.RecurrentNetwork.init(KEY, n_hidden=40, tied_lag=1, stack=2), 256),
}


class Seen(Exception):
    """Ends a computation where it would begin."""


def lowered(function, *given):
    return function.lower(*given).as_text()


def check_products(text):
    products = [line for line in text.splitlines() if "dot_general" in line and "xf32>" in line]
    assert products
    for line in products:
        assert re.search(r"precision = \[HIGHEST, HIGHEST\]", line), line


@pytest.mark.parametrize("name", SETTINGS)
def test_products_ask_for_all_digits(name, monkeypatch):
    networks, horizon = SETTINGS[name]
    objective = sk.Penalised(sk.SampledLoss(batch_size=2, horizon=horizon))
    goal = prepare(objective, networks, sk.Delay(1), sk.SparseProcess(1, 0.3), key=KEY, threads=0).goal
    lanes = to_lanes(networks, networks.stack, jnp.float32)
    training = _descent.Descent(goal, lanes, optimizer=sk.Adam(), steps=3, engine=Batched())

    def look(function):
        def called(*given):
            check_products(lowered(function, *given))
            raise Seen

        return called

    monkeypatch.setattr(_descent, "_advance", look(_descent._advance))
    with pytest.raises(Seen):
        training.advance(1)
    monkeypatch.setattr(_evaluate, "_sum_blocks", look(_evaluate._sum_blocks))
    given = {"key": KEY, "n_sequences": 2, "burn_in": 0, "threads": 0}
    with pytest.raises(Seen):
        _evaluate.measure_sampled(lanes, goal.inner.sequences, **given)
