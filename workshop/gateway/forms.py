"""Reads what our own forms and scripts send: small, in time, and from our own pages."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

LIMIT = 16 * 1024
TIMEOUT = 15.0


class BadForm(Exception):
    """The body is too large, too slow or not what was announced."""


async def read_body(request: web.BaseRequest, *, limit: int = LIMIT) -> bytes:
    """
    Raises:
        BadForm: more than `limit` bytes, or not there in time.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise BadForm("too large")
    except TimeoutError as error:
        raise BadForm("too slow") from error
    except web.PayloadAccessError as error:
        raise BadForm("broken") from error
    return bytes(body)


async def read_form(request: web.BaseRequest) -> dict[str, str]:
    """The fields of a form, the first of each name.

    Raises:
        BadForm: as `read_body`, or it is no form.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise BadForm("not a form")
    body = await read_body(request)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise BadForm("malformed") from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


async def read_json(request: web.BaseRequest, *, limit: int = LIMIT) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BadForm: as `read_body`, or it is none.
    """
    if request.content_type != "application/json":
        raise BadForm("not JSON")
    try:
        data = json.loads(await read_body(request, limit=limit))
    except (ValueError, RecursionError) as error:
        raise BadForm("malformed") from error
    if not isinstance(data, dict):
        raise BadForm("not an object")
    return data


def clean_text(text: object, *, longest: int) -> str:
    """One line of visible text, cut to length; empty for anything else."""
    if not isinstance(text, str):
        return ""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:longest].strip()
