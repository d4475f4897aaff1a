"""The instructor's own certificate for https, taken up anew when it is renewed."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path

from workshop.errors import SettingError

log = logging.getLogger(__name__)

LOOK_EVERY = 15.0


class Certificate:
    """A TLS context whose certificate follows its files."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """
        Raises:
            SettingError: the files are not there, not readable, or do not belong together.
        """
        self._files = (certificate, key)
        self._stamp = self._now()
        self.context = _context()
        self._load(self.context)

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key, password=_refuse_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
            raise SettingError(
                f"The certificate {certificate} with the key {key} cannot be used: {reason}.",
                hint="Both are PEM files; the certificate's has the whole chain, the key has no password.",
            ) from error

    def _now(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_stamp(path) for path in self._files)

    async def follow(self, warn: Callable[[str], None], *, interval: float = LOOK_EVERY) -> None:
        """Look for renewed files until cancelled. What cannot be loaded is told, and the old one is used on."""
        while True:
            await asyncio.sleep(interval)
            stamp = await asyncio.to_thread(self._now)
            if stamp == self._stamp:
                continue
            self._stamp = stamp
            try:
                self._load(_context())  # a try that harms nothing
                self._load(self.context)
            except SettingError as error:
                log.warning("%s", error.message)
                warn(f"{error.message} The one before is used until it expires.")
                continue
            log.info("the certificate was renewed")
            warn("")


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _refuse_password() -> str:
    raise ValueError("the key is protected by a password")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size
