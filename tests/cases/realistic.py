"""Datasets of the study on recorded data in which what is measured is known."""

import numpy as np
import xarray as xr

from spiralsink.claims.realistic._networks import ARCHITECTURES
from spiralsink.claims.realistic._study import CONTROLS

TASKS = ("recall", "classification", "forecast")
WIDTHS = np.array([2, 4, 8, 32, 128, 512])


def study(measure, of_width, *, untrained=None, n_networks=6, noise=0.05):
    """A dataset of the study in which a measure is a function of the width, plus noise."""
    rng = np.random.default_rng(0)
    shape = len(TASKS), len(ARCHITECTURES), len(WIDTHS), n_networks, len(CONTROLS)
    values = of_width(np.log2(WIDTHS))[:, None, None] + noise * rng.normal(size=shape)
    if untrained is not None:
        values[..., 1] = (untrained(np.log2(WIDTHS))[:, None, None] + noise * rng.normal(size=shape))[..., 1]
    dims = ("task", "architecture", "width", "network", "control")
    # networks of 8 units and more do their task, unless scores are given
    scores = np.broadcast_to(np.where(WIDTHS >= 8, 0.9, 0.1)[:, None, None], shape).copy()
    return xr.Dataset(
        {"score": (dims, scores)} | {measure: (dims, values)},
        coords={
            "task": list(TASKS),
            "architecture": list(ARCHITECTURES),
            "width": WIDTHS,
            "control": list(CONTROLS),
            "readout": ("task", ["relu", "softmax", "linear"]),
            "baseline_memoryless": ("task", [0.1, 0.1, 0.3]),
            "baseline_clock": ("task", [0.05, 0.1, 0.9]),
            "baseline_everything": ("task", [1.0, 0.97, 0.9]),
        },
    )
