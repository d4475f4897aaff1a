"""What of a workshop's definition counts while its class is on.

Read from the classroom's label without pydantic, whose import takes longer than all else that a gateway does before it
answers. The defaults are `model.definition`'s; a test holds the two together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from workshop.model.amounts import parse_span
from workshop.model.classroom import Classroom


@dataclass(frozen=True, slots=True)
class ClassRules:
    """How students come in, and what happens at the end."""

    title: str = ""
    """The workshop's title; empty for a classroom without a definition."""
    join: bool = True
    seat_bar: bool = True
    privacy: str = "normal"
    certificate: str = ""
    key: str = ""
    allow_public: bool = False
    public_url: str = ""
    tunnel: str = ""
    grace: timedelta = timedelta(minutes=30)
    at_end: str = "collect"

    @classmethod
    def of(cls, classroom: Classroom) -> ClassRules:
        """
        Raises:
            ValueError: the definition in the classroom's label is none.
        """
        if not classroom.definition:
            return cls()
        written = json.loads(classroom.definition)
        if not isinstance(written, dict):
            raise ValueError(f"not a definition: {classroom.definition[:60]!r}")
        access, times = written.get("access") or {}, written.get("times") or {}
        chosen = {name: access[name] for name in _ACCESS if name in access}
        if "grace" in times:
            chosen["grace"] = parse_span(times["grace"])
        if "at_end" in times:
            chosen["at_end"] = times["at_end"]
        return cls(title=written.get("title", ""), **chosen)


_ACCESS = ("join", "seat_bar", "privacy", "certificate", "key", "allow_public", "public_url", "tunnel")
