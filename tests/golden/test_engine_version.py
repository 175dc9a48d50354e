"""Numbers of training that stores rely on.

When one of these changes, stored blocks and new ones no longer belong together: raise `ENGINE_VERSION` in
`sweeps/_plan.py` and put the new numbers here. The tolerances leave room for other machines, not for other random
numbers or another algorithm. The key changes also when an object of a spec gains a field; stores of earlier versions
are then refused, which the changelog has to say.
"""

import numpy as np
import safetensors.numpy

from cases.specs import PLAN, changed
from spiralsink import specs
from spiralsink.sweeps import ENGINE_VERSION, make_plan, train_block

TEXT = changed(
    PLAN.partition("[[sweep.axes]]")[0],
    ("steps = 40", "steps = 6\nseed = 10"),
    ("n_seeds = 3", "n_seeds = 2"),
    ("record_every = 20", "record_every = 3"),
)
GOLDEN_VERSION = 2
KEY = "411825542335dcd03a881d77fd7ac19c"
W_X = [[0.445475, -1.346048], [1.512482, -0.423494]]
LOSS = [[0.100035, 0.072735, 0.066211], [0.154572, 0.098379, 0.088069]]


def test_the_numbers_of_this_engine_version():
    plan = make_plan(specs.parse(TEXT))
    stored = safetensors.numpy.load(train_block(plan.blocks[0], axes=plan.axes, environment={}).content)
    assert ENGINE_VERSION == GOLDEN_VERSION
    assert plan.blocks[0].key == KEY
    assert np.allclose(stored["W_x"][:, :, 0], W_X, rtol=1e-3)
    assert np.allclose(stored["data.history_loss"], LOSS, rtol=1e-3)
