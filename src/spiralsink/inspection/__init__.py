"""What a recurrent network of any kind remembers and where: measured, ablated, patched."""

from ._additivity import Additivity as Additivity
from ._capacity import Capacity as Capacity
from ._cause import ablate as ablate
from ._cause import patch as patch
from ._correlation import Correlation as Correlation
from ._directions import Directions as Directions
from ._effect import Effect as Effect
from ._free_space import FreeSpace as FreeSpace
from ._impulses import Impulses as Impulses
from ._inspect import inspect_model as inspect_model
from ._interference import Interference as Interference
from ._memory import Memory as Memory
from ._replacements import Mean as Mean
from ._replacements import Replacement as Replacement
from ._replacements import Resample as Resample
from ._replacements import Zero as Zero
from ._result import Inspection as Inspection
from ._ridge import Readouts as Readouts
from ._spectrum import Spectrum as Spectrum
from ._split import Part as Part
from ._split import Split as Split
