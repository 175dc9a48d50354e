"""What is trained, how much work that is, and which cases a run has.

h_t = W_x x_t + W_h relu(h_{t-1}),  y_t = relu(W_y . h_t),  h_0 = 0, without biases: one input, recalled four steps
later, active half of the time, with amplitudes uniform on (0, 1). A step draws fresh sequences for every network,
takes the gradient of the mean squared error, clips it to norm 1 for every network by itself, and moves by Adam.
Everything is float32.
"""

import dataclasses

DELAY = 4
P = 0.5
LEARNING_RATE = 1e-2
CLIP = 1.0

_WORD_OPERATIONS = 18  # 13 of the hash, then a shift, a conversion, a product, a comparison and a choice
_ADAM_OPERATIONS = 14  # clipping, both moments and their corrections, the move


@dataclasses.dataclass(frozen=True)
class Case:
    """A stack that is trained.

    Attributes:
        n_hidden: N_h.
        stack: Number of networks.
        batch: Sequences per step and network, B.
        horizon: Steps of a sequence, T.
    """

    n_hidden: int
    stack: int
    batch: int = 128
    horizon: int = 20

    @property
    def name(self) -> str:
        """The case in words."""
        usual = Case(self.n_hidden, self.stack)
        more = [f"{name} {getattr(self, name)}" for name in ("batch", "horizon") if self != usual]
        return ", ".join([f"N_h {self.n_hidden}", f"stack {self.stack}", *more])

    @property
    def parameters(self) -> int:
        """Weights of one network: N_h^2 + 2 N_h."""
        return self.n_hidden * (self.n_hidden + 2)

    @property
    def operations(self) -> int:
        """Floating-point operations of forward and backward per step and network, a multiply-add as two.

        Per input, forward: 2 N_h^2 + 2 N_h for the recurrence, N_h rectified, 2 N_h + 1 for the readout, 3 for the
        error; backward: 2 for its derivative, 2 N_h each through the readout and to its weights, 2 N_h^2 each through
        the recurrence and to its weights, 2 N_h masked and added, 2 N_h to the weights of the input.
        """
        n = self.n_hidden
        forward = 2 * n * n + 5 * n + 4
        backward = 4 * n * n + 8 * n + 2
        return (forward + backward) * self.batch * self.horizon

    @property
    def multiply_adds(self) -> int:
        """The pairs among `operations` that a processor does in one instruction, (3 N_h^2 + 5 N_h) per input."""
        return (3 * self.n_hidden**2 + 5 * self.n_hidden) * self.batch * self.horizon

    @property
    def all_operations(self) -> int:
        """`operations`, and our 18 (mostly integer) operations per input drawn and 14 of Adam per weight."""
        return self.operations + _WORD_OPERATIONS * self.batch * self.horizon + _ADAM_OPERATIONS * self.parameters

    @property
    def bytes_moved(self) -> int:
        """Traffic per step and network if nothing but one sequence step stays in cache.

        Inputs and states are written once and read once, weights and both moments of Adam are read and written.
        """
        return 4 * (2 * self.batch * self.horizon * (1 + self.n_hidden) + 6 * self.parameters)


STANDARD = Case(2, 512)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run measures.

    Attributes:
        cases: Measured for every implementation.
        laws: Measured for ours alone: other horizons and batches.
        seconds: Least duration of one timing.
        repeats: Timings of every implementation, taken in turn.
        patience: Seconds after which the remaining cases are timed once.
        thorough: Whether our other engines are measured, too, and the limits of the machine once more at the end.
    """

    cases: tuple[Case, ...]
    laws: tuple[Case, ...]
    seconds: float
    repeats: int
    patience: float
    thorough: bool


def full_plan() -> Plan:
    """About four minutes on two cores."""
    stacks = {2: (1, 8, 64, 512, 4096), 10: (1, 8, 64), 100: (1, 8), 512: (1, 4)}
    cases = tuple(Case(n_hidden, stack) for n_hidden, sizes in stacks.items() for stack in sizes)
    horizons = tuple(Case(2, 512, horizon=horizon) for horizon in (10, 40, 100))
    batches = tuple(Case(2, 512, batch=batch) for batch in (64, 256))
    return Plan(cases, horizons + batches, seconds=0.2, repeats=3, patience=200.0, thorough=True)


def quick_plan() -> Plan:
    """Half a minute on two cores."""
    return Plan((Case(2, 1), STANDARD, Case(10, 8)), (), seconds=0.1, repeats=2, patience=25.0, thorough=False)
