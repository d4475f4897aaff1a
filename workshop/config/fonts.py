"""A font of this machine for letters that the cards' own font lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

FOLDERS = (
    "~/.local/share/fonts", "~/.fonts", "/usr/share/fonts", "/usr/local/share/fonts",
    "~/Library/Fonts", "/Library/Fonts", "/System/Library/Fonts",
)  # fmt: skip
NAMES = (
    "DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "NotoSans-Bold.ttf", "NotoSans-Regular.ttf", "LiberationSans-Bold.ttf",
    "FreeSansBold.ttf", "Arial Bold.ttf", "Arial.ttf", "Arial Unicode.ttf", "DroidSansFallbackFull.ttf",
    "NotoSansCJK-Regular.ttf", "wqy-microhei.ttf",
)  # fmt: skip
"""Widespread fonts with TrueType outlines, those with most European letters first."""
LARGEST = 60_000_000


def find_font(prints: Callable[[bytes], bool]) -> bytes:
    """The first font for which `prints` is true; empty when there is none."""
    for path in _candidates():
        try:
            font = path.read_bytes() if path.stat().st_size <= LARGEST else b""
        except OSError:  # one font that cannot be read is no reason to fail: the next one is tried
            continue
        if font and prints(font):
            return font
    return b""


def _candidates() -> Iterator[Path]:
    found: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in Path(folder).expanduser().rglob("*.ttf"):
            found.setdefault(path.name, path)
    return (found[name] for name in NAMES if name in found)
