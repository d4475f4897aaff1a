"""What every runtime promises (`ports.runtime.Runtime`), checked by one body on each."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.runtimes.worlds import SEAT_LABELS, World, server_command, until, until_ready
from workshop.errors import NameInUse, SeatFailed
from workshop.model.classroom import Classroom, encode_classroom
from workshop.model.events import SeatChanged, SeatGone, SeatsListed
from workshop.model.labels import CODE, GENERATION, SEAT, UID
from workshop.model.seat import SeatState
from workshop.ports.runtime import Runtime

# Classrooms


async def test_an_opened_classroom_is_found_by_a_fresh_instance_with_everything_it_was_made_of(
    world: World, runtime: Runtime, room: Classroom
) -> None:
    fresh = world.fresh()
    found = {found.uid: found for found in await fresh.classrooms()}
    assert found[room.uid] == room
    assert (found[room.uid].link(1), found[room.uid].token(2)) == (room.link(1), room.token(2))
    await fresh.aclose()


async def test_opening_the_same_classroom_again_adopts_what_its_labels_say(
    world: World, runtime: Runtime, room: Classroom
) -> None:
    again = await world.fresh().open(replace(room, commit="f" * 40, seats=9, options=()))
    assert again == room


async def test_a_name_that_is_in_use_by_another_classroom_is_refused_with_a_hint(
    world: World, runtime: Runtime, room: Classroom
) -> None:
    with pytest.raises(NameInUse) as raised:
        await runtime.open(world.classroom(room.name))
    assert room.name in raised.value.message
    assert raised.value.hint
    assert [found.uid for found in await runtime.classrooms() if found.name == room.name] == [room.uid]


async def test_of_two_that_open_one_name_at_once_one_wins(world: World, runtime: Runtime, unique_name: str) -> None:
    rivals = [world.classroom(unique_name) for _ in range(4)]
    results = await asyncio.gather(*(world.fresh().open(rival) for rival in rivals), return_exceptions=True)
    won = [result for result in results if isinstance(result, Classroom)]
    lost = [result for result in results if isinstance(result, NameInUse)]
    try:
        assert (len(won), len(lost)) == (1, 3), results
        assert [found.uid for found in await runtime.classrooms() if found.name == unique_name] == [won[0].uid]
    finally:
        for rival in rivals:
            await runtime.close(rival)


async def test_two_that_open_the_same_classroom_at_once_both_get_it(
    world: World, runtime: Runtime, unique_name: str
) -> None:
    classroom = world.classroom(unique_name)
    try:
        opened = await asyncio.gather(*(world.fresh().open(classroom) for _ in range(4)))
        assert len({encode_classroom(room) for room in opened}) == 1
    finally:
        await runtime.close(classroom)
    assert await world.leftovers(classroom) == []


# Seats


async def test_a_seat_becomes_ready_and_says_where_it_answers(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    record = await ready(1)
    assert record.number == 1
    assert record.endpoint.startswith("http://")
    assert (record.generation, record.restarts) == (1, 0)
    (listed,) = await runtime.seats(room)
    assert (listed.number, listed.object_id, listed.endpoint) == (1, record.object_id, record.endpoint)
    assert listed.state is SeatState.STARTING


async def test_a_seat_answers_its_own_token_alone(world: World, runtime: Runtime, room: Classroom, ready: Any) -> None:
    record = await ready(1)
    if world.name == "fake":
        pytest.skip("nothing listens in memory")
    assert not await runtime.probe(room, record, replace(server_command(room, 1), token=room.token(2)))


async def test_every_seat_carries_all_labels(world: World, runtime: Runtime, room: Classroom) -> None:
    for number in (1, 2):
        await runtime.create(room, number, server_command(room, number))
    found = sorted(await world.labels(room), key=lambda of: of[SEAT])
    assert [SEAT_LABELS - of.keys() for of in found] == [set(), set()]
    assert [(of[SEAT], of[CODE], of[UID]) for of in found] == [
        ("1", room.code(1), room.uid),
        ("2", room.code(2), room.uid),
    ]


async def test_creating_a_seat_again_makes_no_second_one(world: World, runtime: Runtime, room: Classroom) -> None:
    first = await runtime.create(room, 1, server_command(room, 1))
    second = await runtime.create(room, 1, server_command(room, 1))
    assert first.object_id == second.object_id
    assert len(await world.labels(room)) == 1


async def test_concurrent_creates_of_one_number_make_one_seat(world: World, room: Classroom) -> None:
    instances = [world.fresh() for _ in range(4)]
    records = await asyncio.gather(*(one.create(room, 1, server_command(room, 1)) for one in instances))
    assert len({record.object_id for record in records}) == 1
    assert len(await world.labels(room)) == 1
    await until_ready(instances[0], room, records[0])
    for one in instances:
        await one.aclose()


async def test_seats_are_found_in_the_order_of_their_numbers_by_a_fresh_instance(
    world: World, runtime: Runtime, room: Classroom
) -> None:
    for number in (3, 1, 2):
        await runtime.create(room, number, server_command(room, number))
    assert [record.number for record in await world.fresh().seats(room)] == [1, 2, 3]


async def test_a_stopped_seat_is_started_by_create_with_its_files(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    record = await ready(1)
    await runtime.run(room, 1, ("sh", "-c", "printf kept > note.txt"))
    await runtime.stop(room, 1)
    (stopped,) = await runtime.seats(room)
    assert (stopped.state, stopped.endpoint) == (SeatState.STOPPED, "")
    assert not await runtime.probe(room, record, server_command(room, 1))
    again = await ready(1)
    assert again.object_id == record.object_id
    assert (await runtime.run(room, 1, ("cat", "note.txt"))).stdout == b"kept"


async def test_a_seat_that_is_told_to_restart_is_never_taken_for_one_that_failed(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    watcher = world.fresh()
    restarting = asyncio.create_task(runtime.restart(room, 1))
    seen = set()
    while not (await asyncio.wait({restarting}, timeout=0.02))[0]:
        seen.update(record.state for record in await watcher.seats(room))
    await watcher.aclose()
    await restarting
    assert SeatState.FAILED not in seen


async def test_restart_keeps_the_files(world: World, runtime: Runtime, room: Classroom, ready: Any) -> None:
    before = await ready(1)
    await runtime.run(room, 1, ("sh", "-c", "printf kept > note.txt"))
    record = await runtime.restart(room, 1)
    await until_ready(runtime, room, record)
    assert record.object_id == before.object_id
    assert (await runtime.run(room, 1, ("cat", "note.txt"))).stdout == b"kept"


async def test_a_higher_generation_replaces_the_seat_and_a_lower_one_changes_nothing(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    first = await ready(1)
    await runtime.run(room, 1, ("sh", "-c", "printf old > note.txt"))
    second = await ready(1, generation=2)
    assert (second.generation, second.number) == (2, 1)
    assert second.object_id != first.object_id
    assert (await runtime.run(room, 1, ("cat", "note.txt"))).exit_code != 0
    assert (await runtime.create(room, 1, server_command(room, 1))).object_id == second.object_id
    assert [of[GENERATION] for of in await world.labels(room)] == ["2"]
    assert [(record.number, record.generation) for record in await world.fresh().seats(room)] == [(1, 2)]


async def test_a_frozen_seat_is_paused_until_it_is_thawed(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    record = await ready(1)
    for _ in range(2):
        await runtime.pause(room, 1, paused=True)
    assert [seat.state for seat in await runtime.seats(room)] == [SeatState.PAUSED]
    assert not await runtime.probe(room, record, server_command(room, 1))
    for _ in range(2):
        await runtime.pause(room, 1, paused=False)
    await until_ready(runtime, room, record)


async def test_removing_seats_leaves_the_others_and_may_be_repeated(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    for number in (1, 2, 3):
        await runtime.create(room, number, server_command(room, number))
    await runtime.pause(room, 2, paused=True)
    removal = await runtime.remove_seats(room, [1, 2, 77])
    assert (removal.removed, removal.left) == ({"seats": 2}, ())
    assert [record.number for record in await runtime.seats(room)] == [3]
    assert (await runtime.remove_seats(room, [1, 2])).removed == {}
    await ready(3)


async def test_closing_leaves_nothing_and_closing_again_succeeds(
    world: World, runtime: Runtime, unique_name: str
) -> None:
    room = await runtime.open(world.classroom(unique_name))
    for number in (1, 2, 3):
        await runtime.create(room, number, server_command(room, number))
    await runtime.stop(room, 1)
    await runtime.pause(room, 2, paused=True)
    removal = await world.fresh().close(room)
    assert removal.left == ()
    assert removal.removed["seats"] == 3
    assert await world.leftovers(room) == []
    assert room.uid not in [found.uid for found in await runtime.classrooms()]
    again = await runtime.close(room)
    assert (again.removed, again.left) == ({}, ())


async def test_closing_one_classroom_touches_no_other(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    record = await ready(1)
    other = await runtime.open(world.classroom(f"{room.name}-b"))
    await runtime.create(other, 1, server_command(other, 1))
    assert (await runtime.close(other)).left == ()
    assert await runtime.probe(room, record, server_command(room, 1)) or world.name == "fake"
    assert [seat.number for seat in await runtime.seats(room)] == [1]


async def test_a_class_that_is_closed_takes_no_seat(world: World, runtime: Runtime, unique_name: str) -> None:
    room = await runtime.open(world.classroom(unique_name))
    await runtime.close(room)
    with pytest.raises(SeatFailed):
        await runtime.create(room, 1, server_command(room, 1))
    assert await world.leftovers(room) == []


async def test_what_is_asked_of_a_seat_that_is_not_there_fails_with_its_number(
    world: World, runtime: Runtime, room: Classroom
) -> None:
    async def read() -> None:
        async for _ in runtime.read_files(room, 9, "."):
            pass

    for call in (runtime.restart(room, 9), runtime.stop(room, 9), runtime.logs(room, 9), read()):
        with pytest.raises(SeatFailed) as raised:
            await call
        assert "09" in raised.value.message
        assert raised.value.hint


# Watching


async def next_event(events: AsyncIterator[Any], wanted: type, seconds: float = 20) -> Any:
    async with asyncio.timeout(seconds):
        async for event in events:
            if isinstance(event, wanted):
                return event
    raise AssertionError(f"no {wanted.__name__}")


async def test_watching_lists_first_and_sees_what_other_instances_do(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    await ready(1)
    other = world.fresh()
    async with aclosing(runtime.watch(room)) as events:  # type: ignore[type-var]
        listed = await next_event(events, SeatsListed)
        assert [record.number for record in listed.records] == [1]
        await other.create(room, 2, server_command(room, 2))
        while (await next_event(events, SeatChanged)).record.number != 2:
            pass
        await other.pause(room, 2, paused=True)
        while (await next_event(events, SeatChanged)).record.state is not SeatState.PAUSED:
            pass
        await other.remove_seats(room, [2])
        assert (await next_event(events, SeatGone)).number == 2
    await other.aclose()


async def test_watching_sees_the_death_of_a_seats_main_process(
    world: World, runtime: Runtime, room: Classroom, ready: Any
) -> None:
    before = await ready(1)
    async with aclosing(runtime.watch(room)) as events:  # type: ignore[type-var]
        await next_event(events, SeatsListed)
        await world.kill_server(room, 1)
        while True:
            record = (await next_event(events, SeatChanged)).record
            if record.state is not SeatState.STARTING or record.started_at != before.started_at:
                break
    again = await runtime.create(room, 1, server_command(room, 1))
    await until_ready(runtime, room, again)


async def test_a_cancelled_watch_ends_promptly(world: World, runtime: Runtime, room: Classroom) -> None:
    listed = asyncio.Event()

    async def follow() -> None:
        async for _ in runtime.watch(room):
            listed.set()

    task = asyncio.create_task(follow())
    await asyncio.wait_for(listed.wait(), 10)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1)
    assert done
    assert task.cancelled()


# Killed in the middle

MAKER = """
import asyncio, sys
sys.path.insert(0, {repository!r})
from tests.runtimes.worlds import server_command
from workshop.model.classroom import decode_classroom
{make}
room = decode_classroom({room!r})
async def main():
    opened = await runtime.open(room)
    await asyncio.gather(*(runtime.create(opened, number, server_command(opened, number)) for number in (1, 2, 3, 4)))
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("after", ["nothing", "anchor", "one seat", "all seats"])
async def test_a_killed_maker_leaves_nothing_that_is_not_found_and_finished(
    world: World, runtime: Runtime, unique_name: str, after: str
) -> None:
    if not world.survives_its_maker:
        pytest.skip("memory ends with its process")
    classroom = world.classroom(unique_name)
    script = MAKER.format(
        repository=str(Path(__file__).parents[2]),
        make="\n".join(world.spawn_arguments()),
        room=encode_classroom(classroom),
    )
    maker = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stderr=subprocess.PIPE)

    async def reached() -> bool:
        assert maker.returncode is None, await maker.communicate()
        seats = len(await world.labels(classroom))
        found = classroom.uid in [room.uid for room in await runtime.classrooms()]
        return {"nothing": True, "anchor": found, "one seat": seats >= 1, "all seats": seats >= 4}[after]

    try:
        await until(reached, after)
        maker.kill()
        await maker.communicate()
        for of in await world.labels(classroom):
            assert of.keys() >= SEAT_LABELS, of
        room = await runtime.open(classroom)
        records = await asyncio.gather(*(runtime.create(room, n, server_command(room, n)) for n in (1, 2, 3, 4)))
        await asyncio.gather(*(until_ready(runtime, room, record) for record in records))
        assert len(await world.labels(room)) == 4
    finally:
        if maker.returncode is None:
            maker.kill()
            await maker.communicate()
        removal = await runtime.close(classroom)
    assert removal.left == ()
    assert await world.leftovers(classroom) == []
    await runtime.remove_strays([room.uid for room in await runtime.classrooms()])


async def test_a_cancelled_create_is_finished_by_the_next_one(world: World, runtime: Runtime, room: Classroom) -> None:
    task = asyncio.create_task(runtime.create(room, 1, server_command(room, 1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    record = await runtime.create(room, 1, server_command(room, 1))
    await until_ready(runtime, room, record)
    assert len(await world.labels(room)) == 1


async def test_a_program_that_is_not_in_the_image_is_named(world: World, runtime: Runtime, room: Classroom) -> None:
    """At once where the runtime starts it itself, in the seat's last lines where the engine does."""
    bad = replace(server_command(room, 1), argv=("no-such-program",))
    if world.name == "fake":
        pytest.skip("memory runs no program")
    (error,) = await asyncio.gather(runtime.create(room, 1, bad), return_exceptions=True)
    if isinstance(error, SeatFailed):
        assert "no-such-program" in error.message
        assert error.hint
        return

    async def failed() -> bool:
        return (await runtime.seats(room))[0].state is SeatState.FAILED

    await until(failed, "the seat is given up")
    assert "no-such-program" in await runtime.logs(room, 1)
