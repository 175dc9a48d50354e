"""Runs a plan: blocks are trained wherever an executor does that, and stored here."""

import contextlib
import random
import time
from collections.abc import Iterator
from typing import Any

from .._errors import InvalidInput, Shown, check_kind, check_number
from .._progress import NoProgress, Progress
from ..specs import Spec
from ._attempt import plan_digest
from ._executors import Executor, InThisProcess
from ._ledger import Ledger, Outcome, point_summaries
from ._messages import Job
from ._plan import make_plan
from ._store import Store
from ._summary import Summary


def run(
    spec: Any,
    store: Any,
    *,
    executor: Any = InThisProcess(),  # noqa: B008 (frozen)
    checkpoint_every: Any = 60.0,
    progress: Progress = NoProgress(),  # noqa: B008 (stateless)
) -> Summary:
    """Trains every network of a spec and keeps it in a store.

    Blocks that the store holds already are compared with the hash in their names and not computed again. Damaged ones
    are set aside and computed anew; one that lacks seeds is computed with them and then set aside. A block that raises
    is counted as failed and tried again by the next run. Several programs may fill one store at once: a block that
    another one has stored is not begun.

    Args:
        spec: The spec, with or without a sweep.
        store: Folder of the store; made if it is missing.
        executor: Where blocks are trained: `InThisProcess()`, `LocalProcesses(...)` or `Dask(...)`. The numbers are the
            same everywhere, but for what XLA rounds on several threads (`InThisProcess`).
        checkpoint_every: Least seconds between two checkpoints inside a block, > 0. A run that is killed goes on
            from there.
        progress: Told about networks, in fractions of their steps.

    Returns:
        A `Summary` of all networks of the plan.

    Raises:
        InvalidInput: If the store cannot be written or is that of another plan, or no block of the plan can be trained
            with these settings.
        TrainingFailed: If the workers of an executor cannot be started.
    """
    began = time.monotonic()
    check_kind("spec", spec, Spec, "a spec, as specs.read gives it")
    if isinstance(executor, type):
        executor = Shown(executor.__name__)
    check_kind("executor", executor, Executor, "InThisProcess(), LocalProcesses(...) or Dask(...)")
    check_number("checkpoint_every", checkpoint_every, "a number of seconds > 0", lambda value: value > 0)
    plan, place = make_plan(spec), Store(store)
    place.prepare(plan)
    with place.joined() as shared:
        place.write_plan(plan, shared=bool(shared))
        ledger = Ledger(plan, place)
        progress.start("checking stored blocks", place.count(), "blocks")
        for block, path, stored in place.finished(plan):
            ledger.stored[block.key] = Outcome.of(path, stored, len(block.seeds))
            progress.advance(1)
        progress.close()
        reused = ledger.done
        settings = {
            "axes": plan.axes,
            "store": str(place.path.resolve()),
            "plan": plan_digest(place.path),
            "checkpoint_every": float(checkpoint_every),
        }
        missing = ledger.missing
        if shared is not False:  # programs that fill one store should be in different blocks
            random.SystemRandom().shuffle(missing)
        meter = _Meter(progress, ledger)
        progress.start(f"training {plan.n_networks - reused} networks", plan.n_networks - reused, "networks")

        def jobs() -> Iterator[Job]:
            for block in missing:
                if not ledger.found(block, progress):
                    yield Job.of(block, **settings)

        try:
            with contextlib.closing(executor.train(jobs(), meter)) as answers:
                for job, answer in answers:
                    ledger.enter(job.key, answer)
                    meter.tell()
        except BaseException:
            with contextlib.suppress(InvalidInput):  # what ended the run is what it says
                ledger.write_manifest()
            raise
        finally:
            progress.close()
        ledger.write_manifest()
    _refuse(ledger)
    return Summary(
        networks=plan.n_networks,
        done=ledger.done,
        failed=plan.n_networks - ledger.done,
        seconds=time.monotonic() - began,
        store=place.path,
        points=point_summaries(plan, ledger.stored),
        reused=reused + ledger.by_others,
        errors=tuple(failed.reason for failed in ledger.failed.values()),
        set_aside=tuple(place.set_aside),
        replaced=tuple(place.replaced),
    )


class _Meter:
    """Passes fractions of networks on as whole ones."""

    def __init__(self, progress: Progress, ledger: Ledger):
        self._progress, self._ledger = progress, ledger
        self._networks, self._shown = 0.0, 0

    def __call__(self, networks: float) -> None:
        self._networks += networks
        # a millionth, because fractions of a block do not add up to it exactly
        whole = int(self._networks + 1e-6)
        self._progress.advance(whole - self._shown, self._ledger.note)
        self._shown = whole

    def tell(self) -> None:
        """Shows how many blocks there are now."""
        self._progress.advance(0, self._ledger.note)


def _refuse(ledger: Ledger) -> None:
    """Raises what refused the settings if that is why nothing at all is stored."""
    errors = [failed.error for failed in ledger.failed.values()]
    if not ledger.stored and errors and errors[0] is not None and all(errors):
        raise errors[0]
