import itertools
import json
import re
import tomllib

import jax
import numpy as np
import pytest

import spiralsink as sk
from spiralsink import specs
from spiralsink._kinds import KINDS, build, describe, kind_class
from spiralsink.sweeps import make_plan
from spiralsink.training import fit

WAYS = ("linear", "log")

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


def changed(text, *replacements):
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_full_spec_becomes_the_objects_it_names():
    spec = specs.parse(FULL)
    problem = specs.resolve(spec)
    assert problem.task == sk.Delay(4)
    assert problem.process == sk.SparseProcess(1, 0.1, sk.Uniform(0.0, 1.0))
    assert problem.scheme == sk.Normal(1.0)
    assert problem.objective == sk.SampledLoss(batch_size=256, horizon=18)
    assert problem.optimizer == sk.Adam(0.01, "cosine", 1.0)
    assert problem.tied_lag == 4
    networks = problem.networks(jax.random.split(jax.random.key(0), 3))
    assert (networks.stack, networks.recurrence, networks.readout) == ((3,), "linear", "relu")
    assert (networks.n_hidden, networks.n_features, networks.W_y.lag) == (2, 1, 4)
    assert (spec.training.steps, spec.training.seed, spec.training.n_seeds) == (3000, 0, 64)
    assert spec.points == (specs.Point({}, spec.points[0].spec),)


def test_what_is_left_out_has_the_defaults_of_the_library():
    spec = specs.parse(SHORT)
    problem = specs.resolve(spec)
    assert problem.objective == sk.ExpectedLoss()
    assert problem.optimizer == sk.Adam(1e-2, schedule="cosine", clip=1.0)
    assert problem.process == sk.SparseProcess(p=0.5)
    assert problem.scheme == sk.Normal()
    assert problem.tied_lag is None
    assert spec.to_dict()["process"]["amplitude"] == {"kind": "uniform", "low": 0.0, "high": 1.0}


@pytest.mark.parametrize("text", [FULL, FULL + SWEEP, SHORT])
def test_a_spec_as_tables_is_read_back(text):
    spec = specs.parse(text)
    assert specs.parse(spec.to_toml()).to_json() == spec.to_json()
    again = specs.parse_table(spec.to_dict())
    assert again.to_json() == spec.to_json()
    assert [point.coordinates for point in again.points] == [point.coordinates for point in spec.points]
    assert [point.spec for point in again.points] == [point.spec for point in spec.points]


def test_the_same_meaning_has_the_same_json():
    other = changed(
        FULL,
        ("importance = 1.0\n", ""),
        ("p = 0.1", "p = 1e-1"),
        ("low = 0.0, high = 1.0", "high = 1, low = 0"),
        ("gain = 1.0", "gain = 1"),
        ("batch_size = 256, horizon = 18", "horizon = 18, burn_in = 0"),
    )
    assert specs.parse(other).to_json() == specs.parse(FULL).to_json()
    assert specs.parse(FULL.replace("p = 0.1", "p = 0.2")).to_json() != specs.parse(FULL).to_json()


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


PARTS = {
    "task": [
        sk.Delay(3, importance=[1.0, 0.5]),
        sk.Delays([1, 4]),
        sk.DelayedSum([0, 2], [1.0, -1.0]),
        sk.MovingAverage(3),
        sk.LeakyIntegration(-0.5),
        sk.Permutation(2, [1, 0]),
        sk.Mixing(1, [[1.0, 2.0]]),
    ],
    "process": [sk.SparseProcess(2, [0.1, 0.2], (sk.Uniform(), sk.HalfNormal(2.0))), sk.SparseProcess(3, 1)],
    "amplitude": [sk.Uniform(-1.0, 2.0), sk.Exponential(3.0), sk.HalfNormal(0.5), sk.Constant(-1.0)],
    "init": [sk.Normal(0.1), sk.Orthogonal(1.0)],
    "objective": [
        sk.ExpectedLoss(),
        sk.ExpectedLoss(horizon=7),
        sk.SampledLoss(8, 9, 2, 0.1),
        sk.Penalised(sk.SampledLoss(), sk.LengthPenalty(0.5, last_lag=2)),
    ],
    "penalty": [sk.LengthPenalty()],
    "optimizer": [sk.Adam(0.1, "constant", 2.0), sk.BFGS(), sk.LevenbergMarquardt()],
}


@pytest.mark.parametrize("family", KINDS)
def test_objects_and_tables_are_inverse(family):
    assert {type(item) for item in PARTS[family]} == {kind_class(family, kind) for kind in KINDS[family]}
    for item in PARTS[family]:
        table = describe(family, item)
        again = build(family, table, family)
        assert describe(family, again) == table
        assert type(again) is type(item)
        if family != "process":
            assert again == item


@pytest.mark.parametrize("family", KINDS)
def test_a_kind_is_the_name_of_a_public_class_in_snake_case(family):
    suffix = {"process": "_process", "objective": "_loss", "penalty": "_penalty"}.get(family, "")
    for kind in KINDS[family]:
        cls = kind_class(family, kind)
        assert getattr(sk, cls.__name__) is cls
        snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()
        assert kind == snake.removesuffix(suffix)


WRONG = {
    "unknown section": (("[task]", "[tusk]"), r"tusk must be one of format, task, .*\(did you mean task\?\)"),
    "unknown key": (("delay = 4", "delya = 4"), r"task\.delya must be one of .*unknown field \(did you mean delay\?\)"),
    "unknown key of a kind": (
        ("batch_size = 256", "batchsize = 256"),
        r"training\.objective\.batchsize must be one of .*\(did you mean batch_size\?\)",
    ),
    "unknown key of the network": (
        ("n_hidden = 2", "hidden = 2"),
        r"network\.hidden must be one of n_hidden, .*\(did you mean n_hidden\?\)",
    ),
    "key of another kind": (("high = 1.0", "rate = 1.0"), r"process\.amplitude\.rate must be one of kind, low, high"),
    "unknown kind": (
        ('"uniform"', '"uniforn"'),
        r"process\.amplitude\.kind must be one of uniform, .*mean uniform\?\)",
    ),
    "kind of a number": (('kind = "delay"', "kind = 3"), r"task\.kind must be one of delay, .*, got 3"),
    "no kind": (('kind = "delay"', ""), r"task\.kind must be given, got nothing"),
    "no value": (("delay = 4", ""), r"task\.delay must be given, got nothing"),
    "no steps": (("steps = 3000", ""), r"training\.steps must be given, got nothing"),
    "no section": (("[process]", "[sweep]"), r"sweep\.kind must be one of block_size, axes"),
    "text for a number": (("delay = 4", 'delay = "4"'), r"task\.delay must be a whole number >= 0, got '4'"),
    "number for text": (('"cosine"', "3"), r"training\.optimizer\.schedule must be a string, got 3"),
    "truth for a number": (("gain = 1.0", "gain = true"), r"network\.init\.gain must be a number, got True"),
    "number for truth": (("tied = true", "tied = 1"), r"network\.tied must be true or false, got 1"),
    "fraction": (("n_hidden = 2", "n_hidden = 2.0"), r"network\.n_hidden must be a whole number >= 1, got 2\.0"),
    "zero": (("n_hidden = 2", "n_hidden = 0"), r"network\.n_hidden must be a whole number >= 1, got 0"),
    "negative": (("steps = 3000", "steps = -1"), r"training\.steps must be a whole number >= 1, got -1"),
    "word": (
        ('recurrence = "linear"', 'recurrence = "liner"'),
        r"network\.recurrence must be one of linear, relu, tanh, got 'liner' \(did you mean linear\?\)",
    ),
    "p": (("p = 0.1", "p = 1.5"), r"process\.p must be in \(0, 1\], got 1\.5"),
    "p of zero": (("p = 0.1", "p = 0"), r"process\.p must be in \(0, 1\], got 0\.0"),
    "p of text": (("p = 0.1", 'p = "a"'), r"process\.p must be a number or an array of numbers in \(0, 1\], got 'a'"),
    "p of the wrong length": (("p = 0.1", "p = [0.1, 0.2]"), r"process\.p must be .*n_features = 1, got shape \(2,\)"),
    "p of a stack": (("p = 0.1", "p = [[0.1], [0.2]]"), r"process\.p must be a number or one per feature.*\[sweep\]"),
    "nan": (("p = 0.1", "p = nan"), r"process\.p must be finite, got nan"),
    "infinite": (("clip = 1.0", "clip = inf"), r"training\.optimizer\.clip must be finite, got inf"),
    "date": (("p = 0.1", "p = 2020-01-01"), r"process\.p must be a number, a string, .*got 2020-01-01"),
    "huge": (("delay = 4", "delay = 99999999999999999999"), r"task\.delay must be at most 9007199254740992 in size"),
    "table for a number": (("delay = 4", "delay = { s = 4 }"), r"task\.delay must be a number, a string or a list"),
    "number for a table": (('init = { kind = "normal", gain = 1.0 }', "init = 3"), r"network\.init must be a table"),
    "amplitude": (("low = 0.0", "low = 2.0"), r"process\.amplitude\.high must be a finite number above low = 2\.0"),
    "rate": (("learning_rate = 0.01", "learning_rate = 0"), r"training\.optimizer\.learning_rate must be a finite"),
    "delays": (("delay = 4", "delay = [2, 4]"), r"task\.delay must be one whole number >= 0, got \[2, 4\]"),
    "delay beyond the horizon": (("delay = 4", "delay = 18"), r"task\.delay must be less than the horizon 18, got 18"),
    "importance": (("importance = 1.0", "importance = [1, 2]"), r"task\.importance must be a number or one per output"),
    "burn-in": (("horizon = 18", "horizon = 18, burn_in = 18"), r"training\.objective\.burn_in must be less than"),
    "second order": (
        ('{ kind = "adam", learning_rate = 0.01, schedule = "cosine", clip = 1.0 }', '{ kind = "bfgs" }'),
        r"training\.optimizer must be of kind adam for a sampled loss, got BFGS",
    ),
    "tied without a lag": (
        ('kind = "delay"', 'kind = "moving_average"\nwidth = 3'),
        r"task\.delay must be one of kind, width, importance",
    ),
    "tied to more outputs": (
        ('kind = "delay"', 'kind = "mixing"\nmatrix = [[1.0], [2.0]]'),
        r"network\.tied must be false, got True \(the task has not as many outputs as features\)",
    ),
    "order of features": (
        ('kind = "delay"', 'kind = "permutation"\norder = [1, 0]'),
        r"task\.order must be n_features = 1 indices",
    ),
    "seeds": (("seed = 0", "seed = 4294967295"), r"training\.n_seeds must be at most 4294967296 - seed = 1, got 64"),
    "format": (("format = 1", "format = 2"), r"format must be at most 1, got 2 \(written by a newer spiralsink"),
    "no format": (("format = 1", ""), r"format must be given, got nothing"),
}


def refusal(text):
    with pytest.raises(sk.InvalidInput) as caught:
        specs.parse(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spec_is_one_line_with_the_dotted_field(name):
    replacement, message = WRONG[name]
    assert re.match(message, refusal(changed(FULL, replacement)))


def test_the_expected_loss_is_for_linear_recurrence_with_any_readout():
    text = changed(FULL, ('{ kind = "sampled", batch_size = 256, horizon = 18 }', '{ kind = "expected" }'))
    assert specs.resolve(specs.parse(text)).objective == sk.ExpectedLoss()
    message = r"network\.recurrence must be linear for the expected loss, got 'relu' \(use objective"
    assert re.match(message, refusal(changed(text, ('recurrence = "linear"', 'recurrence = "relu"'))))


WRONG_AXES = {
    "no field": ("values = [1]", r"sweep\.axes\[0\]\.field must be given"),
    "no values": ('field = "process.p"', r"sweep\.axes\[0\] must be a field with one of values, linear, log"),
    "two ways": ('field = "process.p"\nvalues = [1]\nlog = { start = 1, stop = 2, num = 2 }', r"sweep\.axes\[0\] must"),
    "empty": ('field = "process.p"\nvalues = []', r"sweep\.axes\[0\]\.values must be a list with at least one value"),
    "not a list": ('field = "process.p"\nvalues = 3', r"sweep\.axes\[0\]\.values must be a list"),
    "twice": ('field = "process.p"\nvalues = [0.5, 0.5]', r"sweep\.axes\[0\]\.values must be different values"),
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


def test_block_size_is_checked():
    assert re.match(r"sweep\.block_size must be a whole number >= 1, got 0", refusal(f"{FULL}[sweep]\nblock_size = 0"))


def test_files_are_named_in_errors(tmp_path):
    (tmp_path / "spec.toml").write_text("format = = 1")
    with pytest.raises(sk.InvalidInput, match=r"spec\.toml must be a TOML file, got Invalid value \(at line 1"):
        specs.read(tmp_path / "spec.toml")
    (tmp_path / "spec.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(sk.InvalidInput, match=r"spec\.toml must be a TOML file, got bytes that are not UTF-8"):
        specs.read(tmp_path / "spec.toml")
    with pytest.raises(sk.InvalidInput, match=r"absent\.toml must be a file that can be read, got no such file"):
        specs.read(tmp_path / "absent.toml")
    with pytest.raises(sk.InvalidInput, match="spec must be a TOML file, got"):
        specs.parse("x = " + "[" * 5000)
    (tmp_path / "spec.toml").write_text(FULL)
    assert specs.read(tmp_path / "spec.toml").source == FULL


OBJECTIVES = ['{ kind = "expected" }', '{ kind = "expected", horizon = 6 }', '{ kind = "sampled", horizon = 6 }']
OPTIMIZERS = ['{ kind = "adam" }', '{ kind = "bfgs" }', '{ kind = "levenberg_marquardt" }']


@pytest.mark.parametrize(
    ("recurrence", "readout"), list(itertools.product(["linear", "relu", "tanh"], ["linear", "relu"]))
)
def test_specs_refuse_exactly_what_fit_refuses(recurrence, readout, monkeypatch):
    """`fit` is stopped where training would begin, so nothing is compiled."""

    class Checked(Exception):
        pass

    def stop(*_, **__):
        raise Checked

    monkeypatch.setattr("spiralsink.training._fit.Descent", stop)
    monkeypatch.setattr("spiralsink.training._fit.SecondOrder", stop)
    networks = sk.RecurrentNetwork.init(jax.random.key(0), stack=2, recurrence=recurrence, readout=readout)
    task, process = sk.Delay(2), sk.SparseProcess(p=0.5)
    for objective, optimizer in itertools.product(OBJECTIVES, OPTIMIZERS):
        text = changed(
            SHORT,
            ("network = {}", f'network = {{ recurrence = "{recurrence}", readout = "{readout}" }}'),
            ("steps = 10", f"steps = 10, objective = {objective}, optimizer = {optimizer}"),
        )
        tables = tomllib.loads(text)["training"]
        try:
            fit(
                networks,
                task,
                process,
                key=jax.random.key(0),
                steps=1,
                objective=build("objective", tables["objective"], "objective"),
                optimizer=build("optimizer", tables["optimizer"], "optimizer"),
            )
        except Checked:
            covered = True
        except sk.NotCovered:
            covered = False
        if covered:
            specs.parse(text)
        else:
            with pytest.raises(sk.NotCovered):
                specs.parse(text)
