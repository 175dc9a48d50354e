"""Step functions of users, in three libraries: states, derivatives, states of several parts, and what is refused."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import spiralsink as sk
from spiralsink.interop import as_model, step_model
from spiralsink.models import NoReadout

RNG = np.random.default_rng(4)
W, U, b = 0.4 * RNG.standard_normal((4, 4)), RNG.standard_normal((4, 2)), RNG.standard_normal(4)
W_y = RNG.standard_normal((4, 3))
INPUTS = RNG.standard_normal((3, 6, 2))
TW, TU, Tb = (torch.from_numpy(each) for each in (W, U, b))
FW, FU, Fb = (each.float() for each in (TW, TU, Tb))

# the same network; "batches" work on (batch, features) only
STEPS = {
    "jax": lambda x, h: jnp.tanh(jnp.asarray(W) @ h + jnp.asarray(U) @ x + jnp.asarray(b)),
    "jax batches": lambda x, h: jnp.tanh(h @ W.T + x @ U.T + jnp.stack([jnp.asarray(b)] * x.shape[0])),
    "torch": lambda x, h: torch.tanh(TW @ h + TU @ x + Tb),
    "torch batches": lambda x, h: torch.tanh(torch.addmm(Tb, h, TW.T) + x @ TU.T),
    "torch float32": lambda x, h: torch.tanh(h @ FW.T + x @ FU.T + Fb),
    "numpy": lambda x, h: np.tanh(W.dot(h) + U.dot(x) + b),
    "numpy batches": lambda x, h: np.tanh(np.einsum("bi,ji->bj", h, W) + x @ U.T + b),
}
READOUTS = {
    "jax": lambda h: jnp.asarray(W_y).T @ h,
    "jax batches": lambda h: jnp.einsum("bi,ij->bj", h, W_y),
    "torch": lambda h: torch.from_numpy(W_y).T @ h,
    "torch batches": lambda h: h @ torch.from_numpy(W_y),
    "torch float32": lambda h: h @ torch.from_numpy(W_y).float(),
    "numpy": lambda h: np.dot(W_y.T, h),
    "numpy batches": lambda h: np.einsum("bi,ij->bj", h, W_y),
}


def by_hand(inputs=INPUTS):
    h, states = np.zeros((len(inputs), 4)), []
    for t in range(inputs.shape[1]):
        h = np.tanh(h @ W.T + inputs[:, t] @ U.T + b)
        states.append(h)
    return np.stack(states, 1)


@pytest.mark.parametrize("name", STEPS)
def test_one_network_in_many_words(name):
    model = step_model(STEPS[name], n_features=2, n_hidden=4, readout=READOUTS[name])
    library = {"jax": "JAX", "torch": "torch", "numpy": "NumPy"}[name.split()[0]]
    single = "float32" in name
    assert model.kind == f"step function in {library}" + (", float32" if single else "")
    states = by_hand()
    assert np.abs(model.states(INPUTS) - states).max() < (1e-6 if single else 1e-12)
    assert np.abs(model.outputs(INPUTS) - states @ W_y).max() < (1e-5 if single else 1e-12)
    assert model.agreement is None  # it agrees with itself, and that is not independent
    assert model.compared_with == "itself, called step by step (readout not compared)"
    assert "not compared with an independent forward pass, only consistent with itself, called" in repr(model)

    x, h = INPUTS[:, 0], states[:, -1]
    slope = 1 - np.tanh(h @ W.T + x @ U.T + b) ** 2
    dh, dx = RNG.standard_normal((3, 5, 4)), RNG.standard_normal((3, 5, 2))
    within = {"JAX": 1e-12, "torch": 1e-12, "NumPy": 1e-9}[library] if not single else 1e-5
    assert np.abs(model.dynamics.carried(x, h, dh) - slope[:, None] * (dh @ W.T)).max() < within
    assert np.abs(model.dynamics.written(x, h, dx) - slope[:, None] * (dx @ U.T)).max() < within
    assert np.abs(model.readout.seen(h, x, dh) - dh @ W_y).max() < within * 10


def test_matrices_and_nothing_as_readouts():
    model = step_model(STEPS["numpy"], n_features=2, n_hidden=4, readout=W_y)
    assert np.abs(model.outputs(INPUTS) - by_hand() @ W_y).max() < 1e-12
    assert isinstance(step_model(STEPS["numpy"], n_features=2, n_hidden=4).readout, NoReadout)
    with pytest.raises(sk.InvalidInput, match=r"readout must be a matrix of shape \(4, n_outputs\).*transpose it"):
        step_model(STEPS["numpy"], n_features=2, n_hidden=4, readout=W_y.T)
    with pytest.raises(sk.InvalidInput, match=r"readout must be a function h -> y, got shape \(2, 2\) for numpy"):
        step_model(STEPS["numpy"], n_features=2, n_hidden=4, readout=lambda h: np.ones((2, 2)))


def test_torch_cells_as_steps():
    torch.manual_seed(0)
    cell = torch.nn.LSTMCell(2, 4)
    expected = as_model(cell)
    model = step_model(cell, n_features=2, n_hidden=(4, 4), readout=lambda state: state[0])
    assert np.abs(model.states(INPUTS) - expected.states(INPUTS)).max() < 1e-12
    assert model.layout == (("part 0", 4), ("part 1", 4))
    assert model.n_outputs == 4
    changes = RNG.standard_normal((3, 2, 8))
    x, h = INPUTS[:, 0], 0.3 * RNG.standard_normal((3, 8))
    slopes = expected.dynamics.carried(x, h, changes)
    assert np.abs(model.dynamics.carried(x, h, changes) - slopes).max() < 1e-8
    start = (torch.ones(4), torch.zeros(4))
    started = step_model(cell, n_features=2, initial=start)
    assert np.array_equal(started.initial, [1, 1, 1, 1, 0, 0, 0, 0])


def test_states_with_names_and_complex_states():
    poles = np.array([0.9 * np.exp(0.4j), 0.8 * np.exp(1.1j)])
    State = collections.namedtuple("State", ["turning", "slow"])

    def step(x, state):
        return State(poles * state.turning + x, 0.5 * state.slow + x[:1])

    initial = State(np.zeros(2, complex), np.zeros(1))
    model = step_model(step, n_features=2, initial=initial, readout=lambda state: state.turning.real)
    assert model.layout == (("real part of turning", 2), ("imaginary part of turning", 2), ("slow", 1))
    turning, found = np.zeros((3, 2), complex), []
    for t in range(6):
        turning = poles * turning + INPUTS[:, t]
        found.append(turning)
    found = np.stack(found, 1)
    states = model.states(INPUTS)
    assert np.abs(states[..., :2] - found.real).max() < 1e-12
    assert np.abs(states[..., 2:4] - found.imag).max() < 1e-12
    assert np.abs(model.outputs(INPUTS) - found.real).max() < 1e-12


def test_functions_that_jax_cannot_trace_are_called_with_numpy():
    def step(x, h):
        return jnp.tanh(jnp.asarray(W) @ h + x.sum()) if float(x[0]) > 0 else 0.5 * jnp.asarray(h)

    model = step_model(step, n_features=2, n_hidden=4)
    assert model.kind.startswith("step function in NumPy")
    with pytest.raises(sk.InvalidInput, match="step must be a function"):
        step_model(step, n_features=2, n_hidden=4, library="jax")


def test_a_step_that_writes_into_its_state():
    def step(x, h):
        h *= 0.5
        h[:2] += x
        return h

    model = step_model(step, n_features=2, n_hidden=4)
    assert np.abs(model.states(INPUTS)[:, 1, :2] - (0.5 * INPUTS[:, 0] + INPUTS[:, 1])).max() < 1e-12
    assert not model.initial.any()
    assert step_model(step, n_features=2, initial=[0, 0, 0.5, 1]).layout == (("h", 4),)


def refusal(step, **options):
    with pytest.raises(sk.InvalidInput) as caught:
        step_model(step, **{"n_features": 2, "n_hidden": 4} | options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


def test_what_came_back_is_said():
    assert "got shape (3,) for" in refusal(lambda x, h: h[:3])
    assert "got tuple of shape (4,), shape (4,) for" in refusal(lambda x, h: (h, h))
    assert "initial=(h, c)" in refusal(lambda x, h: (h, h))
    assert "got NoneType for" in refusal(lambda x, h: None)
    assert "by zero for" in refusal(lambda x, h: h / (1 // 0))
    assert "for torch" in refusal(torch.nn.GRUCell(3, 4), library="torch")
    assert "step must be a function (x, h) -> h, got int" in refusal(3)
    assert "library must be one of jax, torch, numpy, got 'keras'" in refusal(STEPS["numpy"], library="keras")
    assert "n_hidden must be given" in refusal(STEPS["numpy"], n_hidden=None)
    assert "n_hidden must be 3, the size of initial" in refusal(STEPS["numpy"], initial=np.zeros(3))
    assert "n_features must be a whole number >= 1" in refusal(STEPS["numpy"], n_features=0)
    assert "initial must be finite" in refusal(STEPS["numpy"], initial=np.full(4, np.nan), n_hidden=None)


SINGLE = {
    "all of it": lambda x, h: np.tanh(h.astype(np.float32) @ W.T.astype(np.float32) + (x @ U.T).astype(np.float32)),
    "inside": lambda x, h: np.tanh(h @ W.T + x @ U.T).astype(np.float32).astype(np.float64),
    "a part": lambda x, h: 0.5 * h + np.tanh((h @ W.T).astype(np.float32) + x @ U.T),
    "in torch": lambda x, h: torch.tanh(h.float() @ FW.T + x.float() @ FU.T).double(),
}


@pytest.mark.parametrize("name", SINGLE)
def test_steps_that_take_float64_and_round_to_float32(name):
    step = SINGLE[name]
    model = step_model(step, n_features=2, n_hidden=4, library="torch" if "torch" in name else "numpy")
    assert model.kind.endswith(", float32")
    x, h = INPUTS[:, 0], by_hand()[:, -1]
    drive = h @ W.T + x @ U.T
    slope, dh = 1 - np.tanh(drive) ** 2, RNG.standard_normal((3, 5, 4))
    expected = slope[:, None] * (dh @ W.T) + (0.5 * dh if name == "a part" else 0)
    assert np.abs(model.dynamics.carried(x, h, dh) - expected).max() < 2e-4


@pytest.mark.parametrize(
    "step", [lambda x, h: np.maximum(h @ W.T, 0), lambda x, h: np.tanh(30 * h @ W.T) + x.sum(-1)[:, None]]
)
def test_kinks_and_steep_functions_round_to_float64(step):
    assert step_model(step, n_features=2, n_hidden=4, library="numpy").kind == "step function in NumPy"


def test_steps_that_remember_are_refused():
    seen = []

    def step(x, h):
        seen.append(0)
        return np.tanh(0.5 * h + np.concatenate([x, x]) + 0.01 * len(seen))

    assert "rows that depend on each other, or on earlier calls" in refusal(step, library="numpy")


def test_rows_that_depend_on_each_other_are_refused():
    norm = torch.nn.BatchNorm1d(4, track_running_stats=False)
    message = refusal(lambda x, h: norm(h.float() + x.float().repeat(1, 2)), library="torch")
    assert "step must be a function" in message


def test_a_reference_finds_wrong_weights():
    wrong = lambda x, h: np.tanh(W.T.dot(h) + U.dot(x) + b)  # noqa: E731
    assert "agreement must be at most" in refusal(wrong, reference=by_hand)
    assert step_model(STEPS["jax"], n_features=2, n_hidden=4, reference=by_hand).agreement < 1e-12


def test_equinox_and_jax_weights_in_float32():
    weights = jnp.asarray(W, jnp.float32)
    step = jax.jit(lambda x, h: jnp.tanh(weights @ h + jnp.asarray(U, jnp.float32) @ x))
    model = step_model(step, n_features=2, n_hidden=4)
    assert model.kind == "step function in JAX"
    assert model.compared_with == "itself, called step by step"


def test_steps_of_jax_that_round_to_float32_say_so():
    step = lambda x, h: jnp.tanh(h @ jnp.asarray(W.T)).astype(jnp.float32)  # noqa: E731
    assert step_model(step, n_features=2, n_hidden=4).kind == "step function in JAX, float32"
