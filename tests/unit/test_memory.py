"""What trainings need and what there is: parts instead of running out of memory, one line instead of trying."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.cli import main
from spiralsink.training import (
    Automatic,
    Batched,
    Native,
    Unrolled,
    _evaluate,
    _memory,
    _native_job,
    _refusals,
    _second_order,
)
from spiralsink.training._batched import SideBySide
from spiralsink.training._choice import choose_engine
from spiralsink.training._compiler import find_compiler
from spiralsink.training._evaluate import measure_sampled
from spiralsink.training._goals import prepare
from spiralsink.training._kernel import load_kernel
from spiralsink.training._lanes import split_trained, to_lanes
from spiralsink.training._native_job import native_way, why_not_native
from spiralsink.training._sequences import make_sequences

KEY = jax.random.key(0)
COUNT = 5
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="there is no C++ compiler")


def stack_of(count=COUNT, recurrence="relu", readout="linear"):
    draw = np.random.default_rng(0).normal
    shapes = ((count, 2, 1), (count, 2, 2), (count, 2, 1))
    return sk.RecurrentNetwork(*(0.5 * draw(size=shape) for shape in shapes), recurrence=recurrence, readout=readout)


def groups_of(tmp_path, listing, files):
    (tmp_path / "listing").write_text(listing)
    for name, content in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return _memory._group_bytes(tmp_path / "groups", tmp_path / "listing")


def test_limits_of_control_groups_count_with_those_around_them(tmp_path):
    files = {
        "a/b/memory.max": "max\n",
        "a/b/memory.current": "1\n",
        "a/memory.max": "5000\n",
        "a/memory.current": "1200\n",
    }
    assert groups_of(tmp_path, "0::/a/b\n", files) == [3800]


def test_limits_of_the_older_control_groups(tmp_path):
    files = {
        "memory/job/memory.limit_in_bytes": "700\n",
        "memory/job/memory.usage_in_bytes": "900\n",
        "cpu/job/memory.limit_in_bytes": "1\n",
        "cpu/job/memory.usage_in_bytes": "0\n",
    }
    assert groups_of(tmp_path, "4:memory:/job\n1:cpu:/job\n0::/\n", files) == [0]


def test_without_control_groups_physical_memory_is_the_limit(tmp_path):
    assert _memory._group_bytes(tmp_path, tmp_path / "none") == []
    assert 2**27 < _memory.available_bytes() <= _memory.total_bytes()


def test_parts_are_equal_and_fit(monkeypatch):
    monkeypatch.setattr(_memory, "available_bytes", lambda: 1000)
    assert _memory.lanes_together(10, 80) == 10
    assert _memory.lanes_together(10, 200) == 4  # of three parts
    assert _memory.lanes_together(10, 100, weights=50) == 3
    assert _memory.lanes_together(10, 10_000) == 1


def test_lanes_in_parts_are_lanes_side_by_side():
    inner = sk.SampledLoss(batch_size=4, horizon=6, batches="shared", state_noise=0.1)
    process, task = sk.SparseProcess(p=np.linspace(0.1, 0.5, COUNT)[:, None]), sk.Delay(np.array([0, 1, 2, 1, 0]))
    networks = stack_of()
    goal = prepare(sk.Penalised(inner), networks, task, process, key=KEY, threads=0).goal
    trained, fixed = split_trained(to_lanes(networks, networks.stack, jnp.float32))
    together, parts = (
        jax.jit(lambda trained, each=each: SideBySide(each)(goal, trained, fixed, jnp.int32(3)))(trained)
        for each in (COUNT, 2)
    )
    for one, other in zip(jax.tree.leaves(together), jax.tree.leaves(parts), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("p", [0.3, np.linspace(0.1, 0.5, COUNT)[:, None]], ids=["one process", "a process for each"])
def test_evaluation_in_parts_is_the_same(p, monkeypatch):
    process = sk.SparseProcess(p=p)
    sequences = make_sequences(sk.Delay(1), process, n_outputs=1, horizon=6)
    lanes = to_lanes(stack_of(), (COUNT,), jnp.float32)
    found = []
    for most in (2**25, 2 * 256 * 6 * 5):
        monkeypatch.setattr(_evaluate, "_MOST_NUMBERS", most)
        found.append(measure_sampled(lanes, sequences, key=KEY, n_sequences=300, burn_in=0, threads=0))
    for one, other in zip(found[0][:-1], found[1][:-1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_stack_that_does_not_fit_trains_in_parts(monkeypatch):
    networks = stack_of()
    each = _memory.lane_bytes(networks, batch_size=4, horizon=6)
    how = {"key": KEY, "steps": 3, "objective": sk.SampledLoss(batch_size=4, horizon=6, n_evaluation=2)}
    how |= {"engine": Batched(), "record": sk.Every(0)}
    whole = sk.fit(networks, sk.Delay(1), sk.SparseProcess(p=0.3), **how)
    used = []
    weights = _memory.weights_bytes(networks)
    monkeypatch.setattr(_memory, "working_bytes", lambda: used.append(1) or COUNT * weights + 2.5 * each)
    parts = sk.fit(networks, sk.Delay(1), sk.SparseProcess(p=0.3), **how)
    assert used
    np.testing.assert_allclose(parts.loss, whole.loss, rtol=1e-5)


REFUSED = {
    "horizon": (
        sk.SampledLoss(batch_size=64, horizon=10**7),
        {"engine": Batched()},
        r"^objective.horizon must be <= \d+ with this batch size, got 10000000 \(one network needs .* GB, 1 GB are",
    ),
    "horizon, whatever the engine": (
        sk.SampledLoss(batch_size=64, horizon=10**9),
        {},
        r"^objective.horizon must be <= \d+ with this batch size, got 1000000000 \(one network needs .* GB, ",
    ),
    "horizon, unrolled": (
        sk.SampledLoss(batch_size=64, horizon=10**6),
        {"engine": Unrolled()},
        r"^objective.horizon must be <= \d+ with this batch size, got 1000000 \(one network needs .* GB, 1 GB are",
    ),
    "batch": (
        sk.SampledLoss(batch_size=10**8, horizon=20),
        {"engine": Batched()},
        r"^objective.batch_size must be <= \d+ at this horizon, got 100000000 \(one network needs .* GB, 1 GB are",
    ),
    "exact": (
        sk.ExpectedLoss(horizon=10**5),
        {},
        r"^objective.horizon must be <= \d+, got 100000 \(one network needs .* GB, 1 GB are",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_fit_is_refused_by_name(name, monkeypatch):
    objective, how, message = REFUSED[name]
    monkeypatch.setattr(_memory, "available_bytes", lambda: 10**9)
    monkeypatch.setattr(_refusals, "available_bytes", lambda: 10**9)
    networks = stack_of(recurrence="linear", readout="relu")
    with pytest.raises(sk.InvalidInput, match=message):
        sk.fit(networks, sk.Delay(0), sk.SparseProcess(p=0.3), key=KEY, steps=1, objective=objective, **how)


def test_stacks_that_do_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(_memory, "available_bytes", lambda: 1000)
    message = r"^networks must be a stack of at most 3, got a stack of 5 \(weights and moments need .* MB, 0.001 MB are"
    objective = sk.SampledLoss(batch_size=1, horizon=2)
    with pytest.raises(sk.InvalidInput, match=message):
        sk.fit(stack_of(), sk.Delay(0), sk.SparseProcess(p=0.3), key=KEY, steps=1, objective=objective)


def exact(count=3):
    shapes, draw = ((count, 2, 1), (count, 2, 2), (count, 2, 1)), np.random.default_rng(0).normal
    networks = sk.RecurrentNetwork(*(0.5 * draw(size=shape) for shape in shapes))
    how = {"key": KEY, "steps": 12, "objective": sk.ExpectedLoss(horizon=6), "optimizer": sk.BFGS()}
    return sk.fit(networks, sk.Delay(1), sk.SparseProcess(p=0.5), **how, record=sk.Every(0))


@pytest.mark.slow
def test_second_order_searches_that_do_not_fit_go_in_turn(monkeypatch):
    whole, seen = exact(), []
    search = _second_order.Search
    monkeypatch.setattr(
        _second_order, "Search", lambda *given, **how: seen.append(how["in_turn"]) or search(*given, **how)
    )
    monkeypatch.setattr(_second_order, "lanes_together", lambda count, each, weights: 1)
    in_turn = exact()
    assert seen == [True]
    np.testing.assert_allclose(in_turn.loss, whole.loss, rtol=1e-9)


def test_second_order_searches_without_room_for_their_curvatures_are_refused(monkeypatch):
    monkeypatch.setattr(_refusals, "available_bytes", lambda: 7_000)
    message = r"^networks must be a stack of at most 2, got a stack of 3 \(second-order steps need .* MB, 0.007 MB"
    with pytest.raises(sk.InvalidInput, match=message):
        exact()


def test_filters_without_end_that_do_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(_refusals, "available_bytes", lambda: 24_000)
    given = {"key": KEY, "n_sequences": 2, "horizon": 1001}
    task, process = sk.LeakyIntegration(0.5), sk.SparseProcess(p=0.3)
    with pytest.raises(sk.InvalidInput, match=r"^horizon must be <= 1000 for this task, got 1001 \(the target filter"):
        sk.sampled_loss(stack_of(), task, process, **given)


def choice(engine, *, batch_size, horizon, recurrence="relu", count=COUNT, **process):
    networks = stack_of(count, recurrence=recurrence)
    objective = sk.SampledLoss(batch_size=batch_size, horizon=horizon)
    process = sk.SparseProcess(p=0.3, **process)
    goal = prepare(objective, networks, sk.Delay(1), process, key=KEY, threads=0).goal
    return choose_engine(engine, to_lanes(networks, networks.stack, jnp.float32), goal, sk.Adam())


@needs_compiler
@pytest.mark.parametrize(("engine", "sizes"), [(Automatic(), (64, 400_000)), (Native(), (10**7, 100))])
def test_what_the_native_kernel_has_room_for_is_not_refused(engine, sizes, monkeypatch):
    """That XLA has not: states of the whole batch, and 256 sequences of the evaluation."""
    monkeypatch.setattr(_memory, "available_bytes", lambda: 10**9)
    chosen, reason = choice(engine, batch_size=sizes[0], horizon=sizes[1])
    assert isinstance(chosen, Native)
    assert reason == ""
    with pytest.raises(sk.InvalidInput, match=r"^objective\."):
        choice(Batched(), batch_size=sizes[0], horizon=sizes[1])


def test_parts_of_a_batch_where_no_whole_one_fits(monkeypatch):
    """Slower than side by side for five networks, but there."""
    given = {"batch_size": 10**6, "horizon": 100, "amplitude": sk.Exponential()}
    assert choice(Automatic(), **given)[0] == Batched()
    monkeypatch.setattr(_memory, "available_bytes", lambda: 10**9)
    assert choice(Automatic(), **given) == (Unrolled(), "an amplitude is neither uniform nor constant")


@pytest.mark.parametrize("engine", [Automatic(), Batched(), Unrolled()])
def test_the_largest_that_is_named_fits_and_one_more_does_not(engine, monkeypatch):
    monkeypatch.setattr(_memory, "available_bytes", lambda: 10**9)
    with pytest.raises(sk.InvalidInput) as error:
        choice(engine, batch_size=64, count=1, horizon=5 * 10**7)
    most = int(error.value.allowed.split()[1])
    choice(engine, batch_size=64, count=1, horizon=most)
    with pytest.raises(sk.InvalidInput):
        choice(engine, batch_size=64, count=1, horizon=most + 1)


@needs_compiler
def test_as_many_threads_as_have_room_for_the_states(monkeypatch):
    networks, process = stack_of(), sk.SparseProcess(p=0.3)
    how = {"key": KEY, "steps": 2, "objective": sk.SampledLoss(batch_size=4, horizon=300, n_evaluation=2)}
    three = sk.fit(networks, sk.Delay(1), process, **how, engine=Native(3))
    assert three.engine == "native kernel, 3 threads"
    lanes = to_lanes(networks, (COUNT,), jnp.float32)
    way = native_way(lanes, make_sequences(sk.Delay(1), process, n_outputs=1, horizon=300))
    monkeypatch.setattr(_memory, "working_bytes", lambda: 2.5 * way.needed(4, 300))
    monkeypatch.setattr(_native_job, "working_bytes", _memory.working_bytes)
    two = sk.fit(networks, sk.Delay(1), process, **how, engine=Native(3))
    assert two.engine == "native kernel, 2 threads"
    assert np.array_equal(two.networks.W_h, three.networks.W_h)


def test_sequences_too_long_to_evaluate_are_refused():
    with pytest.raises(sk.InvalidInput, match=r"^horizon must be <= \d+, got 1000000000 \(one network needs .* GB"):
        sk.sampled_loss(stack_of(), sk.Delay(0), sk.SparseProcess(p=0.3), key=KEY, n_sequences=2, horizon=10**9)


SPEC = """
format = 1
[task]
kind = "delay"
delay = 1
[process]
kind = "sparse"
n_features = 1
p = 0.3
[network]
n_hidden = 2
recurrence = "relu"
readout = "relu"
tied = true
[training]
objective = { kind = "sampled", batch_size = 256, horizon = 100000000 }
steps = 1
n_seeds = 1
"""


def test_the_command_line_names_the_field_of_the_spec(tmp_path, capsys):
    (tmp_path / "long.toml").write_text(SPEC)
    assert main(["train", str(tmp_path / "long.toml"), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("spiralsink train: training.objective.horizon must be <= ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("recurrence", ["linear", "relu", "tanh"])
def test_the_native_kernel_is_left_out_where_its_states_do_not_fit(recurrence, monkeypatch):
    lanes = to_lanes(stack_of(recurrence=recurrence), (COUNT,), jnp.float32)
    sequences = make_sequences(sk.Delay(1), sk.SparseProcess(p=0.3), n_outputs=1, horizon=300)
    if reason := why_not_native(lanes, sequences, 4):
        pytest.skip(reason)
    sizes = {"deepest_tap": 1, "deepest_tie": 0, "threads": 1}
    short, long = (_memory.native_bytes(load_kernel(lanes), horizon=each, **sizes) for each in (10_000, 20_000))
    # states and errors of 16 sequences
    assert 1.5e4 * 64 * 3 / 2 < long - short < 1e4 * 64 * 8
    monkeypatch.setattr(_native_job, "working_bytes", lambda: 1000)
    assert "memory" in why_not_native(lanes, sequences, 4)
    how = {"key": KEY, "steps": 1, "objective": sk.SampledLoss(batch_size=4, horizon=300), "engine": Native()}
    with pytest.raises(sk.NotCovered, match="too much for the memory"):
        sk.fit(stack_of(recurrence=recurrence), sk.Delay(1), sk.SparseProcess(p=0.3), **how)
