"""What a gateway reads of a definition without pydantic is what pydantic would have read."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workshop.model.class_rules import ClassRules
from workshop.model.classroom import Classroom, Door, new_key, new_uid
from workshop.model.definition import WorkshopDefinition

OTHER: dict[str, Any] = {
    "title": "Zwölf",
    "access": {
        "join": False, "seat_bar": False, "privacy": "strict", "certificate": "/c.pem", "key": "/k.pem",
        "allow_public": True, "public_url": "https://x.example/", "tunnel": "tunnel {port}",
    },
    "times": {"grace": "1h30m", "at_end": "nothing"},
}  # fmt: skip
"""Every rule differs from its default."""


def classroom(definition: str) -> Classroom:
    return Classroom(
        name="a", uid=new_uid(), key=new_key(), workshop="w", runtime="fake", image="", commit="", seats=1,
        door=Door("127.0.0.1", 8080), created=datetime(2026, 3, 1, tzinfo=UTC), definition=definition,
    )  # fmt: skip


def written(definition: WorkshopDefinition) -> str:
    """As it stands in a classroom's label."""
    return definition.model_dump_json(exclude_defaults=True)


def rules_of(definition: WorkshopDefinition) -> dict[str, Any]:
    """Every rule, read from the definition itself."""
    parts = (definition, definition.access, definition.times)
    return {
        name: next(getattr(part, name) for part in parts if name in type(part).model_fields)
        for name in ClassRules.__dataclass_fields__
    }


@pytest.mark.parametrize("values", [{"title": "x"}, OTHER], ids=["defaults", "everything else"])
def test_rules_are_those_of_the_definition(values: dict[str, Any]) -> None:
    definition = WorkshopDefinition.model_validate(values)
    assert asdict(ClassRules.of(classroom(written(definition)))) == rules_of(definition)


def test_the_example_changes_every_rule() -> None:
    changed = asdict(ClassRules.of(classroom(written(WorkshopDefinition.model_validate(OTHER)))))
    assert [name for name, value in asdict(ClassRules()).items() if changed[name] == value] == []


def test_a_classroom_without_a_definition_has_the_defaults() -> None:
    assert ClassRules.of(classroom("")) == replace(ClassRules(), title="", grace=timedelta(minutes=30))


@pytest.mark.parametrize("text", ["[]", "{", '"x"'])
def test_what_is_no_definition_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ClassRules.of(classroom(text))
