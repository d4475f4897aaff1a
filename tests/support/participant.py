"""A participant who comes to the room's page without a link."""

from __future__ import annotations

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
