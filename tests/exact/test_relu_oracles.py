"""The oracles for ReLU readouts against each other: closed forms, contours, enumeration, quadrature and sampling."""

import functools
import itertools

import mpmath
import numpy as np
import pytest
from scipy import integrate

import spiralsink as sk
from oracles import bromwich_mp, enumeration, monte_carlo, splines, uniform_sums
from oracles.moments import Moments
from oracles.transforms import Extended, Precise, law_transforms

SIGNED = sk.Uniform(-0.5, 1.0)


def random_filter(seed: int, n_lags: int) -> np.ndarray:
    """Every other lag negative."""
    return np.random.default_rng(seed).uniform(0.3, 2.0, n_lags) * np.where(np.arange(n_lags) % 2, -1, 1)


def assert_same(found: Moments, expected: Moments, rtol: float) -> None:
    """F relative to itself, X and the gradient relative to their largest component."""
    assert float(found.F) == pytest.approx(float(expected.F), rel=rtol)
    for name in ("X", "gradient"):
        values, wanted = (np.asarray(getattr(each, name), dtype=np.float64) for each in (found, expected))
        np.testing.assert_allclose(values, wanted, rtol=0, atol=rtol * np.abs(wanted).max())
    assert found.loss == pytest.approx(expected.loss, rel=100 * rtol)


@pytest.mark.parametrize("bias", [0.0, 0.2, -0.3])
def test_closed_form_of_one_lag(bias):
    """a > 0: E[(b + a x)_+^2] = (1 - p) b_+^2 + p ((b + a)^3 - b_+^3) / (3 a) for b + a > 0."""
    a, p, positive = 0.8, 0.3, max(bias, 0.0)
    m = uniform_sums.moments([a], p, sk.Uniform(), delay=0, bias=bias)
    assert float(m.F) == pytest.approx((1 - p) * positive**2 + p * ((bias + a) ** 3 - positive**3) / (3 * a), rel=1e-14)


@pytest.mark.parametrize(("signs", "square"), [
    ((1, 1), lambda a, b: a**2 / 3 + a * b / 2 + b**2 / 3),
    ((1, -1), lambda a, b: a**2 / 3 - a * b / 2 + b**2 / 3 - b**3 / (12 * a) if b <= a else a**3 / (12 * b)),
])  # fmt: skip
@pytest.mark.parametrize(("a", "b"), [(1.3, 0.4), (0.2, 0.9)])
def test_closed_form_of_two_active_lags(signs, square, a, b):
    found = uniform_sums.expectation([signs[0] * a, signs[1] * b], 1, sk.Uniform(), uniform_sums.SQUARE)
    assert float(found) == pytest.approx(square(a, b), rel=1e-13)


@pytest.mark.parametrize("law", [sk.Uniform(), SIGNED])
def test_closed_forms_are_integrals_over_amplitudes(law):
    """Every pattern of three lags, amplitudes on a grid of 90 Gauss-Legendre nodes; J has a jump inside."""
    a, p, bias, delay = np.array([0.9, -0.6, 0.4]), 0.4, 0.1, 2
    nodes, weights = np.polynomial.legendre.leggauss(90)
    nodes, weights = law.low + (law.high - law.low) * (nodes + 1) / 2, weights / 2
    F, X, J = 0.0, np.zeros(3), np.zeros(3)
    for pattern in itertools.product((0, 1), repeat=3):
        axes = [nodes if on else np.zeros(1) for on in pattern]
        x = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
        weight = functools.reduce(np.kron, [weights if on else np.ones(1) for on in pattern])
        weight *= np.prod(np.where(pattern, p, 1 - p))
        ramp = np.maximum(bias + a @ x, 0)
        F += weight @ ramp**2
        X += x @ (weight * ramp)
        J += x @ (weight * x[delay] * (ramp > 0))
    found = uniform_sums.moments(a, p, law, delay=delay, bias=bias)
    assert float(found.F) == pytest.approx(F, rel=1e-6)
    np.testing.assert_allclose(found.X.astype(float), X, rtol=1e-4)
    np.testing.assert_allclose(found.J.astype(float), J, rtol=1e-2)


@pytest.mark.parametrize("law", [sk.Uniform(), SIGNED])
def test_gradient_is_the_derivative_of_the_loss(law):
    """Differences of 1e-20 in 60 digits: what is called X and J are derivatives of F and of X_k."""
    a, step = random_filter(0, 4), mpmath.mpf(10) ** -20

    def loss(a):
        m = uniform_sums.moments(a, 0.3, law, delay=2, bias=0.1)
        with mpmath.workdps(60):
            return m.F - 2 * m.X[2]

    here = uniform_sums.moments(a, 0.3, law, delay=2, bias=0.1)
    for n in range(4):
        with mpmath.workdps(60):
            moved = [mpmath.mpf(each) + (step if i == n else 0) for i, each in enumerate(a)]
            slope = float((loss(moved) - loss(a)) / step)
        assert here.gradient[n] == pytest.approx(slope, rel=1e-13, abs=1e-15)


def test_digits_of_closed_forms_suffice():
    a = random_filter(1, 7) * 1e3 ** np.linspace(0, 1, 7)
    coarse, fine = (uniform_sums.moments(a, 0.3, sk.Uniform(), delay=0, digits=digits) for digits in (60, 100))
    assert abs(coarse.F / fine.F - 1) < 1e-25
    assert_same(coarse, fine, 1e-15)


@pytest.mark.parametrize("p", [0.001, 0.1, 1.0])
@pytest.mark.parametrize("law", [sk.Uniform(), SIGNED])
def test_contours_are_closed_forms(p, law):
    a = random_filter(2, 6)
    expected = uniform_sums.moments(a, p, law, delay=3, bias=0.1)
    found = bromwich_mp.uniform_moments(a, p, law, delay=3, bias=0.1, reach=1000, arithmetic=Extended())
    assert_same(found, expected, 1e-10)
    assert np.abs(found.gradient - expected.gradient).max() <= 4 * found.error * np.abs(expected.gradient).max() + 1e-15


def test_contours_in_high_precision_are_closed_forms():
    """What is integrated is the pattern with all four lags active, and with p = 1 there is no other."""
    a = random_filter(3, 4)
    for p in (0.7, 1.0):
        expected = uniform_sums.moments(a, p, sk.Uniform(), delay=0, bias=-0.2)
        found = bromwich_mp.uniform_moments(
            a, p, sk.Uniform(), delay=0, bias=-0.2, few=3, reach=80, arithmetic=Precise()
        )
        assert found.error < 1e-3
        assert_same(found, expected, found.error / 8)


@pytest.mark.parametrize("negative", [False, True])
def test_contours_of_unequal_scales(negative):
    """Groups of scales 300 apart, with and without huge negative lags, and a vanishing lag."""
    a = random_filter(4, 7) * np.array([1, 1, 300, 300, 9e4, 9e4, 0])
    a[4:6] = -np.abs(a[4:6]) if negative else a[4:6]
    expected = uniform_sums.moments(a, 0.2, sk.Uniform(), delay=2)
    found = bromwich_mp.uniform_moments(a, 0.2, sk.Uniform(), delay=2, span=10, reach=4000, arithmetic=Extended())
    assert_same(found, expected, 1e-9)
    assert found.error < 1e-7


def density(law, x):
    if isinstance(law, sk.Exponential):
        return law.rate * np.exp(-law.rate * x)
    return np.sqrt(2 / np.pi) / law.scale * np.exp(-((x / law.scale) ** 2) / 2)


@pytest.mark.parametrize(
    ("law", "bias"),
    [(sk.Exponential(1.5), 0.0), (sk.Exponential(1.5), -0.3), (sk.HalfNormal(0.8), 0.0), (sk.HalfNormal(0.8), 0.2)],
)
def test_contours_of_smooth_laws_are_integrals_over_amplitudes(law, bias):
    """Two lags of opposite sign; F and X_0 by scipy's quadrature, with the kink where z changes sign as an end."""
    a, p = (0.9, -0.6), (0.3, 0.6)
    m = bromwich_mp.smooth_law_moments(a, p, law, delay=0, bias=bias, digits=40, tolerance=1e-9)

    def mean(f):
        def inner(y):
            crossing = max((-bias - a[1] * y) / a[0], 0.0)  # z > 0 for x beyond
            return integrate.quad(lambda x: f(x, bias + a[0] * x + a[1] * y) * density(law, x), crossing, np.inf)[0]

        top = max(bias / -a[1], 0.0)  # for larger y only x can make z positive
        alone = integrate.quad(lambda y: f(0.0, bias + a[1] * y) * density(law, y), 0, top)[0]
        both = sum(integrate.quad(lambda y: inner(y) * density(law, y), *ends)[0] for ends in ((0, top), (top, np.inf)))
        nothing = f(0.0, max(bias, 0.0))
        return (1 - p[0]) * ((1 - p[1]) * nothing + p[1] * alone) + p[0] * ((1 - p[1]) * inner(0.0) + p[1] * both)

    assert float(m.F) == pytest.approx(mean(lambda x, z: z * z), rel=1e-7)
    assert float(m.X[0]) == pytest.approx(mean(lambda x, z: x * z), rel=1e-7)
    assert float(m.J[0]) == pytest.approx(mean(lambda x, z: x * x), rel=1e-7)


@pytest.mark.parametrize("bias", [0.0, -0.3])
def test_exponential_law_is_a_sum_over_poles(bias):
    """For b <= 0, F = sum_(a_n > 0) 2 p_n / L_n^2 exp(b L_n) prod_(m != n) M_m(L_n), L_n = rate / a_n."""
    a, p, rate = [3e3, -2.0, 0.7, -5e-3, 2e-3], [0.3, 0.7, 0.1, 1.0, 0.5], mpmath.mpf(1.5)
    found = bromwich_mp.smooth_law_moments(a, p, sk.Exponential(1.5), delay=2, bias=bias, digits=50, tolerance=1e-12)
    with mpmath.workdps(50):
        F = mpmath.mpf(0)
        for n in (0, 2, 4):
            pole = rate / mpmath.mpf(a[n])
            rest = [(mpmath.mpf(a[m]), mpmath.mpf(p[m])) for m in range(5) if m != n]
            others = [1 - q + q / (1 - each * pole / rate) for each, q in rest]
            F += 2 / pole**2 * mpmath.mpf(p[n]) * mpmath.exp(mpmath.mpf(bias) * pole) * mpmath.fprod(others)
    assert float(found.F) == pytest.approx(float(F), rel=1e-12)


def test_transforms_of_half_normal_amplitudes():
    """Inside and outside the circle where the asymptotic series takes over, on both sides of the imaginary axis."""
    v = [mpmath.mpc(x, y) for x, y in ((-9, 1), (2, 16.8), (2, 17), (-17, 3))]
    with mpmath.workdps(40):
        found = law_transforms(sk.HalfNormal(1.0), np.array(v, dtype=object), Precise())
        for r, z in itertools.product(range(3), range(len(v))):

            def integrand(u, r=r, z=z):
                return u**r * mpmath.exp(v[z] * u - u * u / 2)

            wanted = mpmath.quad(integrand, mpmath.linspace(0, 16, 17)) * mpmath.sqrt(2 / mpmath.pi)
            assert abs(found[r][z] / wanted - 1) < 1e-25


@pytest.mark.parametrize("bias", [0.0, 0.25])
def test_enumeration_is_the_mean_over_patterns(bias):
    a, laws = (0.9, -0.6, 0.4), [sk.Constant(1.0), sk.Constant(0.5), sk.Constant(2.0)]
    m = enumeration.moments(a, [0.2, 0.5, 0.9], laws, delay=2, bias=bias)
    F = gradient = 0.0
    for x in itertools.product((0.0, 1.0), (0.0, 0.5), (0.0, 2.0)):
        chance = np.prod([q if each else 1 - q for q, each in zip((0.2, 0.5, 0.9), x, strict=True)])
        z = max(bias + np.dot(a, x), 0.0)
        F += chance * (z - x[2]) ** 2
        gradient += chance * 2 * (z - x[2]) * (z > 0) * np.array(x)
    assert m.loss == pytest.approx(F, rel=1e-14)
    np.testing.assert_allclose(m.gradient, gradient, atol=1e-15)


@pytest.mark.parametrize("how", ["enumeration", "uniform", "exponential", "half-normal"])
def test_samples_agree(how):
    a, p = random_filter(5, 3), 0.3
    laws = {"enumeration": sk.Constant(0.7), "uniform": SIGNED, "exponential": sk.Exponential(2.0)}
    law = laws.get(how, sk.HalfNormal(0.5))
    if how == "enumeration":
        m = enumeration.moments(a, p, law, delay=2, bias=0.1)
    elif how == "uniform":
        m = uniform_sums.moments(a, p, law, delay=2, bias=0.1)
    else:
        m = bromwich_mp.smooth_law_moments(a, p, law, delay=2, bias=0.1, digits=40, tolerance=1e-8)
    sample = monte_carlo.filter_loss(a, p, law, delay=2, bias=0.1, n_samples=400_000, seed=1)
    assert abs(sample.mean - m.loss) < 4 * sample.standard_error
    assert sample.standard_error < 0.01 * m.loss


def test_sampled_networks_agree_with_sums_over_lags():
    """Two features, two outputs with bias, five steps: output i at step t is a filter of the last t inputs."""
    rng = np.random.default_rng(6)
    W_x, W_h, W_y = rng.normal(size=(2, 2)), 0.6 * rng.normal(size=(2, 2)), rng.normal(size=(2, 2))
    p, laws, bias, importance = [0.2, 0.6], [sk.Uniform(), SIGNED], np.array([0.1, -0.2]), np.array([1.0, 0.3])
    G = np.zeros((2, 2, 2))
    G[1] = np.eye(2)
    A = np.stack([W_y.T @ np.linalg.matrix_power(W_h, s) @ W_x for s in range(4)])
    per_step = []
    for t in range(2, 5):
        outputs = [
            uniform_sums.moments(A[:t, i].ravel(), p * t, laws * t, delay=2 + i, bias=bias[i]).loss for i in range(2)
        ]
        per_step.append(importance @ outputs)
    sample = monte_carlo.network_loss(
        W_x, W_h, W_y, G, p=p, law=laws, horizon=4, burn_in=1, n_sequences=200_000, seed=7, bias=bias,
        importance=importance, chunk=50_000,
    )  # fmt: skip
    assert abs(sample.mean - np.mean(per_step)) < 4 * sample.standard_error
    assert sample.standard_error < 0.01 * sample.mean


@pytest.mark.parametrize("p", [0.24, 1.0])
def test_averages_on_a_grid_are_closed_forms(p):
    a = random_filter(9, 6)
    expected = uniform_sums.moments(a, p, sk.Uniform(), delay=2).loss
    coarse, fine = (abs(splines.delay_loss(a, p, delay=2, n_points=n) - expected) for n in (500, 4000))
    assert fine < 1e-9
    assert fine < coarse
