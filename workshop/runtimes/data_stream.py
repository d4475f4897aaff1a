"""Files of `data:` as a tar stream, each proven on its way; the list of their checksums comes last."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator

from workshop.errors import SourceError
from workshop.model.data_file import SUMS, DataFile, sums_text

BLOCK = 1 << 20
READ_ONLY = 0o444


def data_stream(files: Iterable[DataFile], *, folder: str = "") -> Iterator[bytes]:
    """A tar archive in pieces, in constant memory: read-only files of root.

    Args:
        folder: put before each name, with a slash at its end.

    Raises:
        SourceError: a file is not what its checksum says any more; it is removed, so that it is fetched again.
    """
    known = sorted(files, key=lambda file: file.name)
    for file in known:
        yield _header(f"{folder}{file.name}", file.size_bytes)
        yield from proven(file)
        yield bytes(-file.size_bytes % tarfile.BLOCKSIZE)
    text = sums_text(known).encode()
    yield _header(f"{folder}{SUMS}", len(text))
    yield text + bytes(-len(text) % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.uname, member.gname = size, READ_ONLY, "root", "root"
    return member.tobuf(tarfile.PAX_FORMAT)


def proven(file: DataFile) -> Iterator[bytes]:
    """A file's content; its last piece is given out only when all of it was what its checksum says.

    Raises:
        SourceError: it is not; it is removed, so that it is fetched again.
    """
    digest, left = hashlib.sha256(), file.size_bytes
    with open(file.path, "rb") as handle:
        while left and (block := handle.read(min(BLOCK, left))):
            digest.update(block)
            left -= len(block)
            if not left and digest.hexdigest() != file.sha256:
                break
            yield block
        longer = not left and bool(handle.read(1))
    if left or longer or digest.hexdigest() != file.sha256:
        file.path.unlink(missing_ok=True)
        raise SourceError(
            f"{file.name} in {file.path.parent} was changed since it was fetched: it was removed.",
            hint="Run it again: the file is fetched anew.",
        )


def small_member(name: str, text: str) -> bytes:
    """One more text for the front of such an archive."""
    content = text.encode()
    return _header(name, len(content)) + content + bytes(-len(content) % tarfile.BLOCKSIZE)
