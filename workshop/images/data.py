"""Files of `data:`: fetched once, checked, kept by their checksum."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from workshop.engines.file_lock import FileLock
from workshop.errors import SourceError
from workshop.images.download import download, new_client
from workshop.images.links import redact
from workshop.images.transfer_lines import transfer_lines
from workshop.model.amounts import format_size
from workshop.model.data_file import SUMS, DataFile
from workshop.model.events import StepFinished, StepStarted
from workshop.ports.build import Report

if TYPE_CHECKING:
    from workshop.model.definition import DataPart


def data_file_name(part: DataPart) -> str:
    """The name under `/data`: as written, else the last part of the address.

    Raises:
        SourceError: there is none, or it is no plain name.
    """
    name = part.name or unquote(urlsplit(part.url).path.rstrip("/").rpartition("/")[2])
    if not name or "/" in name or name in (".", "..", SUMS):
        raise SourceError(f"{redact(part.url)} gives no file name.", hint="Write one down: `name: measurements.csv`.")
    return name


async def fetch_data(parts: Iterable[DataPart], cache_dir: Path, *, report: Report) -> tuple[DataFile, ...]:
    """Have every file on this machine, downloading what is missing and going on where a former try stopped.

    Args:
        cache_dir: files are kept in `data/<sha256>/` below it, and appear there only when they are right.

    Raises:
        SourceError: not reachable, not what its checksum says, two files of one name, or the disk is full.
    """
    wanted = [(part, data_file_name(part)) for part in parts]
    names = [name for _, name in wanted]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise SourceError(f"Two files of `data:` are called {twice}.", hint="Give one of them another `name:`.")
    return tuple([await _have(part, name, cache_dir / "data" / part.sha256, report) for part, name in wanted])


async def _have(part: DataPart, name: str, folder: Path, report: Report) -> DataFile:
    # One name in the cache whatever it is called: two workshops may call the same content differently.
    path = folder / "content"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        async with FileLock(folder / ".lock"):
            if not path.exists():
                await _fetch(part, name, path, report)
    return DataFile(name, path, part.sha256, path.stat().st_size)


async def _fetch(part: DataPart, name: str, path: Path, report: Report) -> None:
    started = time.monotonic()
    step = f"data-{name}"
    report(StepStarted(step, f"fetching {name}"))
    if urlsplit(part.url).scheme in ("file", ""):
        await asyncio.to_thread(_copy, part, name, path)
    else:
        async with new_client() as client:
            await download(
                client,
                part.url,
                path,
                what=name,
                checksum=f"sha256:{part.sha256}",
                on_progress=transfer_lines(step, report),
            )
    path.chmod(0o444)
    report(StepFinished(step, f"fetched {name} ({format_size(path.stat().st_size)})", time.monotonic() - started))


def _copy(part: DataPart, name: str, path: Path) -> None:
    source = Path(url2pathname(urlsplit(part.url).path)).expanduser()
    part_file = path.with_name(path.name + ".part")
    try:
        shutil.copyfile(source, part_file)
    except OSError as error:
        part_file.unlink(missing_ok=True)
        raise SourceError(f"{name} cannot be read from {source}: {error.strerror}.", hint="Check `data:`.") from error
    with open(part_file, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != part.sha256:
        part_file.unlink()
        raise SourceError(
            f"{name} is not what its checksum says: sha256 is {found}, not {part.sha256}.",
            hint="If the file was changed on purpose, write its new checksum down.",
        )
    part_file.replace(path)
