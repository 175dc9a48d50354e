"""Modules of torch whose readout does more than a linear layer."""

import numpy as np
import pytest
import torch

import spiralsink as sk
from spiralsink.interop import LinearReadout, NoReadout

CASES = {"relu": torch.relu, "tanh": torch.tanh}


class Read(torch.nn.Module):
    def __init__(self, after):
        super().__init__()
        self.rnn = torch.nn.GRU(2, 3, batch_first=True)
        self.fc = torch.nn.Linear(3, 2)
        self.after = after

    def forward(self, inputs):
        return self.after(self.fc(self.rnn(inputs)[0]))


@pytest.fixture(params=CASES)
def module(request):
    torch.manual_seed(3)
    return request.param, Read(CASES[request.param])


def test_a_readout_that_is_not_linear_is_refused_with_the_way_out(module):
    name, network = module
    option = "readout='relu'" if name == "relu" else "head=NoReadout()"
    with pytest.raises(sk.InvalidInput, match="agreement must be at most") as raised:
        sk.as_model(network)
    assert f"with a {name} on the outputs" in str(raised.value)
    assert f"pass {option}" in str(raised.value)


def test_the_way_out_leads_out(module):
    name, network = module
    inputs = np.random.default_rng(0).standard_normal((2, 9, 2))
    if name == "relu":
        model = sk.as_model(network, readout="relu")
        with torch.no_grad():
            expected = network.double()(torch.as_tensor(inputs)).numpy()
        np.testing.assert_allclose(model.outputs(inputs), expected, atol=1e-6)
        assert model.readout.nonlinearity == "relu"
        assert "ReLU" in model.kind
    else:
        model = sk.as_model(network, head=NoReadout())
        assert model.n_outputs == 0
    assert model.agreement < 1e-6


def test_a_readout_knows_its_nonlinearities():
    with pytest.raises(sk.InvalidInput, match="nonlinearity must be one of linear, relu, got 'softmax'"):
        LinearReadout(np.ones((3, 1)), np.zeros(1), np.zeros((1, 2)), "softmax")


def test_what_follows_a_readout_needs_one():
    with pytest.raises(sk.InvalidInput, match=r"readout must be absent for a network without a linear readout"):
        sk.as_model(torch.nn.GRU(2, 3), readout="relu")
    with pytest.raises(sk.InvalidInput, match=r"readout must be one of linear, relu, got 'softmax'"):
        sk.as_model(Read(torch.relu), readout="softmax")
