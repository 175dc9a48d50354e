"""What a recurrent network of any kind remembers and where: measured, ablated, patched."""

from ._additivity import Additivity as Additivity
from ._capacity import Capacity as Capacity
from ._directions import Directions as Directions
from ._free_space import FreeSpace as FreeSpace
from ._impulses import Impulses as Impulses
from ._inspect import inspect_model as inspect_model
from ._interference import Interference as Interference
from ._memory import Memory as Memory
from ._result import Inspection as Inspection
from ._ridge import Readouts as Readouts
from ._spectrum import Spectrum as Spectrum
from ._split import Part as Part
from ._split import Split as Split
