"""The report of a class: what happened, in numbers and plots. It has no names, no codes and no seat's story. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from workshop.core.cost import Cost
from workshop.core.plots import line_plot
from workshop.model.amounts import format_size, format_span


@dataclass(frozen=True, slots=True)
class Moment:
    """The class at one moment."""

    at: datetime
    joined: int
    active: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class NotebookProgress:
    """How far the class came in one notebook of the repository."""

    notebook: str
    seats: int
    """Seats that worked in it."""
    share: float
    """Of its cells that were run, on average over these seats."""
    errors: int
    """Seats whose last run cell ended in an error."""


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """Everything a report says."""

    workshop: str
    classroom: str
    runtime: str
    commit: str
    began: datetime
    ended: datetime
    seats: int
    used: int
    memory_limit: int
    moments: tuple[Moment, ...] = ()
    seat_peaks: tuple[int, ...] = ()
    """The highest memory of each seat that was used, in no order that tells which."""
    progress: tuple[NotebookProgress, ...] = ()
    incidents: tuple[tuple[str, int], ...] = ()
    """Kind in words, and how often."""
    cost: Cost | None = None
    collected: str = ""
    """One sentence about the work that was collected."""


WORDS = {
    "oom": "memory of a seat full",
    "crash": "a seat's server ended by itself",
    "process-limit": "process limit of a seat reached",
    "kernel-restart": "kernels restarted",
    "restart": "seats restarted by the instructor",
    "reset": "seats reset",
    "move": "seats moved",
    "restore": "seats restored from a snapshot",
    "push": "pushes",
    "say": "messages to the class",
    "extend": "extensions",
    "end-failed": "failed tries to end the class",
}
"""Kinds of the history that a report counts, in their order."""


def count_incidents(kinds: Sequence[str]) -> tuple[tuple[str, int], ...]:
    return tuple((words, kinds.count(kind)) for kind, words in WORDS.items() if kind in kinds)


def overview(facts: ClassFacts) -> list[tuple[str, str]]:
    """What it was, when, how large and what it took: label and sentence."""
    most = max((moment.joined for moment in facts.moments), default=facts.used)
    rows = [
        ("Workshop", facts.workshop),
        ("Class", f"{facts.classroom} on {facts.runtime}"),
        ("Commit", facts.commit[:12]),
        ("From", f"{facts.began.astimezone():%d %B %Y, %H:%M}"),
        ("To", f"{facts.ended.astimezone():%d %B %Y, %H:%M} ({format_span(facts.ended - facts.began)})"),
        ("Seats", f"{facts.seats} made, {facts.used} used, {most} joined at most at one time"),
    ]
    if facts.moments:
        peak = max(facts.moments, key=lambda moment: moment.memory_bytes)
        rows.append(("Peak memory", f"{format_size(peak.memory_bytes)} in all, at {peak.at.astimezone():%H:%M}"))
    if facts.seat_peaks:
        peaks = sorted(facts.seat_peaks)
        middle = format_size(peaks[len(peaks) // 2])
        highest = f"{format_size(peaks[-1])} of {format_size(facts.memory_limit)}"
        rows.append(("Peak of a seat", f"{highest}; half stayed below {middle}"))
    if facts.collected:
        rows.append(("Collected", facts.collected))
    if facts.cost is not None:
        rows.append(("Cost", facts.cost.sentence))
    return rows


def markdown(facts: ClassFacts) -> str:
    """The report as Markdown; plots are in the HTML one."""
    lines = [f"# {_cell(facts.workshop)}", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {_cell(text)} |" for name, text in overview(facts)]
    lines += ["", "## Notebooks", ""]
    if facts.progress:
        lines += ["| notebook | seats | cells run | last cell an error |", "| --- | --- | --- | --- |"]
        lines += [f"| {_cell(p.notebook)} | {p.seats} | {p.share:.0%} | {p.errors} |" for p in facts.progress]
    else:
        lines.append("Nothing was read of notebooks.")
    lines += ["", "## Incidents", ""]
    lines += [f"- {words}: {count}" for words, count in facts.incidents] or ["None."]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text that cannot break out of a table's cell or become a link or markup."""
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#17242f}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem .3rem 0;vertical-align:top;"
    "border-bottom:1px solid #ccd7df}h2{margin-top:2rem}svg{width:100%;height:auto}"
)


def html(facts: ClassFacts) -> str:
    """The report as one HTML page with its plots, which loads nothing."""
    title = escape(facts.workshop)
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in overview(facts))
    parts = [f"<h1>{title}</h1><table>{rows}</table>", *_plots(facts), "<h2>Notebooks</h2>", _progress_table(facts)]
    incidents = "".join(f"<li>{escape(words)}: {count}</li>" for words, count in facts.incidents)
    parts.append(f"<h2>Incidents</h2>{f'<ul>{incidents}</ul>' if incidents else '<p>None.</p>'}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _plots(facts: ClassFacts) -> list[str]:
    times = [moment.at for moment in facts.moments]
    people = line_plot(
        "People who had joined, and people at work, over time",
        times,
        (
            ("joined", [float(moment.joined) for moment in facts.moments]),
            ("active", [float(moment.active) for moment in facts.moments]),
        ),
    )
    memory = line_plot(
        "Memory of all seats over time",
        times,
        (("memory", [float(moment.memory_bytes) for moment in facts.moments]),),
        unit=format_size,
    )
    return [f"<h2>Joined over time</h2>{people}", f"<h2>Memory</h2>{memory}"] if people else []


def _progress_table(facts: ClassFacts) -> str:
    if not facts.progress:
        return "<p>Nothing was read of notebooks.</p>"
    rows = "".join(
        f"<tr><td>{escape(p.notebook)}</td><td>{p.seats}</td><td>{p.share:.0%}</td><td>{p.errors}</td></tr>"
        for p in facts.progress
    )
    return f"<table><tr><th>notebook</th><th>seats</th><th>cells run</th><th>last cell an error</th></tr>{rows}</table>"
