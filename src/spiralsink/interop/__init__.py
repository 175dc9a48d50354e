"""Readers of other people's networks, each checked against an independent forward pass."""

from ..models import LinearReadout as LinearReadout
from ..models import NoReadout as NoReadout
from ._as_model import as_model as as_model
from ._steps import step_model as step_model
