"""Keys of a definition that this version does not act on are refused, never passed over in silence."""

import pytest

from workshop.model.definition import WorkshopDefinition
from workshop.service.checking import not_carried_out

DATA = {"data": [{"url": "https://example.org/a.csv", "sha256": "0" * 64}]}


@pytest.mark.parametrize(("written", "path"), [(DATA, "data")])
def test_a_key_without_effect_is_an_error_with_a_way_out(written: dict[str, object], path: str) -> None:
    (problem,) = not_carried_out(WorkshopDefinition.model_validate({"title": "Lesson", **written}))
    assert (problem.path, problem.level) == (path, "error")
    assert problem.hint


def test_a_plain_definition_has_nothing_of_the_kind() -> None:
    assert not_carried_out(WorkshopDefinition(title="Lesson")) == []
