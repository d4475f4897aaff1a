"""How a class's seats are spread over its targets."""

from __future__ import annotations

import pytest

from workshop.core.sharing import Space, share


def space(weight: float = 1, safe: int = 100, most: int | None = None, there: tuple[int, ...] = (), place: str = ""):
    return Space(weight, safe, safe if most is None else most, there, place)


def test_seats_are_spread_by_weight_in_blocks_the_first_target_first() -> None:
    assert share(6, [space(1), space(2)]) == ((1, 2), (3, 4, 5, 6))


@pytest.mark.parametrize(("wanted", "counts"), [(1, (1, 0)), (2, (1, 1)), (3, (2, 1)), (7, (4, 3))])
def test_of_equals_the_first_gets_the_odd_one(wanted: int, counts: tuple[int, int]) -> None:
    found = share(wanted, [space(), space()])
    assert found is not None
    assert tuple(map(len, found)) == counts


def test_what_does_not_fit_on_one_goes_to_the_next() -> None:
    assert share(6, [space(10, safe=2), space(1)]) == ((1, 2), (3, 4, 5, 6))


def test_room_that_is_safe_is_used_before_room_that_is_tight() -> None:
    assert share(5, [space(10, safe=2, most=50), space(1, safe=2)]) == ((1, 2, 3), (4, 5))


def test_what_fits_nowhere_is_nobodys() -> None:
    assert share(5, [space(safe=2), space(safe=2)]) is None


def test_a_heavy_target_takes_everything_that_fits_there() -> None:
    assert share(20, [space(1000), space(1)]) == (tuple(range(1, 21)), ())


def test_targets_of_one_machine_share_its_room() -> None:
    assert share(5, [space(safe=4, place="here"), space(safe=4, place="here")]) is None
    assert share(5, [space(safe=4, place="here"), space(safe=4, place="here"), space(safe=1)]) == ((1, 2), (3, 4), (5,))


def test_more_seats_leave_those_that_are_there_where_they_are() -> None:
    first = share(4, [space(1), space(1)])
    assert first == ((1, 2), (3, 4))
    later = share(7, [space(1, there=first[0]), space(1, there=first[1])])
    assert later == ((1, 2, 6, 7), (3, 4, 5)), "the one with the highest number goes on with the next"


def test_a_target_that_is_lost_keeps_its_numbers_and_gets_no_more() -> None:
    assert share(6, [space(there=(1, 2)), space(safe=2, there=(3, 4))]) == ((1, 2, 5, 6), (3, 4))
