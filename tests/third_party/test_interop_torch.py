"""Readers of torch networks against torch itself: modules, state dicts, files, and conventions that are not torch's."""

import numpy as np
import pytest
import torch

import spiralsink as sk
from cases.torch_models import INPUTS, N, h_of, make, outputs_of, refusal
from spiralsink.interop import as_model
from spiralsink.models import LinearReadout, NoReadout

CASES = {
    "tanh": ("rnn", {}, {}),
    "relu, two layers": ("rnn", {"nonlinearity": "relu", "num_layers": 2}, {"nonlinearity": "relu"}),
    "gru": ("gru", {}, {}),
    "gru without biases, two layers": ("gru", {"bias": False, "num_layers": 2}, {}),
    "lstm, two layers": ("lstm", {"num_layers": 2}, {}),
    "lstm with a projection, two layers": ("lstm", {"num_layers": 2, "proj_size": 4}, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_modules_and_state_dicts_give_what_torch_gives(name):
    kind, made, given = CASES[name]
    module = make(kind, **made)
    expected = outputs_of(module)
    from_module = as_model(module)
    from_arrays = as_model(module.state_dict(), **({"nonlinearity": "tanh"} if kind == "rnn" else {}) | given)
    for model in (from_module, from_arrays):
        assert np.abs(h_of(model) - expected).max() < 1e-12
        assert model.agreement is not None
        assert model.agreement < 1e-12
        assert isinstance(model.readout, NoReadout)
    assert from_module.compared_with == f"the nn.{type(module).__name__} itself"
    assert from_arrays.compared_with == f"torch's nn.{type(module).__name__}"


def test_modules_that_hear_time_first_or_drop_out():
    module = make("gru", num_layers=2, dropout=0.5)
    time_first = torch.nn.GRU(3, N, num_layers=2)
    time_first.load_state_dict(module.state_dict())
    expected = outputs_of(module.eval())
    for each in (module.train(), time_first):
        model = as_model(each)
        assert model.compared_with == "the nn.GRU itself"
        assert np.abs(h_of(model) - expected).max() < 1e-12
    assert module.training  # as it was


def test_the_parts_of_the_state_are_named():
    assert as_model(make("lstm", num_layers=2, proj_size=4)).layout == (
        ("layer 0 h", 4),
        ("layer 0 c", N),
        ("layer 1 h", 4),
        ("layer 1 c", N),
    )


@pytest.mark.parametrize("cell", [torch.nn.RNNCell, torch.nn.GRUCell, torch.nn.LSTMCell])
def test_cells(cell):
    torch.manual_seed(1)
    module = cell(3, N)
    model = as_model(module)
    assert model.compared_with == f"the nn.{cell.__name__} itself"
    states, carried = [], None
    with torch.no_grad():
        module = module.double()
        for t in range(INPUTS.shape[1]):
            carried = module(torch.from_numpy(INPUTS[:, t].copy()), carried)
            states.append(torch.cat(carried, -1) if isinstance(carried, tuple) else carried)
    assert np.abs(model.states(INPUTS) - torch.stack(states, 1).numpy()).max() < 1e-12


def test_bidirectional_layers_need_a_direction():
    module = make("lstm", bidirectional=True)
    expected = outputs_of(module)
    forward = as_model(module, direction="forward")
    assert np.abs(h_of(forward) - expected[..., :N]).max() < 1e-12
    backward = as_model(module.state_dict(), direction="backward")
    assert np.abs(h_of(backward, INPUTS[:, ::-1])[:, ::-1] - expected[..., N:]).max() < 1e-12
    with pytest.raises(sk.InvalidInput, match="direction must be 'forward' or 'backward', got nothing"):
        as_model(module)
    with pytest.raises(sk.InvalidInput, match="direction must be one of forward, got 'backward'"):
        as_model(make("gru"), direction="backward")


def test_one_layer_of_several_is_a_network_of_its_own():
    module = make("lstm", num_layers=2, bidirectional=True)
    with pytest.raises(sk.InvalidInput, match="layer must be one of 0, 1, got nothing"):
        as_model(module, direction="forward")
    with pytest.raises(sk.InvalidInput, match="layer must be one of 0, 1, got 2"):
        as_model(module, direction="forward", layer=2)
    first = make("lstm", bidirectional=True)
    first.load_state_dict({name: array for name, array in module.state_dict().items() if "l0" in name})
    second = as_model(module, direction="backward", layer=1)
    assert second.n_features == 2 * N
    heard = outputs_of(first)
    found = h_of(second, heard[:, ::-1])[:, ::-1]
    assert np.abs(found - outputs_of(module)[..., N:]).max() < 1e-12


class Network(torch.nn.Module):
    def __init__(self, *, batch_first=True, after=None, start=0.0):
        super().__init__()
        torch.manual_seed(2)
        self.encoder = torch.nn.Linear(N, N)  # fits the state, and stands before it
        self.rnn = torch.nn.GRU(3, N, batch_first=batch_first, dropout=0.0)
        self.fc = torch.nn.Linear(N, 2)
        self.after, self.start = after or torch.nn.Identity(), start

    def forward(self, inputs):
        states, _ = self.rnn(inputs, torch.full((1, len(inputs), N), self.start, dtype=inputs.dtype))
        return self.after(self.fc(states))


def test_a_module_with_a_readout_is_compared_as_a_whole():
    module = Network()
    model = as_model(module)
    assert model.kind == "torch GRU, head fc"
    assert model.compared_with == "the nn.GRU itself and the whole Network"
    assert np.abs(model.outputs(INPUTS) - outputs_of(module)).max() < 1e-12
    wrapped = {"epoch": 3, "state_dict": {f"module.{name}": array for name, array in module.state_dict().items()}}
    again = as_model(wrapped)
    assert again.kind == "torch GRU, head state_dict.module.fc"
    assert np.abs(again.outputs(INPUTS) - outputs_of(module)).max() < 1e-12
    assert as_model(wrapped, head=NoReadout()).n_outputs == 0
    assert as_model(wrapped, head="fc.weight").n_outputs == 2
    assert as_model(wrapped, head="encoder").n_outputs == N


def test_readouts_that_could_be_several_are_none():
    table = dict(Network().state_dict())
    table |= {"last.weight": torch.ones(3, N), "last.bias": torch.ones(3)}
    assert as_model(table).n_outputs == 0
    assert as_model(table).kind == "torch GRU, no head (it could be fc or last)"
    assert as_model(table, head="fc").n_outputs == 2
    given = LinearReadout(np.ones((N, 1)), np.zeros(1), np.zeros((1, 3)))
    assert as_model(table, head=given).readout is given
    with pytest.raises(sk.InvalidInput, match="head must be a readout of 5 numbers of state, got 4 rows of weights"):
        as_model(table, head=LinearReadout(np.ones((4, 1)), np.zeros(1), np.zeros((1, 3))))


def test_wrong_heads_are_refused_with_those_that_fit():
    with pytest.raises(
        sk.InvalidInput, match=r"head must be a linear layer that reads 5 numbers: 'encoder', 'fc', got"
    ):
        as_model(Network(), head="decoder")


def test_what_lies_between_the_state_and_the_outputs_is_named():
    with pytest.raises(sk.InvalidInput, match=r"agreement must be .* the whole Network, got .* \(with a sigmoid on"):
        as_model(Network(after=torch.nn.Sigmoid()))
    assert as_model(Network(after=torch.nn.Sigmoid()), head=NoReadout()).n_outputs == 0


def test_several_recurrent_modules_are_listed():
    module = torch.nn.ModuleDict({"encoder": make("gru"), "decoder": make("lstm")})
    for source in (module, module.state_dict()):
        with pytest.raises(sk.InvalidInput, match=r"prefix must be one of 'encoder'.*'decoder'.*, got nothing"):
            as_model(source)
        assert as_model(source, prefix="encoder").kind == "torch GRU"
    assert as_model(module.state_dict(), kind="lstm").kind == "torch LSTM"
    with pytest.raises(sk.InvalidInput, match="kind must be one that is there: gru, lstm, got 'rnn'"):
        as_model(module.state_dict(), kind="rnn")


def test_parametrised_weights_are_read_as_they_are_used():
    module = make("gru").double()  # in float32 the weights that it uses are rounded
    torch.nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
    assert np.abs(h_of(as_model(module)) - outputs_of(module)).max() < 1e-12


class OriginalGRU(torch.nn.Module):
    """Torch's names and another cell, as many write it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.weight_ih, self.weight_hh = (torch.nn.Parameter(0.5 * torch.randn(3 * N, n)) for n in (3, N))

    def forward(self, x, h):
        W, U = self.weight_ih.chunk(3), self.weight_hh.chunk(3)
        r, z = (torch.sigmoid(x @ W[i].T + h @ U[i].T) for i in (0, 1))
        n = torch.tanh(x @ W[2].T + (r * h) @ U[2].T)
        return (1 - z) * n + z * h


class Unrolled(torch.nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, inputs):
        h, found = torch.zeros(len(inputs), N, dtype=inputs.dtype), []
        for t in range(inputs.shape[1]):
            h = self.cell(inputs[:, t], h)
            found.append(h)
        return torch.stack(found, 1)


@pytest.mark.parametrize("wrap", [lambda cell: cell, Unrolled], ids=["cell", "sequences"])
def test_cells_of_users_under_torch_names_are_compared_with_themselves(wrap):
    module = wrap(OriginalGRU())
    assert "pass reset='before'" in refusal(module)
    model = as_model(module, reset="before")
    assert model.kind == "own GRUCell, reset before the matrix"
    assert model.compared_with == "the OriginalGRU itself"
    assert np.abs(model.states(INPUTS) - outputs_of(Unrolled(OriginalGRU()))).max() < 1e-6


class Diagonal(torch.nn.Module):
    """An LRU and half of an S5 in one class, by the names of their parameters."""

    def __init__(self, kind, *, scaled=True):
        super().__init__()
        torch.manual_seed(4)
        self.kind, self.scaled = kind, scaled
        real = {"nu_log": -1.0, "theta_log": 0.0, "gamma_log": 0.3} if kind == "lru" else {"log_step": -1.5}
        for name, value in real.items():
            setattr(self, name, torch.nn.Parameter(value + 0.1 * torch.randn(N)))
        if kind == "s5":
            self.Lambda = torch.nn.Parameter(torch.complex(-torch.rand(N), 1 + 3 * torch.rand(N)))
        self.B, self.C = (torch.nn.Parameter(torch.randn(*n, dtype=torch.complex64)) for n in ((N, 3), (3, N)))
        self.D = torch.nn.Parameter(torch.randn(3))

    def forward(self, inputs):
        if self.kind == "lru":
            poles = torch.exp(torch.complex(-self.nu_log.exp(), self.theta_log.exp()))
            B = self.gamma_log.exp()[:, None] * self.B if self.scaled else self.B
        else:
            poles = torch.exp(self.Lambda * self.log_step.exp())
            B = ((poles - 1) / self.Lambda)[:, None] * self.B
        h, found = torch.zeros(len(inputs), N, dtype=poles.dtype), []
        for t in range(inputs.shape[1]):
            h = poles * h + inputs[:, t].to(B.dtype) @ B.T
            found.append((1 if self.kind == "lru" else 2) * (h @ self.C.T).real + self.D * inputs[:, t])
        return torch.stack(found, 1)


def test_diagonal_modules_are_compared_with_themselves():
    model = as_model(torch.nn.ModuleDict({"block": Diagonal("lru")}))
    assert model.compared_with == "the Diagonal itself"
    assert model.agreement < 1e-12
    assert "with a scale of one on the inputs" in refusal(Diagonal("lru", scaled=False))
    model = as_model(Diagonal("s5"))  # it decides that half of the poles are stored
    assert model.kind == "S5 layer, conjugates implied"
    assert model.agreement < 1e-12


class Conditioned(Network):
    def forward(self, inputs, context):
        return super().forward(inputs) + context


def test_modules_that_need_more_than_inputs_are_compared_by_their_recurrent_part():
    model = as_model(Conditioned())
    assert model.compared_with.startswith(
        "the nn.GRU itself (readout not compared: the whole Conditioned does not take"
    )
    assert model.n_outputs == 2


class Spoken(torch.nn.Module):
    """Words in, probabilities out: the module takes no vectors, so nothing sees what follows the readout."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.emb, self.rnn, self.fc = torch.nn.Embedding(9, 3), torch.nn.GRU(3, N), torch.nn.Linear(N, 2)

    def forward(self, words):
        return torch.sigmoid(self.fc(self.rnn(self.emb(words))[0]))


def test_a_readout_that_nothing_compares_is_said():
    for source, reason in ((Spoken(), ": the whole Spoken does not take"), (Spoken().state_dict(), ")")):
        model = as_model(source)
        assert model.kind == "torch GRU, head fc"
        assert f" (readout not compared{reason}" in model.compared_with
        assert "readout not compared" in repr(model)
    assert "readout" not in as_model(Spoken(), head=NoReadout()).compared_with
    assert "readout" not in as_model(Network()).compared_with
    sequences = as_model(Network(), reference=lambda inputs: outputs_of(Network(), inputs))
    assert sequences.compared_with == "the function that was given"
    states = as_model(Network(), reference=lambda inputs: outputs_of(Network().rnn, inputs))
    assert states.compared_with == "the function that was given (readout not compared)"


def test_references_as_pairs_and_of_the_last_step():
    module = Network()
    outputs = outputs_of(module)
    assert as_model(module, reference=(INPUTS, outputs)).agreement < 1e-12
    assert as_model(module, reference=(INPUTS, outputs[:, -1])).agreement < 1e-12
    assert as_model(module, reference=(INPUTS[0], outputs[0])).agreement < 1e-12
    with pytest.raises(sk.InvalidInput, match="reference must be batch first, got shape"):
        as_model(module, reference=(INPUTS, outputs.swapaxes(0, 1)))
    with pytest.raises(sk.InvalidInput, match="reference must be of shape"):
        as_model(module, reference=(INPUTS, outputs[..., :1]))
    with pytest.raises(sk.InvalidInput, match="reference must be a function"):
        as_model(module, reference=3)


def test_float32_modules_on_their_own_dtype_are_near_enough():
    module = make("lstm")
    with torch.no_grad():
        model = as_model(module.state_dict(), reference=lambda inputs: module(inputs)[0])
    assert 0 < model.agreement < 1e-6


def test_the_generator_of_torch_stays_as_it_is(monkeypatch):
    arrays = {name: array.numpy() for name, array in make("lstm", num_layers=2, proj_size=4).state_dict().items()}
    before = torch.get_rng_state()
    # no other thread may see it changed in between either
    monkeypatch.setattr(torch.random, "fork_rng", None)
    assert as_model(arrays).agreement < 1e-12
    assert torch.equal(torch.get_rng_state(), before)
