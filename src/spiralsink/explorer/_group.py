"""Networks that become one collection of the page: what is known of each, with weights and labels for the page."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..geometry import feature_directions
from ..networks import RecurrentNetwork
from ..processes import SparseProcess
from ._payload import Collection
from ._words import amplitude_words, second_moment

_MODELS = {
    ("linear", "linear"): ("linear", "linear"),
    ("linear", "relu"): ("ssm", "SSM"),
    ("relu", "relu"): ("nonlinear", "nonlinear"),
}
_LONGEST = 48
COLUMNS = ("eigenangle_span", "spectral_radius", "free_fraction", "sharpness", "n_represented")


@dataclasses.dataclass(frozen=True)
class Given:
    """Directions that were measured, in place of weights; what a stack of networks says about itself, too.

    Attributes:
        directions: (networks, lags, hidden, features).
        W_y: (networks, hidden, outputs).
        b_y: What the readout sees without inputs, (networks, outputs).
        readout: "linear" or "relu".
    """

    directions: Any
    W_y: Any
    b_y: Any
    readout: str = "linear"
    recurrence: str = "given"
    tied: bool = False

    @property
    def stack(self) -> tuple[int, ...]:
        return self.directions.shape[:1]

    @property
    def n_lags(self) -> int:
        return self.directions.shape[1]

    @property
    def n_hidden(self) -> int:
        return self.directions.shape[2]

    @property
    def n_features(self) -> int:
        return self.directions.shape[3]

    @property
    def n_outputs(self) -> int:
        return self.W_y.shape[-1]

    def __getitem__(self, rows: Any) -> "Given":
        return dataclasses.replace(self, directions=self.directions[rows], W_y=self.W_y[rows], b_y=self.b_y[rows])


@dataclasses.dataclass(frozen=True)
class Track:
    """One network along training.

    Attributes:
        row: Place of the network in its group.
        step: Training step of each record.
        loss: (records,).
        terms: (records, 4), or None.
        networks: The network at every record, a stack (records,), or None.
    """

    row: int
    step: Any
    loss: Any
    terms: Any = None
    networks: RecurrentNetwork | None = None


@dataclasses.dataclass(frozen=True)
class Group:
    """Networks of one class, size and task.

    Attributes:
        key: Unique, made of letters, digits and hyphens.
        label: For readers; made from the class and the task if empty.
        about: Where the networks come from.
        networks: A stack with one axis.
        task: What they were trained on, or its delay, or None.
        process: What they heard; its p is that of the attribute. None where nothing is known of it.
        horizon: T, None for the steady state.
        p: (networks,), NaN where features differ.
        seed: (networks,), -1 where there is none.
        source: Place in the file or store.
        best: Whether it has the lowest loss of its point.
        status: (networks,) words.
        regime: (networks,) words.
        loss: (networks,).
        columns: `COLUMNS`, each (networks,).
        extra: Further columns.
        total: Networks in the folder.
        sampling: How those here were chosen.
        code: Python with the place {index}.
        tracks: Networks along training.
        terms: The four terms, (networks, 4), where a file holds them; None otherwise.
        recorded: Networks in the folder whose training was recorded.
        branch: Name of the branch of a phase diagram that the networks are the optima of; empty for trained ones.
    """

    key: str
    label: str
    about: str
    networks: RecurrentNetwork | Given
    task: Any
    process: SparseProcess | None
    horizon: int | None
    p: Any
    seed: Any
    source: Any
    best: Any
    status: Any
    regime: Any
    loss: Any
    columns: Mapping[str, Any]
    total: int
    sampling: str
    code: str
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tracks: tuple[Track, ...] = ()
    terms: Any = None
    recorded: int = 0
    branch: str = ""

    @property
    def delay(self) -> int | None:
        lag = self.task if isinstance(self.task, int) else getattr(self.task, "recall_lag", None)
        return None if lag is None else int(lag)

    @property
    def n_lags(self) -> int:
        """How many lags the page shows."""
        return self.networks.n_lags if isinstance(self.networks, Given) else shown_lags(self.delay)

    @property
    def given(self) -> bool:
        """Whether directions are stored, because the page cannot follow the recurrence from the weights."""
        return is_given(self.networks)

    def collection(self) -> Collection:
        """What the page says about the group."""
        networks, delay = self.networks, self.delay
        model, name = model_of(networks)
        sizes = f"{networks.n_hidden} hidden units" if networks.n_hidden > 1 else "1 hidden unit"
        features = "" if networks.n_features == 1 else f", {networks.n_features} features"
        words = task_words(self.task)
        return Collection(
            id=self.key,
            label=self.label or f"{name}, {words}{features}, {sizes}",
            about=self.about,
            model=model,
            recurrence="given" if self.given else networks.recurrence,
            readout=networks.readout,
            tied=networks.tied,
            delay=delay,
            horizon=("steady state" if self.horizon is None else str(self.horizon)) if self.process else "",
            n_features=networks.n_features,
            n_hidden=networks.n_hidden,
            n_outputs=networks.n_outputs,
            n_lags=self.n_lags,
            task=words,
            amplitude=amplitude_words(self.process) if self.process else "",
            second_moment=second_moment(self.process) if self.process else None,
            total=self.total,
            sampling=self.sampling,
            code=self.code,
            recorded=self.recorded,
            branch=self.branch,
        )


def model_of(networks: RecurrentNetwork | Given) -> tuple[str, str]:
    """The class of networks, for the page and for a reader."""
    kind = (networks.recurrence, networks.readout)
    word = f"{kind[0]}, {kind[1]} readout"
    return _MODELS.get(kind, (f"{kind[0]}-{kind[1]}", word))


def shown_lags(delay: int | None) -> int:
    """How many lags the page shows."""
    return 16 if delay is None else min(2 * delay + 8, max(_LONGEST, delay + 1))


def task_words(task: Any) -> str:
    """A task in words, such as "delay 4"."""
    if task is None or isinstance(task, int):
        return "no task" if task is None else f"delay {task}"
    name = "".join(f" {each.lower()}" if each.isupper() else each for each in type(task).__name__).strip()
    lag = getattr(task, "recall_lag", None)
    return f"{name} {int(lag)}" if name == "delay" and lag is not None else name


def is_given(networks: RecurrentNetwork | Given) -> bool:
    """Whether the page gets directions."""
    return isinstance(networks, Given) or needs_directions(networks.recurrence, networks.leak)


def needs_directions(recurrence: str, leak: Any) -> bool:
    """The leak of a recurrence that is not linear does not fold into its weights, so the page could not follow it."""
    return recurrence != "linear" and bool(np.any(np.asarray(leak) != 1.0))


def weights_of(networks: RecurrentNetwork | Given, n_lags: int) -> np.ndarray:
    """(networks, numbers) float32, in the order of `Networks.offset`."""
    if isinstance(networks, Given):
        return _side_by_side([networks.directions[:, :n_lags], networks.W_y, networks.b_y], networks.stack[0])
    W_x, W_h, b_h = (None if each is None else np.asarray(each) for each in networks.folded_weights)
    count = networks.stack[0]
    parts = [W_x, W_h, np.asarray(networks.output_weights)]
    zeros = np.zeros((count, networks.n_outputs))
    b_y = zeros if networks.b_y is None else np.asarray(networks.b_y)
    biases = [np.zeros((count, networks.n_hidden)) if b_h is None else b_h, b_y]
    if is_given(networks):
        parts, biases = [np.asarray(feature_directions(networks, n_lags)), np.asarray(networks.output_weights)], [b_y]
    return _side_by_side([*parts, *biases], count)


def _side_by_side(parts: list[Any], count: int) -> np.ndarray:
    return np.concatenate([np.asarray(each, np.float32).reshape(count, -1) for each in parts], axis=1)


def size_of(sizes: tuple[int, int, int], n_lags: int, *, given: bool) -> int:
    """How many float32 numbers a network of sizes (N_x, N_h, N_y) takes."""
    n_x, n_h, n_y = sizes
    return max(n_h * (n_x + n_h + n_y) + n_h + n_y, n_lags * n_h * n_x + n_h * n_y + n_y if given else 0)
