"""Batched second-order minimisers and continuation: many independent problems of one shape in one compiled loop."""

from ._bfgs import BFGS as BFGS
from ._branch import Branch as Branch
from ._continuation import continue_branches as continue_branches
from ._corrector import DifferencedCurvature as DifferencedCurvature
from ._corrector import ExactCurvature as ExactCurvature
from ._levenberg_marquardt import LevenbergMarquardt as LevenbergMarquardt
from ._minimise import Minima as Minima
from ._minimise import Search as Search
from ._minimise import minimise as minimise
