"""A classroom as the process that holds its gateway sees it: facts in, snapshots out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from workshop.core.incidents import Incident, incidents
from workshop.core.launch import seat_command
from workshop.core.reduce import RoomFacts, reduce, snapshot, state_of
from workshop.errors import RuntimeUnreachable, UsageError, WorkshopError
from workshop.model import events
from workshop.model.class_rules import ClassRules
from workshop.model.classroom import Classroom
from workshop.model.parts import PARTS_OPTION
from workshop.model.seat import LABEL_LONGEST, SeatRecord, SeatState
from workshop.model.snapshot import Snapshot, TunnelState
from workshop.ports.room import Upstream
from workshop.ports.runtime import Runtime
from workshop.ports.store import Store
from workshop.service import noting

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Verb = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
SNAPSHOTS_APART = 0.2
"""Seconds between two snapshots sent to one reader, at least."""
USAGE_EVERY = 5.0
NOTES_EVERY = 20.0
PROBE_EVERY = 0.3
MESSAGES_KEPT = 20
LOST_PAUSES = (1.0, 2.0, 5.0, 10.0)
"""Seconds between tries to reach the engine again; the last one repeats."""


class Room:
    """The one keeper of a classroom's facts while its gateway runs. Implements `ports.room.RoomView`.

    Args:
        stop: called when the control socket asks the gateway to end.
    """

    def __init__(
        self,
        classroom: Classroom,
        runtime: Runtime,
        store: Store,
        *,
        clock: Clock,
        stop: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._store = store
        self._clock = clock
        self._stop = stop
        self._facts = RoomFacts(classroom)
        self._changed = asyncio.Event()
        self._listed = asyncio.Event()
        self._messages: tuple[str, ...] = ()
        self._stale = ""
        self._waiting = 0
        self.tunnel = TunnelState.NONE
        self._break_until: datetime | None = None
        self._noted: dict[int, tuple[object, ...]] = {}
        self._unwritten = False
        self._over = False
        self.verbs: dict[str, Verb] = {}
        """What the room's duties answer to beside the verbs of `act`."""
        self.rules = ClassRules.of(classroom)
        self._remember()

    # RoomView

    @property
    def classroom(self) -> Classroom:
        return self._facts.classroom

    def snapshot(self) -> Snapshot:
        picture = snapshot(self._facts, self._clock(), gateway=True)
        return replace(
            picture,
            stale=self._stale,
            messages=self._messages,
            waiting=self._waiting,
            tunnel=self.tunnel,
            break_until=self._break_until if self._break_until and self._break_until > self._clock() else None,
        )

    async def changes(self) -> AsyncIterator[Snapshot]:
        while True:
            changed = self._changed
            yield self.snapshot()
            await asyncio.sleep(SNAPSHOTS_APART)
            await changed.wait()

    def upstream(self, number: int) -> Upstream | None:
        seat = self._facts.seats.get(number)
        if seat is None or seat.record is None:
            return None
        command = seat_command(self.classroom, number)
        return Upstream(
            endpoint=seat.record.endpoint,
            token=command.token,
            strips_prefix=command.strips_prefix,
            ready=state_of(seat) is SeatState.READY and bool(seat.record.endpoint),
        )

    def work(self, number: int) -> AsyncGenerator[bytes, None]:
        from workshop.service.take_home import zipped  # when the first participant asks

        return zipped(self._runtime, self.classroom, number)

    def joinable(self) -> tuple[int, ...]:
        return tuple(
            number
            for number in sorted(self._facts.seats)
            if state_of(self._facts.seats[number]) in (SeatState.READY, SeatState.STARTING)
        )

    @property
    def ends(self) -> datetime | None:
        return self._facts.ends or self.classroom.ends

    @property
    def closing(self) -> bool:
        return self._over or self._store.room_state(self.classroom.uid).closing

    @property
    def facts(self) -> RoomFacts:
        return self._facts

    @property
    def runtime(self) -> Runtime:
        return self._runtime

    @property
    def store(self) -> Store:
        return self._store

    @property
    def clock(self) -> Clock:
        return self._clock

    def set_over(self, over: bool) -> None:
        """Close the door because the class's time has passed, or open it because the class was extended."""
        if over != self._over:
            self._over = over
            self._notify()

    def show_tunnel(self, state: TunnelState) -> None:
        """How the user's tunnel is."""
        if state is not self.tunnel:
            self.tunnel = state
            self._notify()

    def say(self, text: str) -> None:
        """A message on every seat page."""
        self._messages = (*self._messages, text)[-MESSAGES_KEPT:]
        self.keep(lambda: self._store.record(self.classroom.uid, "say", "a message to the class"))
        self._notify()

    def set_break(self, until: datetime | None) -> None:
        """Begin a break, move its end, or end it now."""
        now, uid = self._clock(), self.classroom.uid
        state = self._store.room_state(uid)
        running = state.break_since is not None and state.break_until is not None and state.break_until > now
        since = state.break_since if running and state.break_since is not None else now
        if until is None and not running:
            return
        self._store.set_room_state(uid, break_since=since, break_until=until)
        self._break_until = until
        self.keep(lambda: self._store.record(uid, "break", f"until {until.isoformat()}" if until else ""))
        self.report(events.BreakSet(since, until or now))
        self._notify()

    async def act(self, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        uid = self.classroom.uid
        match verb:
            case "refresh":
                if "wanted" in arguments:
                    self._store.set_room_state(uid, wanted=int(arguments["wanted"]), closing=False)
                self._remember()
                records = await self._runtime.seats(self.classroom)
                self.report(events.SeatsListed(records))
                answered = set(arguments.get("answered", ()))
                for record in records:
                    if record.number in answered and record.state is SeatState.STARTING:
                        self.report(events.SeatAnswered(record))
            case "extend":
                ends = (self.ends or self._clock()) + timedelta(seconds=float(arguments["seconds"]))
                self._store.set_room_state(uid, ends=ends)
                self._store.record(uid, "extend", f"ends {ends.isoformat()}")
                self.report(events.ClockSet(ends))
                return {"ends": ends.isoformat()}
            case "say":
                self.say(str(arguments["text"]))
            case "free":
                number = self._number(arguments)
                noting.free(self._store, uid, number)
                self.report(events.SeatFreed(number))
            case "label":
                number = self._number(arguments)
                self._store.note(uid, number, label=str(arguments["text"])[:LABEL_LONGEST])
                self.report(events.SeatLabelled(number, str(arguments["text"])[:LABEL_LONGEST]))
            case "help-done":
                number = self._number(arguments)
                self.keep(lambda: noting.helped(self._store, uid, number, self._clock()))
                self.report(events.HelpDone(number))
            case "stop":
                self._stop()
            case "waiting":
                self._waiting = int(arguments["count"])
                self._notify()
            case "break":
                until = arguments.get("until")
                self.set_break(datetime.fromisoformat(until) if until else None)
            case "parts":
                self._store.set_room_state(uid, parts=str(arguments["parts"]))
                self._remember()
                self._notify()
            case _ if verb in self.verbs:
                return await self.verbs[verb](arguments)
            case _:
                raise UsageError(
                    f"The gateway knows no {verb!r}.", hint="Its program may be older; `down` and `up` again."
                )
        return {}

    def _number(self, arguments: Mapping[str, Any]) -> int:
        number = int(arguments["seat"])
        if number not in self._facts.seats:
            raise UsageError(f"Classroom {self.classroom.name} has no seat {number:02d}.")
        return number

    # Facts

    def report(self, event: events.ClassEvent) -> None:
        """Take a fact in. Never blocks; whoever reads `changes` sees the result."""
        before = self._facts
        self._facts = reduce(before, event)
        note = partial(self._store.note, self.classroom.uid)
        match event:
            case events.HelpAsked(number, at):
                self.keep(lambda: note(number, help_since=at))
            case events.HelpDone(number):
                self.keep(lambda: note(number, help_since=None))
            case events.SeatLabelled(number, label):
                self.keep(lambda: note(number, label=label))
            case events.SeatVisited(number):
                words = (self.classroom.uid, "visit", "the instructor looked in")
                self.keep(lambda: self._store.record(*words, seat=number))
            case _:
                pass
        if found := incidents(before, self._facts):
            self.keep(lambda: self._record(found))
        if self._facts is not before:
            self._notify()

    def _record(self, found: Iterable[Incident]) -> None:
        for incident in found:
            self._store.record(self.classroom.uid, incident.kind, incident.text, seat=incident.seat)

    def keep(self, write: Callable[[], object]) -> bool:
        """Write to the state, if that is possible: a disk that is full costs a class its history, not the class."""
        try:
            write()
        except WorkshopError as error:
            if not self._unwritten:
                self._unwritten = True
                log.warning("what happens in %s is not written down: %s", self.classroom.name, error.message)
                self._warn_of_state(f"{error.message} The class goes on; what happens meanwhile is not kept.")
            return False
        if self._unwritten:
            self._unwritten = False
            self._warn_of_state("")
        return True

    def _warn_of_state(self, text: str) -> None:
        self._facts = reduce(self._facts, events.Warned("state", text))
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _remember(self) -> None:
        """Take over what the state database knows: claims, labels, the clock."""
        uid = self.classroom.uid
        state = self._store.room_state(uid)
        self._facts = replace(self._facts, ends=state.ends, wanted=state.wanted)
        if state.parts is not None and self.classroom.option(PARTS_OPTION):
            changed = self.classroom.with_options(**{PARTS_OPTION: state.parts})
            self._facts = replace(self._facts, classroom=changed)
        self._break_until = state.break_until
        if state.break_since is not None and state.break_until is not None:
            self._facts = reduce(self._facts, events.BreakSet(state.break_since, state.break_until))
        for claim in self._store.claims(uid):
            self._facts = reduce(self._facts, events.SeatClaimed(claim.number, claim.at))
        for number, note in self._store.notes(uid).items():
            seat = self._facts.seats.get(number)
            if seat is not None:
                seat = replace(
                    seat,
                    label=note.label,
                    first_seen=seat.first_seen or note.first_seen,
                    last_active=seat.last_active or note.last_active,
                    help_since=note.help_since,
                )
                self._facts = replace(self._facts, seats={**self._facts.seats, number: seat})

    # What runs as long as the classroom does

    async def run(self) -> None:
        """Watch the engine, probe seats that start, read usage, keep notes; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._probe())
            group.create_task(self._read_usage())
            group.create_task(self._keep_notes())

    async def _watch(self) -> None:
        failures = 0
        while True:
            try:
                async for event in self._runtime.watch(self.classroom):
                    self.report(event)
                    if isinstance(event, events.SeatsListed):
                        failures, self._stale = 0, ""
                        self._listed.set()
            except WorkshopError as error:
                log.warning("watching %s: %s", self.classroom.name, error.message)
                self._stale = error.message
                self._notify()
            await asyncio.sleep(LOST_PAUSES[min(failures, len(LOST_PAUSES) - 1)])
            failures += 1

    async def _probe(self) -> None:
        while True:
            starting = [
                seat.record
                for seat in self._facts.seats.values()
                if seat.record is not None and seat.record.endpoint and state_of(seat) is SeatState.STARTING
            ]
            await asyncio.gather(*(self._probe_one(record) for record in starting))
            await asyncio.sleep(PROBE_EVERY)

    async def _probe_one(self, record: SeatRecord) -> None:
        try:
            answers = await self._runtime.probe(self.classroom, record, seat_command(self.classroom, record.number))
        except RuntimeUnreachable as error:
            log.info("probing seat %s: %s", record.number, error.message)
            return
        if answers:
            self.report(events.SeatAnswered(record))

    async def _read_usage(self) -> None:
        while True:
            try:
                self.report(events.UsageRead(dict(await self._runtime.usage(self.classroom)), self._clock()))
            except WorkshopError as error:
                log.info("usage of %s: %s", self.classroom.name, error.message)
            await asyncio.sleep(USAGE_EVERY)

    async def _keep_notes(self) -> None:
        while True:
            await asyncio.sleep(NOTES_EVERY)
            self.write_notes()

    def write_notes(self) -> None:
        """Write what changed about the seats to the state database."""
        for number, seat in self._facts.seats.items():
            note = (seat.first_seen, seat.last_active)
            if self._noted.get(number) != note and any(note):
                seen = {"first_seen": seat.first_seen, "last_active": seat.last_active}
                if not self.keep(partial(self._store.note, self.classroom.uid, number, **seen)):
                    return
                self._noted[number] = note

    async def until_listed(self, *, timeout: float = 15) -> None:
        """Wait for the first list of seats, so that the gateway answers truthfully from its first request on."""
        try:
            async with asyncio.timeout(timeout):  # not `wait_for`: it may swallow a cancellation
                await self._listed.wait()
        except TimeoutError:
            log.warning("the seats of %s were not listed within %.0f s", self.classroom.name, timeout)
