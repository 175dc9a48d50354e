"""Figures of inspections and effects: what is drawn, for one feature and for many, and what is said when nothing is."""

import matplotlib
import numpy as np
import pytest

import spiralsink as sk
from cases.inspected import elman, sparse_inputs
from spiralsink import plots
from spiralsink.inspection import ablate, inspect_model, patch

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _settings_are_left_alone():
    before = dict(matplotlib.rcParams)
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture(scope="module")
def linear():
    return inspect_model(elman("linear", n_features=1, n_outputs=1), sparse_inputs(n_features=1), n_lags=6, delay=2)


@pytest.fixture(scope="module")
def wide():
    model = elman("tanh", n_features=8, n_hidden=12, n_outputs=8, bias=0.2, readout="relu")
    return inspect_model(model, sparse_inputs(20, 60, 8), n_lags=6, delay=2)


def line(axes, gid):
    return next(each for each in axes.lines if each.get_gid() == gid)


def gids(axes):
    artists = [*axes.patches, *axes.lines, *axes.texts, *axes.images, *axes.collections]
    return {each.get_gid() for each in artists} - {None}


def test_the_memory_curve_shows_readouts_capacity_delay_and_threshold(linear):
    axes = plots.memory_curve(linear)
    assert gids(axes) >= {"capacity-0", "delay", "readable"}
    np.testing.assert_array_equal(line(axes, "capacity-0").get_ydata(), linear.capacity.curve[:, 0])
    np.testing.assert_array_equal(axes.containers[0].lines[0].get_ydata(), linear.memory.r2[:, 0])
    assert set(line(axes, "delay").get_xdata()) == {2}


def test_what_correlated_inputs_tell_of_their_past_is_drawn(linear):
    assert "baseline-0" not in gids(plots.memory_curve(linear))
    x = np.cumsum(sparse_inputs(n_features=1) - 0.25, axis=1)
    found = inspect_model(elman("linear", n_features=1, n_outputs=1), x, n_lags=6)
    drawn = line(plots.memory_curve(found), "baseline-0").get_ydata()
    np.testing.assert_array_equal(drawn, found.memory.baseline[1:, 0])


def test_many_features_are_an_image_with_readable_cells_framed(wide):
    axes = plots.memory_curve(wide)
    assert {"memory", "readable"} <= gids(axes)
    np.testing.assert_array_equal(axes.images[0].get_array(), wide.memory.r2.T)
    assert [each.get_text() for each in axes.get_yticklabels()] == list("01234567")


def test_the_readout_sees_lines_or_rows(linear, wide):
    seen = line(plots.seen_by_readout(linear), "seen-0-0").get_ydata()
    np.testing.assert_array_equal(seen, linear.directions.projections[:, 0, 0])
    axes = plots.seen_by_readout(wide)
    assert axes.images[0].get_array().shape == (16, 6)
    largest = np.sort(np.abs(wide.directions.projections).max(axis=0).ravel())[-16:]
    np.testing.assert_allclose(np.sort(np.abs(axes.images[0].get_array()).max(axis=1)), largest)


def test_lengths_have_a_band_of_their_spread(linear, wide):
    axes = plots.direction_lengths(linear)
    np.testing.assert_allclose(line(axes, "length-0").get_ydata(), linear.directions.lengths[:, 0])
    assert "spread-0" in gids(axes)
    assert "length-median" in gids(plots.direction_lengths(wide))


def test_alignment_is_the_cosine_between_ages(wide):
    image = plots.direction_alignment(wide, feature=3).images[0].get_array()
    one, other = wide.directions.mean[1, :, 3], wide.directions.mean[4, :, 3]
    assert image[1, 4] == pytest.approx(abs(one @ other) / np.linalg.norm(one) / np.linalg.norm(other))
    with pytest.raises(sk.InvalidInput, match="below the number of features, 8"):
        plots.direction_alignment(wide, feature=8)


def test_directions_of_a_linear_recurrence_depend_on_nothing(linear):
    axes = plots.direction_dependence(linear)
    for name in ("direction_spread", "impulse_difference", "impulse_gap"):
        heights = line(axes, name).get_ydata()
        assert np.nanmax(heights) < 1e-9
        assert np.isfinite(heights[0])


def test_additivity_and_interference_are_those_measured(wide):
    drawn = plots.additivity_by_lags(wide).images[0].get_array()
    error = np.maximum(1 - wide.additivity.by_lag_pair, 1e-4)
    np.testing.assert_array_equal(np.ma.filled(drawn, np.nan), error)
    assert np.nanmax(error) > 1e-3
    bars = plots.interference_by_lag(wide).patches
    now = wide.interference.lag == 0
    assert bars[0].get_height() == pytest.approx(wide.interference.own[now].mean())


def test_the_spectrum_is_in_the_disc_with_the_ring_of_single_times(linear, wide):
    axes = plots.jacobian_spectrum(wide)
    assert {"unit-circle", "eigenvalues", "radii"} <= gids(axes)
    assert len(line(axes, "eigenvalues").get_xdata()) == 12
    assert "radii" not in gids(plots.jacobian_spectrum(linear))


def test_one_page_holds_all_panels_and_the_agreement(wide, tmp_path):
    figure = plots.inspection(wide)
    titles = [each.get_title(loc="left") for each in figure.axes]
    assert [each for each in titles if each] == [
        *("what can be read", "what the readout sees", "directions: length", "directions of feature 0: alignment"),
        *("directions: dependence", "do responses add up?", "what readouts hear", "mean Jacobian"),
    ]
    assert "not compared with an independent forward pass" in figure.get_suptitle()
    assert all(each.stat().st_size > 10_000 for each in plots.save_figure(figure, tmp_path / "page"))


def test_what_was_not_measured_is_said():
    bare = inspect_model(elman("tanh", n_features=1, n_outputs=0), sparse_inputs(1, 20, 1), n_lags=6)
    for draw in (plots.memory_curve, plots.interference_by_lag):
        (text,) = draw(bare).texts
        assert "not measured: 1 sequences" in text.get_text().replace("\n", " ")
    assert plots.seen_by_readout(bare).texts[0].get_text() == "the network has no readout"
    plots.inspection(bare).draw_without_rendering()


def test_effects_are_drawn_beside_what_was_expected():
    x = sparse_inputs(4, 30)
    found = ablate(elman("tanh", bias=0.2), x, 0, 1)
    axes = plots.effect(found)
    np.testing.assert_allclose(line(axes, "change-1").get_ydata(), found.mean_change[:, 1])
    np.testing.assert_allclose(line(axes, "expected-1").get_ydata(), np.abs(found.expected).mean(axis=(0, 1))[:, 1])
    wide = patch(elman("tanh", n_hidden=9, n_outputs=0), x, np.ones(9), at=20)
    assert plots.effect(wide).images[0].get_array().shape == (9, 10)


def test_other_sources_are_refused(wide):
    with pytest.raises(sk.InvalidInput, match="an inspection or its dataset"):
        plots.inspection(3)
    with pytest.raises(sk.InvalidInput, match="an effect or its dataset"):
        plots.effect(wide)
