"""An instructor comes to a seat: let in by a link of their own, claiming nothing, seen by the participant."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from tests.gateway.conftest import House, NewStudent, OpenHouse, Student, until
from workshop.model import events
from workshop.model.classroom import Ui
from workshop.model.visit import visit_link, visit_token

SOON = timedelta(hours=1)


def way_in(house: House, number: int = 1, lasts: timedelta = SOON) -> str:
    return visit_link(house.room.classroom, number, datetime.now(UTC) + lasts)


async def visit(house: House, visitor: Student, number: int = 1) -> None:
    async with visitor.get(way_in(house, number), allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, house.path(number))


async def config(student: Student, path: str = "/seat/01/") -> dict[str, Any]:
    async with student.get(path) as answer:
        found = re.search(r'<script type="application/json" id="config">(.*?)</script>', await answer.text(), re.S)
    assert found
    return dict(json.loads(found[1]))


async def live(house: House, student: Student, number: int = 1) -> aiohttp.ClientWebSocketResponse:
    return await student.session.ws_connect(f"/seat/{number:02d}/_room/live", headers={"Origin": house.url})


async def test_the_seat_opens_and_stays_free_for_whoever_comes_next(house: House, student_of: NewStudent) -> None:
    visitor = student_of(house)
    await visit(house, visitor)
    async with visitor.get("/seat/01/?ui") as answer:
        assert "The UI of the seat" in await answer.text()
    async with visitor.get("/seat/01/") as answer:
        assert answer.status == 200
    assert house.store.claims(house.uid) == ()
    assert house.room.told(events.SeatClaimed) == []
    assert [fact.number for fact in house.room.told(events.SeatVisited)] == [1]
    answer = await student_of(house).take()
    assert answer.headers["Location"] == "/seat/01/"


async def test_the_participant_sees_the_visit_while_it_lasts(house: House, student_of: NewStudent) -> None:
    student, visitor = student_of(house), student_of(house)
    await student.enter(1)
    theirs = await live(house, student)
    assert (await theirs.receive_json(timeout=5))["visited"] is False
    await visit(house, visitor)
    mine = await live(house, visitor)
    view = await theirs.receive_json(timeout=5)
    assert (view["visited"], view["shared"]) == (True, False)
    await mine.close()
    assert (await theirs.receive_json(timeout=5))["visited"] is False


async def test_a_visitors_connections_are_nobodys_browser(house: House, student_of: NewStudent) -> None:
    visitor = student_of(house)
    await visit(house, visitor)
    socket = await visitor.session.ws_connect("/seat/01/socket", headers={"Origin": house.url})
    assert await socket.receive_str(timeout=5) == "hello"
    assert (house.gateway.presence.browsers(1), house.gateway.presence.is_visited(1)) == (0, True)
    await socket.close()
    await until(lambda: not house.gateway.presence.is_visited(1))


async def test_a_visitor_has_no_name_and_needs_no_help(house: House, student_of: NewStudent) -> None:
    visitor = student_of(house)
    await visit(house, visitor)
    shown = await config(visitor)
    assert (shown["visiting"], shown["token"]) == (True, "")
    async with visitor.get("/seat/01/") as answer:
        text = await answer.text()
    assert 'id="name"' not in text
    assert 'id="take-home"' not in text
    for token in ("", visit_token(house.room.classroom.key, 1, datetime.now(UTC) + SOON)):
        headers = {"X-Form-Token": token, "Accept": "*/*"}
        async with visitor.session.post("/seat/01/_room/help", json={"on": True}, headers=headers) as answer:
            assert answer.status == 403
    assert house.room.told(events.HelpAsked) == []


async def test_jupyterlabs_tabs_of_the_participant_are_left_alone(
    open_house: OpenHouse, student_of: NewStudent
) -> None:
    house = await open_house()
    assert house.room.classroom.ui is Ui.LAB
    student, visitor = student_of(house), student_of(house)
    await student.enter(1)
    await visit(house, visitor)
    assert (await config(student))["frame"] == "/seat/01/?ui"
    assert (await config(visitor))["frame"] == "/seat/01/lab/workspaces/instructor"


async def test_what_a_visitor_saves_is_no_sign_of_the_participants_life(house: House, student_of: NewStudent) -> None:
    student, visitor = student_of(house), student_of(house)
    await student.enter(1)
    await visit(house, visitor)
    saved = "/seat/01/echo?of=/api/contents/a.ipynb"
    async with visitor.session.put(saved, headers={"Origin": house.url}) as answer:
        assert answer.status == 200
    assert house.room.told(events.FilesChanged) == []
    async with student.session.put(saved, headers={"Origin": house.url}) as answer:
        assert answer.status == 200
    assert len(house.room.told(events.FilesChanged)) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda house: way_in(house, lasts=-timedelta(seconds=1)),
        lambda house: way_in(house)[:-1] + ("0" if way_in(house)[-1] != "0" else "1"),
        lambda house: way_in(house, 2).replace("/visit/02/", "/visit/01/"),
        lambda house: f"{house.url}/visit/01/",
        lambda house: f"{house.url}/visit/01/99999999999.",
        lambda house: f"{house.url}/visit/01/٣.x",
        lambda house: f"{house.url}/visit/x/1.y",
    ],
)
async def test_a_link_that_ran_out_or_was_changed_opens_nothing(
    house: House, student_of: NewStudent, spoil: Any
) -> None:
    visitor = student_of(house)
    async with visitor.get(spoil(house), allow_redirects=False) as answer:
        assert answer.status == 403
        assert "workshop visit" in await answer.text()
    assert not [name for name in visitor.cookies() if "visit" in name]
    async with visitor.get("/seat/01/?ui", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_the_cookie_of_one_seat_is_no_use_at_another(house: House, student_of: NewStudent) -> None:
    visitor = student_of(house)
    await visit(house, visitor)
    (value,) = [value for name, value in visitor.cookies().items() if "-visit-" in name]
    stolen = {"Cookie": f"workshop-visit-{house.uid}={value}"}
    async with student_of(house).get("/seat/02/?ui", headers=stolen, allow_redirects=False) as answer:
        assert answer.status == 303


async def test_a_visit_ends_where_the_next_begins(house: House, student_of: NewStudent) -> None:
    visitor = student_of(house)
    await visit(house, visitor, 1)
    await visit(house, visitor, 1)
    assert (await visitor.session.get("/seat/01/echo")).status == 200
    await visit(house, visitor, 2)
    # a page of seat 2, which its participant wrote, asks for what seat 1 has
    assert (await visitor.session.get("/seat/01/echo", headers={"Accept": "*/*"})).status == 403
    assert (await visitor.session.get("/seat/02/echo")).status == 200
    await visit(house, visitor, 1)
    assert (await visitor.session.get("/seat/01/echo")).status == 200


async def test_whoever_then_comes_with_the_seats_code_is_a_participant(house: House, student_of: NewStudent) -> None:
    visitor = student_of(house)
    await visit(house, visitor)
    await visitor.enter(1)
    assert (await config(visitor))["visiting"] is False
    assert [claim.number for claim in house.store.claims(house.uid)] == [1]


async def test_a_class_that_is_over_is_not_visited(house: House, student_of: NewStudent) -> None:
    house.room.closed = True
    visitor = student_of(house)
    await until(lambda: house.gateway._seats.closing)
    async with visitor.get(way_in(house), allow_redirects=False) as answer:
        assert answer.status == 410
    assert house.room.told(events.SeatVisited) == []
