"""Tones as styles of the theme: the one place where meaning becomes colour."""

from __future__ import annotations

from workshop.present.words import Tone

STYLES: dict[Tone, str] = {
    Tone.NORMAL: "$foreground",
    Tone.GOOD: "$text-success",
    Tone.BUSY: "$text-primary",
    Tone.WARN: "$text-warning",
    Tone.BAD: "bold $text-error",
    Tone.MUTED: "$text-muted",
    Tone.ACCENT: "$text-accent",
}


def style_of(tone: Tone | str) -> str:
    """The style of a tone; one that is not known is shown like plain text."""
    return STYLES.get(Tone(tone), "$foreground") if tone in Tone._value2member_map_ else "$foreground"
