"""The log file: everything a user is not shown, tracebacks first, and no secret."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import TextIOWrapper

LARGEST = 1_000_000
KEPT = 3

_SECRET_NAMES = "token|password|passwd|secret|cookie|key|pin"
_SECRETS = (
    (re.compile(r"(authorization['\"]?\s*[=:]\s*['\"]?(?:[a-z]+ )?)[^\s'\",]+", re.IGNORECASE), r"\1…"),
    (re.compile(r"(code['\"]?\s*[=:]\s*['\"]?)[2-9A-HJKMNP-Z]{8}\b", re.IGNORECASE), r"\1…"),
    (re.compile(r"(/s/)[0-9A-Za-z]{6,12}\b"), r"\1…"),
    (re.compile(r"(://)[^/\s:@]+(?::[^/\s@]*)?@"), r"\1…@"),
    (re.compile(rf"((?:{_SECRET_NAMES})['\"]?\s*[=:]\s*['\"]?)[^\s'\",)}}&]+", re.IGNORECASE), r"\1…"),
    (re.compile(r"\b[0-9a-f]{48,64}\b"), "…"),
)  # fmt: skip
"""Codes in links, credentials in URLs, values named like secrets, and keys and tokens in hex."""


def without_secrets(text: str) -> str:
    """The text with everything that could open a seat or a repository taken out."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class _PrivateFile(RotatingFileHandler):
    """A rotating file that nobody but the user can read, from its first byte on."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")


def begin_logging(path: Path) -> None:
    """Send all logging, warnings and errors nobody waits for to the file, and none to the terminal.

    A file that cannot be written takes nothing away from the work: then nothing is logged.
    """
    root = logging.getLogger()
    if any(isinstance(handler, _PrivateFile | logging.NullHandler) for handler in root.handlers):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler: logging.Handler = _PrivateFile(path, maxBytes=LARGEST, backupCount=KEPT, delay=False)
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for chatty in ("httpx", "httpcore", "urllib3", "docker", "asyncio", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    sys.unraisablehook = _log_unraisable


def _log_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    error = unraisable.exc_value
    if error is None:
        return
    trace: tuple[type[BaseException], BaseException, TracebackType | None] = (
        type(error),
        error,
        unraisable.exc_traceback,
    )
    logging.getLogger("workshop").error("nobody waited for this error: %s", unraisable.err_msg or "", exc_info=trace)
