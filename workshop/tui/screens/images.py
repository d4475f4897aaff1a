"""The images on this machine: ours alone, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual.content import Content
from textual.widget import Widget

from workshop.actions import Scope
from workshop.model.amounts import counted, format_size
from workshop.model.image import Image
from workshop.present.columns import Cell, Column
from workshop.present.words import Tone
from workshop.tui.bindings import bindings_for
from workshop.tui.jobs import Job, JobKind, Report
from workshop.tui.moments import ago
from workshop.tui.screens.ask import AskDialog
from workshop.tui.screens.base import BaseScreen
from workshop.tui.screens.confirm import ConfirmDialog
from workshop.tui.screens.starting import begin_export, begin_import
from workshop.tui.widgets.row_table import RowTable
from workshop.tui.widgets.text import Text

KEEP = 2
COLUMNS = (
    Column("image", "Image", 40, grow=True),
    Column("size", "Size", 9, right=True),
    Column("shared", "Shared", 9, right=True, priority=2),
    Column("created", "Built", 12, priority=3),
    Column("used", "Last class", 12, priority=1),
    Column("runtime", "Runtime", 10, priority=4),
)


def _no_such_file(text: str) -> str:
    path = Path(text.strip()).expanduser()
    return "" if text.strip() and path.is_file() else "There is no such file."


class ImagesScreen(BaseScreen[None]):
    """What is kept and what pruning would take."""

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.IMAGES,)
    BINDINGS: ClassVar = bindings_for(Scope.IMAGES)

    def __init__(self) -> None:
        super().__init__()
        self._images: dict[str, Image] | None = None

    def crumbs(self) -> tuple[str, ...]:
        return ("images",)

    def body(self) -> Iterator[Widget]:
        yield Text("Asking for images…", id="images-head", classes="empty")
        table = RowTable(COLUMNS)
        table.add_class("first-focus")
        yield table

    def on_mount(self) -> None:
        self.work("Listing images", self._read, group="images")

    def job_changed(self, job: Job) -> None:
        if not job.running:
            self.work("Listing images", self._read, group="images")

    async def _read(self) -> None:
        images = await self.workshop.service.images()
        self._images = {f"{image.runtime}/{image.digest}": image for image in images}
        self.query_one(RowTable).set_rows([(key, self._cells(image)) for key, image in self._images.items()])
        total = sum(image.size_bytes for image in images)
        text = f"{counted(len(images), 'image')}, {format_size(total)} where what they share counts each time"
        head = text if images else "None was built yet. Choose a workshop and press b."
        self.query_one("#images-head", Text).say(Content.styled(head, "$text-muted"))
        self.refresh_bindings()

    def _cells(self, image: Image) -> tuple[Cell, ...]:
        now = self.workshop.now()
        created = ago(now - image.created) if image.created else ""
        used = ago(now - image.last_used) if image.last_used else "never"
        return (
            Cell(image.reference),
            Cell(format_size(image.size_bytes) if image.size_bytes else ""),
            Cell(format_size(image.shared_bytes) if image.shared_bytes else "", Tone.MUTED),
            Cell(created, Tone.MUTED),
            Cell(used, Tone.MUTED),
            Cell(image.runtime, Tone.MUTED),
        )

    def blocked(self, action_id: str) -> str:
        if action_id in ("images.copy", "images.prune", "images.export") and not self._images:
            return "there are no images."
        return ""

    def do_images_export(self) -> None:
        self.work("Exporting", self._export)

    async def _export(self) -> None:
        key = self.query_one(RowTable).cursor_key
        if not self._images or key is None:
            return
        image, service = self._images[key], self.workshop.service
        given = await self.app.push_screen_wait(
            AskDialog(
                f"Write {image.reference} into",
                "A file for another machine. With .gz at its end it is about a third of the size, and takes longer.",
                value=str(service.export_file(image, Path.home())),
                check=lambda text: "" if text.strip() else "A file is needed.",
            )
        )
        if given is None:
            return
        file = service.export_file(image, Path(given.strip()).expanduser().absolute())
        if file.exists() and not await self.app.push_screen_wait(
            ConfirmDialog(f"Replace {file.name}?", [f"{file} is there already."], "Replace")
        ):
            return
        begin_export(self.workshop, image, file)

    def do_images_import(self) -> None:
        self.work("Importing", self._import)

    async def _import(self) -> None:
        given = await self.app.push_screen_wait(
            AskDialog(
                "Load an image from",
                "A file that was exported. It is checked first; no network is needed.",
                placeholder="/media/stick/python-basics-3f2a1b9-9c8d7e6f.tar",
                check=_no_such_file,
            )
        )
        if given is not None:
            begin_import(self.workshop, Path(given.strip()).expanduser().absolute())

    async def do_images_copy(self) -> None:
        key = self.query_one(RowTable).cursor_key
        if self._images and key:
            await self.workshop.copy(self._images[key].digest, "the digest")

    def do_images_prune(self) -> None:
        self.work("Removing images", self._prune)

    async def _prune(self) -> None:
        lines = [f"The {KEEP} newest of each workshop and those in use stay. Nothing of others is touched."]
        if not await self.app.push_screen_wait(ConfirmDialog("Remove old images?", lines, "Remove")):
            return
        service = self.workshop.service

        async def work(report: Report) -> object:
            return await service.prune_images(keep=KEEP, report=report)

        self.workshop.start_job(JobKind.CLEANUP, "Remove old images", "images", work)
