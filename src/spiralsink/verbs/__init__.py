"""The verbs: what users call. Each unpacks objects and calls the theory, geometry or training below."""

from ._branches import PhaseBranch as PhaseBranch
from ._crossings import Crossing as Crossing
from ._gain import GainBound as GainBound
from ._loss import expected_loss as expected_loss
from ._measure import measure as measure
from ._optimum import LocalOptimum as LocalOptimum
from ._optimum import Optimum as Optimum
from ._optimum import optimum as optimum
from ._phase_diagram import phase_diagram as phase_diagram
from ._phase_map import PhaseMap as PhaseMap
from ._phase_map import phase_map as phase_map
from ._phase_result import PhaseDiagram as PhaseDiagram
