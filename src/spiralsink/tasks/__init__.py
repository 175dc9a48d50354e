"""Tasks: what the network is asked for. Filter tasks are one array, the target filter; the rest are sampled."""

from ._cued import CuedRecall as CuedRecall
from ._filters import Delay as Delay
from ._filters import DelayedSum as DelayedSum
from ._filters import Delays as Delays
from ._filters import LeakyIntegration as LeakyIntegration
from ._filters import Mixing as Mixing
from ._filters import MovingAverage as MovingAverage
from ._filters import Permutation as Permutation
from ._protocols import Batch as Batch
from ._protocols import FilterTask as FilterTask
from ._protocols import SampledTask as SampledTask
from ._targets import check_reach as check_reach
from ._targets import filter_at_lags as filter_at_lags
from ._targets import filter_memory as filter_memory
from ._targets import filter_targets as filter_targets
from ._targets import most_lags as most_lags
from ._targets import sample_batch as sample_batch
from ._targets import task_importance as task_importance
from ._targets import used_lags as used_lags
