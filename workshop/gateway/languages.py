"""The words of the students' pages, in the language that their browser asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "de", "fr", "es")
"""The first one is used when a browser asks for none of them."""
_FOLDER = Path(__file__).parent / "texts"


class Texts:
    """The texts of one language. `texts("key", name=value)` fills in `{name}`."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts

    def __call__(self, key: str, **values: object) -> str:
        """
        Raises:
            KeyError: there is no such text; every language has all of them.
        """
        text = self._texts[key]
        return text.format(**values) if values else text

    def group(self, prefix: str) -> dict[str, str]:
        """The texts whose keys begin with `prefix.`, for a script of the page, without that prefix."""
        start = f"{prefix}."
        return {key.removeprefix(start): text for key, text in self._texts.items() if key.startswith(start)}

    def keys(self) -> frozenset[str]:
        return frozenset(self._texts)


@cache
def texts(language: str) -> Texts:
    """The texts of one of `LANGUAGES`."""
    return Texts(language, json.loads((_FOLDER / f"{language}.json").read_text("utf-8")))


def texts_for(accept_language: str) -> Texts:
    """The texts in the best of the languages that an `Accept-Language` header names (RFC 9110, section 12.5.4)."""
    return texts(negotiate(accept_language))


def negotiate(accept_language: str) -> str:
    """The language a browser wants most among those we have."""
    wanted = []
    for place, part in enumerate(accept_language[:500].split(",")):
        name, _, parameters = part.partition(";")
        try:
            quality = float(parameters.strip().removeprefix("q=") or 1)
        except ValueError:
            quality = 0.0
        wanted.append((-quality, place, name.strip().lower().partition("-")[0]))
    for quality, _, name in sorted(wanted):
        if quality < 0 and name in LANGUAGES:
            return name
    return LANGUAGES[0]
