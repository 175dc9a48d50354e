"""Networks that compute otherwise than torch are told how, from what they answer."""

import numpy as np
import pytest
import torch

from cases.torch_models import INPUTS, N, h_of, make, outputs_of, reference_gru, refusal, reordered
from spiralsink.interop import as_model


def test_gates_in_another_order_are_diagnosed_and_can_be_given():
    module = make("gru")
    arrays = reordered(module, "zrn", "rzn")
    assert "with gates in the order z,r,n it is" in refusal(arrays, reference=outputs_of_function(module))
    assert "pass gates='z,r,n'" in refusal(arrays, reference=outputs_of_function(module))
    model = as_model(arrays, gates="z,r,n", reference=outputs_of_function(module))
    assert np.abs(h_of(model) - outputs_of(module)).max() < 1e-12
    assert model.compared_with == "the function that was given"
    module = make("lstm")
    arrays = reordered(module, "igfo", "ifgo")
    assert "pass gates='i,g,f,o'" in refusal(arrays, reference=outputs_of_function(module))
    assert as_model(arrays, gates="i,g,f,o").agreement is None  # torch knows no such layer


def outputs_of_function(module):
    return lambda inputs: outputs_of(module, inputs)


@pytest.mark.parametrize(
    "written", [{"reset": "before"}, {"update": "new"}, {"reset": "before", "update": "new"}], ids=str
)
def test_other_grus_are_diagnosed_and_can_be_given(written):
    arrays = make("gru").state_dict()
    reference = reference_gru(arrays, **written)
    message = refusal(arrays, reference=reference)
    assert all(f"{name}='{value}'" in message for name, value in written.items())
    model = as_model(arrays, **written, reference=reference)
    assert np.abs(h_of(model) - reference(INPUTS)).max() < 1e-12


def test_another_order_before_the_matrix_is_diagnosed_at_once():
    arrays = reordered(make("gru"), "zrn", "rzn")
    message = refusal(arrays, reference=reference_gru(arrays, reset="before", order="zrn"))
    assert "pass gates='z,r,n', reset='before'" in message


def test_a_wrong_nonlinearity_is_diagnosed():
    module = make("rnn", nonlinearity="relu")
    message = refusal(module.state_dict(), nonlinearity="tanh", reference=outputs_of_function(module))
    assert "with nonlinearity relu it is" in message
    assert "pass nonlinearity='relu'" in message


def test_missing_biases_and_transposed_matrices_are_diagnosed():
    module, without = make("gru"), make("gru", bias=False)
    without.load_state_dict({k: v for k, v in module.state_dict().items() if "weight" in k})
    assert "without both biases it is" in refusal(module.state_dict(), reference=outputs_of_function(without))
    arrays = {name: array.numpy() for name, array in make("rnn").state_dict().items()}
    turned = arrays | {"weight_hh_l0": arrays["weight_hh_l0"].T}
    message = refusal(turned, nonlinearity="tanh", reference=outputs_of_function(make("rnn")))
    assert "with each recurrent matrix transposed" in message


def test_a_reference_that_hears_time_first_or_starts_elsewhere_is_diagnosed():
    module = make("gru")
    time_first = torch.nn.GRU(3, N)
    time_first.load_state_dict(module.state_dict())
    assert "with the time axis first it is" in refusal(module, reference=outputs_of_function(time_first))

    def started(inputs):
        with torch.no_grad():
            return module.double()(torch.from_numpy(inputs), torch.ones(1, len(inputs), N).double())[0]

    assert "pass initial=" in refusal(module, reference=started)
    assert as_model(module, reference=started, initial=np.ones(N)).agreement < 1e-12


def test_unrelated_outputs_name_what_was_tried():
    noise = np.random.default_rng(0).standard_normal((4, 30, N))
    assert "other readings agrees" in refusal(make("gru"), reference=lambda inputs: noise)
