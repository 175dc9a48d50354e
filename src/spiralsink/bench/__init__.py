"""The same training by us, by torch and by plain JAX, timed in turn on the same cores."""

from ._cases import Case as Case
from ._cases import Plan as Plan
from ._cases import full_plan as full_plan
from ._cases import quick_plan as quick_plan
from ._result import Benchmarks as Benchmarks
from ._result import Row as Row
from ._run import run_benchmarks as run_benchmarks
