"""The study on recorded data: what its numbers are, on data and networks where they are known."""

import numpy as np
import pytest
import torch

from cases.realistic import TASKS, study
from spiralsink.claims._claim import Condition
from spiralsink.claims.realistic import CLAIMS
from spiralsink.claims.realistic._baselines import baselines, history_load
from spiralsink.claims.realistic._claims import (
    additivity_values,
    doing_the_task,
    load_values,
    task_values,
    trend_values,
)
from spiralsink.claims.realistic._draw import draw_hidden, draw_measure, draw_tasks
from spiralsink.claims.realistic._measure import n_components
from spiralsink.claims.realistic._networks import ARCHITECTURES, build, outputs_of, read
from spiralsink.claims.realistic._responses import hidden_share, invisible_share, projections, responses, sharpness
from spiralsink.claims.realistic._study import Cell, _restore, compute_cell
from spiralsink.claims.realistic._tasks import make_task
from spiralsink.claims.realistic._training import Schedule, score, train


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return make_task(request.param)


@pytest.fixture(scope="module")
def recall():
    return make_task("recall")


def windows(inputs, n_steps, every):
    """Pieces of sequences as bytes: whole images where they begin every so many steps."""
    starts = range(0, inputs.shape[1] - n_steps + 1, every)
    return {np.ascontiguousarray(row[start : start + n_steps]).tobytes() for row in inputs for start in starts}


@pytest.mark.parametrize(
    ("name", "n_steps", "every"), [("recall", 8, 8), ("classification", 8, 11), ("forecast", 6, 1)]
)
def test_no_step_is_trained_on_and_scored(name, n_steps, every):
    """Training sequences and test sequences have no image, and no quarter of a year, in common."""
    task, rng = make_task(name), np.random.default_rng(0)
    drawn = set().union(*(windows(task.draw(rng, 64).inputs, n_steps, every) for _ in range(20)))
    assert len(drawn) > 500
    assert drawn >= windows(task.train.inputs[:3], n_steps, every)
    assert not drawn & windows(task.test.inputs, n_steps, every)
    if name == "recall":
        assert not drawn & windows(task.probe, n_steps, every)


def test_targets_are_the_inputs_of_three_steps_ago(recall):
    assert np.array_equal(recall.test.targets[:, 3:], recall.test.inputs[:, :-3])
    assert not recall.test.targets[:, :3].any()
    assert recall.asked.sum() == len(recall.heard_at)


def test_a_class_is_wanted_once_for_an_image():
    task = make_task("classification")
    wanted = task.test.targets.argmax(axis=-1)
    assert (wanted < 10).sum(axis=1).tolist() == [2] * len(wanted)
    assert np.array_equal(wanted < 10, task.test.scored)
    assert task.test.weights.mean() == pytest.approx(1)
    assert task.asked[:, 10].all()
    assert task.asked.sum() == 8


def test_a_forecast_is_of_what_comes():
    """The change over the next four steps is the sum of the next four inputs, up to the two units."""
    task = make_task("forecast")
    inputs, targets = task.test.inputs[0, :, 0], task.test.targets[0, :, 0]
    ahead = np.array([inputs[t + 1 : t + 5].sum() for t in range(len(inputs) - 4)])
    assert np.corrcoef(ahead, targets[:-4])[0, 1] == pytest.approx(1, abs=1e-10)


def test_baselines_are_ordered(task):
    found = baselines(task)
    assert found["memoryless"] + 0.3 < found["everything"] <= 1
    assert found["clock"] <= 1


def test_the_time_of_the_year_forecasts_as_well_as_all_inputs():
    found = baselines(make_task("forecast"))
    assert found["clock"] > found["memoryless"] + 0.3


def test_every_pixel_varies(recall):
    """An output that is nearly always 0 would decide shares of what is hidden."""
    assert recall.n_features == 6
    assert recall.train.inputs.std(axis=(0, 1)).min() > 0.15


def test_the_load_of_independent_inputs_is_one(recall):
    import dataclasses

    noise = np.random.default_rng(0).normal(size=(400, 24, 2))
    assert history_load(dataclasses.replace(recall, probe=noise)) == pytest.approx(1, abs=0.01)


def test_components_of_the_variance():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(20, 50, 2)) @ rng.normal(size=(2, 5))
    assert n_components(states) <= 2
    assert n_components(rng.normal(size=(20, 50, 5))) == 5
    assert n_components(rng.normal(size=(2, 3, 40))) <= 5


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_networks_are_read_as_torch_runs_them(architecture, recall):
    network = build(architecture, 3, recall, seed=1)
    model = read(network, architecture)
    assert model.agreement is not None
    assert model.agreement < 1e-5
    again = build(architecture, 3, recall, seed=1)
    inputs = recall.test.inputs[:2]
    assert np.array_equal(outputs_of(network, inputs), outputs_of(again, inputs))
    assert not np.array_equal(outputs_of(network, inputs), outputs_of(build(architecture, 3, recall, seed=2), inputs))


def test_training_improves_and_shuffled_targets_teach_nothing(recall):
    scores = {}
    for shuffled in (False, True):
        network = build("tanh", 24, recall, seed=0)
        before = score(network, recall)
        train(network, recall, Schedule(150, 32, 0.01), width=24, seed=0, shuffled=shuffled)
        scores[shuffled] = score(network, recall)
    # without what inputs say, the mean image of the time can be learnt, and that is what the baseline knows
    assert scores[False] > 0.5 > baselines(recall)["memoryless"] + 0.05 > scores[True], scores
    assert before < 0


def test_what_a_delay_line_shows_of_waiting_inputs(recall):
    """A network that shifts its inputs shows them at the age of three steps, and never else."""
    network = build("ReLU", 24, recall, seed=0)
    with torch.no_grad():
        for each in network.parameters():
            each.zero_()
        network.rnn.weight_ih_l0[:6] = torch.eye(6)
        network.rnn.weight_hh_l0[6:, :18] = torch.eye(18)
        network.readout.weight[:, 18:] = torch.eye(6)
    assert score(network, recall) == pytest.approx(1)
    intact, changed = responses(network, recall, seed=0)
    seen, waits = projections(intact, changed, recall), np.cumsum(recall.asked, axis=1) == 0
    size = recall.test.inputs.std(axis=(0, 1))
    wanted = np.broadcast_to(recall.asked[:, :, None, None] * np.diag(size), seen.shape)
    assert np.allclose(seen, wanted)
    assert hidden_share(seen, waits) is None
    assert sharpness(seen, recall.asked) == 0
    assert invisible_share(intact, changed - intact, waits) is None

    def shares():
        y, again = responses(network, recall, seed=0)
        share = hidden_share(projections(y, again, recall), waits)
        return share, *(invisible_share(y, sign * (again - y), waits) for sign in (1, -1))

    with torch.no_grad():
        network.readout.weight[:, 6:12] = -0.5 * torch.eye(6)
        network.readout.bias[:] = -10
    # outputs that are never positive are left out
    assert shares() == (None, None, None)
    assert sharpness(projections(*responses(network, recall, seed=0), recall), recall.asked) is None
    with torch.no_grad():
        network.readout.bias[:] = 10
    # what is negative is seen all the same, where a bias keeps the readout open
    assert shares() == (1, pytest.approx(0), pytest.approx(0))
    with torch.no_grad():
        network.readout.weight[:, :6] = 0.5 * torch.eye(6)
    assert shares() == (pytest.approx(0.5), pytest.approx(0), pytest.approx(0))


def test_at_its_threshold_a_readout_hides_what_is_negative_and_nothing_else():
    """As in the paper's networks without bias: there the invisible share is the hidden share."""
    change = np.random.default_rng(0).normal(size=(1, 2, 3, 4, 2))
    everywhere = np.ones((1, 4), bool)
    share = hidden_share(change.transpose(0, 3, 1, 2, 4).reshape(1, 4, 6, 2), everywhere)
    assert share is not None
    assert invisible_share(np.zeros((3, 4, 2)), change, everywhere) == pytest.approx(share)
    assert invisible_share(np.zeros((3, 4, 2)), -change, everywhere) == pytest.approx(1 - share)
    assert invisible_share(np.zeros((3, 4, 2)), -np.abs(change), everywhere) == 1
    # a closed readout hides either sign, and the mean is over outputs, whatever their size
    assert invisible_share(np.full((3, 4, 2), -10.0), change, everywhere) == 1
    closed = np.broadcast_to([-1e4, 1e4], (3, 4, 2))
    assert invisible_share(closed, change * [1e3, 1], everywhere) == pytest.approx(0.5)


def test_what_is_seen_long_after_it_was_wanted_is_not_sharp():
    asked = np.array([[False, False, True, False, False, False]])
    seen = np.zeros((1, 6, 1, 1))
    seen[0, :, 0, 0] = 0.1, -0.3, 0.8, 0.7, 0.2, -0.4
    assert sharpness(seen, asked) == pytest.approx(0.5)
    assert hidden_share(seen, np.cumsum(asked, axis=1) == 0) == pytest.approx(0.09 / 0.1)
    assert sharpness(np.zeros_like(seen), asked) is None


def test_a_network_that_diverged_is_counted_and_stops_nothing(monkeypatch):
    def burst(network, *_, **__):
        with torch.no_grad():
            network.readout.weight[0, 0] = torch.nan

    monkeypatch.setattr("spiralsink.claims.realistic._study.train", burst)
    rows, _ = compute_cell(Cell("recall", "tanh", 2, 1, 1, Schedule(1, 4, 0.01), 0), {})
    assert [(row["control"], row["diverged"]) for row in rows] == [
        ("trained", True),
        ("untrained", False),
        ("shuffled", True),
    ]
    assert ["score" in row for row in rows] == [False, True, False]


def test_kept_networks_are_not_trained_again(recall):
    from safetensors.torch import save

    one, other, wider = (build("tanh", width, recall, seed=seed) for width, seed in ((3, 0), (3, 1), (4, 1)))
    content = save({name: each.detach() for name, each in one.named_parameters()})
    for damaged in (None, b"", content[:-1], content[:20], b"x" * 100):
        before = [each.detach().clone() for each in other.parameters()]
        assert not _restore(other, damaged)
        assert all(torch.equal(*pair) for pair in zip(before, other.parameters(), strict=True))
    assert not _restore(wider, content)
    assert _restore(other, content)
    assert all(torch.equal(*pair) for pair in zip(one.parameters(), other.parameters(), strict=True))


def test_another_analysis_does_not_train_again(monkeypatch):
    cell = Cell("recall", "tanh", 2, 1, 1, Schedule(1, 4, 0.01), 0)
    keys = cell.key, cell.training_key
    monkeypatch.setattr("spiralsink.claims.realistic._study.code_digest", lambda: "another")
    assert cell.training_key == keys[1]
    assert cell.key != keys[0]
    longer = Cell("recall", "tanh", 2, 1, 1, Schedule(2, 4, 0.01), 0)
    assert longer.training_key != keys[1]


def verdicts(name, values, intervals):
    (claim,) = [each for each in CLAIMS if each.id == name]
    return {bar: Condition(bar, each, values[bar], intervals.get(bar)).verdict for bar, each in claim.bars.items()}


@pytest.mark.parametrize(
    ("of_trained", "of_untrained", "wanted"),
    [
        (
            lambda x: 5 - 0.4 * x,
            lambda x: 0.2 * x,
            {"trend": "holds", "superposition": "holds", "by_training": "holds", "doing": "holds"},
        ),
        (lambda x: 1 + x, lambda x: 1 + x, {"trend": "fails", "superposition": "holds", "by_training": "fails"}),
        (lambda x: 5 - 0.4 * x, lambda x: 5 - 0.4 * x, {"trend": "holds", "by_training": "fails"}),
        (lambda x: 0.2 + 0 * x, lambda x: -x, {"superposition": "fails", "by_training": "fails"}),
    ],
)
def test_a_wrong_result_fails_the_claim_about_load(of_trained, of_untrained, wanted):
    values, intervals, _ = load_values(study("load", of_trained, untrained=of_untrained))
    assert wanted.items() <= verdicts("realistic-load", values, intervals).items()


@pytest.mark.parametrize(("name", "sign"), [("hidden", -1), ("sharpness", 1)])
def test_a_trend_the_other_way_fails(name, sign):
    for slope, verdict in ((sign, "holds"), (-sign, "fails")):
        values, intervals, _ = trend_values(study(name, lambda x, s=slope: s * x, untrained=lambda x: 0 * x), name)
        assert set(verdicts(f"realistic-{name}", values, intervals).values()) == {verdict}


def test_a_trend_of_networks_that_do_not_do_their_task_is_told_apart():
    """The measure falls where networks fail, and rises from there on."""
    data = study("hidden", lambda x: np.where(x < 3, 20 - 8 * x, x - 4), untrained=lambda x: 0 * x)
    assert doing_the_task(data).sum("width").values.tolist() == [[4] * 4] * 3
    values, intervals, found = trend_values(data, "hidden")
    assert values["doing"] > 0.8
    assert verdicts("realistic-hidden", values, intervals)["doing"] == "fails"
    assert np.isnan(found["doing the task"].each).sum() == 0
    data["score"][:] = 0.1
    values, intervals, _ = trend_values(data, "hidden")
    assert np.isnan(values["doing"])
    assert verdicts("realistic-hidden", values, intervals)["doing"] == "inconclusive"


def test_networks_that_do_not_add_up_fail():
    for additive, verdict in ((6, "holds"), (1, "fails"), (3, "inconclusive")):
        of_width = np.where(np.arange(6) < additive, 0.9, 0.2)
        values, intervals = additivity_values(study("additivity", lambda x, found=of_width: found))
        assert verdicts("realistic-additivity", values, intervals) == {"additive": verdict}


def test_networks_without_memory_fail_their_tasks():
    good = study("score", lambda x: 0.2 + x / 10)
    assert verdicts("realistic-tasks", task_values(good), {}) == {"beats": "holds"}
    good["score"].loc[{"task": "forecast", "architecture": "LRU", "width": 512, "control": "trained"}] = 0.29
    assert verdicts("realistic-tasks", task_values(good), {}) == {"beats": "fails"}


def test_figures_from_data_alone():
    import matplotlib

    matplotlib.use("Agg")
    from spiralsink.claims.realistic._claims import _with_trends, trends

    data = study("hidden", lambda x: 0.9 - 0.05 * x)
    data["hidden"].loc[{"task": "forecast"}] = np.nan
    data["hidden_by_sign"] = data["hidden"].where(data["task"] == "recall")
    data = _with_trends(data, "hidden", trends(data, "hidden"))
    figure = draw_measure(data)
    figure.canvas.draw()
    # a task that does not say what it wants has no panel
    assert len(figure.axes) == 3
    labels = [each.get_ylabel() for each in draw_hidden(data).axes]
    assert labels == ["hidden share", "", "hidden by sign alone", ""]
    figure = draw_tasks(study("score", lambda x: 0.2 + x / 10))
    assert [each.get_ylabel() for each in figure.axes] == ["$R^2$", "accuracy", "$R^2$"]
