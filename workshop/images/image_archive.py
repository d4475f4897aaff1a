"""A file that `docker save` wrote, read as it stands: what it holds, and whether that is whole. Asks no engine.

Everything in such a file has a name that follows from its content: the image's digest is the hash of its
configuration, which names the hash of each layer (`rootfs.diff_ids` of the OCI image specification).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from workshop.errors import UsageError
from workshop.model import labels

CHUNK = 1 << 20
LARGEST_TEXT = 16 << 20
"""Configurations and lists are texts of kilobytes; what is larger is a layer."""
GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class ArchivedImage:
    """One image of such a file."""

    digests: frozenset[str]
    """The names that an engine may give it: of its configuration, and of its manifests where engines keep those."""
    tags: tuple[str, ...]
    labels: Mapping[str, str]

    @property
    def is_ours(self) -> bool:
        return labels.is_ours(self.labels) and self.labels.get(labels.KIND) == "image"


def read_archive(path: Path, tell: Callable[[int], None] = lambda _count: None) -> tuple[ArchivedImage, ...]:
    """The images in a file, when all that it holds is what its names say.

    Args:
        tell: told the bytes of content looked at so far.

    Raises:
        UsageError: no such file, not a file of images, cut short, or damaged.
        OSError: it cannot be read.
    """
    hashes: dict[str, str] = {}
    links: dict[str, str] = {}
    texts: dict[str, bytes] = {}
    seen = 0
    try:
        with opened_plain(path) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                name = posixpath.normpath(member.name)
                if member.issym() or member.islnk():
                    target = member.linkname if member.islnk() else f"{posixpath.dirname(name)}/{member.linkname}"
                    links[name] = posixpath.normpath(target)
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    continue
                digest, kept = hashlib.sha256(), bytearray()
                for block in _blocks(content):
                    digest.update(block)
                    if member.size <= LARGEST_TEXT:
                        kept += block
                    seen += len(block)
                    tell(seen)
                hashes[name] = digest.hexdigest()
                if kept.startswith((b"{", b"[")):
                    texts[name] = bytes(kept)
            while plain.read(CHUNK):  # to the end: only there a compressed file shows that it is whole
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error, tarfile.TarError) as error:
        raise _not_whole(path, hashes, str(error)) from error
    return _images(path, hashes, links, texts)


@contextmanager
def opened_plain(path: Path) -> Iterator[IO[bytes]]:
    """The file, unpacked if it is compressed, whatever its name."""
    with open(path, "rb") as file:
        compressed = file.read(2) == GZIP
        file.seek(0)
        if not compressed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as plain:
            yield plain  # type: ignore[misc]


def _blocks(content: IO[bytes]) -> Iterator[bytes]:
    while block := content.read(CHUNK):
        yield block


def _images(
    path: Path, hashes: Mapping[str, str], links: Mapping[str, str], texts: Mapping[str, bytes]
) -> tuple[ArchivedImage, ...]:
    if "manifest.json" not in texts:
        raise _not_whole(path, hashes, "its list of images is missing")
    try:
        manifests = frozenset(_manifest_digests(texts))
        found = []
        for entry in json.loads(texts["manifest.json"]):
            config_name = posixpath.normpath(entry["Config"])
            digest = posixpath.basename(config_name).removesuffix(".json")
            if hashes.get(config_name) != digest:
                raise _damaged(path, config_name)
            config: dict[str, Any] = json.loads(texts[config_name])
            layers = [_followed(posixpath.normpath(layer), links) for layer in entry["Layers"]]
            _check_layers(path, layers, config["rootfs"]["diff_ids"], hashes)
            found.append(
                ArchivedImage(
                    digests=manifests | {f"sha256:{digest}"},
                    tags=tuple(entry.get("RepoTags") or ()),
                    labels=(config.get("config") or {}).get("Labels") or {},
                )
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_image(path) from error
    return tuple(found)


def _check_layers(path: Path, layers: list[str], diff_ids: list[str], hashes: Mapping[str, str]) -> None:
    """Each layer is named by the hash of its content: in the configuration if plain, by its file if compressed."""
    if len(layers) != len(diff_ids):
        raise _damaged(path, "the list of layers")
    for layer, diff_id in zip(layers, diff_ids, strict=True):
        digest = hashes.get(layer)
        if digest is None or (f"sha256:{digest}" != diff_id and posixpath.basename(layer) != digest):
            raise _damaged(path, layer)


def _manifest_digests(texts: Mapping[str, bytes]) -> Iterator[str]:
    """Of an OCI layout: what engines with another kind of store call the image."""
    if "index.json" in texts:
        for entry in json.loads(texts["index.json"]).get("manifests") or ():
            yield entry["digest"]


def _followed(name: str, links: Mapping[str, str]) -> str:
    for _ in range(len(links)):
        if name not in links:
            break
        name = links[name]
    return name


def _not_whole(path: Path, hashes: Mapping[str, str], reason: str) -> UsageError:
    if not any(name.startswith("blobs/") or name.endswith(("/layer.tar", "/VERSION")) for name in hashes):
        return _no_image(path)
    return UsageError(
        f"{path} is not whole, cut short or damaged on the way: {reason}.",
        hint="Copy it again, or write it again with `workshop images export`; compare the sizes of both files.",
    )


def _damaged(path: Path, what: str) -> UsageError:
    return UsageError(
        f"{path} is damaged: {what} is missing, or not what its name says.",
        hint="Copy it again, or write it again with `workshop images export`. Nothing of it was loaded.",
    )


def _no_image(path: Path) -> UsageError:
    return UsageError(f"{path} holds no image of a workshop.", hint="Write one with `workshop images export`.")
