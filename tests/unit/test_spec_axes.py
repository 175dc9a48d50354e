"""The axes of a sweep: what they vary, how they are spaced, and what a wrong one is told."""

import json
import re
import time

import numpy as np
import pytest

import spiralsink as sk
from cases.specs import FULL, SHORT, SWEEP, changed, refusal
from spiralsink import specs
from spiralsink.sweeps import make_plan

WAYS = ("linear", "log")


def test_axes_are_crossed_with_the_first_slowest():
    spec = specs.parse(FULL + SWEEP)
    p = [point.coordinates["process.p"] for point in spec.points]
    assert p == pytest.approx(np.repeat(np.geomspace(0.02, 1.0, 20), 3), rel=1e-11)
    assert (p[0], p[-1]) == (0.02, 1.0)
    zipped = [(each.coordinates["task.delay"], each.coordinates["training.objective.horizon"]) for each in spec.points]
    assert zipped == [(2, 12), (4, 18), (8, 30)] * 20
    for point in spec.points:
        problem = specs.resolve(point.spec)
        assert problem.process.p == point.coordinates["process.p"]
        assert (problem.task.delay, problem.objective.horizon) == (
            point.coordinates["task.delay"],
            point.coordinates["training.objective.horizon"],
        )
    assert spec.sweep.axes[1].names == ("delay", "horizon")


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("linear = { start = 0.1, stop = 0.5, num = 5 }", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("log = { start = 1.0, stop = 0.01, num = 3 }", [1.0, 0.1, 0.01]),
        ("values = [0.5, 0.25]", [0.5, 0.25]),
        ("linear = { start = 0.3, stop = 0.3, num = 1 }", [0.3]),
    ],
)
def test_ways_to_space_an_axis(axis, values):
    spec = specs.parse(FULL + f'[[sweep.axes]]\nfield = "process.p"\n{axis}\n')
    assert [point.coordinates["process.p"] for point in spec.points] == pytest.approx(values, rel=1e-15)


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("linear = { start = 1, stop = 9, num = 5 }", [1, 3, 5, 7, 9]),
        ("log = { start = 1, stop = 16, num = 5 }", [1, 2, 4, 8, 16]),
    ],
)
def test_whole_ends_with_whole_steps_give_whole_numbers(axis, values):
    spec = specs.parse(FULL + f'[[sweep.axes]]\nfield = "network.n_hidden"\n{axis}\n')
    found = [point.spec.network.n_hidden for point in spec.points]
    assert found == values
    assert all(type(each) is int for each in found)


def test_tables_and_lists_can_be_varied():
    spec = specs.parse(
        FULL + '[[sweep.axes]]\nfield = "network.init"\n'
        'values = [{ kind = "normal" }, { kind = "orthogonal", gain = 0.5 }]\n'
        '[[sweep.axes]]\nfield = "process.p"\nvalues = [[0.5], [0.25]]\n'
    )
    inits = [{"kind": "normal", "gain": 1.0}, {"kind": "orthogonal", "gain": 0.5}]
    assert [point.coordinates["network.init"] for point in spec.points] == [inits[0], inits[0], inits[1], inits[1]]


def test_a_field_that_is_varied_need_not_be_given():
    text = changed(FULL, ("delay = 4\n", "")) + '[[sweep.axes]]\nfield = "task.delay"\nvalues = [3, 5]\n'
    assert [specs.resolve(point.spec).task.delay for point in specs.parse(text).points] == [3, 5]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("network.init.gain", [0.5, 2.0]),
        ("process.amplitude.high", [2.0, 3.0]),
        ("process.amplitude.kind", ["uniform", "half_normal"]),
        ("training.optimizer.learning_rate", [0.1, 0.2]),
        ("training.optimizer.kind", ["adam", "bfgs"]),
        ("training.objective.horizon", [4, 5]),
    ],
)
def test_a_field_of_a_table_that_was_left_out_can_be_varied(field, values):
    section, table, name = field.split(".")
    spec = specs.parse(f'{SHORT}[[sweep.axes]]\nfield = "{field}"\nvalues = {json.dumps(values)}\n')
    assert [point.coordinates for point in spec.points] == [{field: value} for value in values]
    default = specs.parse(SHORT).to_dict()[section][table]
    for point, value in zip(spec.points, values, strict=True):
        found = point.spec.to_dict()[section][table]
        assert found[name] == value
        if name != "kind":
            assert found == default | {name: value}


def test_a_penalty_that_was_left_out_can_be_varied():
    text = changed(
        SHORT, ("steps = 10", 'steps = 10, objective = { kind = "penalised", objective = { kind = "expected" } }')
    )
    field = "training.objective.penalty.strength"
    spec = specs.parse(f'{text}[[sweep.axes]]\nfield = "{field}"\nvalues = [0.5]\n')
    assert specs.resolve(spec.points[0].spec).objective == sk.Penalised(sk.ExpectedLoss(), sk.LengthPenalty(0.5))


def test_spaced_values_do_not_depend_on_the_last_digits_of_the_mathematical_library(monkeypatch):
    axes = [
        f'[[sweep.axes]]\nfield = "process.p"\n{way} = {{ start = 0.0213, stop = 0.7071, num = 9 }}\n' for way in WAYS
    ]
    before = [[block.key for block in make_plan(specs.parse(FULL + axis)).blocks] for axis in axes]
    for name in ("geomspace", "linspace"):
        exact = getattr(np, name)

        def shifted(start, stop, num, exact=exact):
            values = exact(start, stop, num)
            values[1:-1] = np.nextafter(values[1:-1], 1)
            return values

        monkeypatch.setattr(np, name, shifted)
    assert [[block.key for block in make_plan(specs.parse(FULL + axis)).blocks] for axis in axes] == before


def test_the_ends_of_an_axis_are_those_that_were_given():
    ends = [0.02138476512938471, 0.7071067811865476]
    for way in WAYS:
        axis = f'[[sweep.axes]]\nfield = "process.p"\n{way} = {{ start = {ends[0]}, stop = {ends[1]}, num = 3 }}\n'
        p = [point.coordinates["process.p"] for point in specs.parse(FULL + axis).points]
        assert [p[0], p[-1]] == ends
        assert float(f"{p[1]:.12g}") == p[1]


WRONG_AXES = {
    "no field": ("values = [1]", r"sweep\.axes\[0\]\.field must be given"),
    "no values": ('field = "process.p"', r"sweep\.axes\[0\] must be a field with one of values, linear, log"),
    "two ways": ('field = "process.p"\nvalues = [1]\nlog = { start = 1, stop = 2, num = 2 }', r"sweep\.axes\[0\] must"),
    "empty": ('field = "process.p"\nvalues = []', r"sweep\.axes\[0\]\.values must be a list with at least one value"),
    "not a list": ('field = "process.p"\nvalues = 3', r"sweep\.axes\[0\]\.values must be a list"),
    "twice": ('field = "process.p"\nvalues = [0.5, 0.5]', r"sweep\.axes\[0\]\.values must be different values"),
    "tables twice": (
        'field = "network.init"\nvalues = [{ kind = "clock" }, { kind = "clock" }]',
        r"sweep\.axes\[0\]\.values must be different values",
    ),
    "the same when read": (
        'field = "process.amplitude"\nvalues = [{ kind = "uniform" }, { kind = "uniform", low = 0 }]',
        r"sweep\.axes must be different values, got \{'process\.amplitude'",
    ),
    "unknown key": ('feild = "process.p"', r"sweep\.axes\[0\]\.feild must be one of .*\(did you mean field\?\)"),
    "unknown field": (
        'field = "process.pp"\nvalues = [1]',
        r"process\.pp must be one of kind, .*unknown field \(did you mean p\?\)",
    ),
    "unknown section": (
        'field = "proces.p"\nvalues = [1]',
        r"sweep\.axes\.field must be a field of this spec, got 'proces\.p' \(did you mean process\.p\?\)",
    ),
    "below a number": ('field = "task.delay.x"\nvalues = [1]', r"sweep\.axes\.field must be a field of this spec"),
    "seed": ('field = "training.seed"\nvalues = [1]', r"sweep\.axes\[0\]\.field must be a field of \[task\]"),
    "section": ('field = "task"\nvalues = [1]', r"sweep\.axes\[0\]\.field must be a field of \[task\]"),
    "value": ('field = "process.p"\nvalues = [0.5, 1.5]', r"process\.p must be in \(0, 1\], got 1\.5"),
    "log from zero": (
        'field = "process.p"\nlog = { start = 0, stop = 1, num = 3 }',
        r"sweep\.axes\[0\]\.log\.start must be a number > 0, got 0",
    ),
    "num": (
        'field = "process.p"\nlog = { start = 0.1, stop = 1, num = 0 }',
        r"sweep\.axes\[0\]\.log\.num must be a whole number >= 1, got 0",
    ),
    "no stop": ('field = "process.p"\nlog = { start = 0.1, num = 2 }', r"sweep\.axes\[0\]\.log\.stop must be given"),
    "rows": (
        'fields = ["task.delay", "process.p"]\nvalues = [[1, 0.5], [2]]',
        r"sweep\.axes\[0\]\.values\[1\] must be a list of 2 values, one for each field, got \[2\]",
    ),
    "spaced fields": (
        'fields = ["task.delay", "process.p"]\nlinear = { start = 1, stop = 2, num = 2 }',
        r"sweep\.axes\[0\]\.linear must be replaced by values",
    ),
    "field twice": (
        'field = "process.p"\nvalues = [0.5]\n[[sweep.axes]]\nfield = "process.p"\nvalues = [0.25]',
        r"sweep\.axes\[1\] must be a field that no other axis varies, got 'process\.p'",
    ),
    "name twice": (
        'field = "task.kind"\nvalues = ["delay"]\n[[sweep.axes]]\nfield = "process.kind"\nvalues = ["sparse"]',
        r"sweep\.axes\[1\] must be a field that no other axis varies, got 'process\.kind' \(coordinates are named",
    ),
    "too many": (
        'field = "process.p"\nlinear = { start = 0.1, stop = 1, num = 2000 }\n'
        '[[sweep.axes]]\nfield = "network.n_hidden"\nlinear = { start = 1, stop = 2000, num = 2000 }',
        r"sweep\.axes must be at most 1000000 points, got 4000000 points",
    ),
}


@pytest.mark.parametrize("name", WRONG_AXES)
def test_a_wrong_axis_is_one_line_with_the_dotted_field(name):
    axis, message = WRONG_AXES[name]
    assert re.match(message, refusal(f"{FULL}[[sweep.axes]]\n{axis}\n"))


def test_a_long_axis_is_compared_in_no_time():
    axis = '[[sweep.axes]]\nfield = "network.n_hidden"\nlinear = { start = 1, stop = 200000, num = 200000 }\n'
    began = time.monotonic()
    assert re.match(r"process\.p must be in", refusal(changed(FULL, ("p = 0.1", "p = 2")) + axis))
    assert time.monotonic() - began < 10  # compared pair by pair it is hours


def test_block_size_is_checked():
    for size in (0, 1_000_001):
        told = refusal(f"{FULL}[sweep]\nblock_size = {size}")
        assert told == f"sweep.block_size must be a whole number from 1 to 1000000, got {size}"


def test_there_are_not_more_blocks_than_a_folder_can_hold():
    text = changed(FULL, ("n_seeds = 64", "n_seeds = 400000000"))
    told = refusal(f"{text}[sweep]\nblock_size = 256")
    assert told == "sweep.block_size must be at least 400, for at most 1000000 blocks, got 256"
    assert make_plan(specs.parse(f"{text}[sweep]\nblock_size = 1000000")).n_networks == 400_000_000
