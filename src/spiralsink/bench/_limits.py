"""What the machine can do at best: float32 matrix products and copies of long arrays."""

import concurrent.futures
import importlib.util
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ._trainer import timed

_SIZES = (256, 512, 1024, 2048)
_COPIED = 2**29  # bytes: more than a cache holds


class Limits(NamedTuple):
    """Of so many threads: `peak_gflops` 10^9 operations per second, `copy_gbs` 10^9 bytes per second, read and written.

    `peak_by` says by which library and size of matrices.
    """

    peak_gflops: float
    peak_by: str
    copy_gbs: float


def best_limits(found: Iterable[Limits]) -> Limits:
    """The best of several measurements."""
    found = list(found)
    fastest = max(found, key=lambda each: each.peak_gflops)
    return fastest._replace(copy_gbs=max(each.copy_gbs for each in found))


def measure_limits(threads: int, seconds: float) -> Limits:
    """Measures for about twelve times `seconds`."""
    rates = dict(_matrix_rates(threads, seconds))
    best = max(rates, key=rates.__getitem__)
    return Limits(rates[best], best, _copy_rate(threads, seconds))


def _matrix_rates(threads: int, seconds: float) -> Iterator[tuple[str, float]]:
    rng = np.random.default_rng(0)
    for size in _SIZES:
        left, right = (rng.random((size, size), np.float32) for _ in range(2))
        yield f"numpy {size}", _rate(lambda given: np.matmul(given[0], given[1], out=given[2]), left, right, seconds)
        if importlib.util.find_spec("torch") is not None:
            import torch

            torch.set_num_threads(threads)
            tensors = (torch.from_numpy(left), torch.from_numpy(right))
            yield f"torch {size}", _rate(lambda given: torch.mm(given[0], given[1], out=given[2]), *tensors, seconds)


def _rate(multiply: Any, left: Any, right: Any, seconds: float) -> float:
    given = (left, right, left * 0)
    multiply(given)

    def advance(count: int) -> None:
        for _ in range(count):
            multiply(given)

    found = timed(advance, 1, seconds)
    return 2 * len(left) ** 3 * found.steps / found.seconds / 1e9


def _copy_rate(threads: int, seconds: float) -> float:
    source, target = (np.ones(_COPIED // 4, np.float32) for _ in range(2))
    pieces = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:

        def advance(count: int) -> None:
            for _ in range(count):
                list(pool.map(lambda piece: np.copyto(*piece), pieces))

        found = timed(advance, 1, seconds)
    return 2 * _COPIED * found.steps / found.seconds / 1e9
