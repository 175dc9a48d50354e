"""`spiralsink inspect` on files of many kinds: every option of the reader, and what to pass in words of the shell."""

import inspect
import os

import numpy as np
import pytest
import torch

import spiralsink as sk
from spiralsink._conventions import CONVENTIONS
from spiralsink.cli import main

N = 4
INPUTS = np.random.default_rng(0).standard_normal((3, 12, 2))


def gru(**options):
    torch.manual_seed(0)
    module = torch.nn.GRU(2, N, batch_first=True, **options)
    return {f"rnn.{name}": array for name, array in module.state_dict().items()}


def states(arrays):
    module = torch.nn.GRU(2, N, batch_first=True)
    module.load_state_dict({name.removeprefix("rnn."): array for name, array in arrays.items()})
    with torch.no_grad():
        return module.double()(torch.from_numpy(INPUTS))[0].numpy()


def reordered(arrays, order):
    return {name: torch.cat([array.chunk(3)["rzn".index(gate)] for gate in order]) for name, array in arrays.items()}


HEAD = {"fc.weight": torch.ones(3, N), "fc.bias": torch.ones(3)}
RNN = {"weight_ih": np.ones((3, 2)), "weight_hh": 0.1 * np.eye(3)}
POLES = {"Lambda": np.array([-0.3 + 1j, -0.4 + 2j]), "log_step": np.zeros(2), "D": np.zeros(2)}
S5 = POLES | {"B": np.ones((2, 2), complex), "C": np.ones((2, 2), complex)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights")
    torch.save(gru() | HEAD, path / "gru.pt")
    torch.save(gru(num_layers=2, bidirectional=True), path / "both.pt")
    torch.save(gru() | {f"other.{name}": array for name, array in gru().items()}, path / "several.pt")
    np.savez(path / "rnn.npz", **RNN)
    np.savez(path / "s5.npz", **S5)
    probes = {"probe_inputs": INPUTS, "probe_states": states(gru())}
    np.savez(path / "zrn.npz", **{name: array.numpy() for name, array in reordered(gru(), "zrn").items()}, **probes)
    relu = np.maximum(states(gru()) @ np.ones((N, 3)) + 1 - 1.2, 0)
    arrays = {name: array.numpy() for name, array in (gru() | HEAD | {"fc.bias": torch.full((3,), -0.2)}).items()}
    np.savez(path / "relu.npz", **arrays, probe_inputs=INPUTS, probe_outputs=relu)
    np.save(path / "start.npy", np.ones(N))
    return path


@pytest.fixture
def read(capsys, folder, monkeypatch):
    """Runs the command as far as the model."""

    def shown(model, *args, **options):
        return {"json": {}, "text": repr(model)}

    def run(name, *options):
        monkeypatch.setattr("spiralsink.cli._inspect._inspect", shown)
        code = main(["inspect", str(folder / name), *options])
        said = capsys.readouterr()
        return (code, said.out) if code == 0 else (code, said.err)

    return run


OPTIONS = {
    "a head by itself": ("gru.pt", "", "torch GRU, head fc, 2 features, 4 numbers of state, 3 outputs"),
    "a head": ("gru.pt", "--head fc.weight", "torch GRU, head fc, 2"),
    "no head": ("gru.pt", "--head none", "torch GRU, 2 features, 4 numbers of state, 0 outputs"),
    "a kind": ("gru.pt", "--kind gru", "torch GRU, head fc"),
    "a prefix": ("several.pt", "--prefix other.rnn", "torch GRU, 2 features"),
    "a layer": ("both.pt", "--layer 1 --direction backward", "torch GRU layer 1 backward, 8 features"),
    "a ReLU": ("relu.npz", "--readout relu", "torch GRU, head fc and ReLU, 2 features"),
    "gates": ("zrn.npz", "--gates z,r,n", "agrees with the probes in the file"),
    "a reset": ("gru.pt", "--reset before", "torch GRU, reset before the matrix, head fc"),
    "an update": ("gru.pt", "--update new", "torch GRU, update gate on the new state, head fc"),
    "linear": ("rnn.npz", "--nonlinearity linear", "torch RNNCell, linear, 2"),
    "conjugates": (
        "s5.npz",
        "--conjugates implied --discretization bilinear",
        "S5 layer, bilinear, conjugates implied",
    ),
    "a start": ("gru.pt", "--initial {folder}/start.npy", "torch GRU"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_what_can_be_said(name, read, folder):
    file, options, expected = OPTIONS[name]
    code, text = read(file, *options.format(folder=folder).split())
    assert code == 0, text
    assert expected in text


DEMANDS = {
    "a nonlinearity": ("rnn.npz", "", "--nonlinearity must be given: 'tanh' or 'relu' or 'linear', got nothing"),
    "conjugates": ("s5.npz", "", "--conjugates must be given: 'stored'"),
    "a direction": ("both.pt", "", "--direction must be 'forward' or 'backward', got nothing"),
    "a layer": ("both.pt", "--direction forward", "--layer must be one of 0, 1, got nothing"),
    "a prefix": ("several.pt", "", "--prefix must be one of 'rnn' (gru), 'other.rnn' (gru), got nothing"),
    "gates": ("zrn.npz", "", "pass --gates z,r,n)"),
    "what follows": ("relu.npz", "", "with a relu on the outputs it is"),
    "what follows, as an option": ("relu.npz", "", "pass --readout relu)"),
    "a head": ("gru.pt", "--head nope", "--head must be a linear layer that reads 4 numbers: 'fc', got 'nope'"),
    "a head for a readout": ("gru.pt", "--head none --readout relu", "(name that layer: --head fc)"),
    "another kind": ("gru.pt", "--kind mamba", "--kind must be one of rnn, gru, lstm, lru, s4d, s5, got 'mamba'"),
    "the wrong family": ("gru.pt", "--conjugates stored", "--conjugates must be absent for gru"),
    "a shape": ("rnn.npz", "--nonlinearity relu --initial {folder}/start.npy", "--initial must be of shape (3,)"),
}


@pytest.mark.parametrize("name", DEMANDS)
def test_what_has_to_be_said_is_said_in_words_of_the_shell(name, read, folder):
    file, options, expected = DEMANDS[name]
    code, text = read(file, *options.format(folder=folder).split())
    assert code == 2, text
    assert expected in text
    assert text.count("\n") == 1
    assert "NoReadout" not in text
    assert "='" not in text


def test_a_readout_that_cannot_be_said_is_left_out(read, folder):
    outputs = np.tanh(states(gru()) @ np.ones((N, 3)) + 1)
    arrays = {name: array.numpy() for name, array in (gru() | HEAD).items()}
    np.savez(folder / "tanh.npz", **arrays, probe_inputs=INPUTS, probe_outputs=outputs)
    code, text = read("tanh.npz")
    assert code == 2
    assert text.endswith("pass --head none)\n")


class Malicious:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_files_that_are_no_weights_are_one_line(read, folder):
    trap = folder / "executed"
    torch.save(gru() | {"x": Malicious(trap)}, folder / "malicious.pt")
    (folder / "short.pt").write_bytes((folder / "gru.pt").read_bytes()[:700])
    (folder / "text.pt").write_text("no weights\n")
    poisoned = gru()
    poisoned["rnn.weight_hh_l0"][0, 0] = float("nan")
    torch.save(poisoned, folder / "nan.pt")
    for name, expected in {
        "malicious.pt": "nothing was executed: save module.state_dict() instead",
        "short.pt": "must be a whole torch file of tensors only, got a damaged or different archive",
        "text.pt": "must be a whole torch file of tensors only, got a file that is no torch file",
        "nan.pt": "rnn.weight_hh_l0 must be finite, got nan at index (0, 0)",
        "absent.pt": "must be a file that can be read, got no such file",
    }.items():
        code, text = read(name)
        assert (code, text.count("\n")) == (2, 1)
        assert expected in text
    assert not trap.exists()


def test_the_options_are_those_of_as_model():
    python_alone = {"source", "initial", "reference", "tolerance", "seed"}
    assert set(CONVENTIONS) == set(inspect.signature(sk.as_model).parameters) - python_alone


def test_codes_and_targets(capsys, folder):
    rng = np.random.default_rng(2)
    inputs, codes = rng.standard_normal((6, 40, 2)), rng.standard_normal((6, 40, 3))
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "features.npy", rng.standard_normal((3, 2)))
    np.save(folder / "codes.npy", codes)
    np.save(folder / "targets.npy", inputs[..., :1].repeat(3, -1))
    np.save(folder / "narrow.npy", codes[..., :2])

    def run(**files):
        options = [word for name, file in files.items() for word in (f"--{name}", str(folder / f"{file}.npy"))]
        code = main(
            ["inspect", str(folder / "gru.pt"), "--lags", "2", "--inputs", str(folder / "inputs.npy"), *options]
        )
        said = capsys.readouterr()
        return code, said.out + said.err

    code, text = run(features="features", codes="codes", targets="targets")
    assert code == 0, text
    assert "torch GRU, head fc" in text
    code, text = run(features="features", codes="narrow")
    assert code == 2
    assert "--codes must be" in text
    code, text = run(targets="narrow")
    assert code == 2
    assert "--targets must be" in text
