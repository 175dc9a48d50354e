"""Diagonal state-space layers against complex recurrences written out in NumPy, one step and state after the other."""

import numpy as np
import pytest

import spiralsink as sk
from spiralsink.interop import NoReadout, as_model

RNG = np.random.default_rng(11)
INPUTS = RNG.standard_normal((2, 8, 3))
P, H = 4, 3  # states, features


def complex_normal(*shape):
    return RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)


def as_pairs(array):
    return np.stack([array.real, array.imag], -1)


LRU = {
    "nu_log": np.log(-np.log(RNG.uniform(0.6, 0.95, P))),
    "theta_log": np.log(RNG.uniform(0.1, 2.5, P)),
    "gamma_log": RNG.standard_normal(P) * 0.3,
    "B": complex_normal(P, H),
    "C": complex_normal(2, P),
    "D": RNG.standard_normal((2, H)),
}
S5 = {
    "Lambda": -RNG.uniform(0.1, 0.9, P) + 1j * RNG.uniform(0.5, 9, P),
    "B": complex_normal(P, H),
    "C": complex_normal(H, P),
    "D": RNG.standard_normal(H),
    "log_step": np.log(RNG.uniform(0.05, 0.4, P)),
}
S4D = {
    "kernel.C": complex_normal(H, 2),
    "kernel.log_dt": np.log(RNG.uniform(0.05, 0.4, H)),
    "kernel.log_A_real": RNG.standard_normal((H, 2)) * 0.3,
    "kernel.A_imag": RNG.uniform(0.0, 6.0, (H, 2)),
    "D": RNG.standard_normal(H),
}


def lru(inputs, *, scale=None):
    outputs = np.zeros((*inputs.shape[:2], 2))
    for b, sequence in enumerate(inputs):
        h = [0j] * P
        for t, x in enumerate(sequence):
            for n in range(P):
                eigenvalue = np.exp(-np.exp(LRU["nu_log"][n]) + 1j * np.exp(LRU["theta_log"][n]))
                gain = np.exp(LRU["gamma_log"][n]) if scale is None else scale
                h[n] = eigenvalue * h[n] + gain * sum(LRU["B"][n, j] * x[j] for j in range(H))
            for o in range(2):
                outputs[b, t, o] = sum((LRU["C"][o, n] * h[n]).real for n in range(P)) + LRU["D"][o] @ x
    return outputs


def s5(inputs, *, factor, discretization="zoh", table=None):
    table = S5 if table is None else table
    outputs = np.zeros(inputs.shape)
    for b, sequence in enumerate(inputs):
        h = [0j] * len(table["Lambda"])
        for t, x in enumerate(sequence):
            for n, pole in enumerate(table["Lambda"]):
                d, driven = np.exp(np.ravel(table["log_step"])[n]), sum(table["B"][n, j] * x[j] for j in range(H))
                if discretization == "zoh":
                    h[n] = np.exp(pole * d) * h[n] + (np.exp(pole * d) - 1) / pole * driven
                elif discretization == "bilinear":
                    h[n] = ((1 + d * pole / 2) * h[n] + d * driven) / (1 - d * pole / 2)
                elif discretization == "euler":
                    h[n] = h[n] + d * (pole * h[n] + driven)
                elif discretization == "mamba":
                    h[n] = np.exp(pole * d) * h[n] + d * driven
            outputs[b, t] = factor * (table["C"] @ np.array(h)).real + table["D"] * x
    return outputs


def s4d(inputs):
    """By its kernel: K_l = 2 Re sum_n C_n (exp(d A_n) - 1) / A_n exp(l d A_n), each channel for itself."""
    outputs = np.zeros(inputs.shape)
    A = -np.exp(S4D["kernel.log_A_real"]) + 1j * S4D["kernel.A_imag"]
    for j in range(H):
        d = np.exp(S4D["kernel.log_dt"][j])
        for t in range(inputs.shape[1]):
            for lag in range(t + 1):
                kernel = S4D["kernel.C"][j] * (np.exp(d * A[j]) - 1) / A[j] * np.exp(lag * d * A[j])
                outputs[:, t, j] += 2 * kernel.sum().real * inputs[:, t - lag, j]
            outputs[:, t, j] += S4D["D"][j] * inputs[:, t, j]
    return outputs


def by_algebra(model, inputs):
    """The outputs by the stored linear recurrence and readout."""
    h, outputs = np.zeros((len(inputs), model.n_hidden)), []
    for t in range(inputs.shape[1]):
        h = h @ model.linear.W_h.T + inputs[:, t] @ model.linear.W_x.T + model.linear.bias
        outputs.append(h @ model.readout.weights + model.readout.bias + inputs[:, t] @ model.readout.feedthrough.T)
    return np.stack(outputs, 1)


def check(model, expected):
    assert np.abs(model.outputs(INPUTS) - expected).max() < 1e-12 * np.abs(expected).max() * 10
    assert np.abs(by_algebra(model, INPUTS) - expected).max() < 1e-12 * np.abs(expected).max() * 10
    assert model.agreement is None
    assert model.layout == (("real part", model.n_hidden // 2), ("imaginary part", model.n_hidden // 2))


@pytest.mark.parametrize("stored", ["complex", "pairs", "two arrays"])
def test_lru(stored):
    table = {"encoder.lru." + name: array for name, array in LRU.items() if name not in "BC"}
    for name in "BC":
        if stored == "two arrays":
            table |= {f"encoder.lru.{name}_re": LRU[name].real, f"encoder.lru.{name}_im": LRU[name].imag}
        else:
            table[f"encoder.lru.{name}"] = LRU[name] if stored == "complex" else as_pairs(LRU[name])
    check(as_model(table), lru(INPUTS))


def test_lru_with_one_feedthrough_per_channel():
    square = LRU | {"C": RNG.standard_normal((H, P)) + 0j, "D": np.arange(3.0)}
    model = as_model(square)
    without = as_model(square | {"D": np.zeros(3)})
    assert np.abs(model.outputs(INPUTS) - without.outputs(INPUTS) - INPUTS * np.arange(3.0)).max() < 1e-12


def test_s4d():
    check(as_model(S4D), s4d(INPUTS))
    check(as_model({**S4D, "kernel.C": as_pairs(S4D["kernel.C"])}), s4d(INPUTS))


@pytest.mark.parametrize(("conjugates", "factor"), [("stored", 1), ("implied", 2)])
def test_s5(conjugates, factor):
    check(as_model(S5, conjugates=conjugates), s5(INPUTS, factor=factor))
    split = {name: array for name, array in S5.items() if name != "Lambda"}
    split |= {"Lambda_re": S5["Lambda"].real, "Lambda_im": S5["Lambda"].imag, "log_step": S5["log_step"][:, None]}
    split |= {name: as_pairs(S5[name]) for name in "BC"}
    check(as_model(split, conjugates=conjugates), s5(INPUTS, factor=factor))


@pytest.mark.parametrize("discretization", ["bilinear", "euler", "mamba"])
def test_s5_with_other_rules(discretization):
    model = as_model(S5, conjugates="stored", discretization=discretization)
    check(model, s5(INPUTS, factor=1, discretization=discretization))


def test_poles_are_the_eigenvalues_of_the_recurrence():
    for table, options in ((LRU, {}), (S4D, {}), (S5, {"conjugates": "implied", "discretization": "euler"})):
        model = as_model(table, **options)
        found, expected = (np.sort_complex(each) for each in (np.linalg.eigvals(model.linear.W_h), model.poles))
        assert np.abs(found - expected).max() < 1e-10
    wide = {
        name: np.tile(array, (700,) if array.ndim == 1 else (700, 1)) for name, array in LRU.items() if name not in "CD"
    }
    large = as_model(wide | {"C": np.tile(LRU["C"], (1, 700)), "D": LRU["D"]})
    assert large.linear is None
    assert large.poles.shape == (large.n_hidden,)


HEAD = {"fc.weight": RNG.standard_normal((5, 2)), "fc.bias": RNG.standard_normal(5)}


def test_a_linear_head_reads_the_output_of_a_layer():
    expected = lru(INPUTS) @ HEAD["fc.weight"].T + HEAD["fc.bias"]
    assert as_model(LRU | HEAD).n_outputs == 2
    model = as_model(LRU | HEAD, head="fc")
    assert model.kind == "LRU, head fc"
    check(model, expected)
    by_relu = as_model(LRU | HEAD, head="fc", readout="relu", reference=lambda inputs: np.maximum(headed(inputs), 0))
    assert by_relu.agreement < 1e-12
    assert "pass readout='relu'" in refusal(
        LRU | HEAD, head="fc", reference=lambda inputs: np.maximum(headed(inputs), 0)
    )
    assert as_model(LRU, head=NoReadout()).n_outputs == 0
    both = as_model(
        S5 | {"fc.weight": np.ones((2, H))}, head="fc", reference=lambda x: s5(x, factor=2) @ np.ones((H, 2))
    )
    assert both.kind == "S5 layer, conjugates implied, head fc"
    with pytest.raises(sk.InvalidInput, match="reads 2 numbers: 'fc', got 'other'"):
        as_model(LRU | HEAD, head="other")


def headed(inputs):
    return lru(inputs) @ HEAD["fc.weight"].T + HEAD["fc.bias"]


def test_real_poles_do_not_say_whether_they_are_halves():
    with pytest.raises(sk.InvalidInput, match=r"conjugates must be given.*all poles are real, which fits both"):
        as_model(S5 | {"Lambda": -np.arange(1.0, 1 + P) + 0j})


def test_s5_poles_in_pairs_are_all_stored():
    both = {
        "Lambda": np.concatenate([S5["Lambda"][:2], S5["Lambda"][:2].conj()]),
        "log_step": np.tile(S5["log_step"][:2], 2),
        "B": np.concatenate([S5["B"][:2], S5["B"][:2].conj()]),
        "C": np.concatenate([S5["C"][:, :2], S5["C"][:, :2].conj()], 1),
        "D": S5["D"],
    }
    model = as_model(both)
    assert model.kind == "S5 layer, conjugates stored"
    check(model, s5(INPUTS, factor=1, table=both))


def test_s5_of_which_nothing_says_what_it_keeps():
    with pytest.raises(sk.InvalidInput, match=r"conjugates must be given: 'stored' .* or 'implied' .*, got nothing"):
        as_model(S5)
    for conjugates, factor in (("stored", 1), ("implied", 2)):
        model = as_model(S5, reference=lambda inputs, factor=factor: s5(inputs, factor=factor))
        assert model.kind == f"S5 layer, conjugates {conjugates}"
        assert model.agreement < 1e-12


def refusal(table, **options):
    with pytest.raises(sk.InvalidInput, match="agreement must be at most") as caught:
        as_model(table, **options)
    return str(caught.value)


def test_wrong_readings_are_diagnosed():
    assert "with conjugates implied" in refusal(S5, conjugates="stored", reference=lambda inputs: s5(inputs, factor=2))
    message = refusal(S5, reference=lambda inputs: s5(inputs, factor=2, discretization="bilinear"))
    assert "pass discretization='bilinear'" in message
    assert "with a scale of one on the inputs" in refusal(LRU, reference=lambda inputs: lru(inputs, scale=1))
    assert "without D" in refusal(LRU, reference=lambda inputs: lru(inputs) - inputs @ LRU["D"].T)


def test_arrays_of_diagonal_layers_that_do_not_fit():
    for changes, message in (
        ({"theta_log": np.ones(3)}, r"theta_log must be of shape \(4,\), one per state, got shape \(3,\)"),
        ({"B": np.ones((3, 3)) + 0j}, r"B must be of shape \(4, n\)"),
        ({"gamma_log": np.full(4, np.inf)}, "gamma_log must be finite, got inf"),
    ):
        with pytest.raises(sk.InvalidInput, match=message):
            as_model(LRU | changes)
    with pytest.raises(sk.InvalidInput, match="gamma_log must be present, got nothing"):
        as_model({name: array for name, array in LRU.items() if name != "gamma_log"})
    with pytest.raises(sk.InvalidInput, match=r"C must be of shape \(n, 4\), \(outputs, states\), forward only"):
        as_model(S5 | {"C": complex_normal(H, 2 * P)}, conjugates="stored")
    with pytest.raises(
        sk.InvalidInput, match="head must be a linear layer that reads 2 numbers: there is none, got 'fc'"
    ):
        as_model(LRU, head="fc")
    with pytest.raises(sk.InvalidInput, match="gates must be absent for lru"):
        as_model(LRU, gates="r,z,n")
    with pytest.raises(sk.InvalidInput, match="discretization must be absent for lru"):
        as_model(LRU, discretization="zoh")
