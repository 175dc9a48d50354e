"""The exact expected loss of a network."""

import math
from typing import Any

import equinox as eqx
import jax
import numpy as np

from .._errors import InvalidInput, NotCovered, check_kind
from .._float64 import computes_in_float64, float64, is_traced
from .._status import Status
from ..networks import RecurrentNetwork
from ..theory import LossTerms, SteadyState, check_laws, problem_arrays, reached_recurrence, silent_loss
from ..training import check_fit
from ._exact import ExactLoss


def expected_loss(
    network: Any,
    task: Any,
    process: Any,
    *,
    horizon: Any = SteadyState(),  # noqa: B008 (frozen)
    tolerance: Any = 1e-6,
) -> LossTerms:
    """E[L] = sum_i I_i E[(y_i - y*_i)^2] per step, exactly, as the sum of the paper's four terms.

    For a linear readout, with C_s = A_s - G_s, m_j = p_j mu_j and q_j = p_j nu_j,
    E[L] = sum_i I_i ( sum_{s,j} (q_j - m_j^2) C_s[i,j]^2 + (sum_{s,j} m_j C_s[i,j])^2 ).
    For a ReLU readout, with z_i = sum_{s,j} A_s[i,j] x_{j,t-s}, E[L] = sum_i I_i E[((z_i)_+ - y*_i)^2] from one
    integral of the transforms of the amplitudes and its derivative, refined until the tolerance is met.

    Computed in float64. Concrete weights give NumPy float64 arrays (Python floats for a single network); inside
    `jax.jit`, `jax.grad` and `jax.vmap` the result and its gradient come back in the dtype of the weights, any
    spectral radius >= 1 counts as UNSTABLE, whether or not an input reaches that mode, and the integrals of a ReLU
    readout are as fine as `theory.Quadrature()` says.

    Args:
        network: A network with linear recurrence, or a stack of them.
        task: A filter task. Its stack axes, and those of the process, are equal to the network's or absent.
        process: A `SparseProcess` of `network.n_features` features.
        horizon: `SteadyState()` for one step with all lags available, or T for the mean over t = 1 .. T from h_0 = 0.
        tolerance: Relative error of the total above which the status is INACCURATE. A loss below 1 % of a silent
            network's counts as that.

    Returns:
        `LossTerms`, summed over outputs weighted by importance. Infinite, with status UNSTABLE, where the inputs reach
        a recurrence of spectral radius >= 1 in steady state.

    Raises:
        NotCovered: If the recurrence is not linear; or if, for a ReLU readout, an amplitude law has no transform or
            the target filter spans more than 4096 lags times features. (A horizon beyond them costs no more where
            networks forget; where they do not, the status is INACCURATE.)
        InvalidInput: If sizes or stacks do not fit, a delay lies beyond the horizon, or the tolerance is no positive
            number.

    Source: the paper's Eq. 5 (scalar input, one delay), here for every filter task; ReLU readouts beyond its Eq. 6.

    Example:
        >>> import spiralsink as sk
        >>> network = sk.RecurrentNetwork([[1.0]], [[0.5]], [[0.5]])
        >>> terms = sk.expected_loss(network, sk.Delay(1), sk.SparseProcess(1, p=0.1))
        >>> round(terms.total, 4)
        0.0254
    """
    check_kind("network", network, RecurrentNetwork, "a RecurrentNetwork, alone or a stack")
    if network.recurrence != "linear":
        raise NotCovered("recurrence", network.recurrence, "linear for an exact loss", hint="use sampled_loss")
    number = isinstance(tolerance, int | float | np.number) and not isinstance(tolerance, bool)
    if not number or not 0 < tolerance < math.inf:
        raise InvalidInput("tolerance", tolerance, "a finite number > 0")
    tolerance = float(tolerance)
    problem = problem_arrays(task, process, horizon=horizon)
    stack = check_fit(network, task, process)
    laws = process.amplitudes if network.readout == "relu" else ()
    check_laws(laws)
    exact = ExactLoss(network.readout, laws, horizon)
    if is_traced((network, problem)):
        return exact.of_stack(network, problem, stack, tolerance)
    lanes = exact.lanes(network, problem, stack)
    terms = exact.of_lanes(lanes) if network.readout == "linear" else exact.to_tolerance(lanes, tolerance)
    # also powers that grow beyond all numbers in directions that no input reaches
    unstable = (terms.status == Status.UNSTABLE) | ~np.isfinite(terms.total)
    if unstable.any():
        again = exact.lanes(_reached(network), problem, stack)
        reached = exact.of_lanes(again) if network.readout == "linear" else exact.to_tolerance(again, tolerance)
        terms = jax.tree.map(lambda all_of_it, part: _where(unstable, part, all_of_it), terms, reached)
    with float64():
        inaccurate = np.asarray(exact.is_inaccurate(lanes, terms, tolerance))
    status = np.where(inaccurate, Status.INACCURATE, terms.status).astype(np.int8)
    terms = eqx.tree_at(lambda each: each.status, terms, status)
    terms = jax.tree.map(lambda leaf: leaf.reshape(stack + leaf.shape[1:]), terms)
    return terms if stack else _of_one_network(terms)


exact_silent_loss = computes_in_float64(silent_loss)


def _where(condition: np.ndarray, yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    return np.where(condition.reshape(condition.shape + (1,) * (yes.ndim - condition.ndim)), yes, no)


def _reached(network: RecurrentNetwork) -> RecurrentNetwork:
    """The same network with the part of the recurrence that neither input nor bias reaches set to zero."""
    with float64():
        W_x, W_h, b_h = network.folded_weights
        W_x, W_h, W_y = (np.asarray(each, np.float64) for each in (W_x, W_h, network.output_weights))
    inputs = W_x if b_h is None else np.concatenate([W_x, np.asarray(b_h, np.float64)[..., None]], axis=-1)
    return RecurrentNetwork(W_x, reached_recurrence(inputs, W_h), W_y, b_h=b_h, b_y=network.b_y)


def _of_one_network(terms: LossTerms) -> LossTerms:
    """Python floats in place of arrays without axes."""
    values = jax.tree.map(lambda leaf: leaf if leaf.ndim else leaf.item(), terms)
    return eqx.tree_at(lambda each: each.status, values, Status(values.status))
