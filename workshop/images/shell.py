"""Words for a shell's command line."""

from __future__ import annotations

import shlex


def quoted(text: str) -> str:
    """One word, whatever is in it; nothing stays nothing."""
    return shlex.quote(text) if text else ""
