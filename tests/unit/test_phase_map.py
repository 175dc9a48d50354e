"""Phase maps: the best branch of every diagram on one grid, as an object and as data."""

import functools

import numpy as np
import pytest

import spiralsink as sk
from spiralsink import plots


@functools.cache
def found() -> sk.PhaseMap:
    return sk.phase_map(
        sk.SparseProcess(1), delays=(1, 2), p=(0.3, 0.9), n_points=7, readout="linear", restarts=6, n_hidden=[2]
    )


@pytest.mark.slow
def test_the_best_branch_on_the_grid():
    here = found()
    diagram = here.diagrams[2, 2]
    assert here.diagrams.keys() == {(2, 2)}
    np.testing.assert_allclose(here.p[[0, -1]], (0.3, 0.9), rtol=0)
    assert here.loss_per_p.shape == (2, 1, 7)
    envelope = np.nanmin([branch.loss_at(here.p) for branch in diagram.branches], axis=0)
    np.testing.assert_array_equal(here.loss_per_p[1, 0], envelope)
    assert set(here.branch[1, 0]) == {"dense"}
    for i in (0, 3, 6):
        geometry = sk.measure(diagram.branch("dense").network_at(here.p[i]), sk.Delay(2))
        assert here.eigenangle_span[1, 0, i] == pytest.approx(geometry.eigenangle_span, rel=1e-8)
        assert here.spectral_radius[1, 0, i] == pytest.approx(geometry.spectral_radius, rel=1e-8)
        assert here.free_fraction[1, 0, i] == pytest.approx(geometry.free_fraction, rel=1e-8)


@pytest.mark.slow
def test_a_shift_register_has_no_loss_and_no_diagram():
    here = found()
    assert set(here.branch[0, 0]) == {"register"}
    assert (here.loss_per_p[0] == 0).all()
    assert (here.spectral_radius[0] == 0).all()
    assert np.isnan(here.eigenangle_span[0]).all()
    assert (here.escape_p == 0).all()


def test_prints_what_a_reader_wants():
    lines = str(found()).splitlines()
    assert 5 <= len(lines) <= 8
    assert "delays 1, 2, hidden units 2" in lines[0]
    assert lines[1].split() == ["diagrams", "1", "converged"]
    assert lines[3].split()[-1] == "none"


def test_dataset_and_figure(tmp_path):
    dataset = found().to_dataset()
    assert dict(dataset.sizes) == {"delay": 2, "n_hidden": 1, "p": 7, "crossing": 0}
    assert dataset["eigenangle_span"].attrs["units"] == "degree"
    assert dataset["branch"].sel(delay=2, n_hidden=2, p=0.9).item() == "dense"
    dataset.to_netcdf(tmp_path / "map.nc", engine="h5netcdf")
    figure, axes = plots.new_panels()
    plots.phase_map(found(), ax=axes[0, 0])
    assert [each.get_gid() for each in axes[0, 0].collections] == ["band-1", "band-2"]
    plots.save_figure(figure, tmp_path / "map")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delays": 4}, "delays must be a list of whole numbers >= 1, got 4"),
        ({"delays": ()}, "delays must be a list of whole numbers >= 1"),
        ({"delays": (2, 0)}, "delays must be a whole number >= 1, got 0"),
        ({"delays": (2, 2)}, "delays must be a list without repeats"),
        ({"n_hidden": (3,), "delays": (1, 2)}, "n_hidden must be at most the largest delay 2 somewhere"),
        ({"n_points": 1}, "n_points must be a whole number >= 2"),
        ({"p": (0.0, 1.0)}, "p must be a pair with 0 < smallest < largest <= 1"),
        ({"process": sk.SparseProcess(2)}, "process must be one feature"),
    ],
)
def test_bad_input(change, message):
    given = {"process": sk.SparseProcess(1)} | change
    with pytest.raises(sk.InvalidInput, match=message):
        sk.phase_map(given.pop("process"), **given)
