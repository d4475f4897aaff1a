"""Sizes, spans of time and counts as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])i?b?|b)?\s*", re.IGNORECASE)
_STEPS = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)", re.IGNORECASE)
_SECONDS = {"d": 86400, "h": 3600, "min": 60, "m": 60, "s": 1}


def parse_size(text: str | int | float) -> int:
    """`1 GB`, `512M`, `1.5GiB` or a number of bytes, in bytes. Units are powers of 1024, as the engines count.

    Raises:
        ValueError: the text is no size.
    """
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        raise ValueError(f"{text!r} is not a size")
    if isinstance(text, str):
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a size")
        number, unit = match.groups()
        exact = float(number) * (_STEPS[unit.lower()] if unit else 1)
    else:
        exact = text
    if exact >= 2**60:
        raise ValueError(f"{text!r} is larger than any machine")
    size = int(exact)
    if size <= 0:
        raise ValueError(f"{text!r} is not a positive size")
    return size


def format_size(size: int | float) -> str:
    """Bytes in the largest unit that keeps the number readable: `512 MB`, `1.5 GB`."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if value < 1024 or unit == "TB":
            digits = 0 if unit in ("B", "KB") or value >= 100 or value == int(value) else 1
            return f"{value:.{digits}f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def parse_span(text: str | int | float) -> timedelta:
    """`30m`, `3h`, `1h30m`, `90 min` or a number of minutes.

    Raises:
        ValueError: the text is no span of time.
    """
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        raise ValueError(f"{text!r} is not a span of time")
    if not isinstance(text, str):
        seconds = text * 60.0
    elif text.strip().isdecimal():
        seconds = float(text) * 60
    else:
        rest = _SPAN.sub("", text).strip()
        parts = _SPAN.findall(text)
        if rest or not parts:
            raise ValueError(f"{text!r} is not a span of time")
        seconds = sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts)
    if not abs(seconds) <= 100 * 366 * 86400:
        raise ValueError(f"{text!r} is longer than a century")
    return timedelta(seconds=seconds)


def format_span(span: timedelta | float) -> str:
    """A span in its two largest units: `2 h 05 min`, `4 min`, `12 s`."""
    total = int(span.total_seconds() if isinstance(span, timedelta) else span)
    sign, total = ("-", -total) if total < 0 else ("", total)
    if total < 60:
        return f"{sign}{total} s"
    minutes, _ = divmod(total, 60)
    if minutes < 60:
        return f"{sign}{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{sign}{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{sign}{days} d {hours} h"


def capitalised(text: str) -> str:
    """With its first letter large, and the others as they are: names stay names."""
    return text[:1].upper() + text[1:]


def counted(count: int, noun: str) -> str:
    """`1 seat`, `3 seats`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
