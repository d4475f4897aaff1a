"""A folder of this machine as a tar stream and back: in constant memory, links as links, never outside the folder."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from workshop.errors import SeatFailed, UsageError

PIECE = 1024 * 1024


def pack(top: Path, name: str) -> Iterator[bytes]:
    """A tar stream of a file or folder, whose members' names begin with `name`; sockets and devices are left out.

    A file that shrinks while it is read is filled up with zeros, one that grows is cut: the stream stays valid. What a
    participant has closed (`chmod 0`) is opened as long as it is read: seats run as the user who collects their work.
    """
    stack = [(top, name)]
    opened: list[tuple[Path, int]] = []
    try:
        while stack:
            path, arcname = stack.pop()
            while opened and opened[-1][0] not in path.parents:
                _close(*opened.pop())
            try:
                info = path.lstat()
                member = _member(path, arcname, info)
                if member is None:
                    continue
                if _is_closed(info):
                    opened.append((path, stat.S_IMODE(info.st_mode)))
                    path.chmod(opened[-1][1] | stat.S_IRWXU)
                children = sorted(path.iterdir(), reverse=True) if member.isdir() else []
                handle = path.open("rb") if member.isreg() else None
            except FileNotFoundError:
                continue  # removed while we looked
            yield member.tobuf(tarfile.PAX_FORMAT)
            if handle is not None:
                with handle:
                    yield from _content(handle, member.size)
            stack += [(child, f"{arcname}/{child.name}") for child in children]
    finally:
        while opened:
            _close(*opened.pop())
    yield bytes(2 * tarfile.BLOCKSIZE)


def _is_closed(info: os.stat_result) -> bool:
    """Whether this user owns a file or folder and may not read it; for root nothing is closed."""
    needed = stat.S_IRUSR | (stat.S_IXUSR if stat.S_ISDIR(info.st_mode) else 0)
    return not stat.S_ISLNK(info.st_mode) and info.st_uid == os.geteuid() != 0 and info.st_mode & needed != needed


def _close(path: Path, mode: int) -> None:
    with suppress(FileNotFoundError):
        path.chmod(mode)


def _member(path: Path, name: str, info: os.stat_result) -> tarfile.TarInfo | None:
    member = tarfile.TarInfo(name)
    member.mode, member.mtime = stat.S_IMODE(info.st_mode), info.st_mtime
    member.uid, member.gid = info.st_uid, info.st_gid
    if stat.S_ISLNK(info.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, os.readlink(path)
    elif stat.S_ISDIR(info.st_mode):
        member.type = tarfile.DIRTYPE
    elif stat.S_ISREG(info.st_mode):
        member.size = info.st_size
    else:
        return None
    return member


def _content(handle: IO[bytes], size: int) -> Iterator[bytes]:
    left = size
    while left:
        piece = handle.read(min(PIECE, left)) or bytes(min(PIECE, left))
        left -= len(piece)
        yield piece
    yield bytes(-size % tarfile.BLOCKSIZE)


def unpack(stream: Any, home: Path, path: str) -> None:
    """Write the members of a tar stream (an object with `read`) below `home / path`.

    Raises:
        UsageError: it is no tar stream, or a member would be written outside of `home`.
        SeatFailed: the folder is a file, or the disk is full.
    """
    target = home if path == "." else home / path
    _inside(home, target)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(mode="r|", fileobj=stream, bufsize=PIECE) as tar:
            for member in tar:
                _write(tar, member, home, target)
    except tarfile.TarError as error:
        raise UsageError("What was to be written is not a tar stream.") from error
    except OSError as error:
        raise SeatFailed(f"No files could be written at {path!r}: {error.strerror}.") from error


def _inside(home: Path, path: Path) -> None:
    if not path.resolve().is_relative_to(home.resolve()):
        raise UsageError(f"{path.name!r} would be written outside of the seat's home folder.")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, home: Path, target: Path) -> None:
    path = target / member.name.lstrip("/")
    if ".." in path.parts:
        raise UsageError(f"{member.name!r} would be written outside of the seat's home folder.")
    if path == target:
        return
    _inside(home, path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            path.mkdir()
        path.chmod(member.mode & 0o777 | 0o700)
        return
    if path.is_dir() and not path.is_symlink():
        raise UsageError(f"{member.name!r} is a folder in the seat and a file in what was to be written.")
    if member.issym():
        path.unlink(missing_ok=True)
        path.symlink_to(member.linkname)
    elif member.islnk():
        source = target / member.linkname
        _inside(home, source)
        path.unlink(missing_ok=True)
        os.link(source, path)
    elif member.isreg():
        source_file = tar.extractfile(member)
        assert source_file is not None
        path.unlink(missing_ok=True)
        with path.open("xb") as handle:
            shutil.copyfileobj(source_file, handle, PIECE)
        path.chmod(member.mode & 0o777)
        os.utime(path, (member.mtime, member.mtime))


def written_bytes(top: Path) -> int:
    """What a folder takes on the disk."""
    total = 0
    for folder, _, files in os.walk(top):
        for name in files:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
    return total
