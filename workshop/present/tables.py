"""Plain-text tables of the command line: no colour, nothing cut unless a width is given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from workshop.model.amounts import format_size, format_span
from workshop.model.happening import Happening
from workshop.model.image import Image
from workshop.model.parts import seat_span
from workshop.model.snapshot import ClassroomSummary, Snapshot
from workshop.present.cells import cell_width, fill, one_line
from workshop.present.columns import Column, fit_columns
from workshop.present.rows import header, help_queue, seat_cells, seat_columns, short_target

_SEAT_TABLE = ("seat", "target", "link", "status", "help", "last", "memory", "cpu", "progress", "label", "detail")
GAP = 2


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Lines with columns as wide as their widest text; columns that are empty throughout are left out.

    Args:
        right: which columns end at the same place instead of beginning there.
    """
    kept = [index for index in range(len(titles)) if not rows or any(row[index] for row in rows)]
    widths = {index: max(cell_width(text) for text in (titles[index], *(row[index] for row in rows))) for index in kept}
    lines = [
        (" " * GAP).join(fill(row[index], widths[index], right=index in right) for index in kept).rstrip()
        for row in (titles, *rows)
    ]
    return "\n".join(lines)


def seat_table(
    snapshot: Snapshot, *, width: int | None = None, now: datetime | None = None, ascii_only: bool = False
) -> str:
    """A line for each seat, spares last.

    Args:
        width: leave columns out until the lines fit; by default nothing is left out.
        now: for spans of time; when the picture was taken, by default.
        ascii_only: signs of states for terminals and fonts that know no others.
    """
    if not snapshot.seats:
        return "No seats."
    moment = now or snapshot.taken_at
    columns = seat_columns(snapshot.seats)

    def rows() -> list[list[str]]:
        cells = (seat_cells(seat, columns, now=moment, ascii_only=ascii_only) for seat in snapshot.seats)
        return [[cell.text for cell in line] for line in cells]

    if width is None:
        columns = tuple(sorted((c for c in columns if c.key in _SEAT_TABLE), key=lambda c: _SEAT_TABLE.index(c.key)))
        return table([c.title for c in columns], rows(), right=[i for i, c in enumerate(columns) if c.right])
    return _fitted(columns, rows(), width)


def _fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> str:
    places = fit_columns(columns, width)
    lines = [
        " ".join(fill(row[index], room, right=columns[index].right) for index, room in places).rstrip()
        for row in ([column.title for column in columns], *rows)
    ]
    return "\n".join(lines)


def summary_line(snapshot: Snapshot, *, now: datetime | None = None) -> str:
    """`python-basics on docker: 10 of 10 ready, 4 claimed, ends in 2 h 05 min`."""
    classroom = snapshot.classroom
    return f"{classroom.name} on {classroom.runtime}: {', '.join(header(snapshot, now=now or snapshot.taken_at))}"


def help_line(snapshot: Snapshot, *, now: datetime | None = None) -> str:
    """`Asking for help: 07 (4 min), 03 (12 s)`, the longest wait first; empty when nobody does."""
    moment = now or snapshot.taken_at
    asking = [
        f"{seat.name} ({format_span(max(timedelta(), moment - seat.help_since))})"
        for seat in help_queue(snapshot.seats)
        if seat.help_since is not None and moment is not None
    ]
    return f"Asking for help: {', '.join(asking)}" if asking else ""


def event_table(happened: Sequence[Happening]) -> str:
    """A line for each event, with the date where they are not all of one day."""
    days = {one.at.astimezone().date() for one in happened}
    clock = "%H:%M" if len(days) < 2 else "%Y-%m-%d %H:%M"
    rows = [
        [one.at.astimezone().strftime(clock), short_target(one.target), seat_span(one.seats), one_line(one.text)]
        for one in happened
    ]
    return table(["At", "Target", "Seats", "What"], rows)


def room_table(rooms: Sequence[ClassroomSummary], *, now: datetime | None = None) -> str:
    """A line for each classroom."""
    rows = [
        [
            room.name,
            one_line(room.workshop),
            room.runtime,
            f"{room.ready}/{room.seats}",
            when(room.ends, now),
            room.join,
            one_line(room.detail),
        ]
        for room in rooms
    ]
    return table(["Classroom", "Workshop", "Runtime", "Ready", "Ends", "Join", ""], rows, right=[3])


def when(moment: datetime | None, now: datetime | None = None) -> str:
    """A moment in this machine's zone: `17:00`, with the date where it is not today's; or how far away it is."""
    if moment is None:
        return "no end"
    local = moment.astimezone()
    if now is None:
        return local.strftime("%Y-%m-%d %H:%M")
    left = (moment - now).total_seconds()
    clock = local.strftime("%H:%M" if local.date() == now.astimezone().date() else "%Y-%m-%d %H:%M")
    return f"{clock} (in {format_span(left)})" if left > 0 else f"{clock} (past)"


def image_table(images: Sequence[Image]) -> str:
    """A line for each image, newest first as given."""
    rows = [
        [
            image.reference,
            one_line(image.workshop),
            image.runtime,
            format_size(image.size_bytes) if image.size_bytes else "",
            format_size(image.shared_bytes) if image.shared_bytes else "",
            image.created.astimezone().strftime("%Y-%m-%d %H:%M") if image.created else "",
            image.last_used.astimezone().strftime("%Y-%m-%d %H:%M") if image.last_used else "never",
        ]
        for image in images
    ]
    return table(["Image", "Workshop", "Runtime", "Size", "Shared", "Built", "Last class"], rows, right=[3, 4])
