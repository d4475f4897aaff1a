"""Seats' links as text, CSV and Markdown: what an instructor sends round. Labels are names, and stay here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from workshop.model.seat import Seat
from workshop.present.rows import grouped


def handed_out(seats: Iterable[Seat], *, spares: bool = False) -> tuple[Seat, ...]:
    """The seats that belong on a sheet: spares are kept back, unless they are asked for or somebody has them."""
    return tuple(seat for seat in seats if spares or not seat.spare or seat.claimed)


def links_text(seats: Sequence[Seat], join: str) -> str:
    """The room's address, then a line for each seat: number, code, link."""
    lines = [f"Join: {join}", ""]
    lines += [f"{seat.name}  {grouped(seat.code)}  {seat.link}{'  (spare)' if seat.spare else ''}" for seat in seats]
    return "\n".join(lines).rstrip() + "\n"


def links_csv(seats: Sequence[Seat]) -> str:
    """`seat,code,link` with a heading, lines ended as RFC 4180 says. None of the values can be taken for a formula."""
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(("seat", "code", "link"))
    writer.writerows((seat.name, seat.code, seat.link) for seat in seats)
    return target.getvalue()


def links_markdown(seats: Sequence[Seat], join: str, *, title: str = "") -> str:
    """A table for a page or a chat."""
    lines = [f"# {_plain(title)}", ""] if title else []
    lines += [f"Join: <{join}>", "", "| Seat | Code | Link |", "| ---: | --- | --- |"]
    lines += [f"| {seat.name} | `{grouped(seat.code)}` | <{seat.link}> |" for seat in seats]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text without meaning for Markdown, on one line."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|!" else sign for sign in " ".join(text.split()))
