"""Figures of phase diagrams: what is drawn, from a small diagram that is made by hand."""

import matplotlib
import numpy as np
import pytest
import xarray as xr

import spiralsink as sk
from spiralsink import plots

matplotlib.use("Agg")

NU = 1 / 3
ESCAPE_P = 0.25
CROSSING = 0.4


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def branch(name, p, radius, degrees, loss, ends, stable):
    """A spiral that turns by so many degrees each step, whose loss is split into four terms by fixed shares."""
    angle = np.deg2rad(degrees)
    coefficients = np.column_stack([np.full_like(p, 0.2), 0.3 * p, -2 * radius * np.cos(angle), radius**2])
    terms = loss[:, None] * [0.5, 0.8, 0.1, -0.4]
    numbers = {"p": p, "loss_per_p": loss, "spectral_radius": radius, "eigenangle_span": 4 * degrees}
    return {"name": name, **numbers, "stable": stable, "terms": terms, "coefficients": coefficients, "ends": ends}


def make(p_dense, p_sparse):
    dense = branch(
        "dense", p_dense, 0.8 + 0 * p_dense, 25 - 3 * p_dense, 0.2 - 0.1 * np.log(p_dense / CROSSING) / 2,
        ("fold", "range"), p_dense > p_dense[0],
    )  # fmt: skip
    sparse = branch(
        "sparse", p_sparse, 0.7 + 0.1 * p_sparse, 66 + 3 * p_sparse, 0.2 + 0.1 * np.log(p_sparse / CROSSING) / 2,
        ("range", "bifurcation"), np.ones_like(p_sparse, bool),
    )  # fmt: skip
    return [sparse, dense]


def dataset():
    branches = make(np.geomspace(0.3, 1.0, 15), np.geomspace(0.1, 0.6, 18))
    longest = max(len(each["p"]) for each in branches)

    def padded(name):
        rows = [np.asarray(each[name], np.float64) for each in branches]
        return np.stack([np.pad(row, [(0, longest - len(row)), *[(0, 0)] * (row.ndim - 1)], constant_values=np.nan)
                         for row in rows])  # fmt: skip

    names = ("p", "loss_per_p", "spectral_radius", "eigenangle_span", "stable")
    along = {name: (("branch", "point"), padded(name)) for name in names}
    along["terms"] = (("branch", "point", "term"), padded("terms"))
    along["coefficients"] = (("branch", "point", "coefficient"), padded("coefficients"))
    for side, name in enumerate(("end_below", "end_above")):
        along[name] = ("branch", [each["ends"][side] for each in branches])
    along |= {"crossing_p": ("crossing", [CROSSING]), "crossing_from": ("crossing", ["dense"])}
    along["crossing_to"] = ("crossing", ["sparse"])
    grid = np.geomspace(0.1, 1.0, 101)
    along |= {"escape_grid": ("escape", grid), "escape_infimum": ("escape", NU * (1 - (1 - grid) ** 2))}
    along["escape_p"] = ((), ESCAPE_P)
    coordinates = {"branch": [each["name"] for each in branches], "term": list(plots.TERMS)}
    return xr.Dataset(along, coords=coordinates, attrs={"delay": 4, "n_hidden": 2, "readout": "relu"})


def lines(axes, prefix):
    return [each for each in axes.lines if (each.get_gid() or "").startswith(prefix)]


def test_data_come_dense_first_and_know_what_lies_between_their_points():
    data = plots.phase_data(dataset())
    assert [each.name for each in data.branches] == ["dense", "sparse"]
    assert data.crossings == ((CROSSING, "dense", "sparse"),)
    assert data.escape_span == pytest.approx(240)
    dense = data.branch("dense")
    p = np.array([0.29, 0.3, 0.37, 0.8, 1.0, 1.01])
    expected = 0.2 - 0.05 * np.log(p / CROSSING)
    np.testing.assert_allclose(dense.at(dense.loss_per_p, p)[1:-1], expected[1:-1], rtol=1e-5)
    assert np.isnan(dense.at(dense.loss_per_p, p)[[0, -1]]).all()
    assert [data.branches[i].name for i in data.best(np.array([0.2, 0.39, 0.41, 0.9]))] == [
        "sparse", "sparse", "dense", "dense",
    ]  # fmt: skip
    assert data.best(0.05) == -1


def test_where_no_network_is_best_is_read_from_the_data():
    assert plots.phase_data(dataset()).escape_p == ESCAPE_P
    without = dataset().isel(escape=slice(0, 0)).assign(escape_p=np.nan)
    assert plots.phase_data(without).escape_p is None
    assert lines(plots.phase_diagram(without)[0], "escape") == []


def test_three_panels_with_every_branch_its_ends_and_the_lowest():
    panels = plots.phase_diagram(dataset())
    assert [each.get_ylabel() for each in panels] == [
        "expected loss $E[L]/p$", "eigenangle span (degrees)", "spectral radius",
    ]  # fmt: skip
    for panel in panels:
        assert {each.get_gid() for each in lines(panel, "branch-")} == {"branch-dense", "branch-sparse"}
        assert [each.get_gid() for each in lines(panel, "end-")] == ["end-dense-fold", "end-sparse-bifurcation"]
        assert [float(each.get_xdata()[0]) for each in lines(panel, "crossing")] == [CROSSING]
        above, below = lines(panel, "best")
        assert min(above.get_xdata()) >= CROSSING >= max(below.get_xdata())
        (region,) = [each for each in panel.patches if each.get_gid() == "escape-region"]
        assert region.get_x() + region.get_width() == pytest.approx(plots.phase_data(dataset()).escape_p)
        assert {each.get_text() for each in panel.texts} >= {"dense", "sparse"}
    assert panels[0].get_xscale() == "log"
    (infimum,) = lines(panels[0], "escape")
    np.testing.assert_allclose(infimum.get_ydata(), NU * (1 - (1 - infimum.get_xdata()) ** 2))
    assert "$p$ = 0.4000" in [each.get_text() for each in panels[0].texts]


def test_what_is_no_minimum_is_dashed():
    changed = dataset()
    changed["stable"].loc[{"branch": "sparse"}] = (changed["p"].sel(branch="sparse") < 0.3).astype(float)
    solid, dashed = lines(plots.phase_diagram(changed)[1], "branch-sparse")
    assert solid.get_linestyle() == "-"
    assert dashed.get_linestyle() == "--"
    shown = np.isfinite(dashed.get_ydata())
    assert dashed.get_xdata()[shown].min() > 0.25


def test_a_choice_of_branches_and_trained_networks():
    trained = xr.Dataset(
        {
            "loss": ("network", [0.02, 0.06]),
            "eigenangle_span": ("network", [270.0, np.nan]),
            "spectral_radius": ("network", [0.7, 0.8]),
        },
        coords={"p": ("network", [0.1, 0.3])},
    )
    panels = plots.phase_diagram(dataset(), branches=["sparse"], trained=trained)
    assert {each.get_gid() for each in lines(panels[0], "branch-")} == {"branch-sparse"}
    (points,) = lines(panels[0], "trained")
    np.testing.assert_allclose(points.get_ydata(), [0.2, 0.2])
    assert "trained" in [each.get_text() for each in panels[0].get_legend().get_texts()]


def test_planes_are_those_of_the_best_branch_or_of_the_one_asked_for():
    planes = plots.branch_planes(dataset(), [0.5, 0.35, ("dense", 0.35)], n_lags=6)
    titles = [each.get_title(loc="left") for each in planes]
    assert titles[0] == "$p$ = 0.5, dense: 94°"
    assert titles[1] == "$p$ = 0.35, sparse: 268°"
    assert titles[2] == "$p$ = 0.35, dense: 96°"
    for each in planes:
        gids = [patch.get_gid() for patch in each.patches]
        assert "free-space" in gids
        assert "direction-5-0" in gids
        assert "modal gauge" in each.get_xlabel()


def test_the_network_between_two_points_is_that_of_its_coefficients():
    network = plots.phase_data(dataset()).network("dense", 0.456)
    modes = sk.measure(network, sk.Delay(4))
    assert modes.spectral_radius == pytest.approx(0.8, abs=1e-4)
    assert modes.eigenangle_span == pytest.approx(4 * (25 - 3 * 0.456), abs=1e-2)
    assert network.readout == "relu"


def test_differences_of_terms_sum_to_that_of_the_loss():
    data = plots.term_differences_data(dataset(), "sparse", "dense")
    assert (data.p[0], data.p[-1]) == pytest.approx((0.3, 0.6))
    np.testing.assert_allclose(data.total, 0.1 * np.log(data.p / CROSSING), atol=1e-5)
    np.testing.assert_allclose(sum(data.terms.values()), data.total, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(data.terms["composition_interference"], -0.4 * data.total, atol=1e-12)
    assert data.crossing_p == pytest.approx(CROSSING, rel=1e-4)
    axes = plots.term_differences(data)
    for name in plots.TERMS:
        (line,) = lines(axes, f"term-{name}")
        np.testing.assert_array_equal(line.get_ydata(), data.terms[name])
    assert len(lines(axes, "crossing")) == 1
    assert axes.get_ylabel() == "$E[L]/p$, sparse − dense"


def test_a_stack_of_differences_reaches_from_what_is_gained_to_what_is_paid():
    data = plots.term_differences_data(dataset(), "sparse", "dense")
    axes = plots.term_differences(data, kind="stacked")
    fills = {each.get_gid(): each for each in axes.collections}
    assert {name.partition("-")[0] for name in fills} == {"pays", "gains"}
    highest = max(each.get_paths()[0].vertices[:, 1].max() for each in fills.values())
    positive = sum(np.maximum(values, 0) for values in data.terms.values())
    assert highest == pytest.approx(positive.max())
    assert len({each.get_hatch() for each in fills.values()}) == 4


def small_map(n_hidden=(2,)):
    delays, p = (3, 4), np.geomspace(0.1, 1.0, 31)
    shape = (len(delays), len(n_hidden), len(p))
    names = np.where(p < CROSSING, "sparse", "dense").astype(object)
    span = np.broadcast_to(np.where(p < CROSSING, 270.0, 95.0), shape)
    dims = ("delay", "n_hidden", "p")
    values = {
        "eigenangle_span": (dims, span),
        "free_fraction": (dims, span / 300),
        "branch": (dims, np.broadcast_to(names, shape)),
        "escape_p": (dims[:2], np.broadcast_to([[0.0], [0.2]], shape[:2])),
        "crossing_delay": ("crossing", [3, 4]),
        "crossing_n_hidden": ("crossing", [2, 2]),
        "crossing_p": ("crossing", [CROSSING, CROSSING + 1e-3]),
    }
    return xr.Dataset(values, coords={"delay": list(delays), "n_hidden": list(n_hidden), "p": p})


def test_a_map_has_one_band_for_each_delay():
    axes = plots.phase_map(small_map())
    bands = {each.get_gid(): each for each in axes.collections}
    assert {"band-3", "band-4", "escape-region"} == bands.keys()
    np.testing.assert_allclose(np.ravel(bands["band-3"].get_array()), small_map()["eigenangle_span"][0, 0])
    assert [float(each.get_xdata()[0]) for each in lines(axes, "crossing")] == [CROSSING, CROSSING + 1e-3]
    edges = bands["band-4"].get_coordinates()[0, :, 0]
    assert np.abs(edges - (CROSSING + 1e-3)).min() < 1e-12, "colours change at the crossing"
    assert [each.get_text() for each in axes.texts] == ["sparse", "dense"] * 2
    assert [each.get_text() for each in axes.get_yticklabels()] == ["3", "4"]
    assert axes.get_title(loc="left") == "$N_h$ = 2"


def test_a_map_over_hidden_units():
    source = small_map((2, 3)).sel(delay=4)
    axes = plots.phase_map(source, quantity="free_fraction", limits=(0, 1))
    assert axes.get_ylabel() == "hidden units $N_h$"
    assert axes.get_title(loc="left") == "$k$ = 4"
    assert len(lines(axes, "crossing")) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.phase_diagram("diagram"), "diagram must be a phase diagram or its dataset, got str"),
        (lambda: plots.phase_diagram(dataset(), branches=["spase"]), "did you mean sparse"),
        (lambda: plots.phase_diagram(dataset(), axes=[None]), "axes must be three axes, got 1"),
        (lambda: plots.branch_planes(dataset(), [0.05]), r"at must be in \[0.1, 1\], where a branch passes"),
        (lambda: plots.branch_planes(dataset(), [("dense", 0.2)]), r"at must be in \[0.3, 1\] for the branch dense"),
        (lambda: plots.branch_planes(dataset(), []), "at must be at least one p"),
        (lambda: plots.term_differences(dataset(), "sparse", "tight"), "branch must be one of dense, sparse"),
        (lambda: plots.term_differences(dataset(), kind="bars"), "kind must be one of lines, stacked"),
        (lambda: plots.phase_map(small_map((2, 3))), "source must be a map with one delay or one n_hidden"),
        (lambda: plots.phase_map(dataset()), "source must be a phase map or its dataset"),
        (lambda: plots.phase_map(small_map(), quantity="loss"), "quantity must be one of"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(sk.InvalidInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
