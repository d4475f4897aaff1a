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


def test_a_seat_whose_clock_is_ahead_was_active_now_at_the_latest() -> None:
    at = NOW + MINUTE
    seat = seat_after(*CLAIMED, pulse(at=at, browsers=1, last_activity=NOW + timedelta(days=900)), at=at)
    assert seat.last_active == at


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
    dead = events.SeatChanged(record(state=SeatState.FAILED))
    assert seat_after(*CLAIMED, dead).activity is Activity.CRASHED
    assert seat_after(*READY, dead).activity is Activity.NEVER_OPENED


def test_a_seat_that_was_stopped_on_purpose_is_not_crashed() -> None:
    for state in (SeatState.STOPPED, SeatState.PAUSED):
        assert seat_after(*CLAIMED, events.SeatChanged(record(state=state))).activity is Activity.DISCONNECTED


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


def test_an_engine_that_is_lost_crashes_nobody() -> None:
    lost = events.SeatChanged(record(state=SeatState.LOST))
    assert seat_after(*CLAIMED, pulse(browsers=1), lost).activity is Activity.UNKNOWN


def test_a_server_that_ended_and_was_started_again_is_crashed_until_something_runs_in_it() -> None:
    again = events.SeatChanged(replace(record(), restarts=1, started_at=NOW + MINUTE))
    happened = (*CLAIMED, pulse(browsers=1), again, pulse(at=NOW + MINUTE, browsers=1))
    seat = seat_after(*happened, at=NOW + 2 * MINUTE)
    assert (seat.activity, seat.restarts) == (Activity.CRASHED, 1)
    assert "was started again" in seat.detail
    back = pulse(at=NOW + 3 * MINUTE, browsers=1, kernels=1, last_activity=NOW + 3 * MINUTE)
    assert seat_after(*happened, back, at=NOW + 3 * MINUTE).activity is Activity.OPEN


def test_a_crash_is_dated_when_the_server_runs_again() -> None:
    """The engine counts the restart first, and has no time of the start yet."""
    dying = events.SeatChanged(replace(record(), restarts=1, started_at=None, endpoint=""))
    again = events.SeatChanged(replace(record(), restarts=1, started_at=NOW + MINUTE))
    assert seat_after(*CLAIMED, dying, again, pulse(), at=NOW + 2 * MINUTE).activity is Activity.CRASHED


def test_a_fresh_seat_has_none_of_its_predecessors_troubles() -> None:
    again = replace(record(), restarts=1, started_at=NOW + MINUTE)
    happened = (*CLAIMED, events.SeatChanged(again), events.SeatOutOfMemory(1, NOW + MINUTE))
    assert seat_after(*happened, at=NOW + 2 * MINUTE).activity is Activity.CRASHED
    fresh = replace(record(), object_id="another", generation=2, started_at=NOW + 2 * MINUTE)
    seat = seat_after(*happened, events.SeatChanged(fresh), pulse(at=NOW + 2 * MINUTE), at=NOW + 2 * MINUTE)
    assert seat.activity not in (Activity.CRASHED, Activity.OUT_OF_MEMORY)


def test_an_instructor_in_the_seat_is_not_its_participant() -> None:
    """The seat's own server counts the visitor's connections, and takes them for activity."""
    later = NOW + 20 * MINUTE
    visit = pulse(at=later, connections=2, visited=True, last_activity=later)
    seat = seat_after(*CLAIMED, pulse(browsers=1), visit, at=later)
    assert (seat.activity, seat.visited, seat.browsers) == (Activity.DISCONNECTED, True, 0)
    assert seat.last_active == NOW
    assert seat_after(*READY, events.SeatVisited(1, NOW), visit, at=later).activity is Activity.NEVER_OPENED


def test_restarts_of_before_the_gateway_began_are_no_news() -> None:
    old = replace(record(), restarts=3, started_at=NOW)
    happened = (events.SeatsListed((old,)), events.SeatAnswered(old), events.SeatClaimed(1, NOW), pulse(browsers=1))
    assert seat_after(*happened).activity is Activity.OPEN


def test_the_restart_of_a_kernel_is_no_work_and_is_counted() -> None:
    """Its new process is activity to the seat's server, within seconds of the memory being full."""
    full = events.SeatOutOfMemory(1, NOW + MINUTE)
    at = NOW + MINUTE + timedelta(seconds=8)
    kernel = pulse(at=at, browsers=1, kernels=1, last_activity=at)
    seat = seat_after(*CLAIMED, full, kernel, events.KernelsRestarted(1, NOW + MINUTE), at=NOW + 2 * MINUTE)
    assert (seat.activity, seat.kernel_restarts) == (Activity.OUT_OF_MEMORY, 1)
    assert seat.detail.startswith("memory full ")
    assert seat.detail.endswith("kernel restarted ×1")


def test_the_engine_s_own_counters_tell_what_its_events_did_not() -> None:
    before = events.UsageRead({1: Usage(oom_kills=0, pid_limit_hits=0, pids=20, at=1)}, NOW)
    oom = events.UsageRead({1: Usage(oom_kills=1, pid_limit_hits=0, pids=20, at=6)}, NOW)
    assert seat_after(*CLAIMED, pulse(browsers=1), before, oom).activity is Activity.OUT_OF_MEMORY
    bomb = events.UsageRead({1: Usage(oom_kills=0, pid_limit_hits=70, pids=20, at=6)}, NOW)
    happened = (*CLAIMED, pulse(browsers=1), before, bomb)
    assert seat_after(*happened).activity is Activity.PROCESS_LIMIT
    assert seat_after(*happened, at=NOW + 2 * MINUTE).activity is Activity.OPEN


def test_a_saved_file_is_activity_where_somebody_is() -> None:
    saved = events.FilesChanged(1, NOW + 6 * MINUTE)
    assert seat_after(*CLAIMED, pulse(browsers=1), saved, at=NOW + 7 * MINUTE).activity is Activity.OPEN
    assert seat_after(*READY, saved).last_active is None


def test_nobody_becomes_idle_in_a_break() -> None:
    pause = events.BreakSet(NOW + 2 * MINUTE, NOW + 17 * MINUTE)
    happened = (*CLAIMED, pulse(browsers=1), pause)
    assert seat_after(*happened, at=NOW + 10 * MINUTE).activity is Activity.OPEN
    assert seat_after(*happened, at=NOW + 10 * MINUTE).idle_seconds == 120
    later = seat_after(*happened, at=NOW + 21 * MINUTE)
    assert (later.activity, later.idle_seconds) == (Activity.IDLE, 360)
    over = events.BreakSet(NOW + 2 * MINUTE, NOW + 2 * MINUTE)
    assert seat_after(*happened, over, at=NOW + 10 * MINUTE).activity is Activity.IDLE


def test_full_speed_without_a_browser_is_flagged_after_a_quarter_of_an_hour() -> None:
    def used(seconds: float) -> events.UsageRead:
        return events.UsageRead({1: Usage(cpu_seconds=seconds * 0.97, at=seconds)})

    mining = (*CLAIMED, pulse(), *(used(at) for at in (0.0, 5.0, 500.0, 906.0)))
    assert seat_after(*mining).warnings == ("computes at full speed, no browser",)
    assert seat_after(*mining[:-1]).warnings == ()
    assert seat_after(*mining, pulse(browsers=1), used(911.0)).warnings == ()
