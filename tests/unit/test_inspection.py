"""Inspecting: orders of inputs, errors of one line, what is null and why, labels, words."""

import dataclasses

import numpy as np
import pytest

import spiralsink as sk
from cases.inspected import elman, sparse_inputs
from spiralsink.inspection import ablate, inspect_model, patch
from spiralsink.inspection._additivity import additivity
from spiralsink.inspection._correlation import correlation
from spiralsink.inspection._impulses import impulse_sizes
from spiralsink.inspection._recording import record


def smooth(n_sequences, n_steps, n_features, seed=0):
    """Inputs that drift over time."""
    steps = np.random.default_rng(seed).normal(size=(n_sequences, n_steps, n_features))
    for t in range(1, n_steps):
        steps[:, t] = 0.9 * steps[:, t - 1] + 0.4 * steps[:, t]
    return steps


@pytest.fixture(scope="module")
def found():
    return inspect_model(elman("tanh", n_features=2, bias=0.2, readout="relu"), sparse_inputs(), n_lags=6, delay=2)


MODEL = elman("tanh", n_features=3, n_hidden=4)
X = sparse_inputs(4, 30, 3)


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        (np.zeros((5, 3, 40)), "(batch, features, time): swap the last two axes"),
        (np.zeros((3, 40, 5)), "the features are the first axis"),
        (np.zeros((3, 40)), "(features, time): transpose"),
        (np.zeros((5, 40, 2)), "(batch, time, features) with 3 features last, got shape (5, 40, 2)"),
        (np.zeros(40), "shape (40,)"),
        (np.zeros((0, 40, 3)), "at least one sequence"),
        (np.zeros((400, 2, 3)), "400 sequences of 2 steps look like (time, batch, features)"),
        (np.zeros((4, 5, 3)), "at least 20 steps long for n_lags = 20, got 5 steps"),
        (smooth(30, 200, 3).swapaxes(0, 1), "they look like (time, batch, features)"),
        (np.full((2, 40, 3), np.nan), "inputs must be finite, got nan at index (0, 0, 0)"),
        ("a string", "an array of real numbers"),
        ([[1, 2], [3]], "an array of real numbers"),
        (np.zeros((2, 40, 3), complex), "an array of real numbers"),
    ],
)
def test_wrong_inputs_are_named_in_one_line(inputs, named):
    with pytest.raises(sk.InvalidInput) as caught:
        inspect_model(MODEL, inputs)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "inputs",
    [
        np.random.default_rng(0).normal(size=(200, 30, 3)),
        np.random.default_rng(0).normal(size=(30, 200, 3)),
        sparse_inputs(2000, 21, 3, p=0.05),
        smooth(30, 200, 3),
        smooth(200, 30, 3),
        np.repeat(np.random.default_rng(1).normal(size=(1, 50, 3)), 60, axis=0),
        np.random.default_rng(2).normal(size=(100, 1, 3)) + 0.1 * np.random.default_rng(3).normal(size=(100, 40, 3)),
        np.ones((40, 40, 3)),
        np.cumsum(smooth(60, 50, 3), axis=0),
    ],
    ids=[
        "independent",
        "long",
        "sparse",
        "smooth",
        "smooth, many",
        "repeated",
        "levels",
        "constant",
        "smooth both ways",
    ],
)
def test_a_right_order_raises_no_alarm(inputs):
    ablate(MODEL, inputs[:, :21], 0, 0, at=20)
    from spiralsink.inspection._sources import as_inputs

    assert as_inputs(MODEL, inputs)[0].shape == inputs.shape


def test_an_order_that_only_looks_wrong_can_be_insisted_on():
    inputs = smooth(30, 200, 3).swapaxes(0, 1)
    assert ablate(MODEL, inputs, 0, 1, at=5, check_order=False).change.shape == (200, 1, 25, 2)


def test_one_sequence_may_come_without_a_batch_axis():
    x = sparse_inputs(1, 90, 3)
    one, same = (inspect_model(MODEL, each, n_lags=4) for each in (x[0], x))
    np.testing.assert_array_equal(one.directions.mean, same.directions.mean)
    assert "inputs of shape (time, features) were taken as one sequence" in one.notes
    assert same.notes == ()


def test_torch_tensors_are_taken():
    torch = pytest.importorskip("torch")
    x = sparse_inputs(2, 30, 3).astype(np.float32)
    given = ablate(MODEL, torch.tensor(x, requires_grad=True), 0, 1, at=3)
    np.testing.assert_array_equal(given.change, ablate(MODEL, x, 0, 1, at=3).change)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"features": np.zeros((5, 2))}, "features must be of shape (n_dictionary, 3)"),
        ({"features": np.ones((3, 5))}, "transpose them"),
        ({"features": np.zeros((5, 3))}, "directions other than zero"),
        ({"codes": np.zeros((4, 30, 3))}, "given together with features"),
        ({"features": np.eye(3), "codes": np.zeros((4, 30, 2))}, "codes must be of shape (4, 30, 3)"),
        ({"delay": 9}, "delay must be below n_lags = 5"),
        ({"delay": 1.5}, "delay must be a whole number"),
        ({"n_lags": 0}, "n_lags must be a whole number >= 1"),
        ({"targets": np.zeros((4, 30, 1))}, "targets must be of shape (4, 30, 2)"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
    ],
)
def test_other_bad_arguments_are_named(options, named):
    with pytest.raises(sk.InvalidInput) as caught:
        inspect_model(MODEL, sparse_inputs(4, 30, 3), **{"n_lags": 5, **options})
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda x: ablate(MODEL, x, 3, 0), "feature must be below the number of features, 3"),
        (lambda x: ablate(MODEL, x, 0, 30), "lag must be below the number of steps, 30"),
        (lambda x: ablate(MODEL, x, 0, 5, at=4), "at must be from 5, the lag, to 29, the last step, got 4"),
        (lambda x: ablate(MODEL, x, 0, 5, at=[6, 30]), "got 30"),
        (lambda x: ablate(MODEL, x, 0, 5, at=2.5), "whole numbers"),
        (lambda x: ablate(MODEL, x, 0, 5, at=20, n_later=11), "n_later must be from 1 to 10"),
        (lambda x: ablate(MODEL, x, 0, 5, by="zero"), "by must be Zero(), Mean(), Resample()"),
        (lambda x: patch(MODEL, x, at=3), "state must be given, or else inputs_from, got neither"),
        (lambda x: patch(MODEL, x, np.zeros(4), at=3, inputs_from=x), "got both"),
        (lambda x: patch(MODEL, x, np.zeros(5), at=3), "state must be of shape (4,) or (4, 4)"),
        (lambda x: patch(MODEL, x, np.zeros(4), at=30), "at must be from 0 to 29"),
        (lambda x: patch(MODEL, x, np.full(4, np.inf), at=3), "state must be finite"),
        (lambda x: patch(MODEL, x, at=12, inputs_from=x[:, :8]), "inputs_from must be at least 13 steps long"),
    ],
)
def test_bad_interventions_are_named(call, named):
    with pytest.raises(sk.InvalidInput) as caught:
        call(sparse_inputs(4, 30, 3))
    assert named in str(caught.value)


def test_the_dataset_is_labelled(found):
    dataset = found.to_dataset()
    assert dataset["directions"].dims == ("lag", "hidden", "feature")
    assert dataset["projections"].dims == ("lag", "output", "feature")
    assert dataset["memory"].dims == ("lag", "feature")
    assert dataset.sizes["size"] == 2
    assert all(each.attrs["long_name"] and each.attrs["units"] for each in dataset.data_vars.values())
    np.testing.assert_array_equal(dataset["memory"], found.memory.r2)
    np.testing.assert_array_equal(dataset["additivity_by_lags"], found.additivity.by_lag_pair)
    assert dataset.attrs["delay"] == 2
    assert dataset.attrs["readout"] == "relu"
    np.testing.assert_array_equal(dataset["readout_at_rest"], found.readout_at_rest)
    assert dataset.attrs["agreement"] == "none"
    assert any(each.startswith("capacity: ") for each in dataset.attrs["reasons"])


def test_the_dataset_can_be_written(found, tmp_path):
    xr = pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    found.to_dataset().to_zarr(tmp_path / "inspection.zarr", consolidated=False)
    back = xr.open_zarr(tmp_path / "inspection.zarr", consolidated=False)
    np.testing.assert_array_equal(back["directions"], found.directions.mean)


def test_a_reader_is_told_the_kind_the_agreement_and_the_findings(found):
    lines = repr(found).splitlines()
    assert lines[0] == "Inspection: tanh network, no independent forward pass to compare with"
    assert 6 <= len(lines) <= 10
    assert f"{found.n_readable} of 12 (feature, lag) pairs readable" in repr(found)
    assert "(delay 2, " in repr(found)
    assert "the network's relu readout" in repr(found)
    checked = dataclasses.replace(found, agreement=2e-7, compared_with="the torch module")
    assert repr(checked).splitlines()[0] == "Inspection: tanh network, agrees with the torch module to 2.0e-07"


def test_what_is_null_has_a_reason(found):
    assert set(found.reasons) == {name for name, word in found.status.items() if word == "null"}
    assert found.status["memory"] == "measured"
    bare = inspect_model(elman("tanh", n_features=1, n_outputs=0), sparse_inputs(1, 30, 1), n_lags=8)
    assert set(bare.reasons) == {name for name, word in bare.status.items() if word == "null"}
    assert "1 sequences of 30 steps are too few for 8 lags" in bare.reasons["memory"]
    assert bare.interference is None
    assert bare.free_space is None
    assert "null" in repr(bare)


@pytest.mark.parametrize(("shape", "n_lags"), [((10, 20, 3), 20), ((1, 50, 3), 5), ((9, 21, 3), 7), ((40, 6, 3), 5)])
def test_too_few_steps_measure_no_memory(shape, n_lags):
    few = inspect_model(MODEL, sparse_inputs(*shape), n_lags=n_lags)
    assert few.memory is None
    assert f"{shape[0]} sequences of {shape[1]} steps are too few for {n_lags} lags" in few.reasons["memory"]
    assert few.load is None


def test_fewer_steps_than_units_measure_no_memory():
    x = sparse_inputs(12, 20, 1)
    wide, narrow = (inspect_model(elman(n_features=1, n_hidden=n, radius=0.5), x, n_lags=4) for n in (150, 20))
    assert "at least 150 and 20 are needed" in wide.reasons["memory"]
    assert narrow.memory is not None


def test_what_an_input_tells_of_its_own_past_is_no_memory():
    """AR(1) inputs with coefficient 0.9: x_t alone explains 0.81^s of x_{t-s}, and correlations withhold shares."""
    x = smooth(40, 120, 1)
    forgets = elman("linear", n_features=1, n_hidden=3, radius=1e-9)
    found = inspect_model(forgets, x, n_lags=8)
    np.testing.assert_allclose(found.memory.baseline[1:5, 0], 0.81 ** np.arange(1, 5), atol=0.1)
    assert found.memory.r2[1, 0] > 0.7
    assert np.flatnonzero(found.memory.readable).tolist() == [0]
    assert found.input_correlation.lag == 1
    assert found.input_correlation.strongest[1] == pytest.approx(0.9, abs=0.05)
    assert "exact capacity" not in repr(found)
    assert "inputs are correlated (0.9" in repr(found)
    for part in ("load", "interference", "head_interference"):
        assert getattr(found, part) is None
        assert "inputs are correlated" in found.reasons[part]
    remembers = inspect_model(elman("linear", n_features=1, n_hidden=6, radius=0.9), x, n_lags=8)
    assert remembers.memory.readable[1:4].all()


def test_independent_inputs_are_not_called_correlated():
    for shape, n_lags in (((12, 60, 3), 4), ((1, 90, 3), 20), ((10, 40, 8), 20)):
        for seed in range(5):
            found = correlation(record(elman(n_features=shape[2]), sparse_inputs(*shape, seed=seed)), n_lags)
            assert not found.found
    both = sparse_inputs(12, 60, 1)
    alike = record(elman(), np.concatenate([both, both + 0.1 * sparse_inputs(12, 60, 1, seed=4)], axis=2))
    assert correlation(alike, 5).found
    assert correlation(alike, 5).lag == 0


def test_features_that_do_not_vary_are_said_and_null():
    x = sparse_inputs(12, 60, 3)
    x[..., 1] = 0
    some = inspect_model(MODEL, x, n_lags=4)
    assert np.isnan(some.memory.r2[:, 1]).all()
    assert np.isfinite(some.memory.r2[:, [0, 2]]).all()
    assert "feature 1 does not vary in the data" in some.notes
    none = inspect_model(MODEL, 0 * x, n_lags=4)
    assert none.reasons["memory"] == "no feature varies in the data"
    assert np.isfinite(none.directions.mean).all()


def test_a_silent_network_that_does_not_settle_has_no_rest():
    turning = elman("tanh", n_features=2, n_hidden=40, radius=3.0)
    found = inspect_model(dataclasses.replace(turning, initial=np.ones(40)), sparse_inputs(), n_lags=4)
    assert found.rest_jacobian is None
    assert "has not settled after 2000 steps" in found.reasons["rest_impulses"]
    grows = inspect_model(elman("linear", radius=1.3, bias=1.0), sparse_inputs(12, 60), n_lags=4)
    assert "grows without bound" in grows.reasons["rest_jacobian"] or "not settled" in grows.reasons["rest_jacobian"]
    assert "not stable" in grows.reasons["capacity"]


def test_an_immediate_readout_waits_for_nothing():
    found = inspect_model(MODEL, sparse_inputs(12, 60, 3), n_lags=4, delay=0)
    assert found.free_space is None
    assert found.reasons["free_space"] == "no readout waits: the delay is 0"


def test_without_a_readout_the_ridge_readouts_are_used():
    model = elman("linear", n_outputs=0, radius=0.9)
    found = inspect_model(model, sparse_inputs(40, 60), n_lags=6, delay=1)
    assert found.free_space.kind.startswith("ridge readouts")
    assert found.free_space.readout.tolist() == np.flatnonzero(found.memory.readable[1]).tolist()
    seen = found.memory.weights[:, 1, 1] @ found.algebraic[0]
    expected = (np.minimum(seen, 0) ** 2).sum() / (seen**2).sum()
    np.testing.assert_allclose(found.free_space.free_fraction[-1], expected)
    assert not found.free_space.inferred
    assert inspect_model(model, sparse_inputs(40, 60), n_lags=6).free_space.inferred


def test_targets_are_compared_with_the_outputs():
    model, x = elman("relu"), sparse_inputs()
    found = inspect_model(model, x, n_lags=4, targets=model.outputs(x))
    np.testing.assert_allclose(found.target_r2, 1)
    assert (inspect_model(model, x, n_lags=4, targets=model.outputs(x) + 1).target_r2 < 1).all()


def test_the_same_seed_gives_the_same_numbers():
    x = sparse_inputs(12, 60, 3)
    one, same, other = (inspect_model(MODEL, x, n_lags=4, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.directions.mean, same.directions.mean)
    np.testing.assert_array_equal(one.additivity.values, same.additivity.values)
    assert np.abs(one.directions.mean - other.directions.mean).max() > 0


def test_states_that_do_not_fit_in_memory_are_measured_on_fewer_sequences(monkeypatch):
    from spiralsink.inspection import _bounds

    monkeypatch.setattr(_bounds, "MOST_NUMBERS", 4 * 60 * 15)
    found = inspect_model(MODEL, sparse_inputs(40, 60, 3), n_lags=4)
    assert (found.n_sequences, found.n_steps) == (15, 60)
    assert "the first 15 of 40 sequences" in found.notes[0]


@pytest.mark.parametrize("phi", ["linear", "tanh"])
def test_states_too_large_to_decompose_leave_the_rest_measured(monkeypatch, phi):
    from spiralsink.inspection import _bounds

    monkeypatch.setattr(_bounds, "_MOST_STATE", 5)
    found = inspect_model(elman(phi, n_features=3), X, n_lags=4, delay=2)
    large = {"memory", "capacity", "algebraic", "spectrum", "participation_ratio", "load", "interference"}
    for part in large | {"head_interference"}:
        assert getattr(found, part) is None
        assert found.reasons[part].startswith("6 numbers of state are too many")
    assert {name for name, word in found.status.items() if word == "null"} == {*large, "head_interference", "target_r2"}
    assert "6 numbers of state are too many" in repr(found)
    found.to_dataset()


def test_more_directions_than_there_is_memory_for_are_refused(monkeypatch):
    from spiralsink.inspection import _bounds

    monkeypatch.setattr(_bounds, "_MOST_WRITTEN", 4 * 3 * 6)
    inspect_model(elman(n_features=3), X, n_lags=4)
    with pytest.raises(sk.InvalidInput, match="n_lags must be at most 4 for directions of 3 features in 6 numbers"):
        inspect_model(elman(n_features=3), X, n_lags=5)


def test_impulses_are_as_large_as_what_comes_and_goes():
    rng = np.random.default_rng(0)
    codes = np.stack(
        [
            5 + 0.1 * rng.normal(size=(4, 5000)),
            rng.uniform(size=(4, 5000)) * (rng.uniform(size=(4, 5000)) < 0.3),
            -1.0 * (rng.uniform(size=(4, 5000)) < 0.3),
            np.full((4, 5000), 7.0),
        ],
        axis=-1,
    )
    sizes = impulse_sizes(codes)
    np.testing.assert_allclose(sizes[0], [0.1, np.sqrt(1 / 3), -1, 1], rtol=0.02)
    np.testing.assert_array_equal(sizes[1], sizes[0] / 2)


def test_an_effect_says_what_was_done_and_found():
    effect = ablate(MODEL, sparse_inputs(4, 30, 3), 1, 2, at=[10, 12])
    text = repr(effect)
    assert text.startswith("Effect: feature 1 of age 2 replaced by Zero()")
    assert "4 sequences, 2 times, 18 later steps" in text
    dataset = effect.to_dataset()
    assert dataset["change"].dims == ("sequence", "at", "later", "output")
    np.testing.assert_array_equal(dataset["at"], [10, 12])
    np.testing.assert_allclose(dataset["gap"], effect.gap_by_step)


def test_codes_that_depend_on_one_another_are_said():
    basis, codes = np.random.default_rng(0).normal(size=(7, 3)), sparse_inputs(12, 60, 7, p=0.1)
    free = inspect_model(MODEL, codes @ basis, features=basis, n_lags=3)
    assert "7 least-squares codes of 3 channels depend on one another" in free.notes[0]
    given = inspect_model(MODEL, codes @ basis, features=basis, codes=codes, n_lags=3)
    assert given.notes == ()
    assert given.explained == pytest.approx(1)
    assert given.memory.r2.shape == (3, 7)
    assert free.memory.r2[0].mean() > given.memory.r2[0].mean() + 0.1


def test_a_network_that_explodes_is_refused_in_one_line():
    grows = elman("linear", n_features=1, n_hidden=2, radius=1e9)
    with pytest.raises(sk.InvalidInput, match="states that are not finite from step"):
        inspect_model(grows, sparse_inputs(1, 60, 1), n_lags=40)


def test_a_network_that_an_impulse_makes_explode_has_no_additivity():
    class Explosive(type(elman().dynamics)):
        """Finite along its own way, and nowhere else."""

        def run(self, inputs, state):
            states = super().run(inputs, state)
            return states if np.array_equal(inputs, X) else np.full_like(states, np.inf)

    model = elman("tanh", n_features=3)
    dynamics = Explosive(
        **{each.name: getattr(model.dynamics, each.name) for each in dataclasses.fields(model.dynamics)}
    )
    recording = record(dataclasses.replace(model, dynamics=dynamics), X)
    why = additivity(recording, np.ones(3), 4, 20, np.random.default_rng(0))
    assert why == "the network does not stay finite after an impulse"


def test_the_sources_are_named(found):
    assert "jaeger2001short" in sk.cite(found)
