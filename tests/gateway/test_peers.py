"""Gateways of one class on several targets: each gives out its own seats, and sends on whom the others are to have."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.gateway.conftest import House, NewStudent, OpenHouse, Student
from workshop.gateway import peers
from workshop.model.parts import Part, parts_of, with_parts
from workshop.model.seat import SeatState
from workshop.model.target import Target

Pair = tuple[House, House]


@pytest.fixture
async def pair(open_house: OpenHouse) -> Pair:
    """Seats 1 and 2 at the first gateway, 3 and 4 at the second."""
    return await _pair(open_house)


async def _pair(open_house: OpenHouse, **options: object) -> Pair:
    first = await open_house(seats=4, servers=2, **options)
    key = first.room.classroom.key
    second = await open_house(seats=4, servers=4, **options)
    parts = (
        Part(first.uid, Target("docker"), (1, 2), door=first.url),
        Part(second.uid, Target("process"), (3, 4), door=second.url),
    )
    for house, mine in ((first, (1, 2)), (second, (3, 4))):
        house.room._classroom = with_parts(replace(house.room.classroom, key=key), parts)
        house.room.seats = {number: house.room.seats[number] for number in mine}
        house.room.upstreams = {
            number: replace(house.room.upstreams[number], token=house.room.classroom.token(number)) for number in mine
        }
        await house.restart()
    return first, second


def _other(student: Student, house: House, location: str) -> str:
    """A path of the other gateway, which this browser was sent on to."""
    assert location.startswith(f"{house.url}/"), location
    return location


async def follow(student: Student, location: str) -> tuple[int, str]:
    """Go where a browser was sent on to, with its cookies: the status of the page and its address."""
    async with student.session.get(location) as answer:
        await answer.read()
        return answer.status, str(answer.url)


async def test_one_join_page_fills_its_own_seats_and_then_sends_on(pair: Pair, student_of: NewStudent) -> None:
    first, second = pair
    places = []
    for _ in range(4):
        student = student_of(first)
        answer = await student.take()
        assert answer.status == 303
        status, address = await follow(student, str(answer.headers["Location"]))
        assert status == 200
        places.append((urlsplit(address).port, urlsplit(address).path))
    ports = [house.room.classroom.door.port for house in pair]
    assert places == [
        (ports[0], "/seat/01/"), (ports[0], "/seat/02/"), (ports[1], "/seat/03/"), (ports[1], "/seat/04/"),
    ]  # fmt: skip
    assert [claim.number for claim in first.store.claims(first.uid)] == [1, 2]
    assert [claim.number for claim in second.store.claims(second.uid)] == [3, 4]
    for number in (3, 4):
        assert second.store.history(second.uid) == (), f"seat {number}: the one who was sent on is no second browser"


async def test_who_comes_when_all_are_full_waits_and_gets_what_becomes_free_elsewhere(
    pair: Pair, student_of: NewStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "COUNTED", 0.0)
    first, second = pair
    for _ in range(4):
        await follow(student := student_of(first), str((await student.take()).headers["Location"]))
    late = student_of(first)
    answer = await late.take()
    assert answer.headers["Location"] == "/join/wait"
    second.store.free(second.uid, 3)
    async with late.get("/join/wait") as page:
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', await page.text()))
    async with late.session.post("/join/wait", data=fields) as told:
        assert await told.json() == {"go": "/join"}
    status, address = await follow(late, f"{first.url}/join")
    assert (status, address) == (200, f"{second.url}/seat/03/")


async def test_the_form_may_lead_to_the_other_gateway_and_nowhere_else(pair: Pair, student_of: NewStudent) -> None:
    first, second = pair
    async with student_of(first).get("/join") as page:
        policy = page.headers["Content-Security-Policy"]
    assert f"form-action 'self' {second.url};" in policy


async def test_a_browser_that_was_sent_on_comes_back_to_its_seat_by_the_join_page(
    pair: Pair, student_of: NewStudent
) -> None:
    first, second = pair
    for number in (1, 2):
        first.store.claim(first.uid, number, f"browser-{number}")
    student = student_of(first)
    await follow(student, str((await student.take()).headers["Location"]))
    first.store.free(first.uid, 1)
    assert await follow(student, f"{first.url}/join") == (200, f"{second.url}/seat/03/")
    assert not [claim for claim in first.store.claims(first.uid) if claim.number == 1], "no second seat is taken"


async def test_a_code_at_the_wrong_gateway_is_sent_on(pair: Pair, student_of: NewStudent) -> None:
    first, second = pair
    student = student_of(first)
    token = await student.form_token()
    typed = await student.session.post(
        "/join/code", data={"token": token, "code": first.code(4).lower()}, allow_redirects=False
    )
    assert typed.headers["Location"] == f"{second.url}/s/{first.code(4)}"
    assert await follow(student, typed.headers["Location"]) == (200, f"{second.url}/seat/04/")
    assert await follow(student_of(second), f"{second.url}/s/{first.code(1)}") == (200, f"{first.url}/seat/01/")


async def test_a_seats_page_at_the_wrong_gateway_is_sent_on_and_its_programs_are_not(
    pair: Pair, student_of: NewStudent
) -> None:
    first, second = pair
    student = student_of(first)
    async with student.get("/seat/03/lab?a=1", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, f"{second.url}/seat/03/lab?a=1")
    async with student.get("/seat/03/api", headers={"Accept": "application/json"}, allow_redirects=False) as answer:
        assert answer.status == 404
    async with student.get("/seat/09/", allow_redirects=False) as answer:
        assert answer.status == 404


async def test_the_class_goes_on_without_a_gateway_that_does_not_answer(pair: Pair, student_of: NewStudent) -> None:
    first, second = pair
    await second.gateway.stop()
    taken = [(await student_of(first).take()).headers["Location"] for _ in range(3)]
    assert taken == ["/seat/01/", "/seat/02/", "/join/wait"]


async def test_a_class_that_is_over_there_gives_nothing_out(pair: Pair, student_of: NewStudent) -> None:
    first, second = pair
    second.room.closed = True
    second.gateway._seats.refresh(second.room.snapshot())
    for number in (1, 2):
        first.store.claim(first.uid, number, f"browser-{number}")
    assert (await student_of(first).take()).headers["Location"] == "/join/wait"


async def test_a_seat_that_is_not_ready_is_not_given_from_elsewhere(pair: Pair, student_of: NewStudent) -> None:
    first, second = pair
    second.room.down(3, SeatState.FAILED)
    second.gateway._seats.refresh(second.room.snapshot())
    for number in (1, 2):
        first.store.claim(first.uid, number, f"browser-{number}")
    answer = await student_of(first).take()
    assert urlsplit(str(answer.headers["Location"])).path == f"/s/{first.code(4)}"


@pytest.mark.parametrize(
    "change",
    [
        lambda body, proof: (body.replace("take", "own "), proof),
        lambda body, proof: (body, "x" * 43),
        lambda body, proof: (body, ""),
        lambda body, proof: ("[]", proof),
    ],
)
async def test_a_question_that_no_gateway_of_the_class_asked_is_refused(
    pair: Pair, change: Callable[[str, str], tuple[str, str]]
) -> None:
    first, second = pair
    asked = first.gateway._peers
    body = f'{{"verb": "take", "browser": "{"b" * 22}", "at": "{asked._wall():.3f}", "to": "{second.uid}"}}'
    body, proof = change(body, asked._cookies.sign("peer asks", body))
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{second.url}/peers", data=body, headers={peers.PROOF: proof}) as answer,
    ):
        assert answer.status in (400, 403)
    assert second.store.claims(second.uid) == ()


async def test_a_question_that_was_heard_before_or_was_for_another_is_refused(pair: Pair) -> None:
    first, second = pair
    asked = first.gateway._peers
    for at, to in ((asked._wall() - 2 * peers.FRESH, second.uid), (asked._wall(), first.uid)):
        body = f'{{"verb": "take", "browser": "{"b" * 22}", "at": "{at:.3f}", "to": "{to}"}}'
        proof = asked._cookies.sign("peer asks", body)
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{second.url}/peers", data=body, headers={peers.PROOF: proof}) as answer,
        ):
            assert answer.status == 403
    assert second.store.claims(second.uid) == ()


async def test_a_link_that_another_gateway_made_is_good_for_its_seat_and_for_minutes(pair: Pair) -> None:
    first, second = pair
    browser, now = "b" * 22, first.gateway._peers._wall()
    link = first.gateway._peers._handing(parts_of(first.room.classroom)[1], 3, browser)
    text = link.partition(f"{peers.ON}=")[2]
    theirs = second.gateway._peers
    assert theirs.handed(text, 3) == browser
    assert theirs.handed(text, 4) is None
    assert theirs.handed(text + "x", 3) is None
    assert theirs.handed("", 3) is None
    theirs._wall = lambda: now + 2 * peers.FRESH
    assert theirs.handed(text, 3) is None


async def test_without_a_join_page_no_gateway_gives_out_the_others_seats(
    open_house: OpenHouse, student_of: NewStudent
) -> None:
    first, second = await _pair(open_house, settings={"join": False})
    assert (await student_of(first).take()).status == 403
    assert await first.gateway._peers.take("b" * 22) is None
    assert second.store.claims(second.uid) == ()
