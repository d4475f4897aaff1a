"""Pages that are made from the program say what the program does now."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from workshop.config.definition import load_definition
from workshop.config.settings import SETTINGS, variable
from workshop.config.shape import walk
from workshop.config.themes import parse_theme

DOCS = Path(__file__).resolve().parents[2] / "docs"


def made(script: str) -> dict[str, Any]:
    """What the script defines, without writing anything."""
    return runpy.run_path(str(DOCS / script), run_name="docs")


@pytest.mark.parametrize(
    ("script", "function", "page"),
    [
        ("settings.py", "text", "settings.md"),
        ("workshop_yaml.py", "text", "workshop-yaml.md"),
        ("workshop_yaml.py", "schema", "workshop.schema.json"),
    ],
)
def test_the_page_is_the_one_that_the_program_makes(script: str, function: str, page: str) -> None:
    assert (DOCS / page).read_text() == made(script)[function](), f"run `python docs/{script}`"


def test_every_setting_is_on_its_page() -> None:
    page = (DOCS / "settings.md").read_text()
    assert [kind.name for kind in SETTINGS if f"`{kind.name}`" not in page or variable(kind.name) not in page] == []


def test_every_key_of_a_definition_is_on_its_page() -> None:
    page = (DOCS / "workshop-yaml.md").read_text()
    keys = [".".join(str(part) for part in key) for key, _ in walk()]
    assert [key for key in keys if f"| `{key}` |" not in page] == []


def test_the_example_of_a_definition_is_one() -> None:
    example = (DOCS / "workshop-yaml.md").read_text().split("```yaml\n")[1].split("```")[0]
    assert load_definition(example).definition.seats == 24


def test_the_example_of_a_theme_is_one() -> None:
    example = (DOCS / "themes.md").read_text().split("```yaml\n")[1].split("```")[0]
    palette, problems = parse_theme(example, "night-shift")
    assert problems == []
    assert palette is not None
    assert palette.title == "Night shift"
