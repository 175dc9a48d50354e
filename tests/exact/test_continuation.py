"""Continuation against curves of critical points known in closed form; all problems are lanes of one program."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spiralsink import InvalidInput, Status, float64
from spiralsink.optimisation import DifferencedCurvature, ExactCurvature, continue_branches

TILT = 0.1
EXACT = ExactCurvature()


def saddle_node(x, parameter):
    """x^2 = lambda."""
    return x**3 / 3 - parameter * x


def double_well(x, parameter):
    """x^3 - 3 x = lambda: two minima for |lambda| < 2."""
    return x**4 / 4 - 1.5 * x**2 - parameter * x


def pitchfork(x, parameter):
    """x = 0 or x^2 = lambda."""
    return x**4 / 4 - parameter * x**2 / 2


def tilted_pitchfork(x, parameter):
    """lambda = x^2 - TILT / x."""
    return x**4 / 4 - parameter * x**2 / 2 - TILT * x


def transcritical(x, parameter):
    """x = 0 or x = lambda."""
    return x**3 / 3 - parameter * x**2 / 2


def kink(x, parameter):
    """x = lambda for lambda < 0, x = lambda / 4 above: the curvature jumps from 1 to 4."""
    return x**2 / 2 + 1.5 * jnp.maximum(x, 0.0) ** 2 - parameter * x


def fold_at_a_kink(x, parameter):
    """lambda = -x for x > 0 and 0.3 x below: a minimum ends where the curvature jumps from 1 to -0.3."""
    return jnp.where(x > 0, x**2 / 2, -0.15 * x**2) + parameter * x


def wall(x, parameter):
    """x = lambda, and NaN from lambda = 0.5."""
    return jnp.where(parameter < 0.5, 1.0, jnp.nan) * (x - parameter) ** 2


PROBLEMS = (saddle_node, double_well, pitchfork, tilted_pitchfork, transcritical, kink, fold_at_a_kink, wall)
# name: (problem, x, lambda, direction)
CASES = {
    "saddle-node": (saddle_node, 1.0, 1.0, -1),
    "double well": (double_well, -2.2, -4.0, 1),
    "pitchfork": (pitchfork, 0.0, -1.0, 1),
    "tilted, upper": (tilted_pitchfork, 0.1, -1.0, 1),
    "tilted, lower": (tilted_pitchfork, -1.0, 1.1, -1),
    "transcritical": (transcritical, 0.0, -1.0, 1),
    "kink": (kink, -1.0, -1.0, 1),
    "fold at a kink": (fold_at_a_kink, 1.0, -1.0, 1),
    "wall": (wall, 0.0, 0.0, 1),
    "no solution": (double_well, 0.9, -4.0, 1),
}


def function(point, parameter, which):
    """The first coordinate is the problem's; the other two follow it."""
    x, y, z = point
    return jax.lax.switch(which, PROBLEMS, x, parameter) + (y - jnp.sin(x)) ** 2 + 3 * (z - x * y + parameter) ** 2


def boundary(point, parameter, which):
    return point[0] - 2.1


def whole(x, parameter):
    return np.stack([x, np.sin(x), x * np.sin(x) - parameter], axis=-1)


@functools.cache
def follow(*, folds=0, width=8, curvature=EXACT):
    which = np.array([PROBLEMS.index(case[0]) for case in CASES.values()], dtype=np.int32)
    x, parameter, direction = (np.array([case[i] for case in CASES.values()], dtype=float) for i in (1, 2, 3))
    found = continue_branches(
        function,
        whole(x, parameter),
        parameter,
        direction=direction,
        limits=(-4.0, 4.0),
        args=(which,),
        boundary=boundary,
        curvature=curvature,
        folds=folds,
        width=width,
    )
    return dict(zip(CASES, found, strict=True))


def roots(name, parameter):
    """Where the gradient of the one-dimensional problem vanishes, as a residual of the followed points."""
    x = {
        "saddle-node": lambda x: x**2 - parameter,
        "double well": lambda x: x**3 - 3 * x - parameter,
        "pitchfork": lambda x: x,
        "tilted, upper": lambda x: x**3 - parameter * x - TILT,
        "tilted, lower": lambda x: x**3 - parameter * x - TILT,
        "transcritical": lambda x: x,
        "kink": lambda x: x + 3 * np.maximum(x, 0) - parameter,
        "fold at a kink": lambda x: np.where(x > 0, x, -0.3 * x) + parameter,
        "wall": lambda x: x - parameter,
    }
    return x.get(name, lambda x: x)


@pytest.mark.parametrize("name", [name for name in CASES if name != "no solution"])
def test_points_are_solutions(name):
    branch = follow(folds=2)[name]
    np.testing.assert_allclose(roots(name, branch.parameter)(branch.point[:, 0]), 0, atol=1e-8)
    np.testing.assert_allclose(branch.point, whole(branch.point[:, 0], branch.parameter), atol=1e-8)
    with float64():
        exact = CASES[name][0](branch.point[:, 0], branch.parameter)
    np.testing.assert_allclose(branch.value, exact, atol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(branch.tangent, axis=-1), 1)
    assert (np.linalg.norm(np.diff(branch.point, axis=0), axis=-1) > 0).all()


@pytest.mark.parametrize(
    ("name", "end", "limit"),
    [
        ("saddle-node", "fold", 0.0),
        ("double well", "fold", 2.0),
        ("pitchfork", "range", 4.0),
        ("tilted, upper", "range", 4.0),
        ("tilted, lower", "fold", 3 * (TILT / 2) ** (2 / 3)),
        ("transcritical", "range", 4.0),
        ("kink", "range", 4.0),
        ("fold at a kink", "fold", 0.0),
    ],
)
def test_ends_of_branches(name, end, limit):
    branch = follow()[name]
    assert (branch.end, branch.status) == (end, Status.CONVERGED)
    assert branch.parameter[-1] == pytest.approx(limit, abs=1e-6)
    assert list(branch.folds) == ([len(branch.parameter) - 1] if end == "fold" else [])
    assert end == "range" or not branch.stable[-1]
    assert end == "range" or branch.stable[:-1].all()


def test_folds_are_passed():
    branch = follow(folds=2)["double well"]
    np.testing.assert_allclose(branch.parameter[branch.folds], [2, -2], atol=1e-6)
    np.testing.assert_allclose(branch.point[branch.folds, 0], [-1, 1], atol=1e-3)
    first, second = branch.folds
    assert branch.stable[:first].all()
    assert not branch.stable[first : second + 1].any()
    assert branch.stable[second + 1 :].all()
    assert (np.sign(np.diff(branch.parameter)) == np.sign(branch.tangent[:-1, -1])).sum() >= len(branch.parameter) - 3
    assert follow(folds=2)["saddle-node"].parameter[-1] == 4.0, "back on the unstable side"


def test_stability_is_lost_without_a_fold():
    for name in ("pitchfork", "transcritical"):
        branch = follow()[name]
        np.testing.assert_array_equal(branch.stable, branch.parameter < 0)
        assert (np.abs(branch.point[:, 0]) < 1e-8).all(), "it goes straight on"


def test_a_boundary_ends_a_branch():
    branch = follow(folds=2)["double well"]
    assert (branch.end, branch.status) == ("bound", Status.CONVERGED)
    assert 2.1 - 1e-6 < branch.point[-1, 0] <= 2.1
    assert (branch.point[:, 0] <= 2.1).all()


def test_what_cannot_be_followed_says_so():
    branch = follow()["wall"]
    assert (branch.end, branch.status) == ("lost", Status.UNCONVERGED)
    assert branch.parameter[-1] == pytest.approx(0.5, abs=1e-4)
    branch = follow()["no solution"]
    assert (branch.end, branch.status, len(branch.parameter)) == ("lost", Status.UNCONVERGED, 0)


def test_interpolation_between_points():
    branch = follow()["tilted, upper"]
    for parameter in (-0.93, 0.0, 1.234):
        (x, *_), value = branch.at(parameter)
        exact = max(np.roots([1, 0, -parameter, -TILT]).real)
        assert x == pytest.approx(exact, abs=1e-3)
        assert value == pytest.approx(tilted_pitchfork(exact, parameter), abs=1e-4)
    with pytest.raises(ValueError, match="does not pass"):
        branch.at(-1.5)
    turned = branch.reversed()
    assert turned.at(0.3)[1] == pytest.approx(branch.at(0.3)[1])
    np.testing.assert_array_equal(turned.reversed().tangent, branch.tangent)


def test_slope_is_the_derivative_along_the_branch():
    branch = follow()["tilted, upper"]
    middle = np.diff(branch.value) / np.diff(branch.parameter)
    np.testing.assert_allclose(middle, (branch.slope[1:] + branch.slope[:-1]) / 2, atol=0.02)
    np.testing.assert_allclose(branch.slope, -(branch.point[:, 0] ** 2) / 2, atol=1e-8)


def test_the_order_of_lanes_changes_nothing():
    """Three slots for ten lanes: each slot takes the next lane when one has ended."""
    for name, branch in follow(width=3).items():
        np.testing.assert_allclose(branch.point, follow()[name].point, atol=1e-9)
        assert branch.end == follow()[name].end


def test_hessians_from_differences_lead_the_same_way():
    for name, branch in follow(folds=2, curvature=DifferencedCurvature(1e-4)).items():
        exact = follow(folds=2)[name]
        if name in (
            "wall",
            "kink",
            "fold at a kink",
        ):  # a difference across the kink or the wall is none of either side
            continue
        assert (branch.end, len(branch.folds)) == (exact.end, len(exact.folds))
        np.testing.assert_allclose(branch.parameter[branch.folds], exact.parameter[exact.folds], atol=1e-6)
        np.testing.assert_allclose(roots(name, branch.parameter)(branch.point[:, 0]), 0, atol=1e-8)


def test_stretches_and_joints():
    branch = follow(folds=2)["double well"]
    first = branch.folds[0]
    again = type(branch).join([branch[: first + 1], branch[first:]])
    np.testing.assert_array_equal(again.point, branch.point)
    np.testing.assert_array_equal(again.folds, branch.folds)
    assert list(branch[first:].folds) == [0, branch.folds[1] - first]


def test_compiled_once_and_in_float64():
    traced, counts = [], []

    def parabola(point, parameter):
        traced.append(point.dtype)
        return jnp.sum((point - parameter) ** 2)

    for low in (0.0, 0.5):
        branches = continue_branches(parabola, [[1.0, 1.0]] * 2, 1.0, direction=[-1, 1], limits=(low, 2.0))
        assert [branch.parameter[-1] for branch in branches] == [low, 2.0]
        counts.append(len(traced))
    assert counts[0] == counts[1]
    assert set(traced) == {jnp.dtype("float64")}
    assert jnp.zeros(()).dtype == jnp.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": np.zeros(3)}, r"start must be of shape \(n, d\)"),
        ({"parameter": 5.0}, r"parameter must be within its limits \[-4, 4\], got 5.0"),
        ({"parameter": np.zeros(3)}, "parameter must be a number or one for each of 1 lanes"),
        ({"direction": 0.5}, r"direction must be \+1 or -1, got 0.5"),
        ({"limits": 4.0}, r"limits must be a pair \(low, high\), got 4.0"),
        ({"longest_step": 0.0}, "longest_step must be a finite number > 0"),
        ({"folds": -1}, "folds must be a whole number >= 0"),
        ({"start": [[np.nan, 0.0, 0.0]]}, "start must be finite"),
    ],
)
def test_bad_input(change, message):
    given = {"start": np.zeros((1, 3)), "parameter": 0.0, "direction": 1, "limits": (-4.0, 4.0)} | change
    start, parameter = given.pop("start"), given.pop("parameter")
    with pytest.raises(InvalidInput, match=message):
        continue_branches(function, start, parameter, args=(np.zeros(1, np.int32),), **given)


def test_bad_settings():
    with pytest.raises(InvalidInput, match=r"step must be in \(0, 0.1\), got 0.5"):
        DifferencedCurvature(0.5)
