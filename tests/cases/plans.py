"""Plans that are malformed in one known way, with what the refusal must name."""

import copy
import datetime
import functools
import json
import math

import hypothesis.strategies as st

SOUND = {
    "format": 1,
    "task": {"kind": "delay", "delay": 4, "importance": 1.0},
    "process": {"kind": "sparse", "n_features": 1, "p": 0.1, "amplitude": {"kind": "uniform", "low": 0.0, "high": 1.0}},
    "network": {
        "n_hidden": 2,
        "recurrence": "linear",
        "readout": "relu",
        "tied": True,
        "init": {"kind": "normal", "gain": 1.0},
    },
    "training": {
        "objective": {"kind": "sampled", "batch_size": 16, "horizon": 18, "burn_in": 0, "n_evaluation": 64},
        "optimizer": {"kind": "adam", "learning_rate": 0.01, "schedule": "cosine", "clip": 1.0},
        "steps": 30,
        "seed": 0,
        "n_seeds": 4,
        "record_every": 5,
    },
    "sweep": {
        "block_size": 4,
        "axes": [
            {"field": "process.amplitude.high", "log": {"start": 0.5, "stop": 1.0, "num": 2}},
            {"fields": ["network.init.gain", "task.importance"], "values": [[0.5, 0.5], [1.0, 2.0]]},
        ],
    },
}
# those that no axis varies, so that what is wrong there is not written over
VARIED = {"process.amplitude.high", "network.init.gain", "task.importance"}
TABLES = ["task", "process", "process.amplitude", "network", "network.init"]
TABLES += ["training", "training.objective", "training.optimizer"]
WHOLE = ["task.delay", "process.n_features", "network.n_hidden", "training.steps", "training.n_seeds"]
WHOLE += ["training.objective.batch_size", "training.objective.horizon", "training.objective.n_evaluation"]
REAL = ["process.p", "training.optimizer.learning_rate", "training.optimizer.clip"]
WORDS = ["network.recurrence", "network.readout", "training.optimizer.schedule"]
KINDS = [f"{name}.kind" for name in TABLES if name not in ("network", "training")]
REQUIRED = ["format", "task", "process", "network", "training", "task.delay", "training.steps", *KINDS]

NO_WORD = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12).map(lambda text: f"{text}?")
DATES = st.dates().map(lambda date: datetime.date(max(date.year, 1000), date.month, date.day))
NO_NUMBER = st.one_of(NO_WORD, DATES, st.just({}), st.just({"kind": "sparse"}))
NOT_FINITE = st.sampled_from([math.inf, -math.inf, math.nan])
BELOW_ONE = st.integers(-(10**18), 0)
FRACTIONS = st.floats(0.01, 0.99)


def toml(value):
    """A value as inline TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(name)} = {toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    # JSON escapes as TOML does, but for what Unicode calls a delete
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def text_of(table):
    """A plan as a file holds it."""
    return "".join(f"{toml(name)} = {toml(value)}\n" for name, value in table.items())


def inner(table, field):
    """The table that a dotted field is in, and its name there."""
    *path, name = field.split(".")
    return functools.reduce(dict.__getitem__, path, table), name


def changed(field, value):
    """The sound plan with another value at a dotted field."""
    table = copy.deepcopy(SOUND)
    where, name = inner(table, field)
    where[name] = value
    return text_of(table)


def with_axes(*axes):
    """The sound plan with other axes."""
    return text_of(SOUND | {"sweep": {"block_size": 4, "axes": list(axes)}})


@st.composite
def misspelt(draw, name):
    """A name with one letter twice."""
    letter = draw(st.integers(0, len(name) - 1))
    return name[: letter + 1] + name[letter:]


@st.composite
def unknown_keys(draw):
    where = draw(st.sampled_from(["", *TABLES, "sweep", "axis", "log"]))
    table = copy.deepcopy(SOUND)
    axis = table["sweep"]["axes"][0]
    inside = {"": table, "axis": axis, "log": axis["log"]}
    found = inside[where] if where in inside else functools.reduce(dict.__getitem__, where.split("."), table)
    name = draw(st.sampled_from(sorted(found)))
    wrong = draw(misspelt(name))
    found[wrong] = draw(st.one_of(NO_WORD, st.integers(0, 9)))
    prefix = {"": "", "axis": "sweep.axes[0].", "log": "sweep.axes[0].log."}.get(where, f"{where}.")
    return text_of(table), [f" {prefix}{wrong} must be one of ", f"an unknown field (did you mean {name}?)"]


@st.composite
def wrong_types(draw):
    numbers = [*WHOLE, *REAL, "training.seed", "training.record_every", "sweep.block_size"]
    groups = [(numbers, NO_NUMBER), ([*WORDS, *KINDS], st.one_of(st.integers(), DATES, st.booleans(), st.just({})))]
    groups += [(["network.tied"], st.one_of(st.integers(), NO_WORD))]
    groups += [([*TABLES, "sweep"], st.one_of(st.integers(), NO_WORD, st.booleans(), st.just([])))]
    fields, values = draw(st.sampled_from(groups))
    field = draw(st.sampled_from(fields))
    return changed(field, draw(values)), [f" {field} must be "]


@st.composite
def impossible_values(draw):
    above_one, negative = st.floats(1, 1e300, exclude_min=True), st.floats(max_value=0)
    wrong = {field: st.one_of(BELOW_ONE, st.integers(2**53 + 1)) for field in WHOLE}
    wrong |= {"task.delay": st.one_of(st.integers(max_value=-1), st.integers(18))}
    wrong |= {"process.n_features": st.one_of(BELOW_ONE, st.integers(10**7))}
    wrong |= {"training.n_seeds": st.one_of(BELOW_ONE, st.integers(2**32 + 1))}
    wrong |= {"training.seed": st.one_of(st.integers(max_value=-1), st.integers(2**32))}
    wrong |= {"training.record_every": st.integers(max_value=-1)}
    wrong |= {"training.objective.burn_in": st.one_of(st.integers(max_value=-1), st.integers(18))}
    wrong |= {"sweep.block_size": st.one_of(BELOW_ONE, st.integers(10**6 + 1))}
    wrong |= {"process.p": st.one_of(above_one, negative, NOT_FINITE)}
    wrong |= {"training.optimizer.learning_rate": st.one_of(negative, NOT_FINITE)}
    wrong |= {"training.optimizer.clip": st.one_of(st.floats(max_value=0, exclude_max=True), NOT_FINITE)}
    wrong |= dict.fromkeys([*WORDS, *KINDS], NO_WORD)
    wrong |= {"format": st.one_of(BELOW_ONE, st.integers(2), NO_WORD)}
    field = draw(st.sampled_from(sorted(wrong)))
    return changed(field, draw(wrong[field])), [f" {field} must be "]


@st.composite
def missing_keys(draw):
    field = draw(st.sampled_from(REQUIRED))
    table = copy.deepcopy(SOUND)
    where, name = inner(table, field)
    del where[name]
    return text_of(table), [f" {field} must be given, got nothing"]


@st.composite
def one_bad_point(draw):
    """An axis with one wrong value anywhere, and sound ones before and after it."""
    field, sound, wrong = draw(
        st.sampled_from(
            [
                ("process.p", FRACTIONS, st.one_of(NO_NUMBER, st.floats(2, 9), st.booleans(), NOT_FINITE)),
                ("network.n_hidden", st.integers(1, 9), st.one_of(NO_NUMBER, FRACTIONS, st.booleans(), BELOW_ONE)),
                ("task.delay", st.integers(0, 17), st.one_of(NO_NUMBER, FRACTIONS, st.integers(18, 99))),
                ("network.readout", st.sampled_from(["linear", "relu"]), st.one_of(NO_NUMBER, st.integers())),
                ("training.steps", st.integers(1, 9), st.one_of(NO_NUMBER, st.integers(-9, 0))),
            ]
        )
    )
    values = draw(st.lists(sound, min_size=1, max_size=6, unique=True))
    values.insert(draw(st.integers(0, len(values))), draw(wrong))
    return with_axes({"field": field, "values": values}), []


@st.composite
def wrong_axes(draw):
    number = draw(st.integers(1, 9))
    way = draw(st.sampled_from(["linear", "log"]))
    known = draw(st.sampled_from(["process.p", "network.n_hidden", "training.objective.batch_size"]))
    before, _, last = known.rpartition(".")
    unknown = f"{before}.{draw(misspelt(last))}"
    spaced = {"start": 0.1, "stop": 1.0, "num": 2}
    p, delay = {"field": "process.p", way: spaced}, {"field": "task.delay", "values": [1, 2]}
    long = {"field": "process.p", way: spaced | {"num": 1100}}
    long_too = {"field": "training.optimizer.clip", way: spaced | {"num": 1000}}
    rows = [[each + 1, 0.5] for each in range(number)]
    rows.insert(draw(st.integers(0, number)), draw(st.sampled_from([[], [20], [20, 0.5, 1], 20, "20"])))
    axes, named = draw(
        st.sampled_from(
            [
                ([{"field": unknown, "values": [1]}], [unknown, f"(did you mean {last}?)"]),
                ([{"field": f"x{known}", "values": [1]}], [f"x{known}", f"(did you mean {known}?)"]),
                ([delay, {"field": "process.p", "values": []}], [" sweep.axes[1].values must be a list "]),
                ([{"fields": [], "values": [[]]}], [" sweep.axes[0].fields must be "]),
                ([{"fields": ["task.delay", "process.p"], "values": rows}], ["a list of 2 values"]),
                ([p, delay, p], [" sweep.axes[2] must be a field that no other axis varies"]),
                ([{"fields": ["process.p"] * 2, "values": [[1, 1]]}], ["must be different fields"]),
                (
                    [{"field": "process.p", "log": spaced | {"start": 1 - number}}],
                    [".start must be a number > 0"],
                ),
                ([{"field": "process.p", way: spaced | {"num": 1 - number}}], [".num must be a whole number"]),
                ([{"field": "process.p", way: spaced | {"num": 10**6 + number}}], ["at most 1000000"]),
                ([long, long_too], ["at most 1000000 points, got 1100000 points"]),
                ([{"field": "process.p", "values": [0.5] * (1 + number)}], ["must be different values"]),
                ([{"field": "process.p"}], ["a field with one of values, linear, log, got none of them"]),
                ([p | {"values": [0.5]}], ["a field with one of values, linear, log"]),
                ([{"field": "training.seed", "values": [number]}], ["a field of [task], [process]"]),
            ]
        )
    )
    return with_axes(*axes), named


@st.composite
def no_toml(draw):
    lines = text_of(SOUND).splitlines()
    garbage = draw(st.sampled_from(["= 3", "[[", "]", "a b", '"', "x = 'a", "y = {", "format = 1", "z = 1 2", "\x00"]))
    lines.insert(draw(st.integers(0, len(lines))), garbage)
    return "\n".join(lines), [" must be a TOML file, got "]


@st.composite
def no_text(draw):
    content = text_of(SOUND).encode()
    where = draw(st.integers(0, len(content)))
    return content[:where] + draw(st.sampled_from([b"\xff", b"\xc3(", b"\x80"])) + content[where:], [
        " must be a TOML file, got bytes that are not UTF-8"
    ]


MALFORMED = st.one_of(
    unknown_keys(),
    wrong_types(),
    impossible_values(),
    missing_keys(),
    one_bad_point(),
    wrong_axes(),
    no_toml(),
    no_text(),
)
