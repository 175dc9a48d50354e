"""How recurrent networks remember: temporal superposition and feature geometry, measured, explained and reproduced.

Every public name is imported when it is first used, so `import spiralsink` loads none of its dependencies.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from ._citation import cite as cite
    from ._errors import InvalidInput as InvalidInput
    from ._errors import MissingExtra as MissingExtra
    from ._errors import NotCovered as NotCovered
    from ._errors import SpiralsinkError as SpiralsinkError
    from ._errors import TrainingFailed as TrainingFailed
    from ._float64 import float64 as float64
    from ._progress import NoProgress as NoProgress
    from ._progress import TextProgress as TextProgress
    from ._status import Status as Status
    from ._status import status_names as status_names
    from .data import as_grid as as_grid
    from .data import load_networks as load_networks
    from .data import open_store as open_store
    from .files import load as load
    from .files import save as save
    from .geometry import Geometry as Geometry
    from .geometry import feature_directions as feature_directions
    from .geometry import projections as projections
    from .geometry import to_gauge as to_gauge
    from .inspection import Effect as Effect
    from .inspection import Inspection as Inspection
    from .inspection import ablate as ablate
    from .inspection import patch as patch
    from .interop import as_model as as_model
    from .interop import step_model as step_model
    from .models import Model as Model
    from .networks import Clock as Clock
    from .networks import Normal as Normal
    from .networks import Orthogonal as Orthogonal
    from .networks import RecurrentNetwork as RecurrentNetwork
    from .networks import Spiral as Spiral
    from .networks import Tied as Tied
    from .networks import Trajectory as Trajectory
    from .networks import stack_networks as stack_networks
    from .optimisation import BFGS as BFGS
    from .optimisation import LevenbergMarquardt as LevenbergMarquardt
    from .processes import Amplitude as Amplitude
    from .processes import Constant as Constant
    from .processes import Exponential as Exponential
    from .processes import HalfNormal as HalfNormal
    from .processes import SparseProcess as SparseProcess
    from .processes import Uniform as Uniform
    from .report import inspect as inspect
    from .tasks import Batch as Batch
    from .tasks import CuedRecall as CuedRecall
    from .tasks import Delay as Delay
    from .tasks import DelayedSum as DelayedSum
    from .tasks import Delays as Delays
    from .tasks import FilterTask as FilterTask
    from .tasks import LeakyIntegration as LeakyIntegration
    from .tasks import Mixing as Mixing
    from .tasks import MovingAverage as MovingAverage
    from .tasks import Permutation as Permutation
    from .tasks import SampledTask as SampledTask
    from .theory import LossTerms as LossTerms
    from .theory import SteadyState as SteadyState
    from .training import Adam as Adam
    from .training import Automatic as Automatic
    from .training import Batched as Batched
    from .training import Checkpoint as Checkpoint
    from .training import Every as Every
    from .training import ExpectedLoss as ExpectedLoss
    from .training import FitResult as FitResult
    from .training import History as History
    from .training import LengthPenalty as LengthPenalty
    from .training import Native as Native
    from .training import NoCheckpoint as NoCheckpoint
    from .training import NoStopping as NoStopping
    from .training import Penalised as Penalised
    from .training import SampledLoss as SampledLoss
    from .training import SampledValue as SampledValue
    from .training import Stopping as Stopping
    from .training import StopWhenSettled as StopWhenSettled
    from .training import Unrolled as Unrolled
    from .training import fit as fit
    from .training import sampled_loss as sampled_loss
    from .verbs import Crossing as Crossing
    from .verbs import GainBound as GainBound
    from .verbs import LocalOptimum as LocalOptimum
    from .verbs import Optimum as Optimum
    from .verbs import PhaseBranch as PhaseBranch
    from .verbs import PhaseDiagram as PhaseDiagram
    from .verbs import PhaseMap as PhaseMap
    from .verbs import expected_loss as expected_loss
    from .verbs import measure as measure
    from .verbs import optimum as optimum
    from .verbs import phase_diagram as phase_diagram
    from .verbs import phase_map as phase_map

# the one table of public names: module -> names
_PUBLIC = {
    "_citation": ("cite",),
    "_errors": ("InvalidInput", "MissingExtra", "NotCovered", "SpiralsinkError", "TrainingFailed"),
    "_float64": ("float64",),
    "_progress": ("NoProgress", "TextProgress"),
    "_status": ("Status", "status_names"),
    "data": ("as_grid", "load_networks", "open_store"),
    "files": ("load", "save"),
    "geometry": ("Geometry", "feature_directions", "projections", "to_gauge"),
    "inspection": ("Effect", "Inspection", "ablate", "patch"),
    "interop": ("as_model", "step_model"),
    "models": ("Model",),
    "networks": (
        "Clock",
        "Normal",
        "Orthogonal",
        "RecurrentNetwork",
        "Spiral",
        "Tied",
        "Trajectory",
        "stack_networks",
    ),
    "optimisation": ("BFGS", "LevenbergMarquardt"),
    "processes": ("Amplitude", "Constant", "Exponential", "HalfNormal", "SparseProcess", "Uniform"),
    "report": ("inspect",),
    "tasks": (
        "Batch",
        "CuedRecall",
        "Delay",
        "DelayedSum",
        "Delays",
        "FilterTask",
        "LeakyIntegration",
        "Mixing",
        "MovingAverage",
        "Permutation",
        "SampledTask",
    ),
    "theory": ("LossTerms", "SteadyState"),
    "training": (
        "Adam",
        "Automatic",
        "Batched",
        "Checkpoint",
        "Every",
        "ExpectedLoss",
        "FitResult",
        "History",
        "LengthPenalty",
        "Native",
        "NoCheckpoint",
        "NoStopping",
        "Penalised",
        "SampledLoss",
        "SampledValue",
        "StopWhenSettled",
        "Stopping",
        "Unrolled",
        "fit",
        "sampled_loss",
    ),
    "verbs": (
        "Crossing",
        "GainBound",
        "LocalOptimum",
        "Optimum",
        "PhaseBranch",
        "PhaseDiagram",
        "PhaseMap",
        "expected_loss",
        "measure",
        "optimum",
        "phase_diagram",
        "phase_map",
    ),
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}
_SUBPACKAGES = ("geometry", "inspection", "interop", "plots", "specs", "sweeps", "theory")

_NAMES = ["__version__", *sorted(_MODULE_OF)]
if not TYPE_CHECKING:  # type checkers take the imports above for the list
    __all__ = _NAMES


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in _SUBPACKAGES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*_NAMES, *_SUBPACKAGES})
