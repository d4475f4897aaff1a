"""How long ago something was, in few words."""

from __future__ import annotations

from datetime import timedelta

from workshop.model.amounts import format_span


def ago(span: timedelta) -> str:
    """`5 min ago`, `3 h ago`, `2 days ago`: one unit, because nobody wants to know it better here."""
    if span.days >= 2:
        return f"{span.days} days ago"
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} h ago" if hours >= 2 else f"{format_span(max(timedelta(), span))} ago"
