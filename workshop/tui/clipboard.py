"""The only clipboard code: a program of this machine, then the terminal's own code, then a box to select from."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass

OSC52_LIMIT = 74_994
"""Bytes of text that every terminal with OSC 52 takes; tmux and several others cut or drop more."""
SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Copied:
    """How the text was copied; `way` is empty when it could not be and has to be selected by hand."""

    way: str
    detail: str = ""


def native_command(environment: Mapping[str, str], platform: str = sys.platform) -> tuple[str, ...]:
    """The program that fills this machine's clipboard; empty when there is none, or its screen is another machine's."""
    if "SSH_CONNECTION" in environment or "SSH_TTY" in environment:
        return ()
    choices: list[tuple[str, ...]] = []
    if platform == "darwin":
        choices.append(("pbcopy",))
    if environment.get("WAYLAND_DISPLAY"):
        choices.append(("wl-copy",))
    if environment.get("DISPLAY"):
        choices += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
    if "microsoft" in environment.get("WSL_DISTRO_NAME", "").lower() or "WSL_DISTRO_NAME" in environment:
        choices.append(("clip.exe",))
    path = environment.get("PATH", os.defpath)
    return next((choice for choice in choices if shutil.which(choice[0], path=path)), ())


def takes_osc52(environment: Mapping[str, str]) -> bool:
    """Whether the terminal can be expected to understand OSC 52. It never answers, so this is all there is to know."""
    return environment.get("TERM", "") not in ("", "dumb", "linux") and not environment.get(
        "TERM_PROGRAM", ""
    ).startswith("Apple_Terminal")


async def copy_native(text: str, environment: Mapping[str, str]) -> Copied:
    """Copy with a program of this machine; `way` is empty when there is none, or it failed (`detail` says how)."""
    command = native_command(environment)
    if not command:
        return Copied("")
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environment),
        )
    except OSError as error:
        return Copied("", f"{command[0]}: {error.strerror}")
    try:
        await asyncio.wait_for(process.communicate(text.encode()), SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return Copied("", f"{command[0]} did not answer")
    if process.returncode:
        return Copied("", f"{command[0]} ended with {process.returncode}")
    return Copied(command[0])
