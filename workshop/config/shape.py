"""The shape of a workshop definition: which keys there are, and where. Read from the pydantic model."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from workshop.config.document import Key
from workshop.model.definition import WorkshopDefinition


def part_of(annotation: Any) -> type[BaseModel] | None:
    """The definition's part that a field holds, alone or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := part_of(argument))), None)


def part_at(key: Key) -> type[BaseModel] | None:
    """The part whose keys stand below `key`; the whole definition for the empty key."""
    part: type[BaseModel] | None = WorkshopDefinition
    for name in key:
        if isinstance(name, int):
            continue
        field = part.model_fields.get(name) if part else None
        part = part_of(field.annotation) if field else None
    return part


def field_at(key: Key) -> FieldInfo | None:
    """The field that `key` names; of an entry, the list it stands in."""
    names = [name for name in key if isinstance(name, str)]
    part = part_at(tuple(names[:-1])) if names else None
    return part.model_fields.get(names[-1]) if part else None


def walk(part: type[BaseModel] = WorkshopDefinition, above: Key = ()) -> Iterator[tuple[Key, FieldInfo]]:
    """Every key of the definition, with what is known of it."""
    for name, field in part.model_fields.items():
        yield (*above, name), field
        below = part_of(field.annotation)
        if below is not None:
            yield from walk(below, (*above, name))


_OTHER_WORDS = {
    "branch": "ref", "tag": "ref", "commit": "ref", "revision": "ref",
    "repo": "repository", "url": "repository", "git": "repository", "subfolder": "folder", "directory": "folder",
    "cpu": "cpus", "cores": "cpus", "ram": "memory", "mem": "memory", "processes": "pids",
    "name": "title", "interface": "ui", "editor": "ui", "students": "seats", "participants": "seats",
    "duration": "length", "hours": "length", "password": "pin", "host": "address", "ip": "address",
    "checksum": "sha256", "hash": "sha256", "cert": "certificate", "notebook": "open", "file": "open",
}  # fmt: skip
"""Words that people use for our keys."""


def hint_for_unknown(key: Key) -> str:
    """The most similar key of that part, or the part where a key of this name belongs, or all there are."""
    name = str(key[-1]).lower().replace("-", "_")
    part = part_at(key[:-1])
    known = list(part.model_fields) if part else []
    words = {word: ours for word, ours in _OTHER_WORDS.items() if ours in known} | {word: word for word in known}
    close = difflib.get_close_matches(name, words, n=1, cutoff=0.7)
    if close:
        return f"Is it `{words[close[0]]}`?"
    ours = _OTHER_WORDS.get(name, name)
    for other, _field in walk():
        if other[-1] == ours and other[:-1] != key[:-1]:
            above = ".".join(str(word) for word in other[:-1])
            renamed = f" as `{ours}`" if ours != str(key[-1]) else ""
            if above:
                return f"It belongs under `{above}`{renamed}, indented."
            return f"It belongs at the left edge{renamed}, not indented."
    return f"Known here: {', '.join(known)}."
