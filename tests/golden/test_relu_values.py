"""Moments, losses and gradients of ReLU readouts against stored values of the oracles (make_relu_values.py)."""

import functools
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.theory import rectified_moments

CASES = json.loads(Path(__file__).with_name("relu_values.json").read_text())["cases"]
LAWS = {"uniform": sk.Uniform, "exponential": sk.Exponential, "half_normal": sk.HalfNormal}
# exponential amplitudes of another rate, and of so many lags; others of this law are quick
ALONE = {"200 lags of one scale, exponential", "fast exponential, 4 lags, spread 1e+06"}
ALONE |= {"fast exponential, 9 lags, spread 1000", "fast exponential, 40 lags, spread 1e+06"}
N_LAGS = 40  # shorter filters are filled up with lags of weight 0, so that few programs are compiled


@functools.cache
def compiled(laws: tuple[Any, ...], biased: bool, differentiated: bool):
    """(moments, their error, gradient of the loss with respect to a) from arrays (lags, features)."""

    def loss(a, p, direction, bias):
        found = rectified_moments(a, p, direction, laws=laws, bias=bias if biased else None)
        return found.square - 2 * found.cross, found

    def all_of_it(*arrays):
        if not differentiated:
            _, found = loss(*arrays)
            return found, found.error, jnp.zeros_like(arrays[0])
        (_, found), gradient = jax.value_and_grad(loss, has_aux=True)(*arrays)
        return found, found.error, gradient

    return jax.jit(all_of_it)


def arrays_of(case: dict) -> tuple:
    """Laws per feature, and a, p, direction with one row per lag."""
    n_features = case["n_features"]
    tables = case["law"] if isinstance(case["law"], list) else [case["law"]] * n_features
    laws = tuple(LAWS[each["kind"]](**{k: v for k, v in each.items() if k != "kind"}) for each in tables[:n_features])
    p = np.resize(np.asarray(case["p"], dtype=np.float64), n_features)
    a = np.asarray(case["a"]).reshape(-1, n_features)
    direction = np.zeros(a.size)
    direction[case["delay"]] = 1
    direction = direction.reshape(a.shape)
    more = ((0, max(N_LAGS // n_features - len(a), 0)), (0, 0))
    return laws, np.pad(a, more), p, np.pad(direction, more)


def evaluate(case: dict):
    laws, a, p, direction = arrays_of(case)
    biased = case["bias"] != 0
    with sk.float64():
        arrays = (jnp.asarray(each, jnp.float64) for each in (a, p, direction, case["bias"]))
        moments, error, gradient = compiled(laws, biased, "gradient" in case)(*arrays)
        second = np.sum(p * direction * [law.second_moment for law in laws])
        loss = float(moments.square) - 2 * float(moments.cross) + second
        return float(moments.square), loss, float(error), np.asarray(gradient).ravel()[: len(case["a"])]


def parameters(key: str, present: bool = True) -> list:
    """Cases with or without a key; those that need programs of their own are slow."""
    marks = {True: [pytest.mark.slow], False: []}
    return [
        pytest.param(case, id=case["name"], marks=marks[case["n_features"] > 1 or case["name"] in ALONE])
        for case in CASES
        if (key in case) == present
    ]


@pytest.mark.parametrize("case", parameters("gradient"))
def test_values_and_gradients(case):
    """To 1e-6 in value and 1e-5 of the largest component of the gradient, and within the reported error."""
    square, loss, error, gradient = evaluate(case)
    scale = max(abs(case["F"]), abs(case["loss"]))
    assert square == pytest.approx(case["F"], rel=1e-6)
    assert loss == pytest.approx(case["loss"], rel=1e-6)
    assert abs(loss - case["loss"]) <= error + 1e-12 * scale
    wanted = np.array(case["gradient"])
    np.testing.assert_allclose(gradient, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("case", parameters("gradient", present=False))
def test_two_hundred_lags_within_the_reported_error(case):
    _, loss, error, _ = evaluate(case)
    assert abs(loss - case["loss"]) <= error + 1e-9 * case["F"]


@pytest.mark.parametrize("case", parameters("monte_carlo"))
def test_samples(case):
    """Within 4 standard errors of a hundred million independent windows."""
    sample = case["monte_carlo"]
    _, loss, _, _ = evaluate(case)
    assert abs(loss - sample["mean"]) <= 4 * sample["standard_error"]
    assert sample["n_samples"] == 10**8
