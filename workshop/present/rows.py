"""Seats as rows of cells, in the order and with the filter that was asked for. One body for terminal UI and CLI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from workshop.model.amounts import format_size, format_span
from workshop.model.seat import Activity, Seat, SeatState
from workshop.model.snapshot import Snapshot, TunnelState
from workshop.present.cells import one_line
from workshop.present.columns import Cell, Column
from workshop.present.words import HELP, SPARE, Tone, seat_words

SEAT_COLUMNS: tuple[Column, ...] = (
    Column("seat", "Seat", 4),
    Column("status", "State", 17),
    Column("help", "Help", 8, priority=1),
    Column("code", "Code", 9, priority=2),
    Column("last", "Active", 8, priority=4, right=True),
    Column("memory", "Memory", 13, priority=5, right=True),
    Column("cpu", "CPU", 5, priority=6, right=True),
    Column("progress", "Cells", 9, priority=7, right=True),
    Column("label", "Label", 10, priority=3, grow=True),
    Column("detail", "Detail", 16, priority=8, grow=True),
    Column("notebook", "Notebook", 16, priority=10, grow=True),
    Column("disk", "Disk", 8, priority=9, right=True),
    Column("pids", "Procs", 5, priority=11, right=True),
    Column("restarts", "Restarts", 8, priority=12, right=True),
    Column("browsers", "Browsers", 8, priority=12, right=True),
    Column("link", "Link", 42, priority=13),
)
"""At 60 cells seat, state, help, code and label are left; at 80 also activity and memory; at 200 nearly all."""

MEMORY_WARNING = 0.85
"""Share of its memory limit from which a seat is shown as near its end."""
DISK_WARNING, DISK_ALARM = 1024**3, 3 * 1024**3


def seat_columns(seats: Sequence[Seat]) -> tuple[Column, ...]:
    """The columns for these seats: wide enough for the longest seat name, without what none of them has."""
    wide = max([4, *(len(seat.name) for seat in seats)])
    unused = set()
    if not any(seat.help_since for seat in seats):
        unused.add("help")
    if not any(seat.progress for seat in seats):
        unused.add("progress")
    columns = [column for column in SEAT_COLUMNS if column.key not in unused]
    places = [short_target(seat.target) for seat in seats if seat.target]
    if places:
        wide_enough = min(14, max(len("Target"), *map(len, places)))
        columns.insert(2, Column("target", "Target", wide_enough, priority=3))
    return tuple(Column("seat", "Seat", wide) if column.key == "seat" else column for column in columns)


def short_target(target: str) -> str:
    """`kubernetes (teaching)` as `teaching`: what tells clusters apart."""
    _, bracket, context = target.partition(" (")
    return context.rstrip(")") if bracket else target


def seat_cells(
    seat: Seat, columns: Sequence[Column] = SEAT_COLUMNS, *, now: datetime | None = None, ascii_only: bool = False
) -> tuple[Cell, ...]:
    """One cell for each column."""
    view = _SeatView(seat, now, ascii_only)
    return tuple(_CELLS[column.key](view) for column in columns)


@dataclass(frozen=True, slots=True)
class _SeatView:
    seat: Seat
    now: datetime | None
    ascii_only: bool


def _status(view: _SeatView) -> Cell:
    words = seat_words(view.seat, view.now)
    return Cell(words.text(ascii_only=view.ascii_only), words.tone)


def _help(view: _SeatView) -> Cell:
    since = view.seat.help_since
    if since is None:
        return Cell("")
    return Cell(f"{HELP.sign(ascii_only=view.ascii_only)} {_ago(since, view.now)}".rstrip(), HELP.tone)


def _last(view: _SeatView) -> Cell:
    seat = view.seat
    return Cell(_ago(seat.last_active, view.now) if seat.last_active else "", Tone.MUTED)


def _memory(view: _SeatView) -> Cell:
    used, limit = view.seat.memory_bytes, view.seat.memory_limit
    if used is None:
        return Cell("")
    if not limit:
        return Cell(format_size(used))
    return Cell(
        f"{format_size(used)} {used / limit:4.0%}", Tone.WARN if used >= limit * MEMORY_WARNING else Tone.NORMAL
    )


def _cpu(view: _SeatView) -> Cell:
    percent = view.seat.cpu_percent
    return Cell("" if percent is None else f"{percent:.0f}%")


def _progress(view: _SeatView) -> Cell:
    progress = view.seat.progress
    if not progress:
        return Cell("")
    stuck = any(part.error_since for part in progress)
    text = f"{sum(part.run for part in progress)}/{sum(part.cells for part in progress)}"
    return Cell(f"{text} !" if stuck else text, Tone.WARN if stuck else Tone.NORMAL)


def _label(view: _SeatView) -> Cell:
    seat = view.seat
    if seat.label:
        return Cell(one_line(seat.label))
    return Cell(SPARE.word, SPARE.tone) if seat.spare and not seat.claimed else Cell("")


def _detail(view: _SeatView) -> Cell:
    seat = view.seat
    if seat.warnings:
        return Cell(one_line("; ".join(seat.warnings)), Tone.WARN)
    return Cell(one_line(seat.detail), Tone.BAD if seat.state is SeatState.FAILED else Tone.MUTED)


def _disk(view: _SeatView) -> Cell:
    used = view.seat.disk_bytes
    if used is None:
        return Cell("")
    return Cell(
        format_size(used), Tone.BAD if used >= DISK_ALARM else Tone.WARN if used >= DISK_WARNING else Tone.NORMAL
    )


def _count(value: int | None, *, alarming: bool = False) -> Cell:
    return Cell(str(value) if value else "", Tone.WARN if alarming else Tone.NORMAL)


_CELLS: dict[str, Callable[[_SeatView], Cell]] = {
    "seat": lambda view: Cell(view.seat.name),
    "status": _status,
    "help": _help,
    "code": lambda view: Cell(grouped(view.seat.code)),
    "last": _last,
    "memory": _memory,
    "cpu": _cpu,
    "progress": _progress,
    "label": _label,
    "detail": _detail,
    "notebook": lambda view: Cell(one_line(view.seat.notebook), Tone.MUTED),
    "disk": _disk,
    "pids": lambda view: _count(view.seat.pids),
    "restarts": lambda view: _count(view.seat.restarts + view.seat.kernel_restarts),
    "browsers": lambda view: _count(view.seat.browsers, alarming=view.seat.browsers > 1),
    "link": lambda view: Cell(view.seat.link),
    "target": lambda view: Cell(short_target(view.seat.target), Tone.MUTED),
}


def grouped(code: str) -> str:
    """A code as it is read aloud and printed: `ABCD-EFGH`."""
    return f"{code[:4]}-{code[4:]}" if len(code) == 8 else code


def _ago(moment: datetime, now: datetime | None) -> str:
    return format_span(max(0.0, (now - moment).total_seconds())) if now is not None else ""


# Order

_TROUBLE = (
    SeatState.FAILED, SeatState.LOST, SeatState.STOPPED, SeatState.PAUSED, SeatState.REMOVING, SeatState.CREATING,
    SeatState.STARTING, SeatState.QUEUED,
)  # fmt: skip
_WORRY = (
    Activity.CRASHED, Activity.OUT_OF_MEMORY, Activity.PROCESS_LIMIT, Activity.DISCONNECTED, Activity.IDLE,
    Activity.RUNNING, Activity.OPEN, Activity.NEVER_OPENED, Activity.UNKNOWN,
)  # fmt: skip

SortKey = Callable[[Seat], tuple[float, ...]]

SORT_KEYS: dict[str, SortKey] = {
    "seat": lambda seat: (seat.number,),
    "status": lambda seat: (*_severity(seat), seat.number),
    "last": lambda seat: (seat.last_active.timestamp() if seat.last_active else float("inf"), seat.number),
    "memory": lambda seat: (-_share(seat), seat.number),
    "cpu": lambda seat: (-(seat.cpu_percent or 0.0), seat.number),
    "help": lambda seat: (seat.help_since.timestamp() if seat.help_since else float("inf"), seat.number),
}
"""The natural order of each column: trouble, the longest silence and the fullest memory come first."""


def sorted_seats(seats: Iterable[Seat], key: str = "seat", *, downwards: bool = False) -> tuple[Seat, ...]:
    """The seats by a key of `SORT_KEYS`, or turned round."""
    return tuple(sorted(seats, key=SORT_KEYS[key], reverse=downwards))


def help_queue(seats: Iterable[Seat]) -> tuple[Seat, ...]:
    """Seats that asked for help, the longest wait first."""
    return tuple(seat for seat in sorted_seats(seats, "help") if seat.help_since is not None)


def _severity(seat: Seat) -> tuple[float, ...]:
    if seat.state is not SeatState.READY:
        place = _TROUBLE.index(seat.state)
        return (0.0 if seat.state in (SeatState.FAILED, SeatState.LOST) else 2.0, float(place))
    bad = seat.activity in (Activity.CRASHED, Activity.OUT_OF_MEMORY, Activity.PROCESS_LIMIT)
    return (0.5 if bad else 1.0 if seat.help_since else 3.0, float(_WORRY.index(seat.activity)))


def _share(seat: Seat) -> float:
    used = seat.memory_bytes or 0
    return used / seat.memory_limit if seat.memory_limit else used / 2**50


# Filter


@dataclass(frozen=True, slots=True)
class Filter:
    """Part of a row's text, in any case; turned round by a leading `!`."""

    text: str = ""
    inverse: bool = False

    def __bool__(self) -> bool:
        return bool(self.text)

    def matches(self, cells: Iterable[Cell]) -> bool:
        """Whether a row is shown; every column counts, hidden ones too."""
        if not self.text:
            return True
        found = any(self.text in cell.text.casefold() for cell in cells)
        return found is not self.inverse


def parse_filter(text: str) -> Filter:
    """`idle`, `!ready`; only `!` filters nothing yet."""
    text = text.strip().casefold()
    return Filter(text.removeprefix("!").strip(), text.startswith("!"))


def filtered(seats: Sequence[Seat], wanted: Filter, *, now: datetime | None = None) -> tuple[Seat, ...]:
    """The seats whose row matches; a code also matches as it is typed, without its dash."""
    columns = seat_columns(seats) if wanted else ()
    return tuple(
        seat
        for seat in seats
        if wanted.matches(
            (*seat_cells(seat, columns, now=now), Cell(seat.code), Cell(SPARE.word if seat.spare else ""))
        )
    )


# The line above


def header(snapshot: Snapshot, *, shown: int | None = None, now: datetime | None = None) -> tuple[str, ...]:
    """What a classroom's header says, most important first: a narrow one leaves the last away.

    Args:
        shown: how many seats the filter shows, when there is one.
    """
    seats = snapshot.seats
    parts = [f"{snapshot.ready} of {len(seats)} ready", f"{snapshot.claimed} claimed"]
    if shown is not None:
        parts.insert(0, f"{shown} of {len(seats)} shown")
    asking = sum(seat.help_since is not None for seat in seats)
    failed = sum(seat.state in (SeatState.FAILED, SeatState.LOST) for seat in seats)
    if failed:
        parts.insert(1, f"{failed} failed")
    if asking:
        parts.append(f"{asking} asking for help" if asking > 1 else "1 asks for help")
    if snapshot.break_until is not None and now is not None and snapshot.break_until > now:
        parts.append(f"break for {format_span(snapshot.break_until - now)} more")
    if snapshot.waiting:
        parts.append(f"{snapshot.waiting} waiting")
    if snapshot.tunnel is TunnelState.OPEN:
        parts.append("tunnel open")
    elif snapshot.tunnel:
        parts.insert(1, f"tunnel {snapshot.tunnel}")
    if snapshot.ends is not None and now is not None:
        left = (snapshot.ends - now).total_seconds()
        parts.append(f"ends in {format_span(left)}" if left > 0 else f"ended {format_span(-left)} ago")
    return tuple(parts)
