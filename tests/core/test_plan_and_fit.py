"""What `up` has to make, and whether it fits."""

from workshop.core.fit import fit
from workshop.core.plan import plan_seats
from workshop.core.provision import starts_at_once
from workshop.model.seat import Limits, SeatRecord, SeatState
from workshop.model.snapshot import EngineFacts

GB = 1024**3


def record(number: int, state: SeatState) -> SeatRecord:
    return SeatRecord(number, state, object_id=f"object-{number}")


def test_missing_seats_are_made_stopped_ones_started_and_running_ones_kept() -> None:
    plan = plan_seats(range(1, 5), [record(1, SeatState.STARTING), record(3, SeatState.STOPPED)])
    assert plan.create == (2, 4)
    assert plan.start == (3,)
    assert plan.keep == (1,)


def test_seats_beyond_the_wanted_number_are_shown_and_never_planned_away() -> None:
    plan = plan_seats([1], [record(1, SeatState.STARTING), record(2, SeatState.STARTING)])
    assert plan.beyond == (2,)
    assert plan.create == plan.start == ()


def test_a_paused_seat_stays_as_it_is() -> None:
    assert plan_seats([1], [record(1, SeatState.PAUSED)]).keep == (1,)


def facts(memory_gb: int, cpus: float = 8) -> EngineFacts:
    return EngineFacts("docker", "1", cpus, memory_gb * GB)


def test_seats_fit_when_all_limits_together_stay_within_nine_tenths() -> None:
    verdict = fit(facts(20), Limits(memory_bytes=GB), 18)
    assert (verdict.verdict, verdict.largest >= 18) == ("fits", True)


def test_seats_are_tight_when_only_what_a_rehearsal_measured_fits() -> None:
    verdict = fit(facts(20), Limits(memory_bytes=2 * GB), 18, peak_bytes=GB // 2)
    assert verdict.verdict == "tight"
    assert "9 would be safe" in verdict.sentence


def test_too_many_seats_are_refused_with_the_largest_number_that_fits() -> None:
    verdict = fit(facts(4), Limits(memory_bytes=GB), 100)
    assert verdict.verdict == "does not fit"
    assert 3 <= verdict.largest < 100
    assert fit(facts(4), Limits(memory_bytes=GB), verdict.largest).verdict != "does not fit"


def test_seats_of_other_classrooms_take_room() -> None:
    assert fit(facts(20), Limits(memory_bytes=GB), 18, others=10 * GB).verdict == "tight"


def test_few_cores_for_many_people_are_said() -> None:
    assert "cores are few" in fit(facts(100, cpus=2), Limits(memory_bytes=GB), 60).sentence


def test_starts_are_paced_by_one_and_a_half_times_the_cores() -> None:
    assert [starts_at_once(cpus) for cpus in (1, 2, 4, 8)] == [2, 2, 5, 10]
