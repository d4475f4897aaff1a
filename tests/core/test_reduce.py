"""Facts become a picture: states, activity, warnings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from workshop.core.reduce import RoomFacts, reduce, snapshot
from workshop.model import events
from workshop.model.classroom import Classroom, Door
from workshop.model.seat import Activity, Progress, Pulse, Seat, SeatRecord, SeatState, Usage

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROOM = Classroom(
    name="demo", uid="ab12", key="0f" * 32, workshop="Demo", runtime="fake", image="sha256:1", commit="c" * 40,
    seats=2, door=Door("192.168.1.10", 8080), created=NOW,
)  # fmt: skip


def record(number: int = 1, state: SeatState = SeatState.STARTING, object_id: str = "a") -> SeatRecord:
    return SeatRecord(number, state, object_id=object_id, endpoint="http://172.30.0.2:8888")


def seat_after(*happened: events.ClassEvent, at: datetime = NOW) -> Seat:
    facts = RoomFacts(ROOM)
    for event in happened:
        facts = reduce(facts, event)
    found = snapshot(facts, at, gateway=True).seat(1)
    assert found is not None
    return found


def pulse(at: datetime = NOW, **values: object) -> events.PulseTaken:
    return events.PulseTaken(replace(Pulse(1, reachable=True), **values), at)  # type: ignore[arg-type]


READY = (events.SeatsListed((record(),)), events.SeatAnswered(record()))
CLAIMED = (*READY, events.SeatClaimed(1, NOW))


def test_a_running_object_is_starting_until_it_has_answered() -> None:
    assert seat_after(READY[0]).state is SeatState.STARTING
    assert seat_after(*READY).state is SeatState.READY


def test_a_successor_of_the_same_number_has_to_answer_for_itself() -> None:
    assert seat_after(*READY, events.SeatChanged(record(object_id="b"))).state is SeatState.STARTING


def test_listing_again_keeps_what_is_known_and_drops_what_is_gone() -> None:
    facts = RoomFacts(ROOM)
    for event in (*CLAIMED, events.SeatsListed((record(), record(2)))):
        facts = reduce(facts, event)
    assert [seat.number for seat in snapshot(facts, NOW, gateway=True).seats] == [1, 2]
    assert facts.seats[1].claimed
    assert set(reduce(facts, events.SeatsListed((record(2),))).seats) == {2}


def test_a_seat_nobody_came_to_is_never_opened_whatever_its_server_does() -> None:
    assert seat_after(*READY, pulse(kernels=0)).activity is Activity.NEVER_OPENED


def test_a_claimed_seat_with_a_browser_is_open_then_idle() -> None:
    happened = (*CLAIMED, pulse(browsers=1))
    assert seat_after(*happened).activity is Activity.OPEN
    assert seat_after(*happened, at=NOW + 6 * MINUTE).activity is Activity.IDLE


def test_a_silent_cell_is_running_for_as_long_as_it_takes() -> None:
    later = NOW + 60 * MINUTE
    seat = seat_after(*CLAIMED, pulse(at=later, busy=1, last_activity=NOW), at=later)
    assert seat.activity is Activity.RUNNING
    assert seat.last_active == later


def test_without_a_browser_a_claimed_seat_is_disconnected() -> None:
    assert seat_after(*CLAIMED, pulse()).activity is Activity.DISCONNECTED


def test_a_full_memory_is_shown_until_something_runs_again() -> None:
    full = (*CLAIMED, pulse(browsers=1), events.SeatOutOfMemory(1, NOW + MINUTE))
    assert seat_after(*full, at=NOW + 2 * MINUTE).activity is Activity.OUT_OF_MEMORY
    again = pulse(at=NOW + 3 * MINUTE, browsers=1, busy=1)
    assert seat_after(*full, again, at=NOW + 3 * MINUTE).activity is Activity.RUNNING
    assert seat_after(*full, at=NOW + 12 * MINUTE).activity is not Activity.OUT_OF_MEMORY


def test_a_seat_at_its_process_limit_is_said_so() -> None:
    full = events.UsageRead({1: Usage(pids=511, at=1)})
    assert seat_after(*CLAIMED, pulse(browsers=1), full).activity is Activity.PROCESS_LIMIT


def test_a_claimed_seat_whose_server_died_is_crashed() -> None:
    dead = events.SeatChanged(record(state=SeatState.STOPPED))
    assert seat_after(*CLAIMED, dead).activity is Activity.CRASHED


def test_cpu_is_the_difference_of_two_readings() -> None:
    first, second = Usage(cpu_seconds=1.0, at=10), Usage(cpu_seconds=3.0, at=14)
    seat = seat_after(*READY, events.UsageRead({1: first}), events.UsageRead({1: second}))
    assert seat.cpu_percent == 50


def test_memory_near_its_limit_and_a_second_browser_are_warned_of() -> None:
    nearly = events.UsageRead({1: Usage(memory_bytes=9 * 1024**3 // 10 + 1, at=1)})
    seat = seat_after(*CLAIMED, pulse(browsers=2), nearly)
    assert seat.warnings == ("memory 90 %", "2 browsers")


def test_an_error_that_stands_while_the_seat_is_active_is_stuck() -> None:
    error = events.ProgressRead(1, (Progress("a.ipynb", 10, 4, error_since=NOW),))
    later = NOW + 6 * MINUTE
    active = pulse(at=later, browsers=1, last_activity=later)
    assert "stuck" in seat_after(*CLAIMED, active, error, at=later).warnings


def test_a_freed_seat_forgets_who_was_there() -> None:
    labelled = events.SeatLabelled(1, "Ana")
    seat = seat_after(*CLAIMED, labelled, events.HelpAsked(1, NOW), events.SeatFreed(1), pulse())
    assert (seat.claimed, seat.label, seat.help_since, seat.activity) == (False, "", None, Activity.NEVER_OPENED)


def test_a_seat_that_stops_answering_says_so_and_stays_ready() -> None:
    silent = events.PulseTaken(Pulse(1, reachable=False), NOW)
    seat = seat_after(*CLAIMED, silent, silent, silent)
    assert (seat.state, seat.detail) == (SeatState.READY, "does not answer")
