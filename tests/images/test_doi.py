"""DOIs, against a server that answers like Zenodo, Figshare and doi.org."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from workshop.errors import SourceError
from workshop.images.doi import DoiClient
from workshop.images.sources import GitSources
from workshop.ports.build import ignore_events


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


ARCHIVE = zipped({"course-1/a.ipynb": "{}", "course-1/requirements.txt": "rich"})
MD5 = hashlib.md5(ARCHIVE).hexdigest()


@pytest.fixture
async def service() -> AsyncIterator[str]:
    app = web.Application()

    async def zenodo(request: web.Request) -> web.Response:
        number = request.match_info["number"]
        if number == "1":
            raise web.HTTPFound("/zenodo/records/2")
        if number == "404":
            raise web.HTTPNotFound
        link = {"self": f"http://{request.host}/files/course.zip"}
        checksum = "md5:" + (MD5 if number == "2" else "0" * 32)
        files = [] if number == "3" else [
            {"key": "course.zip", "size": len(ARCHIVE), "checksum": checksum, "links": link}
        ]  # fmt: skip
        return web.json_response({"title": "A course", "files": files})

    async def figshare(request: web.Request) -> web.Response:
        files = [
            {"name": "a.ipynb", "size": 2, "download_url": f"http://{request.host}/files/a", "computed_md5": ""},
            {"name": "elsewhere", "size": 0, "download_url": "http://x.invalid", "is_link_only": True},
            {"name": "b.txt", "size": 2, "download_url": f"http://{request.host}/files/a", "supplied_md5": ""},
        ]
        return web.json_response({"title": request.match_info.get("version", "latest"), "files": files})

    async def files(request: web.Request) -> web.Response:
        return web.Response(body=ARCHIVE if request.match_info["name"] == "course.zip" else b"{}")

    async def resolve(request: web.Request) -> web.Response:
        page = {"inst.1": "/records/2", "fig.1": "/articles/dataset/x/12345/2", "other": "/somewhere"}
        name = request.match_info["name"]
        if name not in page:
            raise web.HTTPNotFound
        raise web.HTTPFound(page[name])

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="a page")

    app.router.add_get("/zenodo/records/{number}", zenodo)
    app.router.add_get("/figshare/articles/{article}", figshare)
    app.router.add_get("/figshare/articles/{article}/versions/{version}", figshare)
    app.router.add_get("/files/{name}", files)
    app.router.add_route("HEAD", "/doi/10.1234/{name}", resolve)
    app.router.add_get("/{page:(records|articles|somewhere).*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@pytest.fixture
def sources(service: str, tmp_path: Path) -> GitSources:
    client = DoiClient(resolver=f"{service}/doi", zenodo=f"{service}/zenodo", figshare=f"{service}/figshare")
    return GitSources(tmp_path / "cache", dois=client)


@pytest.mark.parametrize("doi", ["doi:10.5281/zenodo.2", "https://doi.org/10.5281/zenodo.1", "10.1234/inst.1"])
async def test_a_zenodo_record_of_one_archive_is_the_archives_content(sources: GitSources, doi: str) -> None:
    source = await sources.resolve(doi, report=ignore_events)
    assert sorted(path.name for path in Path(source.folder).iterdir()) == ["a.ipynb", "requirements.txt"]
    assert source.commit.startswith("folder-")
    again = await sources.resolve(doi, report=ignore_events)
    assert (again.commit, again.folder) == (source.commit, source.folder)


@pytest.mark.parametrize("doi", ["doi:10.6084/m9.figshare.12345.v2", "10.6084/m9.figshare.12345", "10.1234/fig.1"])
async def test_a_figshare_article_is_its_files(sources: GitSources, doi: str) -> None:
    source = await sources.resolve(doi, report=ignore_events)
    assert sorted(path.name for path in Path(source.folder).iterdir()) == ["a.ipynb", "b.txt"]
    assert "1 files" in source.notes[0]


@pytest.mark.parametrize(
    ("doi", "says"),
    [
        ("10.5281/zenodo.404", "does not exist"),
        ("10.5281/zenodo.3", "has no files"),
        ("10.5281/zenodo.4", "not what its checksum says"),
        ("10.1234/missing", "There is no DOI"),
        ("10.1234/other", "whose records cannot be fetched"),
    ],
)
async def test_what_cannot_be_had_is_said(sources: GitSources, tmp_path: Path, doi: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        await sources.resolve(doi, report=ignore_events)
    assert not list((tmp_path / "cache").glob("checkouts/*"))


async def test_a_service_that_does_not_answer_is_named(tmp_path: Path) -> None:
    sources = GitSources(tmp_path, dois=DoiClient(zenodo="http://127.0.0.1:9"))
    with pytest.raises(SourceError, match=r"127\.0\.0\.1 cannot be reached"):
        await sources.resolve("10.5281/zenodo.2", report=ignore_events)
