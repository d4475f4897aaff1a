"""What pydantic found, in the words of somebody who wrote a `workshop.yaml`."""

from __future__ import annotations

import difflib
from datetime import datetime, timedelta
from typing import Any, get_args

from workshop.config.document import Document, Key
from workshop.config.shape import field_at, hint_for_unknown, part_at
from workshop.model.amounts import capitalised
from workshop.model.snapshot import Problem

_SIZE_HINT = "Write `1 GB`, `512 MB` or a number of bytes."
_SPAN_HINT = "Write `3h`, `90m`, `1h30m` or a number of minutes."
_TIME_HINT = "Write it with its zone: `2026-03-01T17:00:00+01:00`."
_MAPPING_HINT = "Write its keys on the lines below, each indented by two spaces."
_LIST_HINT = "Write each entry on a line of its own, with `- ` before it."


def problem_of(error: dict[str, Any], document: Document) -> Problem:
    """One error of pydantic as a problem with its place."""
    key: Key = tuple(error["loc"])
    message, hint = _sentence(error, key)
    where = document.where(key)
    if error["type"] == "missing" and key in document.lines:
        message = f"`{key[-1]}` is empty."
    return Problem(where, message, hint or _meaning(key))


def _sentence(error: dict[str, Any], key: Key) -> tuple[str, str]:
    """Message and hint; an empty hint takes the key's own description."""
    kind, given, context = str(error["type"]), error.get("input"), error.get("ctx", {})
    name = str(key[-1]) if key else "file"
    match kind:
        case "missing":
            return f"`{name}` is missing.", ""
        case "extra_forbidden":
            return f"There is no key `{name}` here.", hint_for_unknown(key)
        case "literal_error" | "enum":
            return _choice(given, key)
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than":
            return f"{_shown(given)} is {_bound(kind, context)}.", ""
        case "string_too_short":
            return f"`{name}` is empty.", ""
        case "string_too_long":
            return f"This has {len(str(given))} characters; at most {context['max_length']} fit.", "Shorten it."
        case "string_pattern_mismatch":
            return f"{_shown(given)} is no SHA-256 sum.", "It has 64 digits 0-9 and a-f: `sha256sum FILE` prints it."
        case "value_error":
            return _ours(context, given, key)
    return _wrong_kind(kind, given, key)


def _wrong_kind(kind: str, given: Any, key: Key) -> tuple[str, str]:
    if kind.startswith("int"):
        return f"A whole number is expected, not {_shown(given)}.", ""
    if kind.startswith(("float", "finite_number", "decimal")):
        return f"A number is expected, not {_shown(given)}.", ""
    if kind.startswith("bool"):
        return f"true or false is expected, not {_shown(given)}.", ""
    if kind.startswith(("datetime", "date", "timezone")):
        return f"{_shown(given)} is not a time.", _TIME_HINT
    if kind.startswith("string"):
        return f"Text is expected, not {_shown(given)}.", ""
    if kind in ("model_type", "model_attributes_type", "dict_type", "mapping_type", "dataclass_type"):
        part = part_at(key)
        keys = f" It knows: {', '.join(part.model_fields)}." if part else ""
        name = f"`{key[-1]}`" if key and isinstance(key[-1], str) else "An entry"
        return f"{name} has keys of its own; {_shown(given)} is none.", _MAPPING_HINT + keys
    if kind.startswith(("tuple", "list", "set", "iterable")):
        return f"A list is expected, not {_shown(given)}.", _LIST_HINT
    return f"{_shown(given)} cannot be used here.", ""


def _choice(given: Any, key: Key) -> tuple[str, str]:
    allowed = choices_of(key)
    close = difflib.get_close_matches(str(given).lower(), allowed, n=1, cutoff=0.5)
    hint = f"Is it `{close[0]}`?" if close else ""
    return f"{_shown(given)} is none of {', '.join(allowed)}.", hint


def choices_of(key: Key) -> tuple[str, ...]:
    """The values a key may have, where they are counted."""
    field = field_at(key)
    if field is None:
        return ()
    members = getattr(field.annotation, "__members__", None)
    if members:
        return tuple(str(member.value) for member in members.values())
    arguments = [one for found in get_args(field.annotation) for one in (found, *get_args(found))]
    return tuple(value for value in arguments if isinstance(value, str))


def _bound(kind: str, context: dict[str, Any]) -> str:
    match kind:
        case "greater_than_equal":
            return f"too little: at least {context['ge']:g}"
        case "greater_than":
            return f"too little: more than {context['gt']:g} is needed"
        case "less_than_equal":
            return f"too much: at most {context['le']:g}"
        case _:
            return f"too much: less than {context['lt']:g} is allowed"


def _ours(context: dict[str, Any], given: Any, key: Key) -> tuple[str, str]:
    """A sentence of the model's own validators."""
    text = str(context.get("error", "This cannot be used here"))
    kind = kind_of(key)
    if kind == "time":
        return f"{_shown(given)} has no time zone.", _TIME_HINT
    hint = {"size": _SIZE_HINT, "span": _SPAN_HINT}.get(kind, "")
    return capitalised(text) + ".", hint


def kind_of(key: Key) -> str:
    """`size`, `span`, `time`, or empty for the rest."""
    field = field_at(key)
    if field is None:
        return ""
    wanted = (field.annotation, *get_args(field.annotation))
    if timedelta in wanted:
        return "span"
    if datetime in wanted:
        return "time"
    return "size" if "BeforeValidator" in repr((field.metadata, wanted)) else ""


def _meaning(key: Key) -> str:
    field = field_at(key)
    return (field.description or "") if field else ""


def _shown(value: Any) -> str:
    """A value as it may stand in a sentence."""
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    text = text if len(text) <= 40 else text[:39] + "…"
    return f"`{text}`" if isinstance(value, str) else text
