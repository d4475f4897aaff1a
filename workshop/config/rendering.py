"""Write a definition down as a `workshop.yaml` that its reader understands: each key under a line that explains it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel

from workshop.config.document import Key
from workshop.config.shape import field_at
from workshop.config.wording import choices_of, kind_of
from workshop.model.amounts import format_size, parse_size
from workshop.model.definition import WorkshopDefinition

ALWAYS = (
    ("title",), ("source",), ("source", "repository"), ("ui",), ("seats",), ("limits",), ("limits", "memory"),
    ("times",), ("times", "length"),
)  # fmt: skip
"""Keys that are written even when they have their default: those that people change first."""
_WIDTH = 78


def render_definition(definition: WorkshopDefinition) -> str:
    """The YAML text; reading it again gives the same definition.

    Written are the keys of `ALWAYS`, and those that the definition sets to something that is not empty.
    """
    lines = [
        "# A workshop, for the program of that name: `workshop check` says what is wrong",
        "# with this file, `workshop schema` has every key.",
        "",
    ]
    lines += _part(definition, (), "")
    return "\n".join(lines).rstrip() + "\n"


def _part(part: BaseModel, above: Key, indent: str) -> list[str]:
    lines: list[str] = []
    for name in type(part).model_fields:
        key = (*above, name)
        value = getattr(part, name)
        if not _wanted(part, name, value, key):
            continue
        entry = _entry(name, value, key, indent)
        if not entry:
            continue
        lines += _comment(part, name, key, indent)
        lines += entry
        if not above:
            lines.append("")
    return lines


def _wanted(part: BaseModel, name: str, value: Any, key: Key) -> bool:
    default = type(part).model_fields[name].get_default(call_default_factory=True)
    if key in ALWAYS or value != default:
        return True
    return name in part.model_fields_set and value not in ("", None, (), {}) and not isinstance(value, BaseModel)


def _comment(part: BaseModel, name: str, key: Key, indent: str) -> list[str]:
    text = type(part).model_fields[name].description
    if key == ("source",):
        text = "Where the notebooks come from."
    if not text:
        return []
    words, lines, line = text.split(), [], f"{indent}#"
    for word in words:
        if len(line) + len(word) >= _WIDTH:
            lines.append(line)
            line = f"{indent}#"
        line += f" {word}"
    return [*lines, line]


def _entry(name: str, value: Any, key: Key, indent: str) -> list[str]:
    """A key with its value: on one line, or with what stands below it."""
    if isinstance(value, BaseModel):
        below = _part(value, key, indent + "  ")
        return [f"{indent}{name}:", *below] if below else []
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        lines = [f"{indent}{name}:"]
        for entry in value:
            below = _part(entry, key, indent + "    ")
            first = next(i for i, line in enumerate(below) if not line.lstrip().startswith("#"))
            below[first] = f"{indent}  - {below[first].lstrip()}"
            lines += [line for line in below if not line.lstrip().startswith("#")]
        return lines
    if name == "memory" and value is None:
        return [f"{indent}# memory: 1 GB"]
    return [f"{indent}{name}: {_scalar(value, key)}"]


def _scalar(value: Any, key: Key) -> str:
    """A value on one line of YAML."""
    import yaml

    if isinstance(value, Enum):
        value = value.value
    elif isinstance(value, timedelta):
        value = _span(value)
    elif isinstance(value, datetime):
        value = value.isoformat()
    elif isinstance(value, int) and not isinstance(value, bool) and kind_of(key) == "size":
        text = format_size(value)
        value = text if parse_size(text) == value else value
    elif isinstance(value, tuple):
        value = list(value)
    dumped: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    text = dumped.removesuffix("...\n").rstrip("\n")
    choices, told = choices_of(key), getattr(field_at(key), "description", None) or ""
    return text if all(choice in told for choice in choices) else f"{text}  # {', '.join(choices)}"


def _span(span: timedelta) -> str | int:
    seconds = span.total_seconds()
    if seconds and seconds % 3600 == 0:
        return f"{seconds / 3600:.0f}h"
    if seconds % 60 == 0:
        return f"{seconds / 60:.0f}m"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"
