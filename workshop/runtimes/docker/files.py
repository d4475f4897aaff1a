"""Files in and out of seats through the engine's archive calls: stopped seats too, never a whole archive in memory."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

import docker
from docker.errors import APIError, NotFound

from workshop.engines.docker_engine import explanation, translated
from workshop.errors import SeatFailed
from workshop.model.seat import seat_name
from workshop.runtimes.archive import folders, owned
from workshop.runtimes.chunks import Feed

PIECE = 1024 * 1024


def open_archive(
    client: docker.DockerClient, address: str, container: str, home: str, path: str, number: int
) -> tuple[Iterator[bytes], Any]:
    """A tar stream of a path below `home`, and the response to close at its end.

    Raises:
        SeatFailed: there is no such file or folder.
    """
    full = f"{home}/." if path == "." else posixpath.join(home, path)
    api: Any = client.api
    # Asked as the SDK asks by itself, the engine compresses with gzip: seven times as slow, for a local socket.
    headers = {"Accept-Encoding": "identity"}
    url = api._url("/containers/{0}/archive", container)
    response = api._get(url, params={"path": full}, stream=True, headers=headers)
    try:
        api._raise_for_status(response)
    except NotFound as error:
        response.close()
        raise SeatFailed(
            f"Seat {seat_name(number)} has no {path!r}.", hint="Paths are relative to the seat's home folder."
        ) from error

    def pieces() -> Iterator[bytes]:
        with translated(address):
            while piece := _read(response):
                yield piece

    return pieces(), response


def _read(response: Any) -> bytes:
    """A large piece: the response's own iterator gives the engine's writes, of a few kilobytes each."""
    from requests.exceptions import ConnectionError as ConnectionLost
    from urllib3.exceptions import HTTPError

    try:
        piece: bytes = response.raw.read(PIECE, decode_content=True)
    except HTTPError as error:
        raise ConnectionLost(f"the connection was lost while files were read: {error}") from error
    return piece


def put_archive(
    client: docker.DockerClient, container: str, home: str, path: str, feed: Feed, owner: tuple[int, int], number: int
) -> None:
    """Unpack a tar stream into a folder below `home`, which is made if it is not there.

    Raises:
        SeatFailed: the folder is a file, or the seat's disk is full.
    """
    api = client.api
    target = home if path == "." else posixpath.join(home, path)
    try:
        if path != ".":
            try:
                response: Any = api.head(api._url("/containers/{0}/archive", container), params={"path": target})  # type: ignore[attr-defined]
                missing = response.status_code == 404
            except NotFound:
                missing = True
            if missing:
                api.put_archive(container, home, folders(path, *owner))
        api.put_archive(container, target, owned(feed, *owner))
    except APIError as error:
        raise SeatFailed(f"Seat {seat_name(number)} took no files at {path!r}: {explanation(error)}") from error


def owner_of(client: docker.DockerClient, container: str, user: str) -> tuple[int, int]:
    """The numbers of a container's user, looked up in its own `/etc/passwd` where the image gives a name."""
    name, _, group = user.partition(":")
    if name.isdigit() and group.isdigit():
        return int(name), int(group)
    for entry in _lines(client, container, "/etc/passwd"):
        if entry[0] == name or entry[2] == name:
            gid = int(entry[3])
            break
    else:
        return (int(name), int(name)) if name.isdigit() else (1000, 1000)
    if group:
        groups = {line[0]: int(line[2]) for line in _lines(client, container, "/etc/group")}
        gid = int(group) if group.isdigit() else groups.get(group, gid)
    return int(entry[2]), gid


def _lines(client: docker.DockerClient, container: str, path: str) -> list[list[str]]:
    """A file of colon-separated lines in a container, read through the archive call."""
    import io
    import tarfile

    try:
        stream, _ = client.api.get_archive(container, path)
    except NotFound:
        return []
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                text = file.read().decode("utf-8", "replace")
                return [line.split(":") for line in text.splitlines() if line.count(":") >= 3]
    return []
