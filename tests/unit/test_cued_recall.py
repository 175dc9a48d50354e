"""Cued recall: what its sequences are, who can solve it, and what its claim is judged by."""

import jax
import numpy as np
import pytest
import xarray as xr

import spiralsink as sk
from spiralsink import claims
from spiralsink.claims import cued
from spiralsink.claims._claim import Measurement, judge
from spiralsink.claims._draw_cued import draw_random_delay
from spiralsink.claims._values_cued import cued_values, seen_off_cue, turns

HORIZON = 24
PROCESS = sk.SparseProcess(3, amplitude=(sk.Uniform(), sk.Constant(3.0), sk.Constant(1.0)))
ONE_VALUE = sk.SparseProcess(2, amplitude=(sk.Uniform(), sk.Constant(1.0)))


@pytest.fixture(scope="module")
def batch():
    drawn = sk.CuedRecall((2, 5), settling=3).sample(jax.random.key(0), PROCESS, 4000, HORIZON)
    return [np.asarray(each) for each in drawn]


def test_every_feature_is_heard_once_and_the_values_together(batch):
    inputs = batch[0]
    assert (np.count_nonzero(inputs, axis=1) == 1).all()
    steps = inputs.argmax(axis=1)
    assert (steps[:, 0] == steps[:, 1]).all()
    assert set(steps[:, 0]) == set(range(3, HORIZON - 5))
    assert (inputs[..., 1].max(axis=1) == 3).all()
    assert abs(inputs[..., 0].max(axis=1).mean() - 0.5) < 5 / np.sqrt(12 * 4000)


def test_delays_are_uniform(batch):
    steps = batch[0].argmax(axis=1)
    counts = np.bincount(steps[:, 2] - steps[:, 0], minlength=6)
    assert counts[:2].sum() == 0
    assert len(counts) == 6
    expected = 4000 / 4
    assert np.sum((counts[2:] - expected) ** 2 / expected) < 21  # chi square with 3 degrees of freedom, 1e-4


def test_the_target_is_the_value_at_the_cue_and_zero_elsewhere(batch):
    inputs, targets, weights = batch
    wanted = inputs[..., :2].sum(axis=1)[:, None] * (inputs[..., 2:] > 0)
    np.testing.assert_array_equal(targets, wanted)
    assert (weights == 1).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sk.CuedRecall((0, 6)), "delays must be a whole number >= 1, got 0"),
        (lambda: sk.CuedRecall((6, 1)), r"delays must be two whole numbers \(first, last\) with 1 <= first <= last"),
        (lambda: sk.CuedRecall(3), "delays must be two whole numbers"),
        (lambda: sk.CuedRecall("16"), "delays must be two whole numbers"),
        (lambda: sk.CuedRecall((1, 2, 3)), "delays must be two whole numbers"),
        (lambda: sk.CuedRecall((1, 2.5)), "delays must be a whole number >= 1, got 2.5"),
        (lambda: sk.CuedRecall(settling=-1), "settling must be a whole number >= 0, got -1"),
        (lambda: sk.CuedRecall(importance=-1.0), "importance must be >= 0"),
        (lambda: sk.CuedRecall().n_outputs(1), "n_features must be >= 2: values, and the cue as the last feature"),
    ],
)
def test_bad_tasks_are_refused(make, message):
    with pytest.raises(sk.InvalidInput, match=message):
        make()


@pytest.mark.parametrize(
    ("process", "horizon", "message"),
    [
        (PROCESS, 9, r"horizon must be more than settling \+ the last delay = 9, got 9"),
        (PROCESS.replace(p=[[0.1, 0.1, 0.1]]), 24, "p must be the same for all networks"),
        (sk.SparseProcess(1), 24, "n_features must be >= 2"),
    ],
)
def test_what_does_not_fit_is_refused(process, horizon, message):
    with pytest.raises(sk.InvalidInput, match=message):
        sk.CuedRecall((1, 6), settling=3).sample(jax.random.key(0), process, 2, horizon)


def solution(b_h=(0.0, -1.0)):
    """One unit holds the value, one rests at -1 until the cue; the readout is their sum."""
    W_h = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)
    b_h = np.array(b_h, np.float32)
    identity = np.eye(2, dtype=np.float32)
    return sk.RecurrentNetwork(identity, W_h, np.ones((2, 1), np.float32), recurrence="relu", readout="relu", b_h=b_h)


def test_two_units_with_biases_solve_it_exactly():
    task = sk.CuedRecall((1, 6))
    solved = sk.sampled_loss(solution(), task, ONE_VALUE, key=jax.random.key(1), n_sequences=512, horizon=HORIZON)
    assert solved.mean < 1e-14
    assert solved.silent == pytest.approx(1 / 3 / HORIZON, rel=0.1)


@pytest.mark.slow
def test_training_takes_the_task():
    stack = sk.RecurrentNetwork.init(jax.random.key(0), 2, 2, recurrence="relu", readout="relu", n_outputs=1, stack=2)
    result = sk.fit(
        stack,
        sk.CuedRecall((1, 6)),
        ONE_VALUE,
        key=jax.random.key(1),
        steps=2,
        objective=sk.SampledLoss(4, HORIZON, n_evaluation=256),
        record=sk.Every(0),
    )
    assert np.isfinite(result.loss).all()


def test_the_probe_hears_every_value_start_and_delay():
    probe = cued.make_probe((0.5, 1.0), [1, 6], HORIZON, 3)
    assert len(probe.stored) == 2 * 15 * 6
    rows = np.arange(len(probe.stored))
    np.testing.assert_array_equal(probe.inputs[rows, probe.start, 0], probe.stored)
    assert probe.at_cue[rows, probe.start + probe.delay].all()
    assert probe.at_cue.sum() == len(rows)
    assert probe.inputs[-2].sum() == probe.inputs[-2, probe.value_at, 0] == 1
    assert not probe.inputs[-1].any()


def test_what_a_readout_sees_off_the_cue():
    probe = cued.make_probe((0.5, 1.0), [1, 6], HORIZON, 3)
    outputs = np.where(probe.at_cue, probe.stored[:, None], 0.0)
    leaking = outputs.copy()
    leaking[0, 0] = -0.1  # before the cue, and where half is stored
    broken = np.full_like(outputs, np.nan)
    found = seen_off_cue(np.stack([outputs, leaking, broken]), probe.stored, probe.at_cue)
    np.testing.assert_allclose(found, [0.0, 0.2, np.nan])


def test_turns_are_angles_from_step_to_step():
    states = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 5.0], [-1.0, 5.0], [0.0, 0.0]])
    np.testing.assert_allclose(turns(states), [90.0, 0.0, np.degrees(np.arctan(0.2)), np.nan], atol=1e-5)


@pytest.mark.parametrize(
    ("loss", "seen", "expected"),
    [
        (0.01, 0.01, "holds"),
        (0.51, 0.01, "fails"),
        (0.25, 0.0, "fails"),  # the mean at every cue
        (0.12, 0.01, "holds"),
        (0.01, 0.06, "fails"),
        (np.nan, 0.01, "inconclusive"),
        (0.01, np.nan, "inconclusive"),
    ],
)
def test_the_verdict(loss, seen, expected):
    """A network that learned nothing, one that does not remember, one that does not hide, one that broke."""
    values = cued_values(np.array([0.0, loss]), np.array([0.0, seen]), 0.25)
    (claim,) = cued.CLAIMS
    assert judge(claim, Measurement(values, measured="", data=None, n_networks=1, horizon=""))[0].verdict == expected


def test_the_bars_and_settings():
    (claim,) = claims.catalogue(claims=cued.CLAIMS)["claims"]
    bars = {each["name"]: (each["op"], each["value"]) for each in claim["bars"]}
    assert bars == {"loss": ("<", 0.5), "hidden": ("<=", 0.05), "recall": ("<", 0.5)}
    assert claim["settings"]["n_seeds"] == 32


def test_the_figure_is_drawn_from_data_alone():
    import matplotlib

    matplotlib.use("Agg")
    probe = cued.make_probe((0.5, 1.0), [1, 6], HORIZON, 3)
    stack = sk.stack_networks([solution(), solution((0.0, -0.9))])
    parts = [
        cued._watch(stack, 0, probe).assign(loss=("network", np.array([1e-7, 1.0]))) for _ in range(len(cued.CASES))
    ]
    data = xr.concat(parts, xr.DataArray(list(cued.CASES), dims="case", name="case"))
    data = data.assign_attrs(horizon=HORIZON, mean_answer=0.25, value_at=probe.value_at)
    chosen = data.isel(network=data["best"]).sel(case=["nonlinear", "tanh"])
    assert chosen["seen"].values == pytest.approx([0.0, 0.0], abs=1e-6)
    assert data["seen"].values[0, 1] == pytest.approx(0.1, abs=1e-6)
    np.testing.assert_allclose(data["turn"].values, 0.0, atol=1e-3)
    np.testing.assert_allclose(data["answer"].values[0, 1], 1.0, atol=1e-6)
    words = cued._in_words(data, chosen, 2)
    assert "1 of 2 networks recall" in words
    assert "0 of the 2 that recall turn by more than 5 degrees" in words
    figure = draw_random_delay(data)
    assert len(figure.axes) == 7
    figure.draw_without_rendering()
