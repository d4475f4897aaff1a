"""A participant who comes to the room's page without a link."""

from __future__ import annotations

import json
import re

import aiohttp
from yarl import URL


async def take_next_seat(join: str) -> tuple[str, str]:
    """Take the next seat on the join page: the host and port where that ends, and the path."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"Accept": "text/html"}) as session:
        async with session.get(join) as page:
            token = re.search(r'name="token" value="([^"]+)"', await page.text())
            assert token is not None
        async with session.post(page.url.join(URL("/join/take")), data={"token": token[1]}) as seat:
            assert seat.status == 200
            return seat.url.authority, seat.url.path


async def ask_for_help(link: str) -> None:
    """Open a seat by its link and press the button above it."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"Accept": "text/html"}) as session:
        async with session.get(link) as page:
            config = re.search(r'id="config">(.*?)</script>', await page.text(), re.DOTALL)
            assert config is not None
        token = json.loads(config[1])["token"]
        where = page.url.with_query(None).join(URL("_room/help"))
        async with session.post(where, json={"on": True}, headers={"X-Form-Token": token}) as answer:
            assert answer.status == 200
