"""Values as JSON can hold them: NaN and infinity become null."""

import json
import math
from typing import Any


def plain(value: Any) -> Any:
    """The value as JSON can hold it: arrays as lists, numbers that are not finite as null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def json_file(value: Any) -> bytes:
    """The content of a file that people may read, too."""
    return json.dumps(plain(value), allow_nan=False, indent=1).encode()
