"""Specs that several tests begin with, and what a wrong one is told."""

import pytest

import spiralsink as sk
from spiralsink import specs

FULL = """
format = 1
[task]
kind = "delay"                 # public class names in snake case; their fields follow
delay = 4
importance = 1.0
[process]
kind = "sparse"
n_features = 1
p = 0.1
amplitude = { kind = "uniform", low = 0.0, high = 1.0 }
[network]
n_hidden = 2
recurrence = "linear"
readout = "relu"
tied = true
init = { kind = "normal", gain = 1.0 }
[training]
objective = { kind = "sampled", batch_size = 256, horizon = 18 }
optimizer = { kind = "adam", learning_rate = 0.01, schedule = "cosine", clip = 1.0 }
steps = 3000
seed = 0
n_seeds = 64
record_every = 50
"""
SWEEP = """
[sweep]
block_size = 256
[[sweep.axes]]
field = "process.p"
log = { start = 0.02, stop = 1.0, num = 20 }
[[sweep.axes]]
fields = ["task.delay", "training.objective.horizon"]
values = [[2, 12], [4, 18], [8, 30]]
"""
SHORT = """
format = 1
task = { kind = "delay", delay = 2 }
process = { kind = "sparse", p = 0.5 }
network = {}
training = { steps = 10 }
"""
# a sweep that is trained in a moment; files that begin with it share its compiled programs
PLAN = """
format = 1
[task]
kind = "delay"
delay = 1
[process]
kind = "sparse"
p = 0.5
[network]
readout = "relu"
tied = true
[training]
objective = { kind = "sampled", batch_size = 8, horizon = 4, n_evaluation = 32 }
steps = 40
n_seeds = 3
record_every = 20
[sweep]
block_size = 2
[[sweep.axes]]
field = "process.p"
values = [0.5, 0.25]
"""


def changed(text, *replacements):
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


def refusal(text):
    with pytest.raises(sk.InvalidInput) as caught:
        specs.parse(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)
