"""What `fit` promises: records, statuses, errors, interruption, reproducibility."""

import jax
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.training import sampled_loss

KEY = jax.random.key(3)
STEPS = 40
TASK, PROCESS = sk.Delay(2), sk.SparseProcess(1, p=0.5)
SAMPLED = sk.SampledLoss(batch_size=16, horizon=8, n_evaluation=300)
EXACT = sk.ExpectedLoss(8)


def make_stack(recurrence="relu", readout="relu", stack=6):
    return sk.RecurrentNetwork.init(KEY, 1, 2, recurrence=recurrence, readout=readout, stack=stack)


def with_weights(network, **changes):
    names = ("W_x", "W_h", "W_y")
    weights = {name: np.array(getattr(network, name)) for name in names}
    for name, (index, value) in changes.items():
        weights[name][index] = value
    return sk.RecurrentNetwork(**weights, recurrence=network.recurrence, readout=network.readout)


def train(networks=None, **changes):
    about = {"key": KEY, "steps": STEPS, "objective": SAMPLED, "record": sk.Every(15)} | changes
    task, process = about.pop("task", TASK), about.pop("process", PROCESS)
    return sk.fit(make_stack() if networks is None else networks, task, process, **about)


def train_exactly(networks=None, **changes):
    return train(make_stack("linear", "linear") if networks is None else networks, **({"objective": EXACT} | changes))


class Recorder:
    """A progress meter that remembers, and may press Ctrl-C."""

    def __init__(self, interrupt_after=None):
        self.events, self._left = [], interrupt_after

    def start(self, description, total, unit="steps"):
        self.events.append((description, total))

    def advance(self, amount, note=""):
        self.events.append(("advance", amount))
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                raise KeyboardInterrupt

    def close(self):
        self.events.append(("close", 0))

    @property
    def steps(self):
        return sum(amount for kind, amount in self.events if kind == "advance")


def test_history_of_a_sampled_training():
    start = make_stack()
    result = train(start)
    history = result.history
    assert history.step.tolist() == [0, 15, 30, 40]
    assert history.loss.shape == (4, 6)
    assert history.networks.stack == (4, 6)
    assert history.terms is None
    np.testing.assert_array_equal(history.networks.W_h[0], start.W_h)
    np.testing.assert_array_equal(history.networks.W_h[-1], result.networks.W_h)
    np.testing.assert_array_equal(history.loss[-1], result.loss)
    assert result.networks.W_h.dtype == np.float32
    assert isinstance(result.networks.W_h, np.ndarray)
    assert result.loss.dtype == np.float64
    assert (result.loss_standard_error > 0).all()
    assert result.steps == STEPS
    assert not result.interrupted
    assert result.seconds > 0
    # recording does not change what is trained
    only_end = train(start, record=sk.Every(0))
    assert only_end.history.step.tolist() == [STEPS]
    np.testing.assert_array_equal(only_end.networks.W_h, result.networks.W_h)


def test_the_loss_falls_and_agrees_with_other_sequences():
    result = train()
    assert (result.loss <= result.history.loss[0]).all()
    fresh = sampled_loss(result.networks, TASK, PROCESS, key=jax.random.key(9), n_sequences=300, horizon=8)
    z = (result.loss - fresh.mean) / np.hypot(result.loss_standard_error, fresh.standard_error)
    assert np.abs(z).max() < 5


def test_same_key_same_result():
    first, again, other = train(), train(), train(key=jax.random.key(4))
    np.testing.assert_array_equal(first.networks.W_h, again.networks.W_h)
    np.testing.assert_array_equal(first.loss, again.loss)
    assert (first.networks.W_h != other.networks.W_h).any()


def test_history_of_an_exact_training():
    result = train_exactly()
    terms = result.history.terms
    np.testing.assert_array_equal(terms.total, result.history.loss)
    np.testing.assert_allclose(sum(terms.terms.values()), terms.total, rtol=1e-9)
    assert terms.per_output.shape == (4, 6, 1)
    assert (result.loss_standard_error == 0).all()
    assert (np.diff(result.history.loss, axis=0) < 0).all()
    expected = sk.expected_loss(result.networks, TASK, PROCESS, horizon=8)
    np.testing.assert_allclose(result.loss, expected.total, rtol=1e-12)


def test_a_single_network_gives_numbers():
    result = train_exactly(make_stack("linear", "linear", ()))
    assert isinstance(result.loss, float)
    assert isinstance(result.status, sk.Status)
    assert result.history.loss.shape == (4,)
    assert result.history.networks.stack == (4,)
    assert result.networks.stack == result.best().stack == ()
    # the first network of the stack is this one
    np.testing.assert_allclose(result.loss, train_exactly().loss[0], rtol=1e-5)


def test_axes_of_the_stack_do_not_matter():
    flat, folded = train(), train(make_stack(stack=(2, 3)))
    assert folded.loss.shape == folded.status.shape == folded.silent_loss.shape == (2, 3)
    assert folded.history.loss.shape == (4, 2, 3)
    assert folded.history.networks.stack == (4, 2, 3)
    assert folded.best().stack == ()
    np.testing.assert_array_equal(folded.loss.ravel(), flat.loss)
    np.testing.assert_array_equal(folded.networks.W_h.reshape(6, 2, 2), flat.networks.W_h)
    np.testing.assert_array_equal(folded.best(2).W_h, flat.best(2).W_h)


def test_dead_and_diverged_networks_are_counted():
    """Network 1 is silent and stays so; network 4 explodes at the first step; the others train."""
    start = with_weights(make_stack(), W_x=(1, 0.0), W_h=(4, 1e30))
    result = train(start)
    assert result.status[1] == sk.Status.DEAD
    assert result.loss[1] == result.silent_loss[1]
    assert result.status[4] == sk.Status.DIVERGED
    assert np.isnan(result.loss[4])
    assert np.isnan(result.history.loss[1:, 4]).all()
    np.testing.assert_array_equal(result.networks.W_h[4], start.W_h[4])
    rest = [0, 2, 3, 5]
    assert np.isfinite(result.loss[rest]).all()
    np.testing.assert_array_equal(result.networks.W_h[rest], train().networks.W_h[rest])
    order = result.best(6)
    np.testing.assert_array_equal(order.W_h[-1], start.W_h[4])
    losses = [float(result.loss[np.where((result.networks.W_h == W_h).all(axis=(1, 2)))[0][0]]) for W_h in order.W_h]
    assert losses[:5] == sorted(losses[:5])
    assert result.best().stack == ()
    dead = (result.status == sk.Status.DEAD).sum()
    assert f"{dead} dead, 1 diverged" in str(result)
    first = np.flatnonzero(result.status == sk.Status.DEAD)[0]
    message = rf"of 6 networks 1 diverged \(first at index 4\), {dead} dead \(first at index {first}\)"
    with pytest.raises(sk.TrainingFailed, match=message):
        train(start, throw=True)


def test_huge_learning_rate_diverges():
    result = train_exactly(optimizer=sk.Adam(1e25, schedule="constant"))
    assert (result.status == sk.Status.DIVERGED).all()
    assert np.isnan(result.loss).all()
    for name in ("W_x", "W_h", "W_y"):
        assert np.isfinite(getattr(result.networks, name)).all()
    assert "6 diverged" in str(result)


def test_second_order_converges_in_float64():
    result = train_exactly(optimizer=sk.BFGS(), steps=400, record=sk.Every(100))
    assert (result.status == sk.Status.CONVERGED).mean() > 0.5
    assert result.networks.W_h.dtype == np.float64
    assert 0 < result.steps <= 400
    assert (np.diff(result.history.step) > 0).all()
    assert (np.diff(result.history.loss, axis=0) <= 0).all()
    assert result.history.step[-1] == result.steps
    assert result.loss.min() < train_exactly().loss.min()


def test_settled_networks_stop():
    result = train_exactly(steps=3000, stopping=sk.StopWhenSettled(over=400, fall=0.02), optimizer=sk.Adam(0.03))
    assert result.steps < 3000
    assert result.steps % 100 == 0
    assert result.history.step[-1] == result.steps
    assert np.isin(result.status, [sk.Status.CONVERGED, sk.Status.UNCONVERGED]).all()
    rule = sk.StopWhenSettled(over=10, fall=0.1)
    assert not rule.should_stop(np.array([0, 5]), np.array([[1.0], [1.0]])).any()
    assert rule.should_stop(np.array([0, 10]), np.array([[1.0, np.nan], [0.95, np.nan]])).all()
    assert rule.should_stop(np.array([0, 10]), np.array([[1.0, 1.0], [0.95, 0.5]])).tolist() == [True, False]


class StopFirst:
    """Stops the first five of six networks at step 10."""

    check_every = 5

    def should_stop(self, step, loss):
        return np.arange(loss.shape[1]) < 5 if step[-1] == 10 else False


@pytest.mark.parametrize("kind", ["native", "batched", "exact", "penalised", "second order"])
def test_stopped_networks_stay_and_the_others_go_on_alike(kind):
    """Also where those that are left go on in a smaller program; every lane has a process of its own."""
    about = {
        "native": {"engine": sk.Automatic()},
        "batched": {"engine": sk.Batched()},
        "exact": {"objective": EXACT},
        "penalised": {"objective": sk.Penalised(SAMPLED), "optimizer": sk.Adam(np.linspace(0.01, 0.02, 6))},
        "second order": {"objective": EXACT, "optimizer": sk.BFGS()},
    }[kind]
    recurrence = "linear" if "objective" in about and kind != "penalised" else "relu"
    given = {
        "networks": make_stack(recurrence, "linear"),
        "process": sk.SparseProcess(1, np.linspace(0.3, 0.8, 6)[:, None]),
    }
    given |= {"record": sk.Every(5), "steps": 30, **about}
    whole, part = train(**given), train(**given, stopping=StopFirst())
    at_ten = list(whole.history.step).index(10)
    np.testing.assert_array_equal(part.networks.W_h[:5], whole.history.networks.W_h[at_ten][:5])
    np.testing.assert_allclose(part.networks.W_h[5], whole.networks.W_h[5], rtol=1e-4)
    np.testing.assert_allclose(part.loss[5], whole.loss[5], rtol=1e-4)
    assert part.history.step.tolist() == whole.history.step.tolist()
    falling = part.history.loss[at_ten][:5] < 0.9 * part.history.loss[1][:5]  # between steps 5 and 10
    assert (part.status[:5][falling] != sk.Status.CONVERGED).all()
    assert np.abs(whole.networks.W_h[:5] - part.networks.W_h[:5]).max() > 1e-3


def test_converged_means_settled_over_the_last_quarter():
    long = train_exactly(steps=3000, record=sk.Every(0), optimizer=sk.Adam(0.03))
    assert (long.status == sk.Status.CONVERGED).any()
    short = train_exactly()
    falling = short.loss < 0.95 * short.history.loss[2]  # over the last quarter, from step 30
    assert falling.any()
    assert (short.status[falling] != sk.Status.CONVERGED).all()


def test_interrupted():
    progress = Recorder(interrupt_after=2)
    result = train(progress=progress)
    assert result.interrupted
    assert 0 < result.steps == progress.steps < STEPS
    assert result.history.step[-1] == result.steps
    assert np.isin(result.status, [sk.Status.UNCONVERGED, sk.Status.DEAD]).all()
    assert progress.events[-1] == ("close", 0)
    assert "interrupted" in str(result)


def test_progress():
    progress = Recorder()
    train(progress=progress)
    assert progress.events[0] == ("training 6 networks", STEPS)
    assert progress.events[-1] == ("close", 0)
    assert progress.steps == STEPS


def test_progress_is_silent_in_a_pipe(capfd):
    train(progress=sk.TextProgress())
    assert capfd.readouterr() == ("", "")


def test_compiled_once(caplog):
    """Another key, probability, importance and start is the same program."""
    first = train()
    with jax.log_compiles():
        other = train(
            make_stack(stack=6)[::-1],
            key=jax.random.key(1),
            process=PROCESS.replace(p=0.4),
            task=sk.Delay(2, importance=1.4),
        )
        assert not [record for record in caplog.messages if "_advance" in record or "_sum_blocks" in record]
        jax.jit(lambda x: x + 1)(1.0)
        assert "lambda" in caplog.text, "compilations are logged"
    assert (first.loss != other.loss).all()


def test_float32_also_in_x64_mode():
    usual = train()
    with sk.float64():
        result = train()
    assert result.networks.W_h.dtype == np.float32
    np.testing.assert_allclose(result.networks.W_h, usual.networks.W_h, rtol=1e-4, atol=1e-5)


def test_dataset():
    data = train_exactly().to_dataset({"seed": np.arange(6)})
    assert dict(data.sizes)["network"] == 6
    assert data.history_loss.dims == ("network", "record")
    assert data.history_terms.shape == (6, 4, 4)
    assert data.seed.values.tolist() == list(range(6))


def test_printed_in_a_few_lines():
    for result in (train(), train_exactly(make_stack("linear", "linear", ()))):
        lines = str(result).splitlines()
        assert 5 <= len(lines) <= 8
        assert max(map(len, lines)) <= 120
        assert repr(result) == str(result)
    assert "sampled loss, horizon 8, batch 16" in str(train())
    assert "kingma2015adam" in sk.cite(train())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"steps": -1}, sk.InvalidInput, "steps must be a whole number >= 0, got -1"),
        ({"task": sk.Delay(8)}, sk.InvalidInput, "delay must be less than the horizon 8, got 8"),
        ({"process": sk.SparseProcess(2)}, sk.InvalidInput, "network must be of n_features = 2, got 1 inputs"),
        ({"task": sk.Delays([1, 2])}, sk.InvalidInput, "network must be of n_outputs = 2 for this task, got 1 outputs"),
        ({"task": sk.Delay([1, 2])}, sk.InvalidInput, r"stack of the task must be equal to \(6,\).*got \(2,\)"),
        (
            {"process": sk.SparseProcess(1, np.full((3, 1), 0.5))},
            sk.InvalidInput,
            r"stack of the process must be equal to \(6,\).*got \(3,\)",
        ),
        ({"task": 4}, sk.InvalidInput, "task must be a filter task such as Delay"),
        ({"key": 0}, sk.InvalidInput, "key must be a JAX random key"),
        ({"key": jax.random.split(KEY, 4)}, sk.InvalidInput, r"key must be one key, or one per network.*shape \(4,\)"),
        ({"record": 50}, sk.InvalidInput, r"record must be Every\(n\), got int"),
        ({"stopping": None}, sk.InvalidInput, "stopping must be NoStopping"),
        ({"progress": True}, sk.InvalidInput, "progress must be NoProgress"),
        ({"optimizer": "adam"}, sk.InvalidInput, "optimizer must be Adam, BFGS.*got str"),
        ({"optimizer": sk.Adam}, sk.InvalidInput, "optimizer must be Adam, BFGS.*got Adam"),
        ({"optimizer": sk.BFGS()}, sk.NotCovered, "optimizer must be Adam or an optax.*sampled loss, got BFGS"),
        ({"objective": sk.ExpectedLoss()}, sk.NotCovered, "recurrence must be linear.*'relu'.*SampledLoss"),
        ({"objective": "sampled"}, sk.InvalidInput, "objective must be ExpectedLoss.*got str"),
    ],
)
def test_bad_input(changes, error, message):
    with pytest.raises(error, match=message) as caught:
        train(**changes)
    assert "\n" not in str(caught.value)


def test_bad_settings():
    for make, message in [
        (lambda: sk.Adam(0.0), "learning_rate must be a finite number > 0, got 0.0"),
        (lambda: sk.Adam(clip=-1.0), "clip must be a number > 0"),
        (lambda: sk.Adam(schedule="cosin"), "did you mean cosine"),
        (lambda: sk.SampledLoss(batch_size=0), "batch_size must be a whole number >= 1"),
        (lambda: sk.SampledLoss(horizon=4, burn_in=4), "burn_in must be less than the horizon 4, got 4"),
        (lambda: sk.SampledLoss(state_noise=-0.1), "state_noise must be a finite number >= 0"),
        (lambda: sk.ExpectedLoss(0), "horizon must be a whole number >= 1"),
        (lambda: sk.Penalised(sk.SampledLoss), "objective must be ExpectedLoss or SampledLoss"),
        (lambda: sk.LengthPenalty(np.inf), "strength must be a finite number >= 0"),
        (lambda: sk.Every(-1), "record must be a whole number >= 0"),
        (lambda: sk.StopWhenSettled(fall=1.0), "fall must be in"),
    ]:
        with pytest.raises(sk.InvalidInput, match=message):
            make()


def test_a_single_network_cannot_take_a_stack_of_processes():
    process = sk.SparseProcess(1, np.full((3, 1), 0.5))
    with pytest.raises(sk.InvalidInput, match=r"stack of the networks must be equal to \(3,\).*got \(\)"):
        train(make_stack(stack=()), process=process)
    with pytest.raises(sk.InvalidInput, match="networks must be a RecurrentNetwork"):
        sk.fit("network", TASK, PROCESS, key=KEY, steps=1)
    with pytest.raises(sk.InvalidInput, match="n must be a whole number from 1 to 6"):
        train().best(7)


def test_a_sampled_loss_of_zero_is_not_called_exact():
    """At p = 1e-9 no input is active in any batch: silence is then as good as everything else."""
    result = train(process=PROCESS.replace(p=1e-9), steps=2)
    assert (result.loss == 0).all()
    assert "exact" not in str(result)
    assert "no input was active" in str(result)
