"""What a teardown did, in words that prove it."""

from __future__ import annotations

from workshop.model.snapshot import Removal


def removal_sentence(removal: Removal) -> str:
    """`Removed 10 seats and 1 network; 0 left.`"""
    parts = [_counted(count, kind) for kind, count in sorted(removal.removed.items()) if count]
    if len(parts) > 1:
        parts[-2:] = [f"{parts[-2]} and {parts[-1]}"]
    return f"{'Removed ' + ', '.join(parts) if parts else 'Nothing to remove'}; {len(removal.left)} left."


def survivor_lines(removal: Removal) -> tuple[str, ...]:
    """A line for each thing that is still there, with the reason."""
    return tuple(f"{survivor.kind} {survivor.name}: {survivor.reason}" for survivor in removal.left)


def _counted(count: int, kind: str) -> str:
    """Kinds are plurals (`seats`, `networks`)."""
    return f"{count} {kind.removesuffix('s') if count == 1 else kind}"
