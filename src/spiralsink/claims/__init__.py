"""The claims of the paper: each a function from a budget to a measured verdict, with its figure."""

from ._claim import SCALES as SCALES
from ._claim import Bar as Bar
from ._claim import Budget as Budget
from ._claim import Claim as Claim
from ._claim import Measurement as Measurement
from ._kept import Kept as Kept
from ._registry import all_claims as all_claims
from ._registry import catalogue as catalogue
from ._registry import select_claims as select_claims
from ._run import run as run
from ._run import unsettled as unsettled
