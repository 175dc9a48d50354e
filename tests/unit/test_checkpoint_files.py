"""Files of checkpoints: every byte counts, and what a file could not tell from another training is refused."""

import dataclasses
import types

import jax
import numpy as np
import optax
import pytest

import spiralsink as sk
from cases.checkpoints import train
from spiralsink.training._checkpoint import read_checkpoint, write_checkpoint
from spiralsink.training._fingerprint import fingerprint


@pytest.fixture
def path(tmp_path):
    return tmp_path / "training.safetensors"


def test_every_byte_counts(path):
    """Also those of the header: one that is changed, and a file that is cut short anywhere."""
    tensors = {"step": np.array(3), "alive": np.array([True, False]), "state.0": np.linspace(0, 1, 5, dtype=np.float32)}
    write_checkpoint(path, "a training", tensors)
    found = read_checkpoint(path, "a training")
    assert found.keys() == tensors.keys()
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)
    assert all(
        found[name].dtype == tensors[name].dtype and found[name].shape == tensors[name].shape for name in tensors
    )
    good = path.read_bytes()
    for place in range(len(good)):
        for bad in (good[:place], good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]):
            path.write_bytes(bad)
            with pytest.raises(sk.InvalidInput, match=r"^checkpoint must be a") as caught:
                read_checkpoint(path, "a training")
            assert "\n" not in str(caught.value)


class Sum:
    """A task that is no dataclass."""

    importance = 1.0

    def sample(self, key, process, n_sequences, horizon):
        inputs = process.sample(key, n_sequences, horizon)
        return sk.Batch(inputs, inputs, jax.numpy.ones(inputs.shape[:-1]))


UNKNOWN = {
    "optax": (
        {"optimizer": optax.adam(0.01)},
        r"optimizer.init must be a dataclass, numbers, text or arrays .*function",
    ),
    "task": ({"task": Sum()}, r"task must be a dataclass.*got Sum \(a file could not tell it from another one\)$"),
    "law": (
        {
            "process": sk.SparseProcess(
                1,
                0.5,
                types.SimpleNamespace(
                    **{name: getattr(sk.Uniform(), name) for name in ("mean", "second_moment", "sample")}
                ),
            )
        },
        r"process.amplitude must be a dataclass.*got SimpleNamespace",
    ),
}


@pytest.mark.parametrize(("changes", "message"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_told_apart_is_refused(changes, message, path):
    with pytest.raises(sk.NotCovered, match=message) as caught:
        train(checkpoint=sk.Checkpoint(path), **changes)
    assert "\n" not in str(caught.value)


def test_bad_checkpoints(path):
    for make, message in [
        (lambda: sk.Checkpoint(3), "checkpoint.path must be the name of a file, got int"),
        (lambda: sk.Checkpoint(path, 0), "checkpoint.every must be a finite number > 0, got 0"),
        (lambda: sk.Checkpoint(path, np.inf), "checkpoint.every must be a finite number > 0"),
        (lambda: train(checkpoint=path), r"checkpoint must be NoCheckpoint\(\) or Checkpoint\(path\), got"),
        (lambda: train(checkpoint=sk.Checkpoint), "checkpoint must be NoCheckpoint.*got type"),
        (lambda: train(checkpoint=sk.Checkpoint(path / "in" / "none")), "checkpoint.path must be a file in a folder"),
        (lambda: train(checkpoint=sk.Checkpoint(path.parent)), "checkpoint.path must be a file in a folder"),
    ]:
        with pytest.raises(sk.InvalidInput, match=message):
            make()


@dataclasses.dataclass(frozen=True)
class Own:
    """A task of a user's own."""

    lag: int


def test_fingerprints():
    numbers = np.arange(6.0)
    values = [
        None, True, 1, 1.0, "1", b"1", 0.0, -0.0, float("nan"), (1, 2), [1, 2], ((1,), 2), ("12",), ("1", "2"), {}, (),
        {"a": 1}, {"a": 1, "b": 2}, numbers, numbers.reshape(2, 3), numbers.astype(np.float32), numbers[::-1],
        np.arange(6), sk.Delay(1), sk.Delay(2), Own(1), Own(2), sk.Uniform(), sk.Uniform(0.0, 2.0), sk.Status.DEAD,
        sk.Status.DIVERGED, jax.random.key(0), jax.random.key(1), jax.random.key(0, impl="rbg"), sk.NoStopping(),
    ]  # fmt: skip
    found = [fingerprint(value=value) for value in values]
    assert len(set(found)) == len(values)
    assert fingerprint(other=None) != found[0]
    for same, value in (
        ({"b": 2, "a": 1}, {"a": 1, "b": 2}),
        (np.float64(1), 1.0),
        (jax.numpy.ones(2, "float32"), np.ones(2, "float32")),
    ):
        assert fingerprint(value=same) == fingerprint(value=value)
    for refused in (len, print, object(), {1: 2}, {1}, sk.Delay, np.array([None]), [lambda: 0], Own(object())):
        with pytest.raises(sk.NotCovered, match="for a Checkpoint, got"):
            fingerprint(value=refused)
