"""Figures of the claims about the transition, sparse inputs and tying are drawn from made-up datasets alone."""

import matplotlib
import numpy as np
import pytest
import xarray as xr

from spiralsink import plots
from spiralsink.claims._draw_sparse import draw_sparse_limit
from spiralsink.claims._draw_transition import draw_first_order, draw_phase_transition
from spiralsink.claims._draw_tying import draw_readout_tying
from spiralsink.claims.transition import _copies

matplotlib.use("Agg")

P = np.geomspace(0.2, 0.8, 6)
LIMITS = {"crossing": 0.38, "dense_limit": 0.25, "sparse_limit": 0.62, "delay": 4, "horizon": 18}


def curves():
    """Three branches of different length, NaN-padded."""
    p = np.array([[0.25, 0.5, 1.0], [0.2, 0.6, np.nan], [0.2, 0.5, 1.0]])
    return {
        "curve_name": ("curve", ["dense", "sparse", "turns-1"]),
        "curve_p": (("curve", "point"), p),
        "curve_loss_per_p": (("curve", "point"), 0.2 - 0.1 * p),
        "curve_eigenangle_span": (("curve", "point"), np.array([[100.0], [270.0], [430.0]]) + 0 * p),
        "curve_spectral_radius": (("curve", "point"), 0.9 - 0.1 * p),
    }


def phase_transition_data():
    best = {"loss_per_p": 0.2 - 0.1 * P, "eigenangle_span": np.where(P < 0.4, 270, 90), "spectral_radius": 0.5 + P / 4}
    every = {name: (("p", "network"), np.stack([values, values * 1.2], axis=1)) for name, values in best.items()}
    every["loss"] = (("p", "network"), every.pop("loss_per_p")[1] * P[:, None])
    return xr.Dataset(
        {**every, **{f"best_{name}": ("p", each) for name, each in best.items()}, "escape_infimum": ("p", P / 5)}
        | curves(),
        coords={"p": P},
        attrs=LIMITS,
    )


def first_order_data():
    rng = np.random.default_rng(0)
    stations = np.geomspace(0.2, 0.8, 9)
    dims, shape = ("direction", "station", "copy"), (2, 9, 4)
    span = rng.uniform(90, 270, shape)
    span[0, 3, :2] = np.nan
    return xr.Dataset(
        {
            "best_eigenangle_span": ("p", np.where(P < 0.4, 270.0, 90.0)),
            "share": (("branch", "p"), rng.uniform(0, 0.4, (2, 6))),
            "share_lost": ("p", rng.uniform(0, 0.3, 6)),
            "share_at_crossing": ("branch", [0.2, 0.1]),
            "share_interval": (("branch", "end"), [[0.15, 0.25], [0.07, 0.14]]),
            "sweep_loss": (dims, rng.uniform(0.1, 0.15, shape) * stations[:, None]),
            "sweep_eigenangle_span": (dims, span),
        }
        | curves(),
        coords={"p": P, "station": stations, "branch": ["dense", "sparse"], "direction": ["down", "up"]},
        attrs=LIMITS | {"n_seeds": 8, "n_at_crossing": 16},
    )


def sparse_limit_data():
    p = np.array([0.001, 0.003, 0.01, 0.03])
    gap = np.array([[1.0], [-0.3], [0.02]]) * p
    return xr.Dataset(
        {"gap": (("network", "p"), gap), "slope": ("network", [1.0, 1.02, np.nan])}
        | {"spectral_radius": ("network", [0.5, 0.6, 0.7])},
        coords={"p": p},
    )


def readout_tying_data():
    eigenvalues = np.array([[[0.76 + 0.3j, 0.76 - 0.3j]] * 2] * 2)
    return xr.Dataset(
        {
            "optimum_gap": ("optimum", [0.0, 1e-9]),
            "eigenvalue_real": (("optimum", "tying", "mode"), np.real(eigenvalues)),
            "eigenvalue_imag": (("optimum", "tying", "mode"), np.imag(eigenvalues)),
            "trained_gap": ("setting", [1e-6, -0.01, 0.2]),
            "trained_judged": ("setting", [True, True, False]),
        },
        coords={
            "tying": ["tied", "free"],
            "optimum_model": ("optimum", ["linear", "ssm"]),
            "optimum_p": ("optimum", [0.1, 0.4]),
            "model": ("setting", ["linear", "ssm", "nonlinear"]),
            "p": ("setting", [0.1, 0.4, 0.03]),
        },
    )


@pytest.mark.parametrize(
    ("draw", "data", "n_panels"),
    [
        (draw_phase_transition, phase_transition_data, 3),
        (draw_first_order, first_order_data, 4),
        (draw_sparse_limit, sparse_limit_data, 2),
        (draw_readout_tying, readout_tying_data, 3),
    ],
)
def test_a_figure_needs_its_dataset_alone(draw, data, n_panels, tmp_path):
    figure = draw(data())
    panels = [axes for axes in figure.axes if axes.get_xlabel()]
    assert len(panels) == n_panels
    for path in plots.save_figure(figure, tmp_path / "figure"):
        assert path.stat().st_size > 10_000


def test_networks_out_of_the_frame_are_counted():
    figure = draw_phase_transition(phase_transition_data())
    loss, span, _ = figure.axes[:3]
    data = phase_transition_data()
    above = int((data["loss"].values / P[:, None] > loss.get_ylim()[1]).sum())
    assert loss.get_title(loc="left").startswith(f"{above} of 12 ")
    assert span.get_title(loc="left").startswith("0 ")


def test_networks_on_a_branch_are_repeated():
    assert _copies(np.array([False, True, True]), 30, 30, 5).tolist() == [31, 32, 31, 32, 31]
    assert _copies(np.zeros(3, bool), 30, 32, 3).tolist() == [32, 32, 32]
