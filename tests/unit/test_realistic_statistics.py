"""Rank correlations of the study on recorded data, and their intervals."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import spearmanr

from cases.realistic import WIDTHS, study
from spiralsink.claims.realistic._statistics import difference, mean_interval, spearman, trend


def test_rank_correlations_are_those_of_scipy():
    rng = np.random.default_rng(0)
    x, values = np.repeat(WIDTHS, 3).astype(float), rng.integers(5, size=(4, 18)).astype(float)
    wanted = [np.asarray(spearmanr(x, row))[0] for row in values]
    np.testing.assert_allclose(spearman(x, values), wanted, atol=1e-12)
    assert np.isnan(spearman(x, np.ones((1, 18)))).all()


def test_an_interval_of_a_trend_covers_it_as_often_as_it_says():
    """Of 100 studies of noise alone, about 95 intervals of the mean contain zero."""
    covered = [
        low <= 0 <= high
        for low, high in (
            trend(
                xr.DataArray(
                    np.random.default_rng(seed).normal(size=(2, 2, 6, 5)),
                    dims=("task", "architecture", "width", "network"),
                    coords={"width": WIDTHS},
                )
            ).interval
            for seed in range(100)
        )
    ]
    # the chance of fewer is 0.03 for the nominal 95
    assert sum(covered) >= 91, sum(covered)


def test_an_interval_of_a_strong_trend_holds_its_estimate_and_the_truth():
    """Resamples hold ties, so they are more correlated than samples: without a shift no interval held the estimate."""
    dims, coords = ("task", "architecture", "width", "network"), {"width": WIDTHS}

    def sample(seed, n_networks):
        octaves = np.log2(WIDTHS)[:, None]
        noise = np.random.default_rng(seed).normal(size=(1, 2, 6, n_networks))
        return xr.DataArray(octaves + 2 * noise, dims=dims, coords=coords)

    truth = trend(sample(0, 400)).mean
    found = [trend(sample(seed, 4)) for seed in range(1, 31)]
    assert all(each.interval[0] <= each.mean <= each.interval[1] for each in found)
    assert sum(each.interval[0] <= truth <= each.interval[1] for each in found) >= 27


@pytest.mark.parametrize("n_networks", [1, 2])
def test_few_networks_of_a_width_have_no_interval(n_networks):
    data = study("load", lambda octave: octave, n_networks=n_networks)["load"].sel(control="trained")
    found = trend(data)
    assert found.mean == pytest.approx(1, abs=0.1)
    assert np.isnan(found.interval).all()


def test_a_width_with_two_networks_leaves_an_interval():
    """Others may be silent; the interval is wider for it."""
    data = study("load", lambda octave: octave, n_networks=4, noise=3)["load"].sel(control="trained").copy()
    whole = trend(data).interval
    data.loc[{"width": 2, "network": [0, 1]}] = np.nan
    few = trend(data).interval
    assert few[1] - few[0] > 1.1 * (whole[1] - whole[0])


def test_networks_are_resampled_with_their_controls():
    """The difference of a measure from itself plus a constant is 0, without any uncertainty."""
    one = study("load", lambda octave: octave, noise=3)["load"].sel(control="trained")
    assert difference(trend(one), trend(one + 5)) == (0, (0, 0))


def test_networks_without_a_number_are_left_out():
    data = study("load", lambda octave: octave)["load"].sel(control="trained").copy()
    data.loc[{"width": 2, "network": [0, 1]}] = np.nan
    data.loc[{"task": "forecast"}] = np.nan
    found = trend(data)
    assert np.isnan(found.each[2]).all()
    assert np.isfinite(found.each[:2]).all()
    assert found.mean > 0.9
    assert found.interval[0] > 0.9


def test_a_median_with_its_interval():
    rng = np.random.default_rng(0)
    middle, (low, high) = mean_interval(2 + 0.1 * rng.normal(size=(3, 40)), np.median)
    assert low < middle < high
    assert low > 1.9
    assert high < 2.1
    assert np.isnan(mean_interval(np.full((2, 3), np.nan), np.median)[0])
