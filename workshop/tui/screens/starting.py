"""How long work is begun from several screens: each makes a job of the app and shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workshop.model.amounts import counted
from workshop.model.image import Image
from workshop.service import PushSource, UpRequest
from workshop.tui.jobs import Job, JobKind, Report

if TYPE_CHECKING:
    from workshop.tui.app import WorkshopApp


def show_job(app: WorkshopApp, job: Job) -> None:
    from workshop.tui.screens.job import JobScreen

    app.push_screen(JobScreen(job))


def begin_build(app: WorkshopApp, file: str, title: str, *, runtime: str = "") -> Job:
    """Build a workshop's image, and show it being built."""

    async def work(report: Report) -> object:
        return await app.service.build(file, runtime=runtime, report=report)

    job = app.start_job(JobKind.BUILD, f"Build {title}", title, work)
    show_job(app, job)
    return job


def begin_rehearsal(app: WorkshopApp, file: str, title: str) -> Job:
    """Run a workshop's notebooks in a seat that is removed again, and show how it goes."""

    async def work(report: Report) -> object:
        return await app.service.rehearse(file, report=report)

    job = app.start_job(JobKind.REHEARSE, f"Rehearse {title}", title, work)
    show_job(app, job)
    return job


def begin_export(app: WorkshopApp, image: Image, file: Path) -> Job:
    """Write an image into a file, and show how it goes."""

    async def work(report: Report) -> object:
        return await app.service.export_image(image, file, report=report)

    job = app.start_job(JobKind.CARRY, f"Export {image.reference}", image.reference, work)
    show_job(app, job)
    return job


def begin_import(app: WorkshopApp, file: Path) -> Job:
    """Load the images of a file, and show how it goes."""

    async def work(report: Report) -> object:
        return await app.service.import_images(file, report=report)

    job = app.start_job(JobKind.CARRY, f"Import {file.name}", str(file), work)
    show_job(app, job)
    return job


def begin_collect(app: WorkshopApp, room: str, folder: Path, seats: tuple[int, ...]) -> Job:
    """Collect the work of a class, or of some of its seats, and show how it goes."""

    async def work(report: Report) -> object:
        return await app.service.collect(room, to=folder, seats=seats or None, report=report)

    job = app.start_job(JobKind.COLLECT, f"Collect {room}", room, work)
    show_job(app, job)
    return job


def begin_push(app: WorkshopApp, room: str, source: PushSource, seats: tuple[int, ...]) -> Job:
    """Hand files out to a class, or to some of its seats, and show how it goes."""

    async def work(report: Report) -> object:
        return await app.service.push(room, source, seats=seats or None, report=report)

    job = app.start_job(JobKind.PUSH, f"Hand out to {room}", room, work)
    show_job(app, job)
    return job


def begin_up(app: WorkshopApp, request: UpRequest, name: str) -> Job:
    """Open a classroom, and show it coming up."""

    async def work(report: Report) -> object:
        return await app.service.up(request, report=report)

    job = app.start_job(JobKind.UP, f"Open {name}", name, work)
    show_job(app, job)
    return job


def begin_add(app: WorkshopApp, room: str, count: int) -> Job:
    """Make more seats; the class screen stays, its table shows them coming."""

    async def work(report: Report) -> object:
        return await app.service.add(room, count, report=report)

    return app.start_job(JobKind.ADD, f"Add {counted(count, 'seat')} to {room}", room, work)
