"""Downloads over HTTP into files: streamed, checked, resumed, with failures in our words."""

from __future__ import annotations

import errno
import hashlib
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from workshop.errors import SourceError, SourceUnreachable
from workshop.images.git_failure import no_space
from workshop.images.links import redact
from workshop.images.transfer_lines import Progress

CHUNK = 1 << 20
TIMEOUT = httpx.Timeout(60, connect=20)


def new_client() -> httpx.AsyncClient:
    """A client that trusts what this machine trusts (and `SSL_CERT_FILE`), and uses its proxies."""
    return httpx.AsyncClient(follow_redirects=True, timeout=TIMEOUT, verify=ssl.create_default_context())


async def get_json(client: httpx.AsyncClient, url: str, what: str) -> object:
    """A JSON document.

    Args:
        what: names it in an error: `the Zenodo record 123`.

    Raises:
        SourceError: not there, or not reachable.
    """
    try:
        response = await client.get(url, headers={"Accept": "application/json"})
        check_status(response, what)
        return response.json()
    except httpx.HTTPError as error:
        raise not_reached(url, error) from error
    except ValueError as error:
        raise SourceError(f"{what} cannot be read: {host(url)} answered with something that is no JSON.") from error


def check_status(response: httpx.Response, what: str) -> None:
    """Raises: SourceError for an answer that is none."""
    if response.status_code in (404, 410):
        raise SourceError(f"{what} does not exist.", hint="Check the address.")
    if response.status_code in (401, 403):
        raise SourceError(f"{what} may not be read without an account.", hint="Make it public, or download it by hand.")
    if not response.is_success:
        raise SourceError(
            f"{what} cannot be had.",
            hint=f"{response.url.host} answered {response.status_code} {response.reason_phrase}; try again later.",
        )


def not_reached(url: str, error: Exception) -> SourceUnreachable:
    reason = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
    return SourceUnreachable(
        f"{host(url)} cannot be reached: {redact(reason)}.",
        hint="Check the network (and HTTPS_PROXY, if this network needs a proxy), then run it again.",
    )


def host(url: str) -> str:
    return urlsplit(url).hostname or redact(url)


async def download(
    client: httpx.AsyncClient,
    url: str,
    path: Path,
    *,
    what: str,
    checksum: str = "",
    on_progress: Progress | None = None,
) -> None:
    """Fetch a URL into a file, going on where a former try stopped.

    Args:
        path: written as `<path>.part` first; it appears when it is complete and right.
        checksum: `<algorithm>:<hex>`, checked before the file appears.

    Raises:
        SourceError: not reachable, the disk is full, or the content is not what the checksum says.
    """
    part = path.with_name(path.name + ".part")
    algorithm, _, expected = checksum.partition(":")
    try:
        found = await _stream(client, url, part, algorithm or "sha256", what, on_progress)
    except httpx.HTTPError as error:
        raise not_reached(url, error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            part.unlink(missing_ok=True)
            raise no_space(str(path.parent)) from error
        raise
    if expected and found != expected.lower():
        part.unlink(missing_ok=True)
        raise SourceError(
            f"{what} is not what its checksum says: {algorithm} is {found}, not {expected.lower()}.",
            hint="If the file was changed on purpose, write its new checksum down; else fetch it again.",
        )
    part.replace(path)


def _read_into(digest: hashlib._Hash, part: Path) -> int:
    if not part.exists():
        return 0
    size = 0
    with open(part, "rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
            size += len(block)
    return size


async def _stream(
    client: httpx.AsyncClient,
    url: str,
    part: Path,
    algorithm: str,
    what: str,
    on_progress: Progress | None,
) -> str:
    """Fetch what is missing of `part`; the digest of the whole."""
    digest = hashlib.new(algorithm)
    have = _read_into(digest, part)
    # Without "identity" a server may compress, and a range of a compressed stream fits nothing.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    async with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416 and have:
            return digest.hexdigest()
        check_status(response, what)
        if have and response.status_code != 206:
            part.unlink()
            digest, have = hashlib.new(algorithm), 0
        length = response.headers.get("Content-Length")
        whole = have + int(length) if length else None
        with open(part, "ab") as file:  # noqa: ASYNC230 (a megabyte at a time into the page cache)
            async for block in response.aiter_bytes(CHUNK):
                file.write(block)
                digest.update(block)
                have += len(block)
                if on_progress:
                    on_progress(have, whole)
    return digest.hexdigest()
