"""Sweeps: a plan of blocks, a store that keeps what is finished, and the runner that fills it."""

from ._plan import ENGINE_VERSION as ENGINE_VERSION
from ._plan import BlockPlan as BlockPlan
from ._plan import Plan as Plan
from ._plan import make_plan as make_plan
from ._run import describe_environment as describe_environment
from ._run import run as run
from ._status import status as status
from ._store import Store as Store
from ._summary import PointSummary as PointSummary
from ._summary import Summary as Summary
from ._train import TrainedBlock as TrainedBlock
from ._train import train_block as train_block
