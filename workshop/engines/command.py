"""Run another program without blocking, line by line, and end it with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

KILL_AFTER = 5.0
"""Seconds between asking a program to end and ending it."""


class CommandMissing(Exception):
    """The program is not installed; the argument is its name."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    exit_code: int
    output: str
    """Both streams, in the order they came."""


async def run_command(
    argv: Sequence[str],
    *,
    on_line: Callable[[str], None] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    input_bytes: bytes | None = None,
    timeout: float | None = None,
    keep_lines: int = 20_000,
) -> CommandResult:
    """Run a program; a cancelled or timed-out call ends its whole process group before it returns.

    Args:
        on_line: called with each line of either stream, without its end; carriage returns split lines too.
        env: replaces the environment (pass `os.environ | {...}` to add).
        keep_lines: how many of the last lines `output` keeps.

    Raises:
        CommandMissing: no such program.
        TimeoutError: it took longer than `timeout` seconds.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE if input_bytes is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        if error.filename == cwd:
            raise
        raise CommandMissing(argv[0]) from error
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        if len(lines) > keep_lines * 2:
            del lines[:keep_lines]
        if on_line is not None:
            on_line(line)

    try:
        async with asyncio.timeout(timeout):
            feed = asyncio.create_task(_feed(process, input_bytes))
            await _read_lines(process, take)
            await feed
            code = await process.wait()
    except BaseException:
        await end_group(process)
        raise
    return CommandResult(code, "\n".join(lines[-keep_lines:]))


async def _feed(process: asyncio.subprocess.Process, data: bytes | None) -> None:
    if process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data or b"")
        await process.stdin.drain()
    process.stdin.close()


async def _read_lines(process: asyncio.subprocess.Process, take: Callable[[str], None]) -> None:
    assert process.stdout is not None
    rest = b""
    while chunk := await process.stdout.read(65536):
        *whole, rest = (rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in whole:
            take(line.decode("utf-8", "replace"))
        if len(rest) > 1_000_000:
            take(rest.decode("utf-8", "replace"))
            rest = b""
    if rest:
        take(rest.decode("utf-8", "replace"))


async def end_group(process: asyncio.subprocess.Process) -> None:
    """End a process started with `start_new_session`, and its children: TERM, then KILL."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), KILL_AFTER)
        except TimeoutError:
            continue
        break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
