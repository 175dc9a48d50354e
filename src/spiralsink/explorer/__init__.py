"""The explorer: results as a page to look at, one file without a network."""

from ._folders import payload_of as payload_of
from ._page import build_explorer as build_explorer
from ._page import page_of as page_of
from ._page import write_explorer as write_explorer
from ._payload import Payload as Payload
