"""Zenodo and Figshare: from a DOI to the files of its record.

Zenodo's API is documented at developers.zenodo.org, Figshare's at docs.figshare.com.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from workshop.errors import SourceError
from workshop.images.checkouts import check_size
from workshop.images.download import download, get_json, host, new_client, not_reached
from workshop.model.amounts import format_size
from workshop.model.events import LogLine
from workshop.ports.build import Report

_ZENODO = re.compile(r"10\.5281/zenodo\.(\d+)", re.IGNORECASE)
_FIGSHARE = re.compile(r"10\.\d{4,9}/m9\.figshare\.(?:[a-z.]+\.)?(\d+)(?:\.v(\d+))?", re.IGNORECASE)
_ZENODO_PAGE = re.compile(r"/records?/(\d+)")
_FIGSHARE_PAGE = re.compile(r"/articles/.*?/(\d{4,})(?:/(\d+))?/?$")


@dataclass(frozen=True, slots=True)
class RecordFile:
    name: str
    url: str
    size: int
    checksum: str
    """`md5:…`, or empty."""


@dataclass(frozen=True, slots=True)
class Record:
    """A published record: what it is called and holds."""

    doi: str
    title: str
    files: tuple[RecordFile, ...]
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Changes when a file of the record does."""
        lines = [f"{file.name} {file.checksum or file.size}" for file in self.files]
        return hashlib.sha256("\n".join([self.doi, *sorted(lines)]).encode()).hexdigest()[:40]


class DoiClient:
    """Args: addresses of the services; others for tests."""

    def __init__(
        self,
        *,
        resolver: str = "https://doi.org",
        zenodo: str = "https://zenodo.org/api",
        figshare: str = "https://api.figshare.com/v2",
    ) -> None:
        self._resolver = resolver.rstrip("/")
        self._zenodo = zenodo.rstrip("/")
        self._figshare = figshare.rstrip("/")

    async def find(self, doi: str) -> Record:
        """The record of a DOI (`doi:10.…`).

        Raises:
            SourceError: no such record, or one of a service that is not known.
        """
        name = doi.removeprefix("doi:").strip("/")
        async with new_client() as client:
            if found := _ZENODO.fullmatch(name):
                return await self._zenodo_record(client, doi, found[1])
            if found := _FIGSHARE.fullmatch(name):
                return await self._figshare_record(client, doi, found[1], found[2])
            page = await self._resolve(client, name)
            if found := _ZENODO_PAGE.search(page.path):
                return await self._zenodo_record(client, doi, found[1])
            if found := _FIGSHARE_PAGE.search(page.path):
                return await self._figshare_record(client, doi, found[1], found[2])
        raise SourceError(
            f"{doi} is kept at {page.host}, whose records cannot be fetched.",
            hint="Zenodo's and Figshare's can; or download the files and name their folder.",
        )

    async def _resolve(self, client: httpx.AsyncClient, name: str) -> httpx.URL:
        url = f"{self._resolver}/{name}"
        try:
            response = await client.head(url)
        except httpx.HTTPError as error:
            raise not_reached(url, error) from error
        if response.status_code == 404 and host(str(response.url)) == host(self._resolver):
            raise SourceError(f"There is no DOI {name}.", hint="Check it at https://doi.org.")
        return response.url

    async def _zenodo_record(self, client: httpx.AsyncClient, doi: str, number: str) -> Record:
        what = f"The Zenodo record {number}"
        data: Any = await get_json(client, f"{self._zenodo}/records/{number}", what)
        try:
            files = tuple(
                RecordFile(
                    entry["key"],
                    entry["links"].get("content") or entry["links"]["self"],
                    int(entry.get("size", 0)),
                    entry.get("checksum", ""),
                )
                for entry in data["files"]
            )
            return _checked(Record(doi, data.get("title") or data.get("metadata", {}).get("title", ""), files), what)
        except (KeyError, TypeError) as error:
            raise SourceError(f"{what} cannot be read: it is not in the form that Zenodo documents.") from error

    async def _figshare_record(self, client: httpx.AsyncClient, doi: str, article: str, version: str | None) -> Record:
        what = f"The Figshare article {article}"
        url = f"{self._figshare}/articles/{article}" + (f"/versions/{version}" if version else "")
        data: Any = await get_json(client, url, what)
        try:
            kept = [entry for entry in data["files"] if not entry.get("is_link_only")]
            files = tuple(
                RecordFile(
                    entry["name"],
                    entry["download_url"],
                    int(entry.get("size", 0)),
                    f"md5:{md5}" if (md5 := entry.get("computed_md5") or entry.get("supplied_md5")) else "",
                )
                for entry in kept
            )
        except (KeyError, TypeError) as error:
            raise SourceError(f"{what} cannot be read: it is not in the form that Figshare documents.") from error
        left_out = len(data["files"]) - len(kept)
        notes = (f"{left_out} files of {doi} are links to other places and are left out.",) if left_out else ()
        return _checked(Record(doi, data.get("title", ""), files, notes), what)

    async def download(self, record: Record, folder: Path, *, report: Report) -> None:
        """Write the files of a record into a folder; a record of one archive becomes the archive's content.

        Raises:
            SourceError: a file is not there or not what its checksum says; an archive leads out of the folder.
        """
        async with new_client() as client:
            for file in record.files:
                path = folder / Path(file.name).name
                report(LogLine(f"{file.name} ({format_size(file.size)})", "fetch"))
                await download(client, file.url, path, what=f"{file.name} of {record.doi}", checksum=file.checksum)
        if len(record.files) == 1:
            await asyncio.to_thread(_unpack, folder / Path(record.files[0].name).name, folder)


def _checked(record: Record, what: str) -> Record:
    if not record.files:
        raise SourceError(f"{what} has no files that can be fetched.", hint="Restricted files need an account.")
    check_size(sum(file.size for file in record.files), what)
    return record


def _unpack(archive: Path, folder: Path) -> None:
    """Replace an archive by its content, without the single folder that many archives wrap around it."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                check_size(sum(entry.file_size for entry in zipped.infolist()), archive.name)
                zipped.extractall(folder)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                check_size(sum(entry.size for entry in tar), archive.name)
                tar.extractall(folder, filter="data")
        else:
            return
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        raise SourceError(f"{archive.name} cannot be unpacked: {error}.") from error
    archive.unlink()
    entries = list(folder.iterdir())
    if len(entries) == 1 and entries[0].is_dir():
        wrapper = entries[0].rename(folder / ".wrapper")
        for entry in list(wrapper.iterdir()):
            shutil.move(entry, folder / entry.name)
        wrapper.rmdir()
