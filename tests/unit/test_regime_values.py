"""The numbers that the bars about regimes and seeds judge, from made-up data: good ones hold, each bad one fails."""

import numpy as np
import pytest

from spiralsink.claims import forgetting, regimes, seeds
from spiralsink.claims._values import wilson
from spiralsink.claims._values_regimes import dense_values, free_space_values, reached, sharp_values


def _failed(claim, values):
    return {name for name, bar in claim.bars.items() if not bar.cleared_by(values[name])}


FREE_SPACE, DENSE = regimes.CLAIMS
(SHARP,) = forgetting.CLAIMS
(HOW_MANY,) = seeds.CLAIMS


@pytest.mark.parametrize(
    ("change", "failed"),
    [({}, set()), ({"ssm": 0.9}, {"ssm"}), ({"nonlinear": 0.5}, {"nonlinear"}), ({"linear": 0.4}, {"linear"})],
)
def test_free_space(change, failed):
    fractions = {"ssm": 0.97, "nonlinear": 0.99, "linear": 0.1} | change
    assert _failed(FREE_SPACE, free_space_values(fractions)) == failed


@pytest.mark.parametrize(
    ("ssm", "nonlinear", "apart", "failed"),
    [
        (0.01, 0.04, 0.05, set()),
        (-0.03, 0.04, 0.05, {"ssm"}),
        (0.03, 0.04, 0.05, {"ssm"}),
        (0.01, -0.06, 0.05, {"nonlinear"}),
        (0.01, 0.04, -0.07, {"projections"}),
    ],
)
def test_dense_is_linear(ssm, nonlinear, apart, failed):
    excess = {"ssm": np.array([[0.0, ssm]]), "nonlinear": np.array([[nonlinear, 0.0]])}
    assert _failed(DENSE, dense_values(excess, np.array([0.0, apart]))) == failed


@pytest.mark.parametrize(
    ("held", "sharpness", "linear", "failed"),
    [
        ([-0.2, -0.5, 0.0, 1.0, 0.01, 0], 0.0, 0.4, set()),
        ([-0.2, -0.5, 0.0, 0.8, 0.01, 0], 0.0, 0.4, {"recall"}),
        ([0.1, -0.5, 0.0, 1.0, 0.01, 0], 0.0, 0.4, {"others"}),
        ([-0.2, -0.5, 0.0, 1.0, 0.01, 0], 0.03, 0.4, {"sharpness"}),
        ([-0.2, -0.5, 0.0, 1.0, 0.01, 0], np.nan, 0.4, {"sharpness"}),
        ([-0.2, -0.5, 0.0, 1.0, 0.01, 0], 0.0, 0.1, {"linear"}),
    ],
)
def test_sharp_forgetting(held, sharpness, linear, failed):
    assert _failed(SHARP, sharp_values(np.array(held), 3, sharpness, linear)) == failed


def test_reached_needs_the_loss_and_the_regime_of_the_best():
    loss = np.array([1.0, 1.04, 1.04, 1.06, np.nan])
    there, best = reached(loss, np.array(["sparse", "sparse", "dense", "sparse", "sparse"]), within=0.05)
    assert best == 0
    assert there.tolist() == [True, True, False, False, False]


def test_how_many_is_judged_by_the_lower_end():
    """The lower end is what counts: shares of 0.50 and 0.55 miss one half, 0.58 clears it."""
    for count, clears in ((128, False), (140, False), (148, True)):
        _, (low, high) = wilson(count, 256)
        assert low < count / 256 < high
        assert bool(HOW_MANY.bars["ssm"].cleared_by(low)) is clears


def test_wilson_is_the_score_interval():
    """Its ends p solve (share - p)^2 = z^2 p (1 - p) / n."""
    for end in wilson(90, 256)[1]:
        assert (90 / 256 - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / 256, rel=1e-5)
