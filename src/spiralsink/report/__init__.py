"""Pages for a browser: static files that need neither network nor script."""

from ._inspect import inspect as inspect
from ._inspect import require_page_tools as require_page_tools
from ._inspect import write_inspection as write_inspection
from ._inspection_page import inspection_record as inspection_record
from ._page import build_page as build_page
from ._page import write_page as write_page
from ._reproduce import reproduce as reproduce
