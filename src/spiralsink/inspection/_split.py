"""Which steps a readout is fitted on, chosen on and measured on, so that nothing leaks between them."""

import dataclasses
import itertools

import numpy as np
from jaxtyping import Int

_FEWEST_SEQUENCES = 10
_SHARES = (0.6, 0.2)
_MOST_BLOCKS = 10
_FEWEST_TRAINING_STEPS, _FEWEST_TEST_STEPS = 60, 20


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Steps of one part.

    Attributes:
        sequences: Sequence of every step.
        times: Time of every step.
        blocks: Block of every step, for standard errors: ten stretches of sequences or of time.
    """

    sequences: Int[np.ndarray, " steps"]
    times: Int[np.ndarray, " steps"]
    blocks: Int[np.ndarray, " steps"]

    def __len__(self) -> int:
        return len(self.times)


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Steps to fit on, to choose the ridge strength on, and to measure on.

    Attributes:
        train: 60 %.
        validation: 20 %.
        test: 20 %.
        how: How they were told apart, in words.
    """

    train: Part
    validation: Part
    test: Part
    how: str


def split_steps(
    n_sequences: int, time: int, n_lags: int, rng: np.random.Generator, *, n_hidden: int = 1
) -> Split | str:
    """Splits the steps at which all lags are in the data.

    Ten or more sequences are drawn into the parts whole. Fewer are cut in time, 60 % - 20 % - 20 %, with gaps of
    n_lags steps left out between the parts, so that no input is the target of steps in two parts.
    There are none with fewer than 60 training steps, fewer than hidden units, or fewer than 20 test steps.

    Args:
        n_sequences: How many sequences.
        time: Their length.
        n_lags: Lags 0 .. n_lags - 1.
        rng: Draws the sequences of every part.
        n_hidden: Size of the state that is read.

    Returns:
        The split, or why there is none.
    """
    split = _cut(n_sequences, time, n_lags, rng)
    least = max(_FEWEST_TRAINING_STEPS, n_hidden)
    if split is None or len(split.train) < least or min(map(len, (split.validation, split.test))) < _FEWEST_TEST_STEPS:
        found = "none" if split is None else f"{len(split.train)} to fit and {len(split.test)} to measure on"
        return (
            f"{n_sequences} sequences of {time} steps are too few for {n_lags} lags: {found}, "
            f"at least {least} and {_FEWEST_TEST_STEPS} are needed; give more or longer sequences, or fewer lags"
        )
    return split


def _cut(n_sequences: int, time: int, n_lags: int, rng: np.random.Generator) -> Split | None:
    first = n_lags - 1
    if n_sequences >= _FEWEST_SEQUENCES:
        bounds = [round(n_sequences * share) for share in (_SHARES[0], sum(_SHARES))]
        steps = np.arange(first, time)
        parts = [_grid(np.sort(each), steps, by_time=False) for each in np.split(rng.permutation(n_sequences), bounds)]
        return Split(*parts, how=f"by sequence, {' / '.join(str(n) for n in np.diff([0, *bounds, n_sequences]))}")
    usable = time - first - 2 * n_lags
    ends = [round(usable * share) for share in (_SHARES[0], sum(_SHARES))]
    if usable <= 0:
        return None
    edges = [0, ends[0], ends[1], usable]
    sequences = np.arange(n_sequences)
    parts = []
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        offset = first + number * n_lags
        parts.append(_grid(sequences, np.arange(start, end) + offset, by_time=True))
    return Split(*parts, how=f"by time, {' / '.join(str(n) for n in np.diff(edges))} steps, gaps of {n_lags}")


def thinned(part: Part, most: int) -> Part:
    """At most that many steps of a part, evenly spread."""
    if len(part) <= most:
        return part
    kept = np.linspace(0, len(part) - 1, most).astype(int)
    return Part(part.sequences[kept], part.times[kept], part.blocks[kept])


def _grid(sequences: np.ndarray, times: np.ndarray, *, by_time: bool) -> Part:
    which, when = (
        each.ravel() for each in np.meshgrid(np.arange(len(sequences)), np.arange(len(times)), indexing="ij")
    )
    position, length = (when, len(times)) if by_time else (np.arange(which.size), which.size)
    blocks = position * min(_MOST_BLOCKS, length) // length
    return Part(sequences[which], times[when], blocks)
