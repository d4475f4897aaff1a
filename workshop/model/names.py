"""Names that engines, host names and paths accept, from whatever people write."""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 40
"""Leaves room for a prefix and a seat number within a DNS label's 63 signs (RFC 1123)."""

_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "đ": "d", "ł": "l", "ı": "i"})

DEFINITION_FILES = ("workshop.yaml", "workshop.yml")
"""What a workshop's definition is called in its folder; never part of an image: it may hold a PIN."""


def slug(text: str) -> str:
    """Lower-case letters, digits and single dashes; starts and ends with a letter or digit; at most 40 signs.

    A text that has none of these, or is cut, gets a short digest, so that different texts stay different.
    """
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS)).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    if not name:
        return f"workshop-{digest}"
    if len(name) > LONGEST:
        return f"{name[: LONGEST - 7].rstrip('-')}-{digest}"
    return name
