"""Figures of a sweep: the numbers behind them, what is drawn for every kind of axis, what is said of lost networks."""

import matplotlib
import numpy as np
import pytest

import spiralsink as sk
from cases.sweeps import AXES, SPARSE, sweep_dataset
from spiralsink import plots
from spiralsink.plots._sweep_axes import series_looks
from spiralsink.plots._sweep_data import (
    REGIME_SHARES,
    is_logarithmic,
    metric_data,
    regime_data,
    sorted_values,
    sweep_axes,
    sweep_axis,
)
from spiralsink.training import Variable, labelled

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _settings_are_left_alone():
    before = dict(matplotlib.rcParams)
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
    assert dict(matplotlib.rcParams) == before


def table(rows, axes='[["p"], ["delay"]]'):
    """A dataset of networks given as (p, delay, loss, status, regime, span)."""
    p, delay, loss, status, regime, span = zip(*rows, strict=True)
    variables = {
        "loss": Variable(("network",), np.array(loss)),
        "status": Variable(("network",), np.array(status, dtype=object)),
        "regime": Variable(("network",), np.array(regime, dtype=object)),
        "eigenangle_span": Variable(("network",), np.array(span)),
    }
    return labelled(variables, coordinates={"p": list(p), "delay": list(delay)}, attributes={"axes": axes})


NAN = np.nan
TABLE = [
    (0.5, 2, 0.30, "converged", "dense", 90.0),
    (0.5, 2, 0.10, "converged", "dense", 80.0),
    (0.5, 2, 0.05, "diverged", "", 10.0),
    (0.5, 2, NAN, "diverged", "", NAN),
    (0.5, 2, 0.40, "unconverged", "sparse", 70.0),
    (0.5, 4, 0.30, "converged", "between", NAN),
    (0.5, 4, 0.40, "converged", "dense", 60.0),
    (0.1, 2, 0.90, "dead", "unrepresented", 33.0),
    (0.1, 2, 0.80, "dead", "unrepresented", 44.0),
    (0.1, 2, NAN, "converged", "dense", 55.0),
    (0.1, 4, np.inf, "diverged", "", NAN),
]


def test_the_best_is_that_of_the_lowest_loss_and_lost_networks_are_counted():
    data = metric_data(table(TABLE), "eigenangle_span", "p", by="delay")
    assert data.along.values == (0.1, 0.5)
    assert data.by is not None
    assert data.by.values == (2, 4)
    np.testing.assert_array_equal(data.best, [[44.0, 80.0], [NAN, NAN]])
    np.testing.assert_array_equal(data.best_dead, [[True, False], [False, False]])
    np.testing.assert_array_equal(data.n_drawn, [[0, 3], [0, 1]])
    np.testing.assert_allclose(data.quantiles[:, 0, 1], [72.0, 80.0, 88.0])
    np.testing.assert_array_equal(data.quantiles[:, 1, 1], [60.0] * 3)
    assert np.isnan(data.quantiles[:, :, 0]).all()
    # without a finite loss is diverged, whatever the status says
    assert (data.n_networks, data.n_diverged, data.n_dead, data.n_undefined) == (11, 4, 2, 1)
    assert data.pooled == ()
    loss = metric_data(table(TABLE), "loss", "p", by="delay")
    np.testing.assert_array_equal(loss.best, [[0.8, 0.1], [NAN, 0.3]])
    assert loss.n_undefined == 0


def test_every_network_is_counted_once():
    for kind in ("mixed", "dead", "diverged", "alive"):
        dataset = sweep_dataset(AXES["two"], kind=kind)
        data = metric_data(dataset, "eigenangle_span", "p", by="delay")
        counted = data.n_drawn.sum() + data.n_diverged + data.n_dead + data.n_undefined
        assert counted == data.n_networks == dataset.sizes["network"]
        assert regime_data(dataset, "delay").n_networks.sum() == data.n_networks


def test_quantiles_are_those_of_every_point():
    dataset = sweep_dataset(AXES["two"], n_seeds=11)
    data = metric_data(dataset, "spectral_radius", "p", by="delay")
    for i, delay in enumerate((2, 4, 8)):
        for j, p in enumerate(SPARSE):
            here = (dataset["delay"].values == delay) & (dataset["p"].values == p)
            here &= ~np.isin(dataset["status"].values, ["dead", "diverged"])
            expected = np.quantile(dataset["spectral_radius"].values[here], [0.1, 0.5, 0.9])
            np.testing.assert_allclose(data.quantiles[:, i, j], expected)


def test_what_further_axes_are_pooled_is_known():
    assert metric_data(table(TABLE), "loss", "p").pooled == ("delay",)
    assert regime_data(table(TABLE), "p").pooled == ("delay",)
    zipped = sweep_dataset(AXES["zipped"])
    assert metric_data(zipped, "loss", "delay", by="p").pooled == ()
    assert metric_data(zipped, "loss", "delay").pooled == ("p",)
    assert metric_data(sweep_dataset(AXES["four"]), "loss", "p").pooled == ("delay", "n_hidden", "recurrence")
    assert metric_data(sweep_dataset(AXES["zipped, none alone"]), "loss", "delay").pooled == ("horizon",)


def test_shares_of_regimes_add_up_and_name_what_has_none():
    data = regime_data(table(TABLE), "p")
    assert data.n_networks.tolist() == [4, 7]
    expected = {
        "sparse": [0, 1 / 7],
        "between": [0, 1 / 7],
        "dense": [0, 3 / 7],
        "unrepresented": [2 / 4, 0],
        "diverged": [2 / 4, 2 / 7],
        "not defined": [0, 0],
    }
    assert list(expected) == list(REGIME_SHARES)
    np.testing.assert_allclose(data.shares, list(expected.values()))
    undefined = [(0.5, 2, 0.1, "converged", "", NAN)] * 3 + [(0.5, 2, 0.1, "converged", "sparse", NAN)]
    assert regime_data(table(undefined), "p").shares[:, 0].tolist() == [0.25, 0, 0, 0, 0, 0.75]
    assert regime_data(table(TABLE), None).shares[:, 0] == pytest.approx([1 / 11, 1 / 11, 3 / 11, 2 / 11, 4 / 11, 0])


def test_the_distribution_over_seeds_leaves_lost_networks_out():
    values, best = sorted_values(table(TABLE), "eigenangle_span")
    assert values.tolist() == [60.0, 70.0, 80.0, 90.0]
    assert best == 80.0
    values, best = sorted_values(table(TABLE[-1:]), "loss")
    assert len(values) == 0
    assert np.isnan(best)


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [
        (np.geomspace(0.02, 1, 8), True),
        ([1, 2, 4], True),
        ([0.02, 0.05, 0.1, 0.2, 0.5, 1.0], True),
        ([2, 4, 6], False),
        ([1, 2, 3, 5], False),
        (np.linspace(0.1, 1.0, 10), False),
        ([0, 1, 10], False),
        ([1, 100], False),
        ([3], False),
    ],
)
def test_values_that_were_spaced_logarithmically_are_recognised(values, logarithmic):
    assert is_logarithmic(np.asarray(values, float)) == logarithmic


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("no axis", []),
        ("one", ["p"]),
        ("zipped", ["delay", "p"]),
        ("zipped, none alone", ["horizon"]),
        ("words first", ["recurrence", "p"]),
        ("one value", []),
        ("four", ["p", "delay", "n_hidden", "recurrence"]),
    ],
)
def test_the_axes_of_a_plan(kind, names):
    assert sweep_axes(sweep_dataset(AXES[kind])) == names


def test_axes_of_truth_values_and_of_words():
    tied = [(("tied",), [(False,), (True,)])]
    assert sweep_axis(sweep_dataset(tied), "tied").values == ("false", "true")
    words = sweep_axis(sweep_dataset(AXES["words first"], n_seeds=1), "recurrence")
    assert (words.words, words.values) == (True, ("linear", "relu", "tanh"))
    assert words.positions.tolist() == [0, 1, 2]
    assert np.bincount(words.codes).tolist() == [6, 6, 6]


def test_tables_are_told_apart_by_what_differs():
    tables = [
        '{"gain":1.0,"kind":"normal","seed":3}',
        '{"gain":0.5,"kind":"normal","seed":3}',
        '{"kind":"identity","seed":3}',
    ]
    axis = sweep_axis(sweep_dataset([(("init",), [(each,) for each in tables])]), "init")
    assert axis.labels == ("normal, gain 1.0", "normal, gain 0.5", "identity")
    mixed = sweep_axis(sweep_dataset([(("init",), [("{not JSON",), ("[1, 2]",), ("a" * 40,)])]), "init")
    assert mixed.labels == ("{not JSON", "[1, 2]", "a" * 27 + "…")
    assert sweep_axis(sweep_dataset(AXES["one"]), "p").labels[:2] == ("0.02", "0.0437")


def test_a_store_that_is_not_full_keeps_the_colours_of_its_series():
    dataset = sweep_dataset(AXES["three"], kind="alive")
    whole = plots.sweep_summary(dataset)
    part = (dataset["n_hidden"].values != 4) | (dataset["delay"].values == 4)
    figure = plots.sweep_summary(dataset.isel(network=part))
    (line,) = [each for each in figure.axes[1].lines if (each.get_gid() or "").startswith("best-")]
    expected = {each.get_gid(): each for each in whole.axes[1].lines}["best-1"]
    assert (line.get_color(), line.get_marker()) == (expected.get_color(), expected.get_marker())
    np.testing.assert_array_equal(line.get_ydata(), expected.get_ydata())


def test_a_selection_says_what_it_holds_fixed():
    dataset = sweep_dataset(AXES["four"], kind="alive", n_seeds=2)
    chosen = (dataset["recurrence"].values == "relu") & (dataset["delay"].values == 4)
    title, named = texts(plots.sweep_summary(dataset.isel(network=chosen)))
    assert title.split() == ["36", "networks", "$k$", "=", "4", "recurrence", "=", "relu"]
    assert {"$N_h$ = 2", "$N_h$ = 4", "$N_h$ = 8"} <= set(named)


def test_the_legend_speaks_of_the_panels_and_not_of_what_they_share():
    _, named = texts(plots.sweep_summary(sweep_dataset(AXES["three"], kind="alive", n_seeds=1)))
    assert "network" in named
    assert not {"best of the seeds", "median", "the best is dead"} & set(named)
    _, named = texts(plots.sweep_summary(sweep_dataset(AXES["three"], n_seeds=2)))
    assert {"best of the seeds", "median", "the best is dead"} <= set(named)


def drawn(axes, prefix):
    """Identifiers of what was drawn, in order."""
    names = [each.get_gid() or "" for each in (*axes.lines, *axes.collections)]
    return [name for name in names if name.startswith(prefix)]


def test_one_series_for_each_value_of_the_other_axis():
    dataset = sweep_dataset(AXES["two"])
    axes = plots.sweep_metric(dataset, "eigenangle_span", "p", by="delay")
    assert drawn(axes, "best-") == ["best-0", "best-1", "best-2"]
    assert {"spread-0", "spread-1", "spread-2"} <= set(drawn(axes, "spread-"))
    assert {"median-spread-0", "median-spread-1", "median-spread-2"} <= set(drawn(axes, "median-"))
    assert [each.get_text() for each in axes.get_legend().get_texts()] == ["2", "4", "8"]
    assert axes.get_xscale() == "log"
    data = metric_data(dataset, "eigenangle_span", "p", by="delay")
    lines = {each.get_gid(): each for each in axes.lines}
    np.testing.assert_array_equal(lines["best-1"].get_ydata(), data.best[1])
    np.testing.assert_array_equal(lines["median-spread-1"].get_ydata(), data.quantiles[1, 1])
    title = axes.get_title(loc="left").replace("\n", " ")
    lost = f"{data.n_diverged} diverged, {data.n_dead} dead, {data.n_undefined} without a value"
    assert title == f"144 networks; {lost} (not in median and band)"
    plain = plots.sweep_metric(dataset, "loss", "p", best=False)
    assert drawn(plain, "best-") == []
    assert "pooled over delay" in plain.get_title(loc="left")


def test_a_dead_best_is_open_and_one_seed_has_no_spread():
    axes = plots.sweep_metric(sweep_dataset(AXES["one"], kind="dead"), "loss")
    assert drawn(axes, "dead-") == ["dead-0"]
    assert drawn(axes, "spread-") == []
    assert axes.get_title(loc="left") == "48 networks; 48 dead (dead ones open)"
    axes = plots.sweep_metric(sweep_dataset(AXES["one"], kind="alive", n_seeds=1), "loss")
    assert drawn(axes, "spread-") == drawn(axes, "dead-") == []
    assert drawn(axes, "best-") == ["best-0"]
    assert axes.get_title(loc="left") == "6 networks"
    axes = plots.sweep_metric(sweep_dataset(AXES["one"], kind="diverged"), "loss")
    assert [each.get_text() for each in axes.texts] == ["no network has it"]


def test_words_stand_side_by_side_without_lines():
    dataset = sweep_dataset(AXES["words only"], kind="alive")
    axes = plots.sweep_metric(dataset, "loss", "recurrence", by="readout")
    assert [each.get_text() for each in axes.get_xticklabels()] == ["linear", "relu", "tanh"]
    lines = {each.get_gid(): each for each in axes.lines}
    assert {lines[f"best-{i}"].get_linestyle() for i in (0, 1)} == {"None"}
    first, second = (lines[f"best-{i}"].get_xdata() for i in (0, 1))
    assert (second - first > 0.1).all()


def test_the_other_axis_may_have_many_values():
    axes = plots.sweep_metric(sweep_dataset(AXES["many values"]), "loss", "p", by="delay")
    assert len(drawn(axes, "best-")) == 10
    assert "median and band left out" in axes.get_title(loc="left")
    looks = series_looks(10)
    assert len({tuple(each["color"]) for each in looks}) == 10
    assert len({each["color"] for each in series_looks(7)}) == len({each["marker"] for each in series_looks(7)}) == 7


def test_bars_of_regimes_add_up_to_one():
    axes = plots.sweep_regimes(sweep_dataset(AXES["one"]), "p")
    assert [each.get_text() for each in axes.get_legend().get_texts()] == list(REGIME_SHARES)
    assert len(axes.containers) == 6
    heights = np.array([[bar.get_height() for bar in each] for each in axes.containers])
    np.testing.assert_allclose(heights.sum(axis=0), 1)
    bars = axes.containers[0]
    np.testing.assert_allclose(bars[0].get_x() + bars[0].get_width(), bars[1].get_x())
    assert bars[0].get_x() < SPARSE[0] < bars[1].get_x() < SPARSE[1]
    assert axes.get_title(loc="left") == "8 networks in every bar"


def texts(figure):
    """What the legends of a figure say, those in its panels included."""
    legends = [*figure.legends, *(each.get_legend() for each in figure.axes if each.get_legend())]
    titles = " ".join(legend.get_title().get_text() for legend in legends).replace("\n", " ")
    return titles, [each.get_text() for legend in legends for each in legend.get_texts()]


# panels of metrics and of regimes, and a cell for the legend where one is free; horizontal axis; series
FIGURES = {
    "no axis": (5 + 1, "loss (squared input per step)", []),
    "one value": (5 + 1, "loss (squared input per step)", []),
    "one": (5 + 1, "activity probability $p$", []),
    "two": (5 + 3 + 1, "activity probability $p$", ["$k$ = 2", "$k$ = 4", "$k$ = 8"]),
    "three": (3 * 6, "activity probability $p$", ["$k$ = 2", "$k$ = 4"]),
    "four": (4 * 6, "activity probability $p$", ["$k$ = 2", "$k$ = 4"]),
    "words": (5 + 1, "readout", []),
    "words first": (5 + 3 + 1, "activity probability $p$", [f"recurrence = {x}" for x in ("linear", "relu", "tanh")]),
    "words only": (5 + 2 + 1, "recurrence", ["readout = linear", "readout = relu"]),
    "zipped": (5 + 2 + 1, "delay $k$ (steps)", ["$p$ = 0.1", "$p$ = 0.5"]),
    "zipped, none alone": (5 + 1, "horizon $T$ (steps)", []),
    "many values": (5 + 6 + 1, "activity probability $p$", [f"$k$ = {k}" for k in (1, 3, 5, 6, 8, 10)]),
}


@pytest.mark.parametrize("kind", FIGURES)
def test_the_standard_figure_for_every_kind_of_axis(kind):
    dataset = sweep_dataset(AXES[kind])
    count, label, series = FIGURES[kind]
    figure = plots.sweep_summary(dataset)
    assert len(figure.axes) == count
    assert label in {each.get_xlabel() for each in figure.axes}
    title, named = texts(figure)
    assert [each for each in named if " = " in each] == series
    assert set(named) >= {"dense", "unrepresented", "diverged", "not defined"}
    if kind == "many values":
        assert "shown: 6 of 10 values of delay $k$ median and band left out" in title
        return
    data = metric_data(dataset, "loss", "p")
    where = "the curves" if kind in ("no axis", "one value") else "median and band"
    expected = f"{data.n_networks} networks; {data.n_diverged} diverged, {data.n_dead} dead: not in {where}"
    assert expected.replace(";", "") in title.replace(";", "")
    assert ("pooled over delay" in title) == (kind == "zipped, none alone")
    assert ("4 of 6 points of hidden units $N_h$ and recurrence" in title) == (kind == "four")


def test_the_columns_of_the_standard_figure_are_the_points_of_the_third_axis():
    dataset = sweep_dataset(AXES["three"])
    figure = plots.sweep_summary(dataset)
    assert [each.get_title(loc="left").split("\n")[0] for each in figure.axes[:3]] == [
        f"$N_h$ = {n}" for n in (2, 4, 8)
    ]
    here = dataset.isel(network=dataset["n_hidden"].values == 4)
    data = metric_data(here, "loss", "p", by="delay")
    lines = {each.get_gid(): each for each in figure.axes[1].lines}
    np.testing.assert_array_equal(lines["best-1"].get_ydata(), data.best[1])
    assert len({each.get_ylim() for each in figure.axes[:3]}) == 1


@pytest.mark.parametrize(
    ("kind", "fate", "n_seeds"),
    [
        ("two", "dead", 4),
        ("three", "diverged", 4),
        ("no axis", "dead", 4),
        ("one", "diverged", 1),
        ("words", "mixed", 1),
        ("no axis", "alive", 1),
    ],
)
def test_the_standard_figure_of_sweeps_that_failed_or_are_small(kind, fate, n_seeds):
    dataset = sweep_dataset(AXES[kind], kind=fate, n_seeds=n_seeds)
    figure = plots.sweep_summary(dataset)
    title, _ = texts(figure)
    count = dataset.sizes["network"]
    if fate in ("dead", "diverged"):
        assert f"{count} {fate}" in title
    # warnings such as those of a layout without room are errors
    figure.draw_without_rendering()


def test_what_a_dataset_lacks_is_left_out():
    dataset = sweep_dataset(AXES["two"]).drop_vars(["regime", "sharpness"])
    dataset["eigenangle_span"][:] = np.nan
    figure = plots.sweep_summary(dataset.drop_attrs())
    assert len([each for each in figure.axes if each.get_xlabel()]) == 3
    with pytest.raises(sk.InvalidInput, match="dataset must be a dataset with the variable regime"):
        plots.sweep_regimes(dataset)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: plots.sweep_metric(data, "los"), r"metric must be one of .* \(did you mean loss\?\)"),
        (lambda data: plots.sweep_metric(data, "status"), "metric must be one of"),
        (lambda data: plots.sweep_metric(data, along="dela"), r"along must be one of .* \(did you mean delay\?\)"),
        (lambda data: plots.sweep_metric(data, by="loss"), "by must be one of p, delay, seed, got 'loss'"),
        (lambda data: plots.sweep_regimes(data, "sed"), r"along must be one of .* \(did you mean seed\?\)"),
        (lambda data: plots.sweep_summary(data.drop_vars("loss")), "dataset must be a dataset of open_store"),
        (lambda data: plots.sweep_summary(3), "dataset must be a dataset of open_store, .*, got int"),
        (lambda data: plots.sweep_summary(data.isel(network=[])), "a dataset with networks"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(sk.InvalidInput, match=message) as caught:
        call(sweep_dataset(AXES["two"]))
    assert "\n" not in str(caught.value)
