"""`fit`: trains a stack of networks."""

import math
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import InvalidInput, NotCovered, Shown, TrainingFailed
from .._machine import cpu_model, usable_cores
from .._progress import NoProgress, Progress
from .._status import Status, training_status
from .._version import __version__
from ..networks import RecurrentNetwork
from ..optimisation import BFGS, LevenbergMarquardt
from ._checkpoint import Checkpoint, Kept, NoCheckpoint, check_checkpoint, kept
from ._choice import choose_engine, native_threads
from ._descent import Descent, precision
from ._engines import Automatic, Native, check_engine
from ._evaluate import Measured, Measurement
from ._fingerprint import fingerprint
from ._goals import Prepared, SampledGoal, prepare
from ._interrupts import signals_held
from ._lanes import from_lanes, stack_records, to_lanes
from ._log import Entry, Log, empty_log, last_quarter, restored_log, settled
from ._native import NativeDescent
from ._objectives import ExpectedLoss
from ._optimizers import Adam, check_optimizer, check_rates, check_steps
from ._recording import Every, NoStopping, Stopping, stops
from ._refusals import check_concrete, check_history_fits
from ._result import FitResult, History, describe_failures
from ._second_order import SecondOrder
from ._sequences import check_fit

_TOLERANCE = 1e-9


def fit(
    networks: Any,
    task: Any,
    process: Any,
    *,
    key: Any,
    steps: Any,
    objective: Any = ExpectedLoss(),  # noqa: B008 (frozen)
    optimizer: Any = Adam(),  # noqa: B008 (frozen)
    record: Any = Every(50),  # noqa: B008 (frozen)
    stopping: Any = NoStopping(),  # noqa: B008 (frozen)
    engine: Any = Automatic(),  # noqa: B008 (frozen)
    progress: Any = NoProgress(),  # noqa: B008 (stateless)
    checkpoint: Any = NoCheckpoint(),  # noqa: B008 (frozen)
    throw: bool = False,
) -> FitResult:
    """Trains every network of a stack to minimise a loss, independently of the others.

    Weights and biases are trained; leak is not. A tied readout stays tied: gradients flow through the tie. First-order
    training is in float32 (an exact loss and its gradient are computed in float64 and rounded); second-order training
    is in float64. A network whose loss, gradient or weights stop being finite stays as it last was and is DIVERGED.
    Ctrl-C ends the training and returns what there is, with `interrupted` set; networks that neither died nor
    diverged are then UNCONVERGED. Their losses are still evaluated; a second Ctrl-C in the meantime returns the
    networks at once, with losses of NaN.

    Args:
        networks: One network or a stack, with any stack axes.
        task: A filter task or a sampled task. Its stack axes, and those of the process, are equal to the networks' or
            absent.
        process: The feature process.
        key: A JAX random key. Each network's sequences derive from it and the network's index in the (flattened)
            stack, so the first networks of a larger stack hear what those of a smaller one hear. Or an array of
            keys, one per network.
        steps: Number of steps >= 0; second-order, the largest number of accepted steps.

    Other Args:
        objective: `ExpectedLoss(...)`, `SampledLoss(...)` or `Penalised(...)`.
        optimizer: `Adam(...)`, any optax GradientTransformation (applied to each network by itself), or, for exact
            losses, `BFGS()` or `LevenbergMarquardt()`.
        record: `Every(n)`: what to keep along the way. `Every(0)`: only the end.
        stopping: `NoStopping()` or `StopWhenSettled(...)`.
        engine: What does the arithmetic: `Automatic()`, `Native()`, `Unrolled()` or `Batched()`. All of them hear the
            same sequences, so that networks differ by rounding (which training may amplify). Second-order training
            has one engine of its own.
        progress: Told about steps taken between compiled chunks of less than about a second; in evaluations, about 0
            steps as often.
        checkpoint: `NoCheckpoint()`, or `Checkpoint(path)`: the training is kept in a file while it lasts, and a call
            with the same arguments goes on from there. Ctrl-C leaves the file; `seconds` count this call alone.
        throw: Whether to raise when a network diverged or died.

    Returns:
        `FitResult`.

    Raises:
        InvalidInput: If sizes or stacks do not fit, a delay lies beyond the horizon, the key is not a key, or the file
            of the checkpoint is damaged, belongs to another training or cannot be written.
        NotCovered: If the exact loss is not known for the networks, the optimizer needs an exact loss, or the engine
            cannot train this; with a checkpoint, also if an argument has no content that a file could be compared
            with, as an optax transformation or a task that is no dataclass.
        TrainingFailed: If `throw` and a network diverged or died; names how many and the first of them.

    Example:
        >>> import jax, spiralsink as sk
        >>> stack = sk.RecurrentNetwork.init(jax.random.key(0), stack=8, scheme=sk.Orthogonal())
        >>> result = sk.fit(stack, sk.Delay(1), sk.SparseProcess(p=0.5), key=jax.random.key(1), steps=200)
        >>> result.loss.shape
        (8,)
    """
    began = time.monotonic()
    check_steps(steps)
    check_optimizer(optimizer)
    check_engine(engine)
    check_concrete(networks=networks, task=task, process=process, key=key)
    _check_kinds(networks, record, stopping, progress)
    check_checkpoint(checkpoint)
    stack = check_fit(networks, task, process)
    if stack != networks.stack:
        raise InvalidInput(
            "stack of the networks", Shown(str(networks.stack)), f"equal to {stack}, that of the task or process"
        )
    check_rates(optimizer, stack)
    checks = steps // stopping.check_every if stopping.check_every else 0
    check_history_fits(networks, steps=steps, records=record.count(steps), checks=checks)
    about = _about(checkpoint, networks, task, process, key, steps, objective, optimizer, record, stopping)
    prepared = prepare(objective, networks, task, process, key=key, threads=native_threads(engine))
    training = _start(networks, prepared, optimizer, engine, steps)
    keeper = kept(checkpoint, f"{about}, {_arithmetic(training, engine)}")
    how = {"steps": steps, "record": record, "stopping": stopping, "progress": progress, "stack": stack}
    log, interrupted = _train(training, prepared, keeper=keeper, **how)
    what = {"task": task, "process": process, "objective": objective, "optimizer": optimizer}
    result = _summarise(training, log, stack, interrupted=interrupted, began=began, **what)
    if not interrupted:
        keeper.remove()
    failures = describe_failures(result.status, stack)
    if throw and failures:
        raise TrainingFailed(failures)
    return result


def _start(
    networks: RecurrentNetwork, prepared: Prepared, optimizer: Any, engine: Any, steps: int
) -> Descent | NativeDescent | SecondOrder:
    goal = prepared.goal
    if not isinstance(optimizer, BFGS | LevenbergMarquardt):
        lanes = to_lanes(networks, networks.stack, jnp.float32)
        chosen, reason = choose_engine(engine, lanes, goal, optimizer)
        if isinstance(chosen, Native) and isinstance(goal, SampledGoal):
            return NativeDescent(goal, lanes, optimizer=optimizer, steps=steps, threads=chosen.threads or 1)
        return Descent(goal, lanes, optimizer=optimizer, steps=steps, engine=chosen, reason=reason)
    if not goal.exact:
        name = type(optimizer).__name__
        raise NotCovered("optimizer", Shown(name), "Adam or an optax transformation for a sampled loss")
    with precision(True):
        lanes = to_lanes(networks, networks.stack, jnp.float64)
    return SecondOrder(goal, lanes, method=optimizer, tolerance=_TOLERANCE)


def _about(checkpoint: Any, networks: Any, task: Any, process: Any, *others: Any) -> str:
    """The fingerprint of all arguments that decide the numbers, where it is needed."""
    names = ("key", "steps", "objective", "optimizer", "record", "stopping")
    about = {"networks": networks, "task": task, "process": process} | dict(zip(names, others, strict=True))
    return fingerprint(**about) if isinstance(checkpoint, Checkpoint) else ""


def _arithmetic(training: Descent | NativeDescent | SecondOrder, engine: Any) -> str:
    """What else decides the last digits."""
    evaluation = "native kernel" if native_threads(engine) else "XLA"
    threads = "" if native_threads(engine) else f" of {usable_cores()} threads"
    devices = f"{jax.local_device_count()} {jax.default_backend()}{threads} on {cpu_model()}"
    versions = f"spiralsink {__version__}, jax {jax.__version__}, numbers in {jnp.result_type(float)}"
    return f"training by {training.arithmetic}, evaluation by {evaluation}, {devices}, {versions}"


def _train(
    training: Descent | NativeDescent | SecondOrder,
    prepared: Prepared,
    *,
    keeper: Kept,
    steps: int,
    record: Every,
    stopping: Stopping,
    progress: Progress,
    stack: tuple[int, ...],
) -> tuple[Log, bool]:
    """All that was found on the way, and whether Ctrl-C ended it."""
    log = _begun(training, keeper, stack)
    count, entries = log.stopped.size, log.entries
    begun: dict[int, tuple[RecurrentNetwork, Measurement]] = {}  # evaluations that are not finished, by their step

    def evaluate(step: int, keep: bool) -> None:
        if step not in begun:
            begun.clear()
            networks = training.lanes
            begun[step] = networks, prepared.measure(networks)
        networks, measurement = begun[step]
        while not measurement.finished:
            measurement.advance()
            if not measurement.finished:
                progress.advance(0, "evaluating")
        measured = measurement.measured
        enter(step, measured, np.where(training.diverged, np.nan, measured.loss), networks if keep else None)

    def enter(step: int, measured: Measured, loss: np.ndarray, networks: RecurrentNetwork | None) -> None:
        entries.append(Entry(step, measured, loss, networks if networks is None else from_lanes(networks, stack)))

    def write(log: Log) -> None:
        with signals_held():
            keeper.write(training.snapshot() | log.snapshot())

    interrupted = written = False
    progress.start(f"training {count} networks", steps)
    try:
        try:
            if training.step:
                progress.advance(training.step, "from a checkpoint")
            for step in stops(record, stopping, steps, last_quarter(steps)):
                if step <= log.done:
                    continue
                while training.step < step and not training.finished:
                    before = training.step
                    training.advance(step)
                    if keeper.due:
                        write(log)
                    progress.advance(training.step - before, training.note)
                if training.finished:
                    break
                evaluate(step, record.includes(step, steps))
                which = np.zeros(count, bool)
                if stopping.check_every and 0 < step < steps and step % stopping.check_every == 0:
                    which = _asked(stopping, log) & ~log.stopped
                    training.stop(which)
                now_settled = log.settled | which & settled(*log.losses) if which.any() else log.settled
                log = log._replace(done=step, stopped=log.stopped | which, settled=now_settled)
                if keeper.due:
                    write(log)
        except KeyboardInterrupt:
            interrupted = True
        while interrupted > written or not _ends_at(training.taken, entries):
            try:
                if interrupted > written:
                    written = True
                    write(log)
                else:
                    entries[:] = [entry for entry in entries if entry.step < training.taken]
                    evaluate(training.taken, True)
            except KeyboardInterrupt:
                if interrupted and not _ends_at(training.taken, entries):
                    enter(training.taken, *_unmeasured(count, prepared, entries), training.lanes)
                interrupted = True
    finally:
        progress.close()
    return log, interrupted


def _ends_at(step: int, entries: list[Entry]) -> bool:
    """Whether the last evaluation is a record of that step."""
    return bool(entries) and entries[-1].networks is not None and entries[-1].step == step


def _begun(training: Descent | NativeDescent | SecondOrder, keeper: Kept, stack: tuple[int, ...]) -> Log:
    """The log of a training that begins, or goes on from where it was kept."""
    found = keeper.read()
    if found is None:
        return empty_log(max(math.prod(stack), 1))
    training.restore(found)
    return restored_log(found, from_lanes(training.lanes, stack))


def _asked(stopping: Stopping, log: Log) -> np.ndarray:
    """Which lanes are to end, (lanes,) bools."""
    answer, lanes = np.asarray(stopping.should_stop(*log.losses)), log.stopped.shape
    if answer.shape not in ((), lanes) or answer.dtype.kind not in "bi":
        allowed = f"one bool, or one for each of {lanes[0]} networks"
        raise InvalidInput("stopping.should_stop", Shown(f"{answer.dtype} of shape {answer.shape}"), allowed)
    return np.broadcast_to(answer.astype(bool), lanes)


def _unmeasured(count: int, prepared: Prepared, entries: list[Entry]) -> tuple[Measured, np.ndarray]:
    """What stands for the losses of lanes that nobody waited for."""
    unknown = np.full(count, np.nan)
    per_output = np.full((count, prepared.n_outputs), np.nan)
    terms = None
    if entries and entries[-1].measured.terms is not None:
        terms = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), entries[-1].measured.terms)
    return Measured(unknown, unknown, per_output, unknown, per_output, terms), unknown


def _summarise(
    training: Descent | NativeDescent | SecondOrder,
    log: Log,
    stack: tuple[int, ...],
    *,
    interrupted: bool,
    began: float,
    **about: Any,
) -> FitResult:
    last = log.entries[-1]
    kept = [entry for entry in log.entries if entry.networks is not None]
    converged = training.converged
    if converged is None:
        converged = np.zeros(last.loss.shape, bool) if interrupted else settled(*log.losses)
        converged = np.where(log.stopped, log.settled, converged)
    status = training_status(last.loss, last.measured.silent_loss, converged)
    if np.isnan(last.measured.silent_loss).all():  # not measured
        status = np.where(training.diverged, Status.DIVERGED, Status.UNCONVERGED).astype(np.int8)

    def shaped(values: Any) -> Any:
        return values.reshape(stack) if stack else values.item()

    terms = None
    if last.measured.terms is not None:
        terms = jax.tree.map(
            lambda *leaves: np.stack([leaf.reshape(stack + leaf.shape[1:]) for leaf in leaves]),
            *(entry.measured.terms for entry in kept),
        )
    networks = [entry.networks for entry in kept if entry.networks is not None]
    return FitResult(
        networks=networks[-1],
        loss=shaped(last.loss),
        loss_standard_error=shaped(last.measured.standard_error),
        status=status.reshape(stack) if stack else Status(int(status[0])),
        history=History(
            step=np.array([entry.step for entry in kept]),
            loss=np.stack([entry.loss.reshape(stack) for entry in kept]),
            terms=terms,
            networks=stack_records(networks),
        ),
        silent_loss=shaped(last.measured.silent_loss),
        loss_per_output=last.measured.per_output.reshape((*stack, -1)),
        silent_per_output=last.measured.silent_per_output.reshape((*stack, -1)),
        steps=last.step,
        seconds=time.monotonic() - began,
        interrupted=interrupted,
        engine=training.engine,
        **about,
    )


def _check_kinds(networks: Any, record: Any, stopping: Any, progress: Any) -> None:
    kinds = {
        "networks": (networks, RecurrentNetwork, "a RecurrentNetwork, alone or a stack"),
        "record": (record, Every, "Every(n)"),
        "stopping": (stopping, Stopping, "NoStopping() or StopWhenSettled(...)"),
        "progress": (progress, Progress, "NoProgress() or TextProgress()"),
    }
    for name, (value, kind, allowed) in kinds.items():
        if not isinstance(value, kind) or isinstance(value, type):
            given = value.__name__ if isinstance(value, type) else type(value).__name__
            raise InvalidInput(name, Shown(given), allowed)
