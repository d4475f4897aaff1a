"""Tar streams that are changed, made and unpacked on the way, byte for byte."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from workshop.errors import SeatFailed, UsageError
from workshop.runtimes.archive import folders, owned, relative_path
from workshop.runtimes.chunks import Feed, pull
from workshop.runtimes.process.folder_archive import pack, unpack

FORMATS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT, "ustar": tarfile.USTAR_FORMAT}
LONG = "a" * 90 + "/" + "ü" * 60 + ".txt"


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def example(kind: int, long: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as tar:
        for name, content in (("plain.txt", b"x" * 1000), (long, b"long"), ("empty", b"")):
            info = tarfile.TarInfo(name)
            info.size, info.uid, info.gid, info.uname, info.gname = len(content), 123456, 7, "wer", "alle"
            info.mtime = 1_700_000_000
            tar.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        folder = tarfile.TarInfo("d")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o750
        tar.addfile(folder)
        inside = tarfile.TarInfo("d/e/f")
        inside.size = 1
        tar.addfile(inside, io.BytesIO(b"1"))
    return stream.getvalue()


@pytest.mark.parametrize("size", [1, 511, 512, 5000, 10**6])
@pytest.mark.parametrize("kind", FORMATS)
def test_every_member_changes_its_owner_and_nothing_else(kind: str, size: int) -> None:
    long = LONG if kind != "ustar" else "a" * 90 + "/" + "b" * 60
    before = example(FORMATS[kind], long)
    after = b"".join(owned(in_pieces(before, size), 1000, 100))
    with tarfile.open(fileobj=io.BytesIO(before)) as old, tarfile.open(fileobj=io.BytesIO(after)) as new:
        olds, news = old.getmembers(), {member.name: member for member in new.getmembers()}
        assert {(member.uid, member.gid, member.uname, member.gname) for member in news.values()} == {
            (1000, 100, "", "")
        }
        for member in olds:
            other = news.pop(member.name)
            for what in ("size", "mode", "type", "linkname", "mtime"):
                assert getattr(member, what) == getattr(other, what), (member.name, what)
            if member.isreg():
                assert old.extractfile(member).read() == new.extractfile(other).read()  # type: ignore[union-attr]
    assert set(news) == {"a" * 90, "d/e"}
    assert all(member.isdir() for member in news.values())


def test_a_member_larger_than_its_header_can_say_is_passed_on_whole() -> None:
    """Sizes above 8 GB stand in an extended header, with 0 in the plain one."""
    record = b"19 size=123\n"
    record = b"%d size=123\n" % (len(b" size=123\n") + 2)
    extended = tarfile.TarInfo("x")
    extended.type, extended.size = tarfile.XHDTYPE, len(record)
    plain = tarfile.TarInfo("big")
    stream = (
        extended.tobuf(tarfile.USTAR_FORMAT) + record + bytes(-len(record) % 512)
        + plain.tobuf(tarfile.USTAR_FORMAT) + b"z" * 123 + bytes(512 - 123) + bytes(1024)
    )  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(b"".join(owned([stream], 1, 2)))) as tar:
        (member,) = tar.getmembers()
        assert (member.name, member.size, member.uid) == ("big", 123, 1)


@pytest.mark.parametrize("data", [b"x" * 512, b"x" * 100, example(tarfile.PAX_FORMAT, "b")[:1200]])
def test_what_is_no_tar_stream_or_half_of_one_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match="tar stream"):
        b"".join(owned([data], 1, 1))


def test_folders_on_the_way_are_made() -> None:
    with tarfile.open(fileobj=io.BytesIO(folders("a/ü/c", 5, 6))) as tar:
        assert [(member.name, member.isdir(), member.uid) for member in tar] == [
            ("a", True, 5), ("a/ü", True, 5), ("a/ü/c", True, 5),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "clean"), [("", "."), (".", "."), ("./", "."), ("a/b/", "a/b"), ("a/../b", "b"), ("./ü x", "ü x")]
)
def test_paths_are_cleaned(given: str, clean: str) -> None:
    assert relative_path(given) == clean


# Folders of this machine


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    return home


def test_a_folder_comes_back_as_it_was(home: Path, tmp_path: Path) -> None:
    (home / "sub" / "größe.ipynb").write_bytes(os.urandom(2_500_000))
    (home / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (home / "sub" / "run.sh").chmod(0o755)
    (home / "sub" / "null").touch()
    (home / "sub" / "dangling").symlink_to("/nowhere")
    (home / "sub" / "up").symlink_to("..")
    os.mkfifo(home / "sub" / "pipe")
    data = b"".join(pack(home / "sub", "sub"))
    other = tmp_path / "other"
    other.mkdir()
    unpack(io.BytesIO(data), other, ".")
    names = sorted(path.name for path in (other / "sub").iterdir())
    assert names == ["dangling", "größe.ipynb", "null", "run.sh", "up"]
    assert (other / "sub" / "größe.ipynb").read_bytes() == (home / "sub" / "größe.ipynb").read_bytes()
    assert os.readlink(other / "sub" / "dangling") == "/nowhere"
    assert os.access(other / "sub" / "run.sh", os.X_OK)
    unpack(io.BytesIO(data), other, ".")
    assert sorted(path.name for path in (other / "sub").iterdir()) == names


def test_a_file_that_changes_while_it_is_read_leaves_a_valid_stream(home: Path) -> None:
    big, small = home / "a", home / "b"
    big.write_bytes(b"1" * 3_000_000)
    small.write_text("rest")
    stream = pack(home, "home")
    data = b""
    for piece in stream:
        data += piece
        if len(data) > 1_000_000 and big.exists() and big.stat().st_size:
            os.truncate(big, 0)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        sizes = {member.name: member.size for member in tar}
    assert sizes == {"home": 0, "home/sub": 0, "home/a": 3_000_000, "home/b": 4}


@pytest.fixture
def not_root(tmp_path: Path) -> Iterator[Path]:
    """A folder of somebody for whom closed files are closed; as them, while the test runs."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    if os.geteuid():
        yield folder
        return
    for path in (folder, *folder.parents[: len(folder.parents) - 2]):
        path.chmod(0o755)
    os.chown(folder, 65534, 65534)
    os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(0)


def test_what_a_participant_has_closed_is_read_and_closed_again(not_root: Path) -> None:
    for path in ("closed/deep/note.txt", "closed/secret.txt", "open.txt"):
        (not_root / path).parent.mkdir(parents=True, exist_ok=True)
        (not_root / path).write_text(path)
    modes = {
        "closed/deep/note.txt": 0o200,
        "closed/deep": 0o100,
        "closed/secret.txt": 0,
        "closed": 0,
        "open.txt": 0o640,
    }
    for name, mode in modes.items():
        (not_root / name).chmod(mode)
    with pytest.raises(PermissionError):
        list((not_root / "closed").iterdir())

    with tarfile.open(fileobj=io.BytesIO(b"".join(pack(not_root, "home")))) as tar:
        found = {member.name.removeprefix("home/"): member.mode for member in tar if member.name != "home"}
        for name in ("closed/deep/note.txt", "closed/secret.txt"):
            content = tar.extractfile(f"home/{name}")
            assert content is not None
            assert content.read() == name.encode()
    assert found == modes

    stopped = pack(not_root, "home")
    while b"note.txt" not in next(stopped):
        pass
    stopped.close()
    assert (not_root / "closed").stat().st_mode & 0o777 == 0, "also when nobody reads to the end"


def member(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"x") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    padded = content + bytes(-len(content) % 512) if kind == tarfile.REGTYPE else b""
    return info.tobuf(tarfile.PAX_FORMAT) + padded


@pytest.mark.parametrize(
    "stream",
    [
        member("../outside"),
        member("sub/../../outside"),
        member("esc", kind=tarfile.SYMTYPE, link="../..") + member("esc/outside"),
        member("esc", kind=tarfile.SYMTYPE, link="/tmp") + member("esc/outside"),
        member("hard", kind=tarfile.LNKTYPE, link="../../secret"),
    ],
    ids=["dots", "dots inside", "link up", "link away", "hard link"],
)
def test_nothing_is_written_outside_of_the_home_folder(home: Path, tmp_path: Path, stream: bytes) -> None:
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(UsageError, match="outside"):
        unpack(io.BytesIO(stream + bytes(1024)), home, ".")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "secret"]


def test_a_link_in_the_seat_does_not_lead_files_out_of_it(home: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (home / "data").symlink_to(tmp_path / "other")
    with pytest.raises(UsageError, match="outside"):
        unpack(io.BytesIO(member("x") + bytes(1024)), home, "data")
    unpack(io.BytesIO(member("data", content=b"file") + bytes(1024)), home, ".")
    assert (home / "data").read_text() == "file"
    assert list((tmp_path / "other").iterdir()) == []


def test_a_file_where_a_folder_is_needed_is_said(home: Path) -> None:
    (home / "file").touch()
    with pytest.raises(SeatFailed, match="file"):
        unpack(io.BytesIO(member("x") + bytes(1024)), home, "file")


# Between threads and the loop


async def test_a_reader_holds_one_piece_at_a_time() -> None:
    given = 0

    def source() -> Iterator[bytes]:
        nonlocal given
        for _ in range(100):
            given += 1
            yield b"x"

    stream = pull(source())
    for _ in range(3):
        await anext(stream)
    assert given <= 4
    await stream.aclose()


async def test_a_source_is_closed_when_the_reader_goes() -> None:
    closed = threading.Event()
    stream = pull(iter([b"1", b"2"]), close=closed.set)
    await anext(stream)
    await stream.aclose()
    assert await asyncio.to_thread(closed.wait, 5)


async def test_a_failing_source_fails_the_thread_that_reads_it() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"1"
        raise ValueError("broken upload")

    async with Feed(source()) as feed:
        with pytest.raises(ValueError, match="broken upload"):
            await asyncio.to_thread(lambda: list(feed))


async def test_a_thread_does_not_wait_for_a_source_that_was_given_up() -> None:
    never = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        yield b"1"
        await never.wait()

    async with Feed(source()) as feed:
        reading = asyncio.ensure_future(asyncio.to_thread(lambda: list(feed)))
        await asyncio.sleep(0)
    with pytest.raises(InterruptedError):
        await asyncio.wait_for(reading, 5)


async def test_a_source_that_is_given_up_can_be_closed_at_once() -> None:
    never = asyncio.Event()

    async def source() -> AsyncGenerator[bytes, None]:
        yield b"1"
        await never.wait()

    async def read() -> None:
        async with aclosing(source()) as stream, Feed(stream) as feed:
            await asyncio.to_thread(lambda: (feed.read(1), waiting.set(), feed.read(1)))

    waiting = threading.Event()
    reading = asyncio.ensure_future(read())
    assert await asyncio.to_thread(waiting.wait, 5)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_reads_of_any_size_give_the_whole() -> None:
    async def source() -> AsyncIterator[bytes]:
        for piece in (b"abc", b"", b"defg", b"h"):
            yield piece

    async with Feed(source()) as feed:
        parts = await asyncio.to_thread(lambda: [feed.read(2), feed.read(3), feed.read(10), feed.read(1)])
    assert parts == [b"ab", b"cde", b"fgh", b""]
