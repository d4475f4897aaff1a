"""The definition as JSON Schema, for editors that complete and check `workshop.yaml` while it is written."""

from __future__ import annotations

from typing import Any

from workshop.model.definition import WorkshopDefinition


def json_schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of `workshop.yaml`.

    Wider than pydantic's own where the reader of the file is: `source` may be text, an empty key counts as not there.
    """
    schema = WorkshopDefinition.model_json_schema()
    for name, part in (("WorkshopDefinition", schema), *schema.get("$defs", {}).items()):
        for key, wanted in part.get("properties", {}).items():
            part["properties"][key] = _or_nothing(wanted, required=key in part.get("required", ()))
        if name == "WorkshopDefinition":
            source = part["properties"]["source"]
            source["anyOf"] = [{"type": "string"}, *source["anyOf"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "workshop.yaml",
        "description": (WorkshopDefinition.__doc__ or "").strip(),
    }


def _or_nothing(wanted: dict[str, Any], *, required: bool) -> dict[str, Any]:
    if required:
        return wanted
    told: dict[str, Any] = {name: wanted[name] for name in ("description", "default") if name in wanted}
    rest = {name: value for name, value in wanted.items() if name not in (*told, "title")}
    kinds = rest.pop("anyOf", None) or [rest]
    if {"type": "null"} not in kinds:
        kinds = [*kinds, {"type": "null"}]
    return {**told, "anyOf": kinds}
