"""Every reader on random weights of many sizes, against the libraries: one compilation per size."""

import equinox as eqx
import jax
import numpy as np
import pytest
import torch

from spiralsink.interop import as_model, step_model

pytestmark = pytest.mark.slow

SIZES = [(1, 1, 1), (1, 8, 1), (7, 2, 2), (5, 33, 3), (20, 128, 1), (64, 16, 2)]  # features, hidden, layers
RNG = np.random.default_rng(0)


def torch_kinds(features, hidden, layers):
    torch.manual_seed(hidden)
    same = {"num_layers": layers, "batch_first": True}
    yield torch.nn.RNN(features, hidden, nonlinearity="tanh", **same), {"nonlinearity": "tanh"}
    yield torch.nn.RNN(features, hidden, nonlinearity="relu", **same), {"nonlinearity": "relu"}
    yield torch.nn.GRU(features, hidden, **same), {}
    yield torch.nn.GRU(features, hidden, bias=False, **same), {}
    yield torch.nn.LSTM(features, hidden, **same), {}
    if hidden > 2:
        yield torch.nn.LSTM(features, hidden, proj_size=hidden // 2, **same), {}


def last_h(model, inputs):
    start, found = 0, slice(0)
    for name, size in model.layout:
        found = slice(start, start + size) if name.endswith("h") else found
        start += size
    return model.states(inputs)[..., found]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")  # torch, in float32
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_torch(size):
    inputs = RNG.standard_normal((3, 40, size[0]))
    for module, given in torch_kinds(*size):
        with torch.no_grad():
            single = module(torch.from_numpy(inputs).float())[0].numpy()
            from_arrays = as_model(module.state_dict(), **given)
            expected = module.double()(torch.from_numpy(inputs))[0].numpy()
        for model in (as_model(module), from_arrays):
            found = last_h(model, inputs)
            assert np.abs(found - expected).max() < 1e-12
            assert np.abs(found - single).max() < 1e-5
            assert model.agreement < 1e-12


@pytest.mark.parametrize("size", SIZES[:5], ids=str)
def test_torch_in_both_directions(size):
    features, hidden, layers = size
    torch.manual_seed(3)
    module = torch.nn.GRU(features, hidden, layers, bidirectional=True, batch_first=True).double()
    with torch.no_grad():
        expected = module(torch.from_numpy(first_inputs(features)))[0].numpy()
    heard = first_inputs(features)
    for layer in range(layers):
        forward, backward = (as_model(module, direction=each, layer=layer) for each in ("forward", "backward"))
        heard = np.concatenate([forward.states(heard), backward.states(heard[:, ::-1])[:, ::-1]], -1)
    assert np.abs(heard - expected).max() < 1e-12


def first_inputs(features):
    return np.random.default_rng(features).standard_normal((3, 12, features))


@pytest.mark.parametrize("kind", [eqx.nn.GRUCell, eqx.nn.LSTMCell])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_equinox(size, kind):
    cell = kind(size[0], size[1], key=jax.random.key(size[1]))
    model = as_model(cell)
    assert model.agreement < 1e-12
    inputs = RNG.standard_normal((10, size[0])).astype(np.float32)
    zero = np.zeros(size[1], np.float32)
    state, pair = (zero, zero) if kind is eqx.nn.LSTMCell else zero, kind is eqx.nn.LSTMCell
    found = model.states(inputs[None])[0]
    for t, x in enumerate(inputs):
        state = cell(x, state)
        assert np.abs(found[t] - (np.concatenate(state) if pair else np.asarray(state))).max() < 1e-5


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_diagonal_layers(size):
    features, n, _ = size
    rng = np.random.default_rng(n)
    draw = lambda *shape: rng.standard_normal(shape) + 1j * rng.standard_normal(shape)  # noqa: E731
    inputs = rng.standard_normal((2, 40, features))
    nu, theta, gamma = np.log(rng.uniform(0.02, 1, n)), np.log(rng.uniform(0.01, 3, n)), rng.standard_normal(n) * 0.1
    B, C, D = draw(n, features), draw(features, n), rng.standard_normal((features, features))
    steps, A = rng.uniform(-3, -1, n), -rng.uniform(0.1, 1, n) + 1j * rng.uniform(0, 9, n)
    lru = {"nu_log": nu, "theta_log": theta, "gamma_log": gamma, "B": B, "C": C, "D": D}
    s5 = {"Lambda": A, "log_step": steps, "B": B, "C": C, "D": np.diag(D)}
    cases = [
        (as_model(lru), np.exp(-np.exp(nu) + 1j * np.exp(theta)), np.exp(gamma)[:, None] * B, 1, D),
        (
            as_model(s5, conjugates="implied"),
            np.exp(A * np.exp(steps)),
            ((np.exp(A * np.exp(steps)) - 1) / A)[:, None] * B,
            2,
            np.diag(np.diag(D)),
        ),
    ]
    for model, poles, driven, factor, through in cases:
        h, outputs = np.zeros((2, n), complex), []
        for t in range(40):
            h = poles * h + inputs[:, t] @ driven.T
            outputs.append(factor * (h @ C.T).real + inputs[:, t] @ through.T)
        expected = np.stack(outputs, 1)
        assert np.abs(model.outputs(inputs) - expected).max() < 1e-12 * np.abs(expected).max()
        h = np.zeros((2, 2 * n))
        for t in range(40):
            h = h @ model.linear.W_h.T + inputs[:, t] @ model.linear.W_x.T
        by_algebra = h @ model.readout.weights + inputs[:, -1] @ model.readout.feedthrough.T
        assert np.abs(by_algebra - expected[:, -1]).max() < 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_cells_as_step_functions(size):
    features, hidden, _ = size
    torch.manual_seed(hidden)
    inputs = RNG.standard_normal((3, 20, features))
    for cell, sizes in ((torch.nn.GRUCell, hidden), (torch.nn.LSTMCell, (hidden, hidden)), (torch.nn.RNNCell, hidden)):
        module = cell(features, hidden)
        read, wrapped = as_model(module), step_model(module, n_features=features, n_hidden=sizes)
        assert np.abs(read.states(inputs) - wrapped.states(inputs)).max() < 1e-12
        x, h = inputs[:, 0], 0.3 * RNG.standard_normal((3, read.n_hidden))
        changes = RNG.standard_normal((3, 4, read.n_hidden))
        gap = read.dynamics.carried(x, h, changes) - wrapped.dynamics.carried(x, h, changes)
        assert np.abs(gap).max() < 1e-7
