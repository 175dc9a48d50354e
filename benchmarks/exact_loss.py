"""Time of one exact loss of a ReLU readout with its gradient, on one core, once compiled.

Run: python benchmarks/exact_loss.py

Filters of 96 lags, uniform amplitudes: random ones whose projections are of one scale, which one level of nodes
resolves; random ones whose projections spread over 1 to 10^6, which take three; and the spiral of the sparse branch.
The relative error is that of the loss against 2048 nodes at four levels, beside the reported estimate. The same
integral by the rule that one would write first (300 nodes on a tangent map, no term taken out) is timed in the same
run, and so is the loss of 10^5 samples.
"""

import os
import time

if hasattr(os, "sched_setaffinity"):  # before JAX starts its threads
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import jax
import jax.numpy as jnp
import numpy as np

import spiralsink as sk
from spiralsink._machine import describe_machine
from spiralsink.theory import Quadrature, rectified_moments

N_LAGS, DELAY, P = 96, 4, 0.3
LAWS = (sk.Uniform(),)
N_RUNS = 300
N_SAMPLES = 100_000


def loss(a, quadrature):
    """E[(z_+)^2] - 2 E[x_k z_+] and the estimate of its error."""
    direction = jnp.zeros((N_LAGS, 1)).at[DELAY, 0].set(1.0)
    found = rectified_moments(a[:, None], jnp.array([P]), direction, laws=LAWS, quadrature=quadrature)
    return found.square - 2 * found.cross, found.error


def first_rule(a):
    """The same by 300 Gauss-Legendre nodes on lambda = 1 + i tan, scaled by the largest projection."""
    nodes, weights = np.polynomial.legendre.leggauss(300)
    angle = (nodes + 1) * np.pi / 4
    node = 1 + 1j * np.tan(angle)

    def square(a):
        v = (a / jnp.abs(a).max())[:, None] * node
        small = jnp.abs(v) < 1e-3
        mean = jnp.where(small, 1 + v / 2 + v**2 / 6, (jnp.exp(v) - 1) / jnp.where(small, 1, v))
        inner = 2 / node**3 * (jnp.prod(1 - P + P * mean, axis=0) - (1 - P) ** N_LAGS)
        return jnp.abs(a).max() ** 2 * jnp.sum(weights / np.cos(angle) ** 2 * jnp.real(inner)) / 4

    direction = jnp.zeros(N_LAGS).at[DELAY].set(1.0)
    value, along = jax.jvp(square, (a,), (direction,))
    return value - along


def sampled(a, key):
    """The same from samples."""
    active, amplitude = (jax.random.uniform(each, (N_SAMPLES, N_LAGS)) for each in jax.random.split(key))
    x = jnp.where(active < P, amplitude, 0.0)
    z = jnp.maximum(x @ a, 0)
    return jnp.mean(z**2 - 2 * x[:, DELAY] * z)


def seconds(function, *arguments, runs=N_RUNS):
    """(fastest, median, to compile and run once)."""
    began = time.perf_counter()
    jax.block_until_ready(function(*arguments))
    first = time.perf_counter() - began
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - began)
    return min(times), float(np.median(times)), first


def main():
    rng = np.random.default_rng(0)
    spread = rng.normal(size=N_LAGS) * 10 ** rng.uniform(0, 6, N_LAGS)
    spread[np.abs(spread).argmax()] *= -np.sign(spread[np.abs(spread).argmax()])  # the longest direction is hidden
    lag = np.arange(N_LAGS)
    spiral = 1.4 * 0.787**lag * np.cos(np.deg2rad(67.0) * (lag - DELAY))
    filters = {
        "one scale": (rng.normal(size=N_LAGS), Quadrature(128, 1)),
        "one scale, default rule": (rng.normal(size=N_LAGS), Quadrature()),
        "spread over 10^6": (spread, Quadrature()),
        "sparse spiral": (spiral, Quadrature()),
    }
    machine = describe_machine()
    print(f"{machine['cpu']}, one core, jax {machine['jax']}, Python {machine['python']}; {N_LAGS} lags, p = {P}\n")
    print("| filter | nodes x levels | loss and gradient, ms (fastest / median) | compile, s | error | estimate |")
    print("|---|---|---|---|---|---|")
    with sk.float64():
        reference = jax.jit(lambda a: loss(a, Quadrature(2048, 4))[0])
        for name, (a, rule) in filters.items():
            run = jax.jit(jax.value_and_grad(lambda a, rule=rule: loss(a, rule), has_aux=True))
            fastest, median, first = seconds(run, jnp.asarray(a))
            (value, estimate), _ = run(jnp.asarray(a))
            exact = float(reference(jnp.asarray(a)))
            print(
                f"| {name} | {rule.n_nodes} x {rule.n_levels} | {1e3 * fastest:.2f} / {1e3 * median:.2f} | {first:.1f} "
                f"| {abs(float(value) / exact - 1):.0e} | {float(estimate) / abs(exact):.0e} |"
            )
        for name in ("one scale", "spread over 10^6"):
            a = jnp.asarray(filters[name][0])
            exact = float(reference(a))
            for what, run, arguments in (
                ("first rule one would write", jax.jit(jax.value_and_grad(first_rule)), (a,)),
                (f"{N_SAMPLES} samples", jax.jit(jax.value_and_grad(sampled)), (a, jax.random.key(0))),
            ):
                fastest, median, first = seconds(run, *arguments, runs=20)
                error = abs(float(run(*arguments)[0]) / exact - 1)
                taken = f"{1e3 * fastest:.2f} / {1e3 * median:.2f} | {first:.1f}"
                print(f"| {name}: {what} | | {taken} | {error:.0e} | none |")


if __name__ == "__main__":
    main()
