"""Specs as objects and as tables; the kinds they know; what they cover."""

import itertools
import re
import tomllib

import jax
import pytest

import spiralsink as sk
from cases.specs import FULL, SHORT, SWEEP, changed
from spiralsink import specs
from spiralsink._kinds import KINDS, build, describe, kind_class
from spiralsink.training import fit


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
    "init": [sk.Normal(0.1), sk.Orthogonal(1.0), sk.Spiral(3, turn=120.0), sk.Clock(2, modulus=1.2)],
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

    for name in ("Descent", "NativeDescent", "SecondOrder"):
        monkeypatch.setattr(f"spiralsink.training._fit.{name}", stop)
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
        else:
            pytest.fail("something was trained")
        if covered:
            specs.parse(text)
        else:
            with pytest.raises(sk.NotCovered):
                specs.parse(text)
