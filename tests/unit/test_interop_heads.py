"""Which linear layer is taken for the readout: by its shape and name, in files whose order says nothing."""

import numpy as np
import pytest
import safetensors.numpy
import torch

import spiralsink as sk
from spiralsink.interop import LinearReadout, as_model

N = 4


def table(**more):
    torch.manual_seed(0)
    arrays = {f"rnn.{name}": array.numpy() for name, array in torch.nn.GRU(N, N, num_layers=2).state_dict().items()}
    return arrays | {name.replace("__", "."): np.ones(shape, np.float32) for name, shape in more.items()}


CASES = {
    "a readout": ({"fc__weight": (3, N), "fc__bias": (3,)}, "fc"),
    "any name with a bias": ({"zeta__weight": (3, N), "zeta__bias": (3,)}, "zeta"),
    "a readout without a bias": ({"out__weight": (3, N)}, "out"),
    "an embedding beside it": ({"fc__weight": (3, N), "fc__bias": (3,), "tok__weight": (50, N)}, "fc"),
    "an encoder beside it": ({"a_in__weight": (N, N), "a_in__bias": (N,), "fc__weight": (3, N)}, "fc"),
    "an embedding": ({"tok__weight": (50, N)}, None),
    "a matrix without a bias": ({"table__weight": (50, N)}, "table"),
    "two": ({"fc__weight": (3, N), "value__weight": (1, N), "value__bias": (1,)}, "fc or value"),
    "two layers": ({"fc1__weight": (7, N), "fc1__bias": (7,), "fc2__weight": (3, 7), "fc2__bias": (3,)}, "fc1"),
    "none": ({"conv__weight": (3, N, 2), "norm__weight": (N,)}, None),
}
DOUBTFUL = ("a matrix without a bias", "two", "two layers")


@pytest.mark.parametrize("suffix", [".pt", ".npz", ".safetensors"])
@pytest.mark.parametrize("name", CASES)
def test_the_head_of_a_file_of_any_format(name, suffix, tmp_path):
    more, head = CASES[name]
    arrays, path = table(**more), tmp_path / f"n{suffix}"
    if suffix == ".pt":
        torch.save({key: torch.from_numpy(array) for key, array in arrays.items()}, path)
    elif suffix == ".npz":
        np.savez(path, **arrays)
    else:
        safetensors.numpy.save_file(arrays, path)
    words = "" if head is None else f", no head (it could be {head})" if name in DOUBTFUL else f", head {head}"
    model = as_model(path)
    assert model.kind == f"torch GRU, 2 layers{words}"
    assert model.n_outputs == (more[f"{head}__weight"][0] if f"{head}__weight" in more and name not in DOUBTFUL else 0)


def test_the_order_in_a_table_says_nothing():
    more = {"fc__weight": (3, N), "fc__bias": (3,), "tok__weight": (50, N)}
    arrays = table(**more)
    for order in (list(arrays), sorted(arrays), sorted(arrays, reverse=True)):
        assert as_model({name: arrays[name] for name in order}).kind == "torch GRU, 2 layers, head fc"


def test_a_layer_that_another_one_hears_has_no_head():
    arrays = table(fc__weight=(3, N), fc__bias=(3,))
    assert as_model(arrays, layer=0).n_outputs == 0
    assert as_model(arrays, layer=1).n_outputs == 3
    with pytest.raises(sk.InvalidInput, match="head must be absent for a layer that another one hears, got 'fc'"):
        as_model(arrays, layer=0, head="fc")
    own = LinearReadout(np.ones((N, 1)), np.zeros(1), np.zeros((1, N)))
    assert as_model(arrays, layer=0, head=own).readout is own


def test_a_head_of_one_direction_has_to_be_named():
    torch.manual_seed(0)
    arrays = {f"rnn.{name}": array for name, array in torch.nn.GRU(3, N, bidirectional=True).state_dict().items()}
    arrays |= {"one.weight": torch.ones(2, N), "both.weight": torch.ones(2, 2 * N)}
    assert as_model(arrays, direction="forward").n_outputs == 0
    assert as_model(arrays, direction="forward", head="one").n_outputs == 2
    with pytest.raises(sk.InvalidInput, match=r"reads 4 numbers: 'one', got 'both' .*reads both directions"):
        as_model(arrays, direction="forward", head="both")


def test_a_layer_of_a_module_has_no_head_of_another():
    torch.manual_seed(0)
    module = torch.nn.ModuleDict({"rnn": torch.nn.GRU(3, N, num_layers=2), "fc": torch.nn.Linear(N, 2)})
    assert as_model(module, layer=0).n_outputs == 0
    with pytest.raises(sk.InvalidInput, match="head must be absent for a layer that another one hears"):
        as_model(module, layer=0, head="fc")
