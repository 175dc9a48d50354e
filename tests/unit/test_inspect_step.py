"""A step function that is inspected: agreeing with itself is no check, and the first line and the page say so."""

import numpy as np

import spiralsink as sk
from spiralsink.report._inspection_page import inspection_page

W = 0.4 * np.random.default_rng(0).standard_normal((3, 3))


def test_a_step_function_is_not_said_to_be_checked(tmp_path):
    model = sk.step_model(lambda x, h: np.tanh(W.dot(h) + x.sum()), n_features=2, n_hidden=3)
    found = sk.inspect(model, np.random.default_rng(1).standard_normal((12, 40, 2)), n_lags=2)
    assert found.agreement is None
    first = str(found).splitlines()[0]
    assert first.endswith(
        "no independent forward pass to compare with, only consistent with itself, called step by step"
    )
    page = inspection_page(found, tmp_path, about_inputs="random")
    assert "Not checked: there was no independent forward pass" in page
    assert "Only consistent with itself, called step by step." in page
