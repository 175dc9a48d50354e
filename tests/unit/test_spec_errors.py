"""A wrong spec gives one line with the dotted field."""

import re

import pytest

import spiralsink as sk
from cases.specs import FULL, changed, refusal
from spiralsink import specs

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


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spec_is_one_line_with_the_dotted_field(name):
    replacement, message = WRONG[name]
    assert re.match(message, refusal(changed(FULL, replacement)))


def test_the_expected_loss_is_for_linear_recurrence_with_any_readout():
    text = changed(FULL, ('{ kind = "sampled", batch_size = 256, horizon = 18 }', '{ kind = "expected" }'))
    assert specs.resolve(specs.parse(text)).objective == sk.ExpectedLoss()
    message = r"network\.recurrence must be linear for the expected loss, got 'relu' \(use objective"
    assert re.match(message, refusal(changed(text, ('recurrence = "linear"', 'recurrence = "relu"'))))


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
