"""The claims: what they declare, how they read curves and angles, and their figures from datasets alone."""

import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import xarray as xr

import spiralsink as sk
from spiralsink import claims, plots
from spiralsink.claims._draw_linear import draw_four_terms, draw_spiral_sink, draw_staircase
from spiralsink.claims._draw_spatial import draw_pentagon
from spiralsink.claims._experiments import experiment_key, percent, training_horizon
from spiralsink.claims._staircase import fall_times, first_plateau
from spiralsink.claims.linear import REFERENCE_OPTIMA
from spiralsink.claims.spatial import neighbour_angles

matplotlib.use("Agg")

STEP = np.arange(0, 1001, 10)


def sigmoid(middle, width):
    return 1 / (1 + np.exp(-(STEP - middle) / width))


@pytest.mark.parametrize("scale", ["quick", "full"])
def test_the_catalogue_is_complete_and_plain(scale):
    listed = claims.catalogue(scale)
    json.dumps(listed)
    ids = [claim["id"] for claim in listed["claims"]]
    assert ids == [
        "four-terms",
        "staircase",
        "spiral-sink",
        "sparse-limit",
        "free-space",
        "phase-transition",
        "dense-is-linear",
        "sharp-forgetting",
        "pentagon",
        "all-or-none",
        "wider",
        "hundred-units",
        "random-delay",
        "readout-tying",
        "how-many",
        "transition-is-first-order",
        "realistic-tasks",
        "realistic-load",
        "realistic-additivity",
        "realistic-hidden",
        "realistic-sharpness",
    ]
    assert not set(ids) & {claim["group"] for claim in listed["claims"]}
    for claim in listed["claims"]:
        assert claim["bars"]
        assert claim["settings"]
        path, _, function = claim["code"].partition(":")
        source = (Path(sk.__path__[0]).parents[1] / path).read_text()
        assert f"\ndef {function}(" in source


def test_the_bars_are_those_set_before_the_first_run():
    bars = {
        (claim["id"], bar["name"]): (bar["op"], bar["value"])
        for claim in claims.catalogue()["claims"]
        for bar in claim["bars"]
    }
    assert bars == {
        ("four-terms", "z"): ("<=", 4.0),
        ("four-terms", "sum"): ("<=", 1e-6),
        ("staircase", "plateau"): ("<=", 0.02),
        ("staircase", "alignment"): (">=", 0.5),
        ("staircase", "order"): (">", 0.0),
        ("spiral-sink", "table"): ("<=", 0.001),
        ("spiral-sink", "trained"): ("<=", 0.02),
        ("spiral-sink", "complex"): (">", 0.0),
        ("spiral-sink", "radius"): ("<", 1.0),
        ("sparse-limit", "slope"): ("<=", 0.15),
        ("free-space", "ssm"): (">=", 0.95),
        ("free-space", "nonlinear"): (">=", 0.95),
        ("free-space", "linear"): ("<=", 0.3),
        ("phase-transition", "jump"): (">=", 90.0),
        ("phase-transition", "radius"): (">=", 0.1),
        ("dense-is-linear", "ssm"): ("<=", 0.02),
        ("dense-is-linear", "nonlinear"): ("<=", 0.05),
        ("dense-is-linear", "projections"): ("<=", 0.06),
        ("sharp-forgetting", "recall"): (">=", 0.9),
        ("sharp-forgetting", "others"): ("<=", 0.05),
        ("sharp-forgetting", "sharpness"): ("<=", 0.02),
        ("sharp-forgetting", "linear"): (">=", 0.3),
        ("pentagon", "angle"): ("<=", 3.0),
        ("pentagon", "dimensionality"): ("<=", 0.02),
        ("all-or-none", "rise"): ("<=", 0.0),
        ("all-or-none", "most_important"): (">=", 0.5),
        ("all-or-none", "one_step"): ("<=", 0.0),
        ("wider", "diagonal"): (">", 0.0),
        ("wider", "best"): ("<=", 0.05),
        ("wider", "quarter"): ("<=", 2.0),
        ("wider", "more"): (">", 0.0),
        ("hundred-units", "diagonal"): (">", 0.0),
        ("hundred-units", "best"): ("<=", 0.05),
        ("hundred-units", "quarter"): ("<=", 2.0),
        ("random-delay", "loss"): ("<", 0.5),
        ("random-delay", "hidden"): ("<=", 0.05),
        ("random-delay", "recall"): ("<", 0.5),
        ("readout-tying", "optima"): ("<=", 1e-6),
        ("readout-tying", "eigenvalues"): ("<=", 0.001),
        ("readout-tying", "trained"): ("<=", 0.005),
        ("how-many", "linear"): (">=", 0.5),
        ("how-many", "ssm"): (">=", 0.5),
        ("how-many", "nonlinear"): (">=", 0.5),
        ("transition-is-first-order", "width"): (">=", 0.5),
        ("transition-is-first-order", "outside"): ("<=", 2.0),
        ("transition-is-first-order", "span"): (">=", 90.0),
        ("transition-is-first-order", "both"): (">=", 0.05),
        ("transition-is-first-order", "best"): ("<=", 1.0),
        ("realistic-tasks", "beats"): (">", 0.0),
        ("realistic-load", "trend"): ("<", 0.0),
        ("realistic-load", "superposition"): (">", 1.0),
        ("realistic-load", "by_training"): ("<", 0.0),
        # those called "doing" came after a first study, in which trends were those of networks that failed
        ("realistic-load", "doing"): ("<", 0.0),
        ("realistic-additivity", "additive"): (">=", 0.5),
        ("realistic-hidden", "trend"): ("<", 0.0),
        ("realistic-hidden", "by_training"): ("<", 0.0),
        ("realistic-hidden", "doing"): ("<", 0.0),
        ("realistic-sharpness", "trend"): (">", 0.0),
        ("realistic-sharpness", "by_training"): (">", 0.0),
        ("realistic-sharpness", "doing"): (">", 0.0),
    }


def test_budgets():
    quick, full = claims.Budget.of("quick"), claims.Budget.of("full", 3)
    assert (quick.n_seeds, quick.steps, quick.n_sequences) == (32, 2000, 100_000)
    assert (full.n_sequences, full.seed) == (1_000_000, 3)
    assert training_horizon(4) == 18


def test_every_experiment_has_random_numbers_of_its_own():
    import jax

    budget, other = claims.Budget.of("quick"), claims.Budget.of("quick", 1)
    keys = [
        experiment_key(budget, "staircase"),
        experiment_key(budget, "spiral-sink", 2),
        experiment_key(budget, "spiral-sink", 4),
        experiment_key(other, "staircase"),
    ]
    assert len({tuple(jax.random.key_data(each).tolist()) for each in keys}) == 4
    same = experiment_key(budget, "staircase")
    assert jax.random.key_data(same).tolist() == jax.random.key_data(keys[0]).tolist()


def test_a_plateau_lies_between_two_drops():
    loss = 1.0 - 0.4 * sigmoid(200, 15) - 0.4 * sigmoid(700, 15)
    record = first_plateau(STEP, loss)
    assert 300 < STEP[record] < 600
    assert loss[record] == pytest.approx(0.6, abs=1e-3)


def test_the_first_of_two_plateaus_is_taken():
    loss = 1.0 - 0.3 * sigmoid(150, 10) - 0.3 * sigmoid(500, 10) - 0.3 * sigmoid(850, 10)
    assert loss[first_plateau(STEP, loss)] == pytest.approx(0.7, abs=1e-3)


def test_a_curve_that_starts_steep_has_its_first_drop_there():
    loss = 0.5 + 0.5 * np.exp(-STEP / 30) - 0.3 * sigmoid(700, 20)
    assert loss[first_plateau(STEP, loss)] == pytest.approx(0.5, abs=5e-3)


@pytest.mark.parametrize(
    "loss",
    [
        1.0 - 0.8 * sigmoid(500, 40),
        np.exp(-STEP / 200),
        np.where(STEP == 500, np.nan, 1.0),
        np.linspace(1, -1, len(STEP)),
    ],
    ids=["one drop", "smooth", "not finite", "negative"],
)
def test_without_two_drops_there_is_no_plateau(loss):
    assert first_plateau(STEP, loss) is None


def test_times_at_which_projections_fall_are_interpolated():
    step = np.arange(0, 101, 10)
    line = np.linspace(1.0, 0.0, 11)
    seen = np.stack([line, line + 0.25, np.full(11, -1.0), np.full(11, 2.0), np.full(11, 0.55)], axis=1)
    assert fall_times(step, seen, 4).tolist() == pytest.approx([45.0, 70.0, np.nan], nan_ok=True)
    assert fall_times(step, seen[:, [3, 0, 4]], 2).tolist() == [np.inf]
    assert fall_times(step, seen, 1).shape == (0,)


def test_the_last_fall_counts():
    step = np.arange(5)
    gap = np.array([1.0, -1.0, 1.0, -1.0, -1.0])
    seen = np.stack([gap, np.zeros(5), np.zeros(5)], axis=1)
    assert fall_times(step, seen, 2).tolist() == [2.5]


@pytest.mark.parametrize("seed", range(3))
def test_neighbouring_angles_go_round_the_circle(seed):
    rng = np.random.default_rng(seed)
    gaps = rng.dirichlet(np.ones(5)) * 360
    angles = np.deg2rad(np.cumsum(gaps) + rng.uniform(0, 360))
    shuffled = rng.permutation(5)
    lengths = rng.uniform(0.1, 3, size=5)
    directions = (lengths * np.stack([np.cos(angles), np.sin(angles)]))[:, shuffled]
    found, order = neighbour_angles(directions)
    np.testing.assert_allclose(np.sort(found), np.sort(gaps), atol=1e-9)
    assert found.sum() == pytest.approx(360)
    assert sorted(order.tolist()) == list(range(5))


def test_neighbouring_angles_of_a_stack():
    angles = np.deg2rad(72.0 * np.arange(5))
    regular = np.stack([np.cos(angles), np.sin(angles)])
    found, _ = neighbour_angles(np.stack([regular, 2 * regular[:, ::-1]]))
    np.testing.assert_allclose(found, 72.0)


def test_shares_in_words():
    assert [percent(each) for each in (1.5e-5, 0.0069, 0.2, 1.0)] == ["0.0015 %", "0.69 %", "20 %", "100 %"]


def four_terms_dataset():
    rng = np.random.default_rng(0)
    terms = rng.uniform(0.01, 0.1, size=(2, 4, 2, 4))
    total = terms.sum(axis=-1)
    names = ["task_benefit", "mean_correction", "projection_interference", "composition_interference"]
    dims = ("delay", "record", "p")
    return xr.Dataset(
        {
            "expected": (dims, total),
            "sampled": (dims, total * 1.001),
            "standard_error": (dims, total * 0.001),
            "z": (dims, np.ones_like(total)),
            "terms": ((*dims, "term"), terms),
        },
        coords={"delay": [2, 4], "p": [0.1, 1.0], "step": ("record", [0, 10, 20, 30]), "term": names},
    )


def staircase_dataset(plateau=300.0, fall=(400.0, 500.0, 600.0)):
    loss = np.stack([1.0 - 0.4 * sigmoid(200, 15) - 0.4 * sigmoid(700, 15)] * 2)
    return xr.Dataset(
        {
            "history_loss": (("network", "record"), loss),
            "history_terms": (("network", "record", "term"), np.stack([loss / 4] * 4, axis=-1)),
            "history_projections": (("network", "record", "lag"), np.zeros((2, len(STEP), 12))),
            "loss": ("network", [0.3, 0.2]),
            "plateau_step": ("network", [plateau, plateau]),
            "fall_time": (("network", "waiting"), [fall, fall]),
            "narrow_optimum": 0.6,
            "wide_optimum": 0.2,
        },
        coords={"step": ("record", STEP), "term": list(plots.TERMS)},
        attrs={"delay": 4, "p": 0.1},
    )


def spiral_sink_dataset():
    rows = len(REFERENCE_OPTIMA)
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "feature_directions": (("row", "lag", "hidden", "feature"), rng.normal(size=(rows, 30, 2, 1))),
            "output_weights": (("row", "hidden", "output"), rng.normal(size=(rows, 2, 1))),
            "projections": (("kind", "row", "lag"), rng.normal(size=(2, rows, 30))),
            "eigenvalue_real": (("kind", "row", "mode"), np.full((2, rows, 2), 0.7)),
            "eigenvalue_imag": (("kind", "row", "mode"), np.full((2, rows, 2), 0.2)),
            "spectral_radius": (("kind", "row"), np.full((2, rows), 0.73)),
            "eigenangle_span": (("kind", "row"), np.full((2, rows), 64.0)),
            "gap_to_table": ("row", np.zeros(rows)),
            "gap_to_optimum": ("row", np.full(rows, 1e-3)),
        },
        coords={
            "kind": ["exact", "trained"],
            "delay": ("row", [k for k, _ in REFERENCE_OPTIMA]),
            "p": ("row", [p for _, p in REFERENCE_OPTIMA]),
        },
        attrs={"gauge": "balanced", "kind": "algebraic", "readout": "linear"},
    )


def pentagon_dataset():
    angles = np.deg2rad(72.0 * np.arange(5))
    regular = np.stack([[np.cos(angles), np.sin(angles)]] * 2)
    return xr.Dataset(
        {
            "feature_directions": (("p", "lag", "hidden", "feature"), regular[:, None]),
            "output_weights": (("p", "hidden", "output"), regular),
            "neighbour_angle": (("p", "gap"), np.full((2, 5), 72.0)),
            "fractional_dimensionality": (("p", "feature"), np.full((2, 5), 0.4)),
        },
        coords={"p": [0.01, 0.05]},
        attrs={"gauge": "as_trained", "kind": "algebraic", "readout": "relu"},
    )


@pytest.mark.parametrize(
    ("draw", "dataset", "panels"),
    [
        (draw_four_terms, four_terms_dataset(), 3),
        (draw_staircase, staircase_dataset(), 3),
        (draw_staircase, staircase_dataset(np.nan, (np.inf, np.inf, np.inf)), 3),
        (draw_spiral_sink, spiral_sink_dataset(), 7),
        (draw_pentagon, pentagon_dataset(), 4),
    ],
    ids=["four-terms", "staircase", "no staircase", "spiral-sink", "pentagon"],
)
def test_figures_are_drawn_from_data_alone_with_named_axes(draw, dataset, panels, tmp_path):
    figure = draw(dataset)
    assert len(figure.axes) == panels, "colour bars included"
    for axes in figure.axes:
        assert axes.get_ylabel()
        assert axes.get_xlabel() or axes.get_label() == "<colorbar>"
    plots.save_figure(figure, tmp_path / "figure")
    assert (tmp_path / "figure.svg").stat().st_size > 10_000


def test_the_staircase_shows_every_projection_and_its_fall():
    figure = draw_staircase(staircase_dataset())
    left, right = figure.axes[:2]
    assert sum((each.get_gid() or "").startswith("term-") for each in left.lines) == 5
    curves = [each for each in right.lines if len(each.get_xdata()) == len(STEP)]
    assert len(curves) == 7
    falls = [float(np.ravel(each.get_xdata())[0]) for each in right.lines if each.get_marker() == "o"]
    assert falls == [400.0, 500.0, 600.0]
