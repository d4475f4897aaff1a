"""The service: every verb, once, for both front ends.

Each verb lives in a module of its own beside this one, which is imported when the verb is used: a call of the command
line waits for its own verb alone.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from workshop.core.cost import Cost
from workshop.errors import RuntimeUnreachable
from workshop.model.classroom import Classroom
from workshop.model.happening import Happening
from workshop.model.image import Image
from workshop.model.palette import Palette
from workshop.model.snapshot import ClassroomSummary, Removal, Snapshot
from workshop.ports.build import Report, ignore_events
from workshop.present.printing import Printing
from workshop.service.handouts import HandoutKind
from workshop.service.reports import (
    ActReport,
    AddressReport,
    CheckReport,
    ClassHistory,
    CollectReport,
    DownReport,
    Finding,
    PushReport,
    PushSource,
    RehearsalReport,
    SeatSnapshot,
    TeardownPlan,
    UpPlan,
    UpReport,
    UpRequest,
    Visit,
    Workshop,
    WorkshopEntry,
    WrittenReport,
)
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)


class Service:
    """What front ends call. Safe to use from one event loop; close it with `aclose`.

    Args:
        flags: settings given on the command line, by setting name (`runtime`, `address`, `state_dir`, …).
        on_notice: takes a sentence about something that was mended on the way (a damaged state database, say).
        wiring: the parts below, ready made; for tests and for programs that bring their own.
    """

    def __init__(
        self,
        flags: Mapping[str, str] | None = None,
        *,
        wiring: Wiring | None = None,
        on_notice: Callable[[str], None] = log.warning,
    ) -> None:
        self._wiring = wiring or Wiring.from_settings(flags or {}, on_notice=on_notice)

    @property
    def wiring(self) -> Wiring:
        return self._wiring

    # Workshops

    def workshops(self) -> tuple[WorkshopEntry, ...]:
        """Workshops used before, newest first, then the bundled samples."""
        from workshop.service import finding

        return finding.known_workshops(self._wiring)

    async def load(self, file: str) -> Workshop:
        """The workshop that `file` names: a `workshop.yaml`, a folder, a Git URL or a mybinder.org link.

        Raises:
            DefinitionError: with every problem of the definition in `details`.
        """
        from workshop.service import finding

        return await finding.load(self._wiring, file)

    async def check(
        self, file: str, *, seats: int | None = None, runtime: str = "", report: Report = ignore_events
    ) -> CheckReport:
        """Every problem of the definition; what was detected; whether the seats fit. Builds nothing."""
        from workshop.service import checking

        return await checking.check(self._wiring, file, seats=seats, runtime=runtime, report=report)

    async def build(
        self, file: str, *, runtime: str = "", no_cache: bool = False, report: Report = ignore_events
    ) -> Image:
        """Resolve the commit, then build or reuse its image."""
        from workshop.service import building

        return await building.build(self._wiring, file, runtime=runtime, no_cache=no_cache, report=report)

    async def newer_commit(self, file: str) -> str:
        """The commit that the workshop's repository has moved to since its image was built; empty for none."""
        from workshop.service import building

        return await building.newer_commit(self._wiring, file)

    async def rehearse(
        self,
        file: str,
        *,
        seats: int = 1,
        runtime: str = "",
        machine_memory: int | None = None,
        report: Report = ignore_events,
    ) -> RehearsalReport:
        """Run the workshop's notebooks in seats of a classroom that is removed again, whatever happens.

        Args:
            seats: how many run them at once.
            machine_memory: bytes of another machine, for the question how many seats fit there.
        """
        from workshop.service import rehearsing

        return await rehearsing.rehearse(
            self._wiring, file, seats=seats, runtime=runtime, machine_memory=machine_memory, report=report
        )

    # Classrooms

    async def plan(self, request: UpRequest, *, report: Report = ignore_events) -> UpPlan:
        """What `up` would make; makes nothing."""
        from workshop.service import planning

        return await planning.plan(self._wiring, request, report=report)

    def decide_end(self, *, by_itself: bool) -> None:
        """Whether classes are collected and removed by their gateway at the end; kept as the setting `at_end`.

        Raises:
            SettingError: the configuration file cannot be written.
        """
        from workshop.service import at_end

        at_end.decide(self._wiring, by_itself=by_itself)

    async def up(self, request: UpRequest, *, report: Report = ignore_events) -> UpReport:
        """Build, open the gateway, make the seats that are missing. Safe to call again at any time."""
        from workshop.service import opening

        return await opening.up(self._wiring, request, report=report)

    async def add(self, name: str, count: int, *, report: Report = ignore_events) -> UpReport:
        """Make more seats; an earlier `add` that was interrupted is finished, not repeated."""
        from workshop.service import opening

        return await opening.add(self._wiring, name, count, report=report)

    async def classrooms(self) -> tuple[ClassroomSummary, ...]:
        """Every classroom on every runtime that answers, found by labels; rehearsals under way are left out."""
        from workshop.service import rehearsal_rooms
        from workshop.service.spread import whole

        found = await whole.summaries(self._wiring)
        return tuple(summary for summary in found if not rehearsal_rooms.is_under_way(self._wiring, summary.name))

    def unreachable(self) -> tuple[str, ...]:
        """What the last `classrooms` could not ask, a sentence each."""
        from workshop.service import rooms

        return rooms.unreachable(self._wiring)

    def asked_in_vain(self) -> RuntimeUnreachable | None:
        """Why the runtime that was asked for could not be searched by the last `classrooms`; None when it was."""
        from workshop.service import rooms

        return rooms.asked_in_vain(self._wiring)

    async def classroom(self, name: str) -> Classroom:
        """
        Raises:
            UnknownClassroom: no classroom of that name, with the names there are in the hint.
        """
        from workshop.service.spread import whole

        return (await whole.whole(self._wiring, name)).classroom

    async def status(self, name: str) -> Snapshot:
        """The classroom now: from its gateway, or from the engine when the gateway is gone."""
        from workshop.service.spread import watching as joint_watching

        return await joint_watching.status(self._wiring, name)

    def watch(self, name: str) -> AsyncIterator[Snapshot]:
        """Snapshots as things change, `stale` while the gateway is lost; ends when the classroom is gone."""
        from workshop.service.spread import watching as joint_watching

        return joint_watching.watch(self._wiring, name)

    # The way in

    async def addresses(self, name: str = "") -> AddressReport:
        """This machine's addresses, and which of them a classroom's links name."""
        from workshop.service import addressing

        return await addressing.addresses_of(self._wiring, name)

    async def move_door(
        self, name: str, address: str, *, port: int | None = None, allow_public: bool = False
    ) -> AddressReport:
        """Let students in at another address of this machine: every link and code is issued anew for it."""
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.move_door(self._wiring, name, address, port=port, allow_public=allow_public)

    # Acts on seats

    async def restart(self, name: str, seats: Sequence[int], *, report: Report = ignore_events) -> ActReport:
        """Stop and start; files, link and code stay."""
        from workshop.service import acts
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.on_seats(self._wiring, name, seats, partial(acts.restart, report=report))

    async def reset(self, name: str, seats: Sequence[int], *, report: Report = ignore_events) -> ActReport:
        """Fresh seats under the same links; the files are archived first."""
        from workshop.service import acts
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.on_seats(self._wiring, name, seats, partial(acts.reset, report=report))

    async def move(self, name: str, seats: Sequence[int], *, report: Report = ignore_events) -> ActReport:
        """New seats under the same numbers, links and codes, with the participants' own files."""
        from workshop.service import moving
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.on_seats(self._wiring, name, seats, partial(moving.move, report=report))

    async def snapshots(self, name: str, seats: Sequence[int] | None = None) -> tuple[SeatSnapshot, ...]:
        """The copies that the gateway has taken of participants' files, by seat, oldest first."""
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.list_snapshots(self._wiring, name, seats)

    async def restore(
        self, name: str, seats: Sequence[int], *, snapshot: str = "", report: Report = ignore_events
    ) -> ActReport:
        """Put files of a snapshot (its id; the latest by default) back; what is there now is archived first."""
        from workshop.service import snapshots
        from workshop.service.spread import acts as joint_acts

        restore = partial(snapshots.restore, snapshot=snapshot, report=report)
        return await joint_acts.on_seats(self._wiring, name, seats, restore)

    async def act(
        self, name: str, verb: str, seats: Sequence[int] = (), *, report: Report = ignore_events, **arguments: Any
    ) -> ActReport:
        """`pause`, `resume`, `free`, `label` (text), `memory` (bytes), `help-done`, … on each of the seats."""
        from workshop.service import acts
        from workshop.service.spread import acts as joint_acts

        act = partial(acts.act, verb=verb, arguments=arguments, report=report)
        return await joint_acts.on_seats(self._wiring, name, seats, act)

    async def logs(self, name: str, seat: int, *, tail: int = 200) -> str:
        from workshop.service import acts
        from workshop.service.spread import acts as joint_acts

        room = await joint_acts.room_of(self._wiring, name, seat)
        return await acts.logs(self._wiring, room, seat, tail=tail)

    async def shell_command(self, name: str, seat: int) -> tuple[str, ...]:
        """What to run in this terminal for a shell in the seat."""
        from workshop.service import acts
        from workshop.service.spread import acts as joint_acts

        return await acts.shell_command(self._wiring, await joint_acts.room_of(self._wiring, name, seat), seat)

    async def visit(self, name: str, seat: int) -> Visit:
        """A link into the seat for the instructor: nothing is claimed, and the participant sees who is there."""
        from workshop.service import visiting
        from workshop.service.spread import acts as joint_acts

        return await visiting.visit(self._wiring, await joint_acts.room_of(self._wiring, name, seat), seat)

    async def extend(self, name: str, span: timedelta) -> datetime:
        """Move the end of the class; the new end."""
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.extend(self._wiring, name, span)

    async def break_(self, name: str, span: timedelta | None) -> datetime | None:
        """A break of this length from now on, in which nobody counts as idle; None ends it. When it ends."""
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.break_(self._wiring, name, span)

    async def history(self, name: str) -> ClassHistory:
        """The class over time: joined, active, memory; a sample each half minute."""
        from workshop.service.spread import watching as joint_watching

        return await joint_watching.history(self._wiring, name)

    async def events(self, name: str) -> tuple[Happening, ...]:
        """What happened in the class so far, oldest first: seats and counts, no names."""
        from workshop.service.spread import watching as joint_watching

        return await joint_watching.events(self._wiring, name)

    async def say(self, name: str, text: str) -> None:
        """A message on every seat page."""
        from workshop.service.spread import acts as joint_acts

        await joint_acts.say(self._wiring, name, text)

    async def push_plan(
        self,
        name: str,
        source: PushSource,
        *,
        seats: Sequence[int] | None = None,
        report: Report = ignore_events,
    ) -> PushReport:
        """What `push` would do in each seat; writes nothing."""
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.push(self._wiring, name, source, seats=seats, planned=True, report=report)

    async def push(
        self,
        name: str,
        source: PushSource,
        *,
        seats: Sequence[int] | None = None,
        report: Report = ignore_events,
    ) -> PushReport:
        """Replace untouched copies, put the new file beside changed ones; seats that are down get it later."""
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.push(self._wiring, name, source, seats=seats, planned=False, report=report)

    @property
    def printing(self) -> Printing:
        """Paper and language of cards, from the settings."""
        return Printing(self._wiring.config.paper, self._wiring.config.cards_language)

    async def write_handouts(
        self, name: str, folder: Path, kinds: Collection[HandoutKind], palette: Palette, *, spares: bool = False
    ) -> tuple[Path, ...]:
        """Cards, tables of links and QR codes of a class, into `folder`; what was written."""
        from workshop.service import handouts

        return await handouts.write_handouts(
            folder, await self.status(name), kinds, palette, spares=spares, printing=self.printing
        )

    async def cost(self, name: str) -> Cost:
        """What the class costs an hour, so far and at its end, and what share of the machine it may take."""
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.cost_of(self._wiring, name)

    # The end

    async def report(self, name: str) -> WrittenReport:
        """Write the class's report as it stands now; `down` writes the last one."""
        from workshop.service.spread import closing as joint_closing

        return await joint_closing.report(self._wiring, name)

    async def teardown_plan(self, name: str) -> TeardownPlan:
        """Everything `down` would remove, and which claimed seats have work that was not collected."""
        from workshop.service.spread import closing as joint_closing

        return await joint_closing.teardown_plan(self._wiring, name)

    def collect_folder(self, classroom: Classroom) -> Path:
        """Where `collect` puts the work when no folder is named: the same for every collection of one class."""
        from workshop.service import collecting

        return collecting.default_folder(self._wiring, classroom)

    async def collect(
        self,
        name: str,
        *,
        to: Path | None = None,
        seats: Sequence[int] | None = None,
        everything: bool = False,
        report: Report = ignore_events,
    ) -> CollectReport:
        """An archive for each seat that was used (or for `seats`) and a manifest, in `to` or the class's own folder.

        Only what differs from the image, unless `everything`. Safe to call again: it goes on where it stopped.
        """
        from workshop.service.spread import acts as joint_acts

        return await joint_acts.collect(self._wiring, name, to=to, seats=seats, everything=everything, report=report)

    async def down(
        self, name: str, *, collect_to: Path | None = None, discard: bool = False, report: Report = ignore_events
    ) -> DownReport:
        """Remove everything of a classroom, then look again. Safe to call again at any time."""
        from workshop.service.spread import closing as joint_closing

        return await joint_closing.down(self._wiring, name, collect_to=collect_to, discard=discard, report=report)

    async def cleanup_plan(self, *, everything: bool = False) -> tuple[ClassroomSummary, ...]:
        """Classrooms past their end or without a gateway; with `everything`, all of them."""
        from workshop.service import cleaning

        return await cleaning.cleanup_plan(self._wiring, everything=everything)

    async def cleanup(
        self,
        *,
        everything: bool = False,
        discard: bool = False,
        agreed: Collection[str] | None = None,
        report: Report = ignore_events,
    ) -> Removal:
        """Remove what `cleanup_plan` names, and stray objects of ours, from labels alone.

        Args:
            discard: the work in seats is lost; else it is collected first.
            agreed: uids of the classrooms that somebody was shown and gave up; others stay. None for all.
        """
        from workshop.service import cleaning

        return await cleaning.cleanup(
            self._wiring, everything=everything, discard=discard, agreed=agreed, report=report
        )

    # The house

    async def images(self, *, runtime: str = "") -> tuple[Image, ...]:
        from workshop.service import building

        return await building.images(self._wiring, runtime=runtime)

    async def prune_images(self, *, keep: int = 2, report: Report = ignore_events) -> Removal:
        """Remove our images beyond the newest `keep` of each workshop that nothing uses."""
        from workshop.service import building

        return await building.prune(self._wiring, keep=keep, report=report)

    async def find_image(self, wanted: str) -> Image:
        """The image that a name, a digest (or its beginning) or a workshop's name stands for.

        Raises:
            UsageError: none, or several, are called so.
        """
        from workshop.service import carrying

        return await carrying.find_image(self._wiring, wanted)

    def export_file(self, image: Image, to: Path) -> Path:
        """The file that `export_image` would write: `to`, or in that folder one named after the image."""
        from workshop.service import carrying

        return carrying.file_for(image, to)

    async def export_image(self, image: Image, to: Path, *, report: Report = ignore_events) -> Path:
        """Write an image into a file (`.gz`: compressed) or, named after it, into a folder; where that is."""
        from workshop.service import carrying

        return await carrying.export(self._wiring, image, to, report=report)

    async def import_images(self, file: Path, *, report: Report = ignore_events) -> tuple[Image, ...]:
        """Load what `export_image` wrote, proven whole; `cached` where it was there already."""
        from workshop.service import carrying

        return await carrying.import_file(self._wiring, file, report=report)

    async def doctor(self, file: str = "") -> tuple[Finding, ...]:
        """What is there and what is missing on this machine, and for the workshop that `file` names."""
        from workshop.service import checking

        return await checking.doctor(self._wiring, file)

    async def roles(self, file: str = "") -> tuple[Mapping[str, Any], ...]:
        """What an administrator of the cluster has to give this user, as manifests: for the workshop that `file`
        names, or for any on the cluster of the settings."""
        from workshop.service import checking

        return await checking.roles(self._wiring, file)

    async def aclose(self) -> None:
        await self._wiring.aclose()
