"""A definition written down says the same when it is read again, and its schema agrees with the reader."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from workshop.config.definition import load_definition
from workshop.config.document import read_document
from workshop.config.rendering import render_definition
from workshop.config.schema import json_schema
from workshop.config.shape import walk
from workshop.errors import DefinitionError
from workshop.model.definition import WorkshopDefinition

FULL = """
title: "Python: the #1 course — naïve 🐍 'quotes' and \\"more\\""
source: {repository: "git@example.org:team/course.git", ref: 1.10, folder: a b}
ui: notebook
open: "notebooks/01 first.ipynb"
seats: 12
spares: 0
runtime: docker
image: {base: "python:3.11-slim"}
limits: {memory: 1500000001, cpus: 0.5, pids: 256}
access: {pin: 0042, join: no, port: 8081, public_url: "https://example.org/class/", privacy: strict, seat_bar: false}
times: {end: 2026-03-01T17:00:00+01:00, length: 90s, grace: 0, at_end: nothing}
data:
  - {url: "https://example.org/a.csv", sha256: SUM, name: penguins.csv}
  - {url: "https://example.org/b.csv", sha256: SUM}
rehearse: {notebooks: ["*.ipynb", "a b"], skip: [x], timeout: 1h30m, allow_errors: true}
docker: {egress: none, subnet: 10.91.7.0/24}
kubernetes:
  storage: 5 GB
  node_selector: {gpu: "true"}
  tolerations: [{key: gpu, operator: Exists, tolerationSeconds: 30}]
  image_pull_secrets: [registry]
""".replace("SUM", "a" * 64)

QUOTED = FULL.replace("ref: 1.10", "ref: '1.10'").replace("pin: 0042", "pin: '0042'").replace("join: no", "join: false")
"""The same without what only our reader forgives."""

ODD_TEXTS = (
    "yes", "null", "~", "0042", "1e3", "1:30", "- a", "a: b", "a #b", "'", '"', "@x", "{x", "\\", "é\tü", "  x ",
    "multi\nline", "2026-03-01", "!tag", "&a", "*a", "%x", "x" * 300, "🐍",
)  # fmt: skip


def test_a_full_definition_comes_back_the_same() -> None:
    definition = load_definition(FULL).definition
    assert load_definition(render_definition(definition)).definition == definition


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_text_of_any_kind_comes_back_the_same(text: str) -> None:
    definition = WorkshopDefinition(title=("T" + text)[:80], open=text, access={"pin": text[:32]})  # type: ignore[arg-type]
    assert load_definition(render_definition(definition)).definition == definition


def test_the_short_form_names_what_people_change_first() -> None:
    text = render_definition(WorkshopDefinition(title="Python"))
    for key in ("title: Python", "repository: .", "ui: lab", "seats: 10", "# memory: 1 GB", "length: 4h"):
        assert key in text
    assert "kubernetes" not in text
    assert load_definition(text).definition == WorkshopDefinition(title="Python")


def test_every_key_has_a_line_that_explains_it() -> None:
    lines = render_definition(load_definition(FULL).definition).splitlines()
    keys = [index for index, line in enumerate(lines) if line and not line.lstrip().startswith(("#", "-"))]
    inside_list = range(lines.index("data:"), lines.index("data:") + 7)
    unexplained = [lines[i] for i in keys if i not in inside_list and not lines[i - 1].lstrip().startswith("#")]
    assert unexplained == []
    assert max(len(line) for line in lines if line.lstrip().startswith("#")) <= 80, "whole in a terminal of 80 columns"


def test_every_key_of_the_definition_is_explained() -> None:
    short = {("source",)}
    assert [key for key, field in walk() if not field.description and key not in short] == []


def accepted_by_schema(text: str) -> bool:
    value = read_document(text).value
    return jsonschema.Draft202012Validator(json_schema()).is_valid(value)


def accepted_by_reader(text: str) -> bool:
    try:
        load_definition(text)
    except DefinitionError:
        return False
    return True


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (QUOTED, True),
        ("title: a\nsource: https://example.org/x\n", True),
        ("title: a\nsource: {repository: x}\naccess:\n", True),
        ("title: a\nlimits: {memory: 512 MB}\ntimes: {length: 90}\n", True),
        ("title: a\nui: labb\n", False),
        ("title: a\nseats: 0\n", False),
        ("title: a\ncolour: red\n", False),
        ("title: a\nlimits: {mem: 3}\n", False),
        ("seats: 3\n", False),
        ("title: a\ndata: [{url: x}]\n", False),
    ],
)  # fmt: skip
def test_schema_and_reader_agree(text: str, good: bool) -> None:
    assert accepted_by_schema(text) is good
    assert accepted_by_reader(text) is good


def test_the_schema_tells_editors_what_each_key_is() -> None:
    schema = json_schema()

    def described(part: dict[str, Any]) -> bool:
        return all("description" in wanted or "$ref" in str(wanted) for wanted in part["properties"].values())

    assert described(schema)
    assert all(described(part) for part in schema["$defs"].values() if "properties" in part)


def test_the_text_is_plain_yaml_for_other_programs() -> None:
    found = yaml.safe_load(render_definition(load_definition(FULL).definition))
    assert found["limits"]["cpus"] == 0.5
    assert found["access"]["pin"] == "0042"
