"""Writes docs/workshop-yaml.md and docs/workshop.schema.json from the model: `python docs/workshop_yaml.py`."""

from __future__ import annotations

import json
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from workshop.config.document import Key, dotted
from workshop.config.schema import json_schema
from workshop.config.shape import part_of
from workshop.config.wording import choices_of, kind_of
from workshop.model.amounts import format_span
from workshop.model.definition import WorkshopDefinition

FILE = Path(__file__).with_name("workshop-yaml.md")
SCHEMA = Path(__file__).with_name("workshop.schema.json")

INTRODUCTION = """# workshop.yaml

Made from the program by `python docs/workshop_yaml.py`.

One file for one workshop. Only `title` is needed; everything else has a default:

```yaml
title: Python basics
source: https://github.com/example/python-basics
seats: 24
limits:
  memory: 1 GB
times:
  length: 3h
```

`workshop init` writes one, `workshop check` tells everything that is wrong with it, each problem with its line.
Unknown keys are errors. Sizes are written as `1 GB`, `512 MB` or a number of bytes; spans of time as `3h`, `90m`,
`1h30m` or a number of minutes; moments with their zone, as `2026-03-01T17:00:00+01:00`. A key with nothing behind its
colon counts as not there.

Editors complete and check the file with [workshop.schema.json](workshop.schema.json): begin it with the line
`# yaml-language-server: $schema=PATH/TO/workshop.schema.json`.
"""


def text() -> str:
    """The page: the keys at the left edge, then each part."""
    parts = [INTRODUCTION, "## Keys", "", *_table(WorkshopDefinition, ()), ""]
    for name, field in WorkshopDefinition.model_fields.items():
        part = part_of(field.annotation)
        if part is not None:
            meaning = (part.__doc__ or "").strip()
            many = " A list: each entry has these keys." if get_args(field.annotation) else ""
            parts += [f"## {name}", "", meaning + many, "", *_table(part, (name,)), ""]
    return "\n".join(parts).rstrip() + "\n"


def _table(part: type[BaseModel], above: Key) -> list[str]:
    rows = [_row((*above, name), field) for name, field in part.model_fields.items()]
    return ["| key | value | default | |", "| --- | --- | --- | --- |", *rows]


def _row(key: Key, field: FieldInfo) -> str:
    meaning = (field.description or "").replace("|", "\\|")
    below = part_of(field.annotation)
    value = f"[keys of its own](#{key[-1]})" if below is not None else _value(key, field)
    default = "" if below is not None else _default(field)
    return f"| `{dotted(key)}` | {value} | {default} | {meaning} |"


def _value(key: Key, field: FieldInfo) -> str:
    """What may stand behind the colon."""
    choices = choices_of(key)
    if choices:
        return " ".join(f"`{choice}`" for choice in choices)
    kind = kind_of(key)
    if kind:
        return {"size": "size", "span": "span of time", "time": "moment"}[kind]
    wanted = field.annotation
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    for found in (wanted, *get_args(wanted)):
        if found in names and getattr(wanted, "__origin__", None) is None:
            return names[found]
    return "keys and values" if getattr(wanted, "__origin__", None) is dict else "list"


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "needed"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, timedelta):
        return f"`{format_span(value)}`" if value else "`0`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value not in ("", None, (), {}) else ""


def schema() -> str:
    """The JSON Schema as a file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
    SCHEMA.write_text(schema(), "utf-8")
