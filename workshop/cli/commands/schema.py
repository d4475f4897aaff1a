"""The JSON Schema of workshop.yaml."""

from __future__ import annotations

import json

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import verb
from workshop.cli.session import Session


@verb("schema")
def schema_command(session: Session) -> int:
    """The JSON Schema of workshop.yaml, for editors: `workshop schema > workshop.schema.json`."""
    from workshop.config.schema import json_schema

    session.output.raw(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return ExitCode.DONE
