"""Who may be at a seat."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guest:
    """A participant's browser, or an instructor who looks in.

    Args:
        browser: tells one browser from another.
    """

    browser: str
    instructor: bool = False
