"""Renders our own pages, with headers that let nothing else onto them, and serves their scripts and styles."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from workshop.gateway.colours import style_sheet
from workshop.gateway.compression import accepts_gzip
from workshop.gateway.languages import Texts, texts_for
from workshop.model.palette import Palette

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent
ASSETS_PATH = "/assets/"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action {forms}; base-uri 'none'; frame-ancestors {ancestors}; frame-src {frames}"
)
SERVER = {"Server": "workshop"}
"""Instead of the names and versions of what it is made of."""
_HEADERS = SERVER | {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A script, style sheet or picture of our pages."""

    body: bytes
    packed: bytes
    kind: str
    digest: str


class Pages:
    """The pages of one classroom's gateway.

    Args:
        title: the workshop's title.
        palette: the theme's colours.
    """

    def __init__(self, title: str, palette: Palette | None) -> None:
        self._title = title
        self._assets = dict(_read_assets())
        self._assets["colours.css"] = _asset(style_sheet(palette).encode(), "text/css")

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,  # an upgrade during a class is for the gateway that starts next
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals["asset"] = self.address
        return environment

    def prepare(self) -> None:
        """Compile every template, so that the first student does not wait for it. Blocking; safe in a thread."""
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def address(self, name: str) -> str:
        """Where an asset is fetched; changes when the asset does."""
        return f"{ASSETS_PATH}{name}?v={self._assets[name].digest}"

    def page(
        self,
        request: web.BaseRequest,
        template: str,
        *,
        status: int = 200,
        frames: bool = False,
        framed: bool = False,
        forms: Iterable[str] = (),
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> web.Response:
        """One of our pages, in the browser's language.

        Args:
            forms: other origins to which its forms may lead.
            frames: it shows a seat in a frame.
            framed: it may itself be shown in the frame of a seat page.
        """
        words = texts_for(request.headers.get("Accept-Language", ""))
        body = self._environment.get_template(f"{template}.html").render(
            t=words, language=words.language, title=self._title, **values
        )
        response = web.Response(status=status, text=body, content_type="text/html")
        response.headers.update(_HEADERS)
        response.headers["Content-Security-Policy"] = _POLICY.format(
            frames="'self'" if frames else "'none'",
            ancestors="'self'" if framed else "'none'",
            forms=" ".join(("'self'", *forms)),
        )
        if framed:
            response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers["Content-Language"] = words.language
        response.headers["Vary"] = "Accept-Language, Cookie"
        response.headers.update(headers or {})
        return response

    def words(self, request: web.BaseRequest) -> Texts:
        return texts_for(request.headers.get("Accept-Language", ""))

    def asset(self, request: web.BaseRequest, name: str) -> web.Response | None:
        """A script or style sheet; None if there is none of that name."""
        asset = self._assets.get(name)
        if asset is None:
            return None
        fresh = request.query_string == f"v={asset.digest}"
        headers = SERVER | {
            "Content-Type": asset.kind,
            "Cache-Control": "public, max-age=31536000, immutable" if fresh else "no-cache",
            "ETag": f'W/"{asset.digest}"',
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if headers["ETag"] in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            return web.Response(body=asset.packed, headers={**headers, "Content-Encoding": "gzip"})
        return web.Response(body=asset.body, headers=headers)


def answer_json(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A small answer to one of our own scripts."""
    return web.Response(
        status=status,
        text=json.dumps(data, separators=(",", ":")),
        content_type="application/json",
        headers=SERVER | {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} | (headers or {}),
    )


def redirect(target: str, *, status: int = 303) -> web.Response:
    """Go on to a path of ours (never to an address that a request named)."""
    assert target.startswith("/")
    assert not target.startswith("//")
    return web.Response(
        status=status,
        headers=SERVER | {"Location": target, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )


def send_on(address: str) -> web.Response:
    """Go on to another gateway of this class, at an address from the class's own record."""
    return web.Response(
        status=303,
        headers=SERVER | {"Location": address, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )


def wants_page(request: web.BaseRequest) -> bool:
    """Whether a person will look at the answer, as opposed to a script."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", "")


def _read_assets() -> list[tuple[str, Asset]]:
    found = []
    for path in sorted((_FOLDER / "static").iterdir()):
        kind = {".js": "text/javascript", ".svg": "image/svg+xml"}.get(path.suffix) or mimetypes.guess_type(path)[0]
        if path.is_file() and kind:
            found.append((path.name, _asset(path.read_bytes(), kind)))
    return found


def _asset(body: bytes, kind: str) -> Asset:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(body) + packer.flush()
    return Asset(body, packed, f"{kind}; charset=utf-8", hashlib.sha256(body).hexdigest()[:12])
