"""Exact theory of what a network should store: expected losses and their parts, arrays in and arrays out."""

from ._enumeration import enumerated_moments as enumerated_moments
from ._enumeration import enumeration_error as enumeration_error
from ._horizon import Horizon as Horizon
from ._horizon import SteadyState as SteadyState
from ._horizon import check_horizon as check_horizon
from ._linear import linear_terms as linear_terms
from ._linear import silent_loss as silent_loss
from ._lyapunov import is_stable as is_stable
from ._lyapunov import lyapunov as lyapunov
from ._memory import fisher_memory_curve as fisher_memory_curve
from ._memory import memory_curve as memory_curve
from ._problem import Problem as Problem
from ._problem import joint_stack as joint_stack
from ._problem import problem_arrays as problem_arrays
from ._reach import reached_recurrence as reached_recurrence
from ._readout import best_readout as best_readout
from ._readout import state_moments as state_moments
from ._sparse import first_order_loss as first_order_loss
from ._terms import TERM_NAMES as TERM_NAMES
from ._terms import LossTerms as LossTerms
from ._tying import tie_readout as tie_readout
