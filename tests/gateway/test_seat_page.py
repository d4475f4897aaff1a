"""The bar around a seat: what it tells, and what a participant can say with it."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from tests.gateway.conftest import House, NewStudent, OpenHouse, Student, until
from workshop.gateway.languages import LANGUAGES, negotiate, texts
from workshop.model import events


@pytest.fixture
async def student(house: House, student_of: NewStudent) -> Student:
    student = student_of(house)
    await student.enter(1)
    return student


async def _config(student: Student, path: str = "/seat/01/") -> dict[str, Any]:
    async with student.get(path) as answer:
        text = await answer.text()
    found = re.search(r'<script type="application/json" id="config">(.*?)</script>', text, re.S)
    assert found, text
    return dict(json.loads(found[1]))


async def _send(student: Student, what: str, body: object, token: str, **headers: str) -> aiohttp.ClientResponse:
    return await student.session.post(
        f"/seat/01/_room/{what}", json=body, headers={"X-Form-Token": token, "Accept": "*/*"} | headers
    )


async def test_the_seats_home_is_the_bar_around_the_ui_and_deeper_addresses_are_the_ui_alone(
    house: House, student: Student
) -> None:
    async with student.get("/seat/01/") as answer:
        text = await answer.text()
        assert '<iframe id="ui" src="/seat/01/?ui"' in text
        assert "frame-src 'self'" in answer.headers["Content-Security-Policy"]
    for path in ("/seat/01/?ui", "/seat/01/page"):
        async with student.get(path) as answer:
            assert "The UI of the seat" in await answer.text()


async def test_the_bar_can_be_turned_off_for_the_class(open_house: OpenHouse, student_of: NewStudent) -> None:
    house = await open_house(settings={"seat_bar": False})
    student = student_of(house)
    await student.enter(1)
    async with student.get("/seat/01/") as answer:
        text = await answer.text()
    assert "The UI of the seat" in text
    assert "iframe" not in text


async def test_help_is_asked_for_and_taken_back(house: House, student: Student) -> None:
    token = (await _config(student))["token"]
    assert (await _send(student, "help", {"on": True}, token)).status == 200
    assert [fact.number for fact in house.room.told(events.HelpAsked)] == [1]
    assert (await _send(student, "help", {"on": False}, token)).status == 200
    assert [fact.number for fact in house.room.told(events.HelpDone)] == [1]


async def test_the_queue_for_help_tells_everybody_their_place(house: House, student: Student) -> None:
    house.room.report(events.HelpAsked(2, datetime.now(UTC) - timedelta(minutes=3)))
    token = (await _config(student))["token"]
    live = await _live(student, house)
    await _send(student, "help", {"on": True}, token)
    places = []
    while 2 not in places:
        places.append((await live.receive_json(timeout=5))["place"])
    house.room.report(events.HelpDone(2))
    assert (await live.receive_json(timeout=5))["place"] == 1


async def test_a_name_is_cleaned_and_told(house: House, student: Student) -> None:
    token = (await _config(student))["token"]
    answer = await _send(student, "name", {"name": "  Ana\n\u202e<b>\x00  Müller " + "x" * 99}, token)
    name = (await answer.json())["name"]
    assert name.startswith("Ana <b> Müller xxx")
    assert len(name) == 40
    assert house.room.told(events.SeatLabelled)[-1] == events.SeatLabelled(1, name)
    async with student.get("/seat/01/") as page:
        assert "<b>" not in (await page.text()).replace("\\u003cb\\u003e", "")


async def test_strict_privacy_asks_for_no_names_and_shows_none(open_house: OpenHouse, student_of: NewStudent) -> None:
    house = await open_house(settings={"strict_privacy": True})
    student = student_of(house)
    await student.enter(1)
    config = await _config(student)
    async with student.get("/seat/01/") as page:
        assert 'id="name"' not in await page.text()
    assert (await _send(student, "name", {"name": "Ana"}, config["token"])).status == 403
    assert house.room.told(events.SeatLabelled) == []


@pytest.mark.parametrize(
    ("body", "token", "headers"),
    [
        ({"on": True}, "wrong", {}),
        ({"on": "yes"}, None, {}),
        ([1], None, {}),
        ({"on": True}, None, {"Origin": "http://evil.example"}),
        ({"on": True, "filler": "x" * 20_000}, None, {}),
    ],
)
async def test_what_our_own_page_did_not_send_is_refused(
    house: House, student: Student, body: object, token: str | None, headers: dict[str, str]
) -> None:
    own = (await _config(student))["token"]
    assert (await _send(student, "help", body, token if token is not None else own, **headers)).status == 403
    assert house.room.told(events.HelpAsked) == []


async def test_one_seats_form_token_is_no_use_at_another(house: House, student: Student) -> None:
    await student.type_code(2)
    token = (await _config(student, "/seat/02/"))["token"]
    assert (await _send(student, "help", {"on": True}, token)).status == 403


async def _live(student: Student, house: House, number: int = 1) -> aiohttp.ClientWebSocketResponse:
    return await student.session.ws_connect(f"/seat/{number:02d}/_room/live", headers={"Origin": house.url})


async def test_the_page_hears_of_messages_time_and_its_seat_as_they_change(house: House, student: Student) -> None:
    live = await _live(student, house)
    view = await live.receive_json(timeout=5)
    assert (view["ready"], view["messages"], view["help"]) == (True, [], None)
    house.room.say("Lunch at 12:30")
    view = await live.receive_json(timeout=5)
    assert [message["text"] for message in view["messages"]] == ["Lunch at 12:30"]
    house.room.ends = datetime(2031, 5, 4, 15, 0, tzinfo=UTC)
    house.room.notify()
    assert (await live.receive_json(timeout=5))["ends"] == "2031-05-04T15:00:00+00:00"
    house.room.down(1)
    assert (await live.receive_json(timeout=5))["ready"] is False


async def test_a_page_is_told_from_time_to_time_although_nothing_changes(
    house: House, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workshop.gateway.seat_page.TELL_EVERY", 0.05)
    socket = await _live(student, house)
    views = [await socket.receive_json(timeout=5) for _ in range(4)]
    assert len({view.pop("now") for view in views}) == 4
    assert views[2] == views[3]
    await socket.close()


async def test_a_page_hears_nothing_of_other_seats(house: House, student: Student) -> None:
    live = await _live(student, house)
    await live.receive_json(timeout=5)
    house.room.report(events.SeatLabelled(2, "Somebody else"))
    house.room.report(events.SeatClaimed(3, datetime.now(UTC)))
    house.room.say("for all")
    view = await live.receive_json(timeout=5)
    assert "Somebody" not in json.dumps(view)
    assert view["messages"][0]["text"] == "for all"


async def test_an_open_page_counts_as_a_browser(house: House, student: Student) -> None:
    live = await _live(student, house)
    await live.receive_json(timeout=5)
    assert house.gateway.presence.browsers(1) == 1
    await live.close()
    await until(lambda: house.gateway.presence.browsers(1) == 0)


async def test_pages_are_told_to_come_back_when_the_gateway_stops_and_find_everything_again(
    house: House, student: Student
) -> None:
    token = (await _config(student))["token"]
    live = await _live(student, house)
    await live.receive_json(timeout=5)
    await _send(student, "help", {"on": True}, token)
    await live.receive_json(timeout=5)
    await asyncio.wait_for(house.restart(), 10)
    while (message := await asyncio.wait_for(live.receive(), 5)).type is aiohttp.WSMsgType.TEXT:
        pass
    assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)
    again = await _live(student, house)
    assert (await again.receive_json(timeout=5))["help"] is not None
    assert (await _send(student, "help", {"on": False}, token)).status == 200


# Languages


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("de", "de"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("pt-BR,es;q=0.7,en;q=0.3", "es"), ("*", "en"),
        ("fr;q=0.2, en;q=0.9", "en"), ("fr;q=0", "en"), ("xx;q=abc,fr", "fr"), ("q" * 10_000, "en"),
    ],
)  # fmt: skip
def test_the_browsers_language_decides(header: str, language: str) -> None:
    assert negotiate(header) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text_with_the_same_places_to_fill(language: str) -> None:
    english, other = texts("en"), texts(language)
    assert other.keys() == english.keys()
    for key in english.keys():  # noqa: SIM118
        assert set(re.findall(r"{\w+}", other(key))) == set(re.findall(r"{\w+}", english(key))), key
        assert other(key).strip() == other(key) != ""


@pytest.mark.parametrize(("language", "words"), [("de", "Platz nehmen"), ("fr", "Prendre une place"), ("es", "Tomar")])
async def test_pages_speak_the_browsers_language(
    house: House, student_of: NewStudent, language: str, words: str
) -> None:
    async with student_of(house, **{"Accept-Language": f"{language}-XX"}).get("/join") as answer:
        text = await answer.text()
    assert words in text
    assert f'<html lang="{language}">' in text
    assert answer.headers["Content-Language"] == language
