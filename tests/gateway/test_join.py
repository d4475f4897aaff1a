"""How students get their seat, and get it again."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.conftest import House, NewStudent, OpenHouse, until
from tests.gateway.gateway_program import UID
from tests.support.ports import free_port
from workshop.errors import StateError
from workshop.model.events import SeatClaimed
from workshop.state.store import SqliteStore

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"


async def test_the_root_leads_to_the_join_page(house: House, student_of: NewStudent) -> None:
    async with student_of(house).get("/") as answer:
        assert answer.url.path == "/join"
        assert "Plotting with Python" in await answer.text()


async def test_a_free_seat_is_taken_and_opens_at_its_own_path(house: House, student_of: NewStudent) -> None:
    student = student_of(house)
    answer = await student.take()
    assert (answer.status, answer.headers["Location"]) == (303, "/seat/01/")
    async with student.get("/seat/01/page") as page:
        assert "The UI of the seat" in await page.text()
    assert [fact.number for fact in house.room.told(SeatClaimed)][:1] == [1]


async def test_refreshing_going_back_and_opening_often_never_takes_a_second_seat(
    house: House, student_of: NewStudent
) -> None:
    student = student_of(house)
    await student.take()
    for _ in range(30):
        async with student.get("/join", allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/seat/01/"
        assert (await student.take_again()).headers["Location"] == "/seat/01/"
    assert [claim.number for claim in house.store.claims(house.uid)] == [1]


@dataclass
class Rush:
    """A gateway in a process of its own, and the claims that it writes."""

    url: str
    store: SqliteStore


@pytest.fixture
async def rush(machine: Path) -> AsyncIterator[Rush]:
    """180 free seats."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.gateway.gateway_program", str(machine), str(port), "180",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"serving\n"
    store = SqliteStore(machine / "state.db")
    yield Rush(f"http://127.0.0.1:{port}", store)
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 30) == 0
    store.close()


async def test_two_hundred_students_at_once_get_one_seat_each_or_a_place_in_line_within_three_seconds(
    rush: Rush, student_of: NewStudent
) -> None:
    students = [student_of(rush) for _ in range(200)]
    began = time.process_time()  # the gateway's and the students', whatever else the machine does
    answers = await asyncio.gather(*(student.take() for student in students))
    seconds = time.process_time() - began
    places = [answer.headers["Location"] for answer in answers]
    seated = [place for place in places if place != "/join/wait"]
    assert sorted(seated) == sorted(f"/seat/{number:02d}/" for number in range(1, 181))
    assert [claim.number for claim in rush.store.claims(UID)] == list(range(1, 181))
    assert len({claim.browser for claim in rush.store.claims(UID)}) == 180
    waiting = [student for student, place in zip(students, places, strict=True) if place == "/join/wait"]
    line = [await _place(student) for student in waiting]
    assert sorted(answer["place"] for answer in line) == list(range(1, 21))  # type: ignore[index, call-overload]
    again = await asyncio.gather(*(student.take_again() for student in students))
    assert [answer.headers["Location"] for answer in again] == places, "a second click changes nothing"
    assert seconds < 3, f"{seconds:.1f} s of a processor"


async def test_a_browser_that_forgot_everything_comes_back_with_its_code(house: House, student_of: NewStudent) -> None:
    await student_of(house).take()
    forgetful = student_of(house)
    token = await forgetful.form_token()
    code = house.code(1)
    typed = f" {code[:4].lower()}-{code[4:].lower()} "
    answer = await forgetful.session.post("/join/code", data={"token": token, "code": typed}, allow_redirects=False)
    assert answer.headers["Location"] == "/seat/01/"
    async with forgetful.get("/seat/01/page") as page:
        assert page.status == 200


async def test_a_link_works_in_any_case_and_is_in_no_later_address(house: House, student_of: NewStudent) -> None:
    for path in (f"/s/{house.code(2)}", f"/S/{house.code(2)}", f"/s/{house.code(2).lower()}"):
        student = student_of(house)
        async with student.get(path) as answer:
            assert str(answer.url) == f"{house.url}/seat/02/"
            assert house.code(2) not in await answer.text()
            assert answer.history[0].headers["Referrer-Policy"] == "no-referrer"


async def test_who_has_a_code_is_let_in_although_it_cannot_be_written_down(
    house: House, student_of: NewStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_words: object) -> bool:
        raise StateError("The disk is full.")

    monkeypatch.setattr(house.store, "claim", full)
    student = student_of(house)
    await student.enter(1)
    async with student.get("/seat/01/page") as answer:
        assert "The UI of the seat" in await answer.text()
    assert [fact.number for fact in house.room.told(SeatClaimed)][:1] == [1]


async def test_a_wrong_code_is_told_kindly_and_opens_nothing(house: House, student_of: NewStudent) -> None:
    student = student_of(house)
    async with student.get("/s/AAAAAAAA") as answer:
        assert answer.status == 404
        assert "No seat has this code" in await answer.text()
    async with student.get("/seat/01/page", allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/join?why=seat"


@pytest.mark.parametrize("path", ["/join/take", "/join/code"])
async def test_the_address_of_a_forms_answer_opened_again_leads_to_the_join_page(
    house: House, student_of: NewStudent, path: str
) -> None:
    async with student_of(house).get(path) as page:
        assert (page.status, page.url.path) == (200, "/join")


async def test_a_code_that_was_mistyped_stays_in_its_field_as_text(house: House, student_of: NewStudent) -> None:
    student = student_of(house)
    form = {"token": await student.form_token(), "code": 'AB"><b>CD EFGH'}
    async with student.session.post("/join/code", data=form) as answer:
        assert 'name="code" value="ABbCD EFGH"' in await answer.text()
    async with student.get("/s/abcd2345") as answer:
        assert 'name="code" value="abcd2345"' in await answer.text()


async def test_links_looked_at_by_chat_programs_and_prefetchers_claim_nothing(
    house: House, student_of: NewStudent
) -> None:
    link = f"/s/{house.code(1)}"
    for headers in (
        {"User-Agent": "Slackbot-LinkExpanding 1.0"},
        {"User-Agent": "WhatsApp/2.23.20.0"},
        {"User-Agent": "facebookexternalhit/1.1 Facebot Twitterbot/1.0"},
        {"Sec-Purpose": "prefetch;prerender"},
    ):
        async with student_of(house, **headers).get(link) as answer:
            assert "Set-Cookie" not in answer.headers
    async with student_of(house).session.head(link) as answer:
        assert "Set-Cookie" not in answer.headers
    assert house.store.claims(house.uid) == ()
    assert house.room.told(SeatClaimed) == []


async def test_a_second_browser_at_a_seat_is_let_in_and_remembered(house: House, student_of: NewStudent) -> None:
    await student_of(house).enter(1)
    other = student_of(house)
    await other.enter(1)
    async with other.get("/seat/01/page") as page:
        assert page.status == 200
    assert [claim.number for claim in house.store.claims(house.uid)] == [1]
    assert house.store.browsers(house.uid)[1] == 2


async def test_opening_a_link_twice_in_one_browser_is_one_browser(house: House, student_of: NewStudent) -> None:
    student = student_of(house)
    await student.enter(1)
    await student.enter(1)
    assert house.store.browsers(house.uid)[1] == 1


async def test_who_has_a_seat_is_asked_before_a_link_leads_to_another(house: House, student_of: NewStudent) -> None:
    student = student_of(house)
    await student.enter(1)
    async with student.get(f"/s/{house.code(2)}") as page:
        text = await page.text()
        assert (page.status, page.url.path[:3]) == (200, "/s/")
        assert "Back to my seat 01" in text
        assert "Go to seat 02" in text
        assert "Set-Cookie" not in page.headers
    assert [claim.number for claim in house.store.claims(house.uid)] == [1]
    async with student.get("/join") as page:
        assert page.url.path == "/seat/01/"
    fields = dict(re.findall(r'name="(token|code)" value="([^"]+)"', text))
    async with student.session.post("/join/code", data=fields, headers={"Origin": house.url}) as page:
        assert page.url.path == "/seat/02/"
    async with student.get("/join") as page:
        assert page.url.path == "/seat/02/"
    async with student.get(f"/s/{house.code(2)}", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_a_browser_that_keeps_no_cookies_is_told_so(house: House) -> None:
    async with (
        aiohttp.ClientSession(
            house.url, cookie_jar=aiohttp.DummyCookieJar(), headers={"Accept": "text/html"}
        ) as session,
        session.get(f"/s/{house.code(1)}") as page,
    ):
        assert page.url.path == "/join"
        assert "allow cookies" in await page.text()


async def test_a_phone_is_shown_its_code_large_and_may_open_there(house: House, student_of: NewStudent) -> None:
    phone = student_of(house, **{"User-Agent": PHONE})
    async with phone.get(f"/s/{house.code(3)}") as answer:
        assert answer.url.path == "/join"
        text = await answer.text()
    code = house.code(3)
    assert f"{code[:4]} {code[4:]}" in text
    assert f"127.0.0.1:{house.room.classroom.door.port}" in text
    assert 'href="/seat/03/"' in text
    async with phone.get("/seat/03/page") as page:
        assert page.status == 200


async def test_the_pin_is_asked_for_and_checked(open_house: OpenHouse, student_of: NewStudent) -> None:
    house = await open_house(pin="blue42")
    student = student_of(house)
    wrong = await student.take(pin="red")
    assert wrong.status == 403
    assert "not the class PIN" in await wrong.text()
    assert (await student.take(pin="blue42")).headers["Location"] == "/seat/01/"


async def test_a_pin_that_was_changed_counts_at_once(open_house: OpenHouse, student_of: NewStudent) -> None:
    house = await open_house(pin="old")
    house.store.set_room_state(house.uid, pin="new")
    assert (await student_of(house).take(pin="old")).status == 403
    assert (await student_of(house).take(pin="new")).status == 303


async def test_without_joining_only_codes_open_seats(open_house: OpenHouse, student_of: NewStudent) -> None:
    house = await open_house(settings={"join": False})
    student = student_of(house)
    async with student.get("/join") as page:
        assert "/join/take" not in await page.text()
    assert (await student.take()).status == 403
    await student.enter(2)


async def test_forms_of_other_pages_and_of_other_browsers_are_refused(house: House, student_of: NewStudent) -> None:
    student, other = student_of(house), student_of(house)
    token = await student.form_token()
    await other.form_token()
    for session, headers, form in (
        (other.session, {}, token),
        (student.session, {}, ""),
        (student.session, {"Origin": "http://evil.example"}, token),
        (student.session, {"Origin": f"http://127.0.0.1:{house.room.classroom.door.port + 1}"}, token),
    ):
        answer = await session.post("/join/take", data={"token": form}, headers=headers, allow_redirects=False)
        assert answer.status == 403, (headers, form)
    assert house.store.claims(house.uid) == ()


async def test_the_latecomer_waits_and_is_let_in_when_a_seat_is_freed(
    open_house: OpenHouse, student_of: NewStudent
) -> None:
    house = await open_house(seats=1)
    await student_of(house).take()
    first, second = student_of(house), student_of(house)
    for student, place in ((first, 1), (second, 2)):
        assert (await student.take()).headers["Location"] == "/join/wait"
        assert await _place(student) == {"place": place}
    assert ("waiting", {"count": 2}) in house.room.acts
    house.store.free(house.uid, 1)
    assert await _place(second) == {"place": 2}
    assert await _place(first) == {"go": "/join"}
    async with first.get("/join", allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/seat/01/"
    assert await _place(second) == {"place": 1}


async def test_who_comes_later_does_not_pass_those_who_wait(open_house: OpenHouse, student_of: NewStudent) -> None:
    house = await open_house(seats=1)
    await student_of(house).take()
    waiting, late = student_of(house), student_of(house)
    await waiting.take()
    house.store.free(house.uid, 1)
    assert (await late.take()).headers["Location"] == "/join/wait"
    assert await _place(waiting) == {"go": "/join"}


async def test_the_waiting_room_keeps_its_order_through_a_restart_of_the_gateway(
    open_house: OpenHouse, student_of: NewStudent
) -> None:
    house = await open_house(seats=1)
    await student_of(house).take()
    students = [student_of(house) for _ in range(3)]
    forms = []
    for student in students:
        await student.take()
        forms.append(await _form(student))
    await house.restart()
    for student, form in reversed(list(zip(students, forms, strict=True))):
        await _ask(student, form)
    assert [await _ask(student, form) for student, form in zip(students, forms, strict=True)] == [
        {"place": 1}, {"place": 2}, {"place": 3},
    ]  # fmt: skip


async def test_a_class_that_is_over_says_so_everywhere(house: House, student_of: NewStudent) -> None:
    student = student_of(house)
    await student.enter(1)
    house.room.closed = True
    house.room.notify()
    await until(lambda: house.gateway._seats.closing)
    for path in ("/join", f"/s/{house.code(2)}", "/seat/01/", "/seat/01/page", "/check"):
        async with student.get(path) as answer:
            assert answer.status == 410, path
            assert "This class is over" in await answer.text()
    async with student.get("/seat/01/echo", headers={"Accept": "application/json"}) as answer:
        assert (answer.status, await answer.json()) == (410, {"error": "the class is over"})


async def _form(student: object) -> dict[str, str]:
    async with student.get("/join/wait") as page:  # type: ignore[attr-defined]
        text = await page.text()
    return dict(re.findall(r'name="(token|since|proof)" value="([^"]*)"', text))


async def _ask(student: object, form: dict[str, str]) -> object:
    async with student.session.post("/join/wait", data=form) as answer:  # type: ignore[attr-defined]
        return await answer.json()


async def _place(student: object) -> object:
    return await _ask(student, await _form(student))
