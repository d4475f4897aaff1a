"""The only writer to standard output: what was asked for, as text or as one JSON document."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from workshop.errors import WorkshopError


class Output:
    """Where results go.

    Args:
        as_json: `document` is written and `text` is not; without it the other way round.
        colour: None finds out: a terminal and no `NO_COLOR`.
    """

    def __init__(self, *, as_json: bool, colour: bool | None = None) -> None:
        self.as_json = as_json
        self.colour = wants_colour(sys.stdout.isatty()) if colour is None else colour
        self.written = False
        """Whether the one document of this call is out."""

    def document(self, document: Mapping[str, Any]) -> None:
        """Write the one JSON document of this call, if JSON was asked for."""
        if not self.as_json:
            return
        assert not self.written, "one call writes one document"
        self.written = True
        self._write(json.dumps(document, indent=2, ensure_ascii=False))

    def text(self, text: str) -> None:
        """Write lines for people, if JSON was not asked for."""
        if not self.as_json:
            self._write(text)

    def raw(self, text: str) -> None:
        """Write what is a format of its own (CSV, YAML, a schema) as it is."""
        self._write(text)

    def _write(self, text: str) -> None:
        """
        Raises:
            BrokenPipeError: whoever reads has gone.
            WorkshopError: the result could not be written.
        """
        try:
            sys.stdout.write(text if text.endswith("\n") else text + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise WorkshopError(
                f"The result could not be written to standard output: {error.strerror or error}.",
                hint="What was asked for is done; only the answer is missing. Write it to another place.",
            ) from error

    @property
    def is_terminal(self) -> bool:
        return sys.stdout.isatty() and not self.as_json


def wants_colour(is_terminal: bool) -> bool:
    """Colour is for terminals whose user did not refuse it (no-color.org; `TERM=dumb`)."""
    return is_terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
