"""Sweeps: a plan of blocks, a store that keeps what is finished, and the runner that fills it."""

from ._attempt import describe_environment as describe_environment
from ._dask import Dask as Dask
from ._estimate import Estimate as Estimate
from ._estimate import estimate as estimate
from ._executors import Executor as Executor
from ._executors import InThisProcess as InThisProcess
from ._figures import write_figures as write_figures
from ._local import LocalProcesses as LocalProcesses
from ._plan import ENGINE_VERSION as ENGINE_VERSION
from ._plan import BlockPlan as BlockPlan
from ._plan import Plan as Plan
from ._plan import make_plan as make_plan
from ._run import run as run
from ._status import status as status
from ._store import Store as Store
from ._summary import PointSummary as PointSummary
from ._summary import Summary as Summary
from ._train import train_block as train_block
