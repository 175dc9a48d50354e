"""What `fit` returns."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .._errors import InvalidInput, check_count
from .._status import Status, count_statuses
from ..networks import RecurrentNetwork
from ._dataset import measure_result, networks_to_dataset


@dataclasses.dataclass(frozen=True, repr=False)
class History:
    """What was recorded along training. Every array has a leading axis of records.

    Attributes:
        step: Training step of each record, (n_records,); the last is the end.
        loss: Loss on the evaluation batch, or exact, (n_records, *stack); NaN from where a network diverged.
        terms: `LossTerms` with fields (n_records, *stack) for an exact loss, else None.
        networks: The networks then, with stack (n_records, *stack).
    """

    step: Int[np.ndarray, " records"]
    loss: Float[np.ndarray, "records *stack"]
    terms: Any
    networks: RecurrentNetwork

    def __repr__(self) -> str:
        return f"History of {len(self.step)} records, steps {self.step[0]} to {self.step[-1]}"


@dataclasses.dataclass(frozen=True, repr=False)
class FitResult:
    """Trained networks, their losses, and how each of them ended. NumPy arrays; numbers for a single network.

    Losses are per step, summed over outputs weighted by importance and without penalties: exact, or the mean over
    the evaluation batch that all networks share.

    Attributes:
        networks: The networks at the end; one that diverged as it last was finite.
        loss: (*stack,); NaN for a network that met a value that is not finite.
        loss_standard_error: (*stack,); 0 where the loss is exact.
        status: Integers of `Status`, (*stack,).
        history: Records along training.
        silent_loss: L_0, the loss of a network whose output is zero, (*stack,); on the same sequences if sampled.
        loss_per_output: Loss of each output before importance, (*stack, n_outputs).
        silent_per_output: The same for a network whose output is zero.
        steps: Steps taken; second-order, by the network that took most.
        seconds: Wall-clock time, compilation included.
        interrupted: Whether Ctrl-C ended the training early.
        task: What the networks were trained on.
        process: The feature process.
        objective: What was minimised.
        optimizer: How it was minimised.
        engine: What did the arithmetic, in words; where `Automatic()` did not take the native kernel, why.
    """

    networks: RecurrentNetwork
    loss: Any
    loss_standard_error: Any
    status: Any
    history: History
    silent_loss: Any
    loss_per_output: Any
    silent_per_output: Any
    steps: int
    seconds: float
    interrupted: bool
    task: Any
    process: Any
    objective: Any
    optimizer: Any
    engine: str

    def best(self, n: int = 1) -> RecurrentNetwork:
        """The network of lowest loss; for n > 1 the stack of the n lowest, best first.

        Networks without a finite loss come last.

        Raises:
            InvalidInput: If n is not a whole number from 1 to the number of networks.
        """
        losses = np.ravel(np.asarray(self.loss, np.float64))
        if check_count("n", n) > losses.size:
            raise InvalidInput("n", n, f"a whole number from 1 to {losses.size}")
        if not self.networks.stack:
            return self.networks
        order = np.argsort(np.where(np.isfinite(losses), losses, np.inf), kind="stable")[:n]
        index = np.unravel_index(order, self.networks.stack)
        return self.networks[index if n > 1 else tuple(int(each[0]) for each in index)]

    def to_dataset(self, coordinates: Mapping[str, Any] | None = None) -> Any:
        """A labelled dataset with dimension `network`: losses, statuses, geometry and history of every network.

        Args:
            coordinates: Further coordinates along `network` by name, (*stack,) each.

        Raises:
            MissingExtra: If xarray is not installed.
        """
        terms = self.history.terms
        if terms is not None:
            terms = {name: np.moveaxis(value, 0, -1) for name, value in terms.terms.items()}
        return networks_to_dataset(
            self.networks,
            task=self.task,
            process=self.process,
            loss=self.loss,
            loss_standard_error=self.loss_standard_error,
            status=self.status,
            geometry=measure_result(self),
            history_loss=np.moveaxis(self.history.loss, 0, -1),
            history_step=self.history.step,
            history_terms=terms,
            coordinates=coordinates,
        )

    def __str__(self) -> str:
        network = self.networks
        kind = f"{network.recurrence} recurrence, {network.readout} readout, {'tied' if network.tied else 'free'}"
        size = f"{network.n_features} features, {network.n_hidden} hidden units"
        losses, silent = np.ravel(np.asarray(self.loss)), np.ravel(np.asarray(self.silent_loss))
        lines = [f"{losses.size} trained network{'s' if losses.size > 1 else ''}: {kind}; {size}"]
        if np.isfinite(losses).any():
            best = int(np.nanargmin(losses))
            error = np.ravel(np.asarray(self.loss_standard_error))[best]
            exact = "exact" if self.history.terms is not None else f"+- {error:.2g}"
            share = f"{losses[best] / silent[best]:.1%} of silent" if silent[best] > 0 else "no input was active"
            lines.append(f"  best loss     {losses[best]:.6g} ({exact}; {share})")
            lines.append(f"  median loss   {np.nanmedian(losses):.6g}")
        lines.append("  status        " + ", ".join(f"{n} {word}" for word, n in count_statuses(self.status).items()))
        lines.append(f"  objective     {self.objective}")
        ended = " (interrupted)" if self.interrupted else ""
        lines.append(f"  steps         {self.steps}{ended} in {self.seconds:.1f} s, {len(self.history.step)} records")
        lines.append(f"  engine        {self.engine}")
        return "\n".join(lines)

    __repr__ = __str__


def describe_failures(status: Any, stack: tuple[int, ...]) -> str:
    """How many networks diverged or died, and where the first of each is; empty if none did."""
    codes = np.ravel(np.asarray(status))
    parts = []
    for word in (Status.DIVERGED, Status.DEAD):
        (where,) = np.nonzero(codes == word)
        if where.size:
            index = tuple(int(each) for each in np.unravel_index(where[0], stack)) if stack else ()
            at = f" (first at index {index[0] if len(index) == 1 else index})" if stack else ""
            parts.append(f"{where.size} {word}{at}")
    return f"of {codes.size} networks " + ", ".join(parts) if parts else ""
