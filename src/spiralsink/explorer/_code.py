"""Python that makes tasks, processes and horizons again, and measures a network as the page does."""

from collections.abc import Mapping
from typing import Any

from .._kinds import kind_class


def measuring_code(*, task: str, process: str, horizon: int | None, n_lags: int) -> str:
    """The lines after those that load `data` and `network` of one place.

    Args:
        task: Code for the task.
        process: A line, or lines, that set `process`.
        horizon: T, None for the steady state.
        n_lags: How many projections are printed.
    """
    return f"""task = {task}
{process}
print(data.loss.item(), data.status.item())
print(sk.measure(network, task, process, horizon={horizon_code(horizon)}))
{projections_code(n_lags)}"""


def projections_code(n_lags: int) -> str:
    """The line that prints what the readout sees."""
    return f"print(sk.projections(network, {n_lags}))\n"


def horizon_code(horizon: int | None) -> str:
    """Code for T, None for the steady state."""
    return "sk.SteadyState()" if horizon is None else str(horizon)


def object_code(family: str, table: Mapping[str, Any], **replaced: str) -> str:
    """Python that makes the object of a table; `replaced` holds code for some of its arguments."""
    arguments = []
    for name, value in table.items():
        if name == "kind":
            continue
        if name in replaced:
            text = replaced[name]
        elif name == "amplitude":
            text = object_code(name, value) if isinstance(value, Mapping) else _tuple_code(name, value)
        else:
            text = repr(value)
        arguments.append(f"{name}={text}")
    return f"sk.{kind_class(family, table['kind']).__name__}({', '.join(arguments)})"


def _tuple_code(family: str, tables: Any) -> str:
    return f"({', '.join(object_code(family, each) for each in tables)},)"
