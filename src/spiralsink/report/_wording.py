"""How numbers, bars, settings and times are written on a page."""

import json
import re
from collections.abc import Mapping
from typing import Any

_OPERATORS = {"<=": "≤", ">=": "≥"}
_UNBROKEN = "\N{NO-BREAK SPACE}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPT = re.compile(r"\b([A-Za-z])_(?:\(([\w+]+)\)|(\w+))")


def with_subscripts(text: Any) -> Any:
    """Escaped text in which a_k, N_h, a_(s+1) are set with subscripts and comparisons as one sign."""
    from markupsafe import Markup, escape

    shown = str(escape(re.sub(r"(<=|>=) ?", lambda sign: _OPERATORS[sign[1]] + _UNBROKEN, str(text))))
    return Markup(_SUBSCRIPT.sub(r"\1<sub>\2\3</sub>", shown))


def number(value: float | None) -> str:
    """A number with four digits, large and small ones as powers of ten."""
    if value is None:
        return "none"
    mantissa, _, exponent = f"{value:.4g}".partition("e")
    power = str(int(exponent)).translate(_SUPERSCRIPTS) if exponent else ""
    return mantissa.replace("-", "−") + (f" × 10{power}" if power else "")


def interval(ends: Any) -> str:
    """A confidence interval, empty where there is none."""
    return "" if ends is None else f"95 % interval {number(ends[0])} to {number(ends[1])}"


def bar(record: Mapping[str, Any]) -> str:
    """What is required, as in "≤ 0.05"."""
    return f"{_OPERATORS.get(record['op'], record['op'])}{_UNBROKEN}{number(record['value'])}"


def setting(value: Any) -> str:
    """A setting: text as it is, a list of numbers with commas, anything else as JSON."""
    if isinstance(value, list | tuple) and not any(isinstance(each, list | tuple | dict) for each in value):
        return ", ".join(str(each) for each in value)
    return value if isinstance(value, str) else json.dumps(value)


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def counted(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}".replace(",", "\N{NARROW NO-BREAK SPACE}")
