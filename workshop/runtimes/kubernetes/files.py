"""Files of a seat as tar streams through `exec`, in constant memory."""

from __future__ import annotations

import asyncio
import posixpath
import tarfile
from collections.abc import AsyncIterator

from workshop.errors import SeatFailed, UsageError
from workshop.model.seat import seat_name
from workshop.runtimes.archive import BLOCK, relative_path
from workshop.runtimes.kubernetes.client import ClusterClient
from workshop.runtimes.kubernetes.exec_stream import STDERR, STDOUT, PodCommand, PodPlace, pod_command

RECORD = 10240
"""What tar reads at once: a stream filled up to it ends for tar even where the end of input cannot be passed on."""
_KEPT = 4000


async def read_tar(client: ClusterClient, place: PodPlace, home: str, path: str, number: int) -> AsyncIterator[bytes]:
    """The tar stream of a file or folder of the seat.

    Raises:
        SeatFailed: there is no such path, or the connection was lost.
        UsageError: the path leads out of the home folder.
    """
    clean = relative_path(path)
    folder, last = (
        (home, ".") if clean == "." else (posixpath.join(home, posixpath.dirname(clean)), posixpath.basename(clean))
    )
    complaint = b""
    async with pod_command(client, place, ("tar", "-C", folder, "-cf", "-", "--", last)) as command:
        async for channel, data in command:
            if channel == STDOUT:
                yield data
            elif channel == STDERR:
                complaint = (complaint + data)[-_KEPT:]
    # 1: a file changed while it was read, which is normal in a seat at work.
    if command.exit_code not in (0, 1):
        raise SeatFailed(
            f"{path or 'The home folder'} of seat {seat_name(number)} could not be read.",
            details=tuple(complaint.decode("utf-8", "replace").splitlines()[-3:])
            or (command.message or "connection lost",),
        )


async def write_tar(
    client: ClusterClient, place: PodPlace, home: str, path: str, tar: AsyncIterator[bytes], number: int
) -> None:
    """Unpack a tar stream into a folder of the seat, which is made if it is not there.

    Raises:
        SeatFailed: tar in the seat failed, or the connection was lost.
        UsageError: the path leads out of the home folder.
    """
    folder = posixpath.join(home, relative_path(path))
    script = 'mkdir -p "$1" && tar -C "$1" --no-same-owner -xf -'
    complaint = bytearray()
    async with pod_command(client, place, ("sh", "-c", script, "sh", folder), stdin=True) as command:
        feeder = asyncio.create_task(_feed(command, tar))
        try:
            async for _channel, data in command:
                if len(complaint) < _KEPT:
                    complaint += data
        finally:
            if not feeder.done():  # tar in the seat has ended before all was sent
                feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)
    if command.failure is not None:
        raise command.failure
    if command.exit_code != 0:
        raise SeatFailed(
            f"Files could not be written to seat {seat_name(number)}.",
            hint="Its disk may be full.",
            details=tuple(complaint.decode("utf-8", "replace").splitlines()[-3:])
            or (command.message or "connection lost",),
        )


async def _feed(command: PodCommand, tar: AsyncIterator[bytes]) -> None:
    """Send the stream, its end filled up to a whole record; a stream that fails ends the command."""
    sent, start = 0, b""
    try:
        async for piece in tar:
            sent += len(piece)
            if len(start) < BLOCK:
                start += piece
                if len(start) < BLOCK:
                    continue
                _see_tar(start)
                piece = start
            await command.send(piece)
        if sent < BLOCK:
            if start:
                _see_tar(start)
            await command.send(start)
        await command.send(bytes(-sent % RECORD or (0 if sent else RECORD)))
        await command.close_input()
    except ConnectionError:
        return  # what tar in the seat said tells more
    except Exception as error:  # told by whoever started this, who learns of it by the end of the connection
        command.failure = error
        await command.end()


def _see_tar(start: bytes) -> None:
    """
    Raises:
        UsageError: a stream that begins like this is no tar stream.
    """
    block = start[:BLOCK]
    try:
        if len(block) < BLOCK or any(block):
            tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise UsageError("What was to be written is not a tar stream.") from error
