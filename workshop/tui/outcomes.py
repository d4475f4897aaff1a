"""How long work ended, in words: one sentence, and what is not as it should be."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from workshop.model.amounts import counted, format_size, format_span
from workshop.model.image import Image
from workshop.model.snapshot import Removal
from workshop.present.removal import removal_sentence, survivor_lines
from workshop.service import DownReport, UpReport
from workshop.service.reports import CollectReport, PushReport, RehearsalReport
from workshop.tui.jobs import Job
from workshop.tui.places import shown


def result_sentence(job: Job, now: datetime) -> str:
    """What came of it."""
    match job.result:
        case Image() as image:
            how = "was there already" if image.cached else f"built in {format_span(image.seconds)}"
            size = f", {format_size(image.size_bytes)}" if image.size_bytes else ""
            return f"{image.reference} {how}{size}"
        case Path() as file:
            return f"{job.subject} is in {file}, {format_size(file.stat().st_size)}"
        case (Image() as image, *_):
            how = "was here already" if image.cached else "is here now"
            return f"{image.reference} {how}, {format_size(image.size_bytes)}"
        case UpReport() as report:
            return _up(report)
        case DownReport() as report:
            where = f" The work is in {shown(Path(report.collected))}." if report.collected else ""
            told = f" The report is in {shown(report.report)}." if report.report else ""
            return f"{removal_sentence(report.removal)}{where}{told}"
        case Removal() as removal:
            return removal_sentence(removal)
        case RehearsalReport() as report:
            return _rehearsal(report)
        case CollectReport() as report:
            done = len(report.seats) - len(report.failed)
            return f"The work of {counted(done, 'seat')} is in {shown(report.folder)}"
        case PushReport() as report:
            return report.sentence
        case _:
            return f"Done in {format_span(job.seconds(now))}"


def troubles_of(result: object) -> tuple[str, ...]:
    """What is not as it should be, a line each: survivors, failed seats, failed notebooks."""
    match result:
        case DownReport() as report:
            return survivor_lines(report.removal)
        case Removal() as removal:
            return survivor_lines(removal)
        case CollectReport() as report:
            return tuple(f"seat {seat.number:02d}: {seat.error}" for seat in report.failed)
        case PushReport() as report:
            return tuple(f"seat {seat.number:02d}: {seat.error}" for seat in report.failed)
        case RehearsalReport() as report:
            broken = [notebook for notebook in report.notebooks if not notebook.ok]
            lines = [
                " ".join(filter(None, (f"{notebook.notebook}: {notebook.reason}.", notebook.advice)))
                for notebook in broken
            ]
            return (*lines, *report.failed_seats)
        case UpReport() as report:
            return tuple(f"seat {seat.number:02d}: {seat.detail}" for seat in report.failed)
        case _:
            return ()


def _up(report: UpReport) -> str:
    there, failed = len(report.snapshot.seats), len(report.failed)
    first = report.first_ready_seconds
    after = f", the first after {format_span(first)}" if first is not None else ""
    if failed:
        numbers = ", ".join(f"{seat.number:02d}" for seat in report.failed)
        return f"{there - failed} of {there} seats ready; not {numbers}"
    return f"All {there} seats ready in {format_span(report.seconds)}{after}"


def _rehearsal(report: RehearsalReport) -> str:
    good = sum(notebook.ok for notebook in report.notebooks)
    memory = ""
    if report.peak_memory_bytes:
        memory = f"; peak {format_size(report.peak_memory_bytes)} of {format_size(report.memory_limit)}"
        memory += f", {format_size(report.proposed_memory)} proposed" if report.proposed_memory else ""
    return f"{good} of {counted(len(report.notebooks), 'notebook')} run through{memory}. {report.fits.sentence}"
