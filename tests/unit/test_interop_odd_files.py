"""Files and arrays that look like weights and are not: nothing is dropped without a word, nothing takes all memory."""

import os

import numpy as np
import pytest
import torch

import spiralsink as sk


def weights():
    torch.manual_seed(0)
    return torch.nn.GRU(2, 4).state_dict()


ODD = {
    "sparse": (lambda bias: bias.to_sparse(), "a sparse tensor"),
    "float8": (lambda bias: bias.to(torch.float8_e4m3fn), "a float8_e4m3fn tensor"),
    "text": (lambda bias: "hello", "a str"),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_bias_that_is_no_plain_tensor_is_refused(kind):
    change, shown = ODD[kind]
    table = weights()
    table["bias_hh_l0"] = change(table["bias_hh_l0"])
    with pytest.raises(sk.InvalidInput, match=f"bias_hh_l0 must be a dense array of numbers, got {shown}"):
        sk.as_model(table)


def test_one_bias_of_two_is_refused():
    table = weights()
    del table["bias_hh_l0"]
    with pytest.raises(sk.InvalidInput, match="bias_hh_l0 must be present, got nothing"):
        sk.as_model(table)


def test_no_bias_at_all_is_none():
    table = {name: value for name, value in weights().items() if "bias" not in name}
    assert sk.as_model(table).agreement < 1e-12


def test_a_file_of_other_tensors_says_which(tmp_path):
    torch.save({name: value.to(torch.float8_e4m3fn) for name, value in weights().items()}, tmp_path / "small.pt")
    with pytest.raises(sk.InvalidInput, match="weight_ih_l0 must be a dense array of numbers, got a float8"):
        sk.as_model(tmp_path / "small.pt")


def test_a_small_file_of_a_huge_tensor_takes_no_memory(tmp_path):
    torch.save({"weight_ih_l0": torch.zeros(1).expand(10**7, 10**7)}, tmp_path / "huge.pt")
    with pytest.raises(sk.InvalidInput, match=r"weight_ih_l0 must be at most .* half of the memory of the machine"):
        sk.as_model(tmp_path / "huge.pt")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    with pytest.raises(sk.InvalidInput, match="must be a file that can be read, got a pipe or a device"):
        sk.as_model(tmp_path / "pipe.pt")


def test_a_text_file_named_npz_gives_no_unsafe_advice(tmp_path):
    (tmp_path / "text.npz").write_text("some text, not an archive")
    with pytest.raises(sk.InvalidInput, match="a whole npz file") as raised:
        sk.as_model(tmp_path / "text.npz")
    assert "pickle" not in str(raised.value)


INPUTS = np.random.default_rng(0).normal(size=(4, 30, 2))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.ma.masked_array(INPUTS, INPUTS > 1), "inputs must be an array without a mask, got a masked array"),
        (INPUTS.astype(complex), "inputs must be an array of real numbers, got an array of complex128"),
        ("text", "inputs must be an array of real numbers, got str"),
    ],
)
def test_inputs_that_are_not_real_numbers(inputs, message):
    with pytest.raises(sk.InvalidInput, match=message):
        sk.inspect(torch.nn.GRU(2, 4), inputs)


def test_inputs_in_bfloat16_are_read():
    model = sk.as_model(weights())
    wide = torch.as_tensor(INPUTS).to(torch.bfloat16)
    found = sk.ablate(model, wide, feature=0, lag=0, at=5)
    same = sk.ablate(model, wide.float().numpy(), feature=0, lag=0, at=5)
    np.testing.assert_array_equal(found.change, same.change)
