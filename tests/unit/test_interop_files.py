"""Files of other people's networks: what is found in them, and one clear line for what cannot be read."""

import io
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import safetensors.numpy
import torch

import spiralsink as sk
from spiralsink.interop import as_model
from spiralsink.models import Model

N = 4


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return torch.nn.GRU(2, N, batch_first=True)


@pytest.fixture(scope="module")
def arrays(module):
    return {name: array.numpy() for name, array in module.state_dict().items()}


def one_line(source, **options):
    with pytest.raises(sk.InvalidInput) as caught:
        as_model(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


def test_every_suffix_gives_the_same_model(module, arrays, tmp_path):
    torch.save(module.state_dict(), tmp_path / "n.pt")
    torch.save({"model": module.state_dict(), "optimizer": {"state": {}}, "epoch": 7}, tmp_path / "n.pth")
    safetensors.numpy.save_file({f"net.{name}": array for name, array in arrays.items()}, tmp_path / "n.safetensors")
    np.savez(tmp_path / "n.npz", **arrays)
    inputs = np.random.default_rng(0).standard_normal((2, 6, 2))
    expected = as_model(module).states(inputs)
    for name in ("n.pt", "n.pth", "n.safetensors", "n.npz"):
        model = as_model(str(tmp_path / name))
        assert np.array_equal(model.states(inputs), expected)
        assert model.compared_with == "torch's nn.GRU"


def test_half_precision_weights_are_read(module, tmp_path):
    torch.save({name: array.bfloat16() for name, array in module.state_dict().items()}, tmp_path / "n.pt")
    assert as_model(tmp_path / "n.pt").agreement < 1e-12


def our_network(recurrence, stack=()):
    rng = np.random.default_rng(3)
    W_x, W_h, W_y = (rng.normal(size=(*stack, N, n)) for n in (2, N, 3))
    more = {"b_h": rng.normal(size=(*stack, N)), "b_y": rng.normal(size=(*stack, 3))}
    return sk.RecurrentNetwork(W_x, 0.4 * W_h, W_y, recurrence=recurrence, readout="relu", leak=0.7, **more)


@pytest.mark.parametrize("recurrence", ["linear", "relu", "tanh"])
def test_our_own_files_are_read(recurrence, tmp_path):
    network = our_network(recurrence)
    sk.save(tmp_path / "n.safetensors", network)
    model = as_model(tmp_path / "n.safetensors")
    assert model.compared_with == "the RecurrentNetwork itself"
    phi = {"linear": lambda h: h, "relu": lambda h: np.maximum(h, 0), "tanh": np.tanh}[recurrence]
    inputs, h, outputs = np.random.default_rng(0).standard_normal((4, 30, 2)), np.zeros((4, N)), []
    for t in range(30):
        h = 0.3 * h + 0.7 * (inputs[:, t] @ network.W_x.T + phi(h) @ network.W_h.T + network.b_h)
        outputs.append(np.maximum(h @ network.W_y + network.b_y, 0))
    assert np.abs(model.outputs(inputs) - np.stack(outputs, 1)).max() < 1e-12
    assert (model.linear is not None) == (recurrence == "linear")
    if model.linear is not None:
        assert np.abs(model.linear.W_h - (0.3 * np.eye(N) + 0.7 * network.W_h)).max() < 1e-15


def test_stacks_and_options_of_arrays_are_refused_for_our_networks(tmp_path):
    sk.save(tmp_path / "s.npz", our_network("relu", (3,)))
    assert "must be a single network, such as network[0], got a stack of shape (3,)" in one_line(tmp_path / "s.npz")
    assert "reset must be absent for a RecurrentNetwork" in one_line(our_network("relu"), reset="before")


def test_a_model_is_returned_as_it_is(module):
    model = as_model(module)
    assert as_model(model) is model
    assert as_model(model, reference=model.states).compared_with == "the function that was given"
    assert "agreement must be at most" in one_line(model, reference=lambda inputs: -model.states(inputs))
    assert as_model(model, initial=np.ones(N)).initial.all()
    assert "gates must be absent for a Model" in one_line(model, gates="r,z,n")


def test_probes_in_the_file_are_compared(module, arrays, tmp_path):
    inputs = np.random.default_rng(1).standard_normal((3, 8, 2)).astype(np.float32)
    with torch.no_grad():
        states = module(torch.from_numpy(inputs))[0].numpy()
    np.savez(tmp_path / "n.npz", **arrays, probe_inputs=inputs, probe_states=states)
    model = as_model(tmp_path / "n.npz")
    assert model.compared_with == "the probes in the file"
    assert model.agreement < 1e-6
    np.savez(tmp_path / "wrong.npz", **arrays, probe_inputs=inputs, probe_states=states[:, ::-1])
    assert "agreement must be at most" in one_line(tmp_path / "wrong.npz")
    np.savez(tmp_path / "half.npz", **arrays, probe_inputs=inputs)
    assert "half.npz: probe_outputs must be present, got nothing" in one_line(tmp_path / "half.npz")
    np.savez(tmp_path / "shape.npz", **arrays, probe_inputs=inputs, probe_outputs=states[:, :, :3])
    assert "shape.npz: probe_outputs must be of shape (3, 8, n)" in one_line(tmp_path / "shape.npz")


class Malicious:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("legacy", [False, True])
def test_nothing_in_a_pickle_is_executed(tmp_path, legacy, module):
    trap = tmp_path / "executed"
    torch.save(
        {**module.state_dict(), "x": Malicious(trap)}, tmp_path / "n.pt", _use_new_zipfile_serialization=not legacy
    )
    message = one_line(tmp_path / "n.pt")
    assert "n.pt must be a whole torch file of tensors only, got a pickle that asks for" in message
    assert "mkdir" in message
    assert not trap.exists()
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Malicious(trap)))
    assert "plain.pt must be a whole torch file of tensors only" in one_line(tmp_path / "plain.pt")
    assert not trap.exists()
    # the trap does what it should: otherwise this test could not fail
    torch.load(tmp_path / "n.pt", weights_only=False)
    assert trap.exists()


def test_npz_files_with_objects_are_refused(tmp_path):
    trap = tmp_path / "executed"
    np.savez(tmp_path / "n.npz", weight_ih_l0=np.array([Malicious(trap)], object))
    assert "n.npz must be a whole npz file of plain arrays" in one_line(tmp_path / "n.npz")
    assert not trap.exists()


def test_whole_modules_in_a_file_are_refused(module, tmp_path):
    torch.save(module, tmp_path / "n.pt")
    message = one_line(tmp_path / "n.pt")
    assert "got a pickle that asks for torch.nn.modules.rnn.GRU" in message
    assert "save module.state_dict() instead" in message


def test_damaged_files_are_named(module, tmp_path):
    whole = io.BytesIO()
    torch.save(module.state_dict(), whole)
    for length in (0, 1, 100, len(whole.getvalue()) // 2, len(whole.getvalue()) - 10):
        (tmp_path / "n.pt").write_bytes(whole.getvalue()[:length])
        assert "n.pt must be a whole torch file of tensors only, got " in one_line(tmp_path / "n.pt")
    (tmp_path / "text.pt").write_text("these are no weights\n")
    assert "text.pt must be a whole torch file of tensors only, got a file that is no" in one_line(tmp_path / "text.pt")
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as archive:
        archive.writestr("readme.txt", "no weights")
    assert "zip.pt must be" in one_line(tmp_path / "zip.pt")
    (tmp_path / "folder.pt").mkdir()
    assert "folder.pt must be a file that can be read, got is a directory" in one_line(tmp_path / "folder.pt")
    assert "none.pt must be a file that can be read, got no such file" in one_line(tmp_path / "none.pt")
    assert "must be a file name that ends in .pt" in one_line(tmp_path / "n.onnx")
    torch.save([torch.ones(3)], tmp_path / "list.pt")
    assert "list.pt must be a torch file of named tensors, got list" in one_line(tmp_path / "list.pt")
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    assert "empty.pt: names must be those of a recurrent layer" in one_line(tmp_path / "empty.pt")
    (tmp_path / "n.safetensors").write_bytes(b"\x10\x00")
    assert "n.safetensors must be a whole safetensors file" in one_line(tmp_path / "n.safetensors")


def test_arrays_that_do_not_fit_are_named(arrays, tmp_path):
    def changed(**changes):
        return {name: array for name, array in (arrays | changes).items() if array is not None}

    poisoned = arrays["weight_hh_l0"].copy()
    poisoned[3, 1] = np.nan
    np.savez(tmp_path / "n.npz", **changed(weight_hh_l0=poisoned))
    assert "n.npz: weight_hh_l0 must be finite, got nan at index (3, 1)" in one_line(tmp_path / "n.npz")
    assert "bias_ih_l0 must be of shape (12,), got shape (11,)" in one_line(changed(bias_ih_l0=np.ones(11)))
    assert "weight_hh_l0 must be present, got nothing" in one_line(changed(weight_hh_l0=None))
    assert "weight_hh_l0 must be of shape (12, 4)" in one_line(changed(weight_hh_l0=np.ones((9, 4))))
    assert "weight_ih_l0 must be 1, 3 or 4 times" in one_line(changed(weight_hh_l0=np.ones((12, 6))))
    assert "weight_hh_l0 must be real, got complex" in one_line(changed(weight_hh_l0=np.ones((12, 4), complex)))
    assert "weight_ih_l0 must be a matrix" in one_line(changed(weight_ih_l0=np.ones(12)))
    gap = changed(weight_ih_l2=np.ones((12, 4)), weight_hh_l2=np.ones((12, 4)))
    assert "weight_ih_l1 must be present, got nothing" in one_line(gap)
    above = changed(weight_ih_l1=np.ones((12, 5)), weight_hh_l1=np.ones((12, 4)))
    assert "weight_ih_l1 must be of shape (n, 4)" in one_line(above)


def test_what_arrays_do_not_say_must_be_given():
    arrays = {"weight_ih_l0": np.ones((3, 2)), "weight_hh_l0": np.eye(3)}
    assert "nonlinearity must be given: 'tanh' or 'relu' or 'linear', got nothing" in one_line(arrays)
    assert "did you mean tanh?" in one_line(arrays, nonlinearity="tahn")
    assert "reset must be absent for rnn" in one_line(arrays, reset="before")
    assert "conjugates must be absent for rnn" in one_line(arrays, nonlinearity="relu", conjugates="stored")


def test_options_that_do_not_apply_or_are_unknown(arrays):
    assert "nonlinearity must be absent for gru" in one_line(arrays, nonlinearity="relu")
    assert "gates must be an order of the gates of gru, such as 'r,z,n', got 'i,f,g'" in one_line(arrays, gates="i,f,g")
    for gates in ("", "r,z", 5, [None] * 3):
        assert "gates must be an order of the gates of gru" in one_line(arrays, gates=gates)
    assert "initial must be an array of numbers" in one_line(arrays, initial="zero")
    assert "reference must be a function" in one_line(arrays, reference=lambda inputs: 3)
    assert "got one that raises ZeroDivisionError" in one_line(arrays, reference=lambda inputs: 1 // 0)
    assert "the function that was given must be finite" in one_line(
        arrays, reference=lambda x: np.full((4, 30, N), np.inf)
    )
    assert "kind must be one of rnn, gru" in one_line(arrays, kind="mamba")
    assert "tolerance must be a number > 0" in one_line(arrays, tolerance=0)
    assert "initial must be of shape (4,)" in one_line(arrays, initial=np.ones(3))
    assert "names must be those of a recurrent layer" in one_line({"conv.weight": np.ones((3, 3))})
    assert "source must be the name of a file" in one_line(3)
    assert "must be a dense array of numbers, got a meta tensor" in one_line(torch.nn.GRU(2, N, device="meta"))
    assert "for a step function: step_model" in one_line(lambda x, h: h)


def test_linear_recurrence_under_torch_names_has_its_algebra():
    rng = np.random.default_rng(0)
    arrays = {"weight_ih": rng.normal(size=(3, 2)), "weight_hh": rng.normal(size=(3, 3)), "bias_hh": rng.normal(size=3)}
    arrays["bias_ih"] = np.zeros(3)
    model = as_model(arrays, nonlinearity="linear")
    assert model.linear is not None
    assert model.agreement is None
    assert "not compared" in repr(model)
    assert np.abs(model.linear.W_x - arrays["weight_ih"]).max() < 1e-15
    assert np.abs(model.linear.W_h - arrays["weight_hh"]).max() < 1e-15
    assert np.abs(model.linear.bias - arrays["bias_hh"]).max() < 1e-15


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import numpy as np, spiralsink as sk
from spiralsink.interop import as_model
model = as_model(sys.argv[1] + "/n.npz")
assert model.agreement is None, model
try:
    as_model(sys.argv[1] + "/n.pt")
except sk.MissingExtra as error:
    print(error)
"""


def test_without_torch_other_files_are_read(module, arrays, tmp_path):
    np.savez(tmp_path / "n.npz", **arrays)
    torch.save(module.state_dict(), tmp_path / "n.pt")
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "torch is not installed: pip install 'spiralsink[torch]'"


def test_models_say_what_they_are(module):
    assert isinstance(as_model(module), Model)
    assert repr(as_model(module)).startswith("Model: torch GRU, 2 features, 4 numbers of state, 0 outputs; agrees with")
