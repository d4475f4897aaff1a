"""What a definition's types cannot say: values that fit one by one and make no sense together."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import timedelta
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from workshop.config.document import Document, Key
from workshop.model.amounts import format_size
from workshop.model.definition import DataPart, WorkshopDefinition
from workshop.model.snapshot import Problem

Found = tuple[Key, str, str]
LEAST_MEMORY = 64 * 1024**2
"""Bytes; no server of notebooks starts with less."""


def senseless(definition: WorkshopDefinition, document: Document) -> list[Problem]:
    """Every such problem, with its place in the file."""
    errors = [
        *_texts(definition),
        *_times(definition),
        *_access(definition),
        *_data(definition),
        *_limits(definition),
        *_targets(definition),
    ]
    return [Problem(document.where(key), message, hint) for key, message, hint in errors] + [
        Problem(document.where(key), message, hint, level="warning") for key, message, hint in _doubtful(definition)
    ]


def _texts(definition: WorkshopDefinition) -> Iterator[Found]:
    if not definition.title.strip():
        yield ("title",), "`title` is empty.", "Shown to students and in the list of workshops."
    for key, text in ((("open",), definition.open), (("source", "folder"), definition.source.folder)):
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts:
            yield key, f"`{text}` leaves the repository.", "Write the path as it is inside the repository."
    if definition.docker.subnet:
        try:
            ipaddress.ip_network(definition.docker.subnet)
        except ValueError:
            yield (
                ("docker", "subnet"),
                f"`{definition.docker.subnet}` is not a subnet.",
                "Write it as `10.91.7.0/24`, or leave it out to have one chosen.",
            )


def _limits(definition: WorkshopDefinition) -> Iterator[Found]:
    memory = definition.limits.memory
    if memory is not None and memory < LEAST_MEMORY:
        message = f"{format_size(memory)} is too little for a seat: at least {format_size(LEAST_MEMORY)}."
        yield ("limits", "memory"), message, "Write `1 GB`: a number alone is bytes."


def _times(definition: WorkshopDefinition) -> Iterator[Found]:
    nothing = timedelta(0)
    if definition.times.length <= nothing:
        yield ("times", "length"), "A class takes longer than nothing.", "Write `3h` or `90m`."
    if definition.times.grace < nothing:
        yield ("times", "grace"), "The grace cannot be negative.", "Write `0` for none."
    if definition.rehearse.timeout <= nothing:
        yield ("rehearse", "timeout"), "A notebook needs longer than nothing.", "Write `10m`."


def _access(definition: WorkshopDefinition) -> Iterator[Found]:
    access = definition.access
    if bool(access.certificate) != bool(access.key):
        there, missing = ("certificate", "key") if access.certificate else ("key", "certificate")
        yield ("access", there), f"`{there}` is there and `{missing}` is not.", "https needs both files."


def _data(definition: WorkshopDefinition) -> Iterator[Found]:
    names: dict[str, int] = {}
    for index, part in enumerate(definition.data):
        if urlsplit(part.url).scheme not in ("http", "https", "ftp", "file"):
            yield (
                ("data", index, "url"),
                f"`{part.url}` is not an address.",
                "It begins with https://, http:// or file://.",
            )
            continue
        name = data_name(part)
        if not name or "/" in name or name in (".", ".."):
            yield ("data", index), "The file has no name of its own.", "Give it one: `name: penguins.csv`."
        elif name in names:
            yield (
                ("data", index),
                f"Two files would be /data/{name}.",
                f"Give this one another `name`; the first is entry {names[name] + 1}.",
            )
        names.setdefault(name, index)


def _targets(definition: WorkshopDefinition) -> Iterator[Found]:
    targets, kubernetes = definition.targets, definition.kubernetes
    if not targets:
        return
    if definition.runtime != "auto":
        yield ("runtime",), "`runtime` and `targets` contradict each other.", "Take out `runtime`."
    seen: dict[tuple[str, str, str], int] = {}
    for index, target in enumerate(targets):
        if target.runtime != "kubernetes" and (given := next(iter(target.of_cluster()), "")):
            yield (
                ("targets", index, given),
                f"`{given}` is of clusters, and this target is `{target.runtime}`.",
                "Take it out, or write `runtime: kubernetes`.",
            )
        key = (target.runtime, target.context, target.namespace)
        if key in seen:
            yield (
                ("targets", index),
                f"This is the same as `targets[{seen[key]}]`.",
                "Take one of them out; `weight` gives a target more seats.",
            )
        seen.setdefault(key, index)
    for name in ("context", "namespace"):
        said = getattr(kubernetes, name)
        if said and any(target.runtime == "kubernetes" and getattr(target, name) != said for target in targets):
            hint = f"Write `{name}` into the entries of `targets` that are clusters."
            yield ("kubernetes", name), f"`kubernetes.{name}` and `targets` contradict each other.", hint
    hosts = [target.host or kubernetes.host for target in targets if target.runtime == "kubernetes"]
    if twice := next((host for host in hosts if host and hosts.count(host) > 1), ""):
        key_ = ("kubernetes", "host") if twice == kubernetes.host else ("targets",)
        yield key_, f"{twice} cannot lead to two clusters.", "Give each target a `host` of its own."
    if len(targets) > 1:
        for name in ("public_url", "tunnel"):
            if getattr(definition.access, name):
                yield (
                    ("access", name),
                    f"`{name}` leads to one gateway, and each target has its own.",
                    f"Take out `{name}`, or name one target.",
                )


def data_name(part: DataPart) -> str:
    """A data file's name under `/data`."""
    return part.name or PurePosixPath(urlsplit(part.url).path).name


def _doubtful(definition: WorkshopDefinition) -> Iterator[Found]:
    if definition.image.reference and definition.image.base:
        yield ("image", "base"), "`base` does nothing: a finished image is used.", "Take out `base` or `reference`."
    if definition.access.tunnel and "{port}" not in definition.access.tunnel:
        yield (
            ("access", "tunnel"),
            "The command does not say where the gateway's port belongs.",
            "Write `{port}` in its place: `cloudflared tunnel --url http://127.0.0.1:{port}`.",
        )
    if definition.access.tunnel and definition.access.public_url:
        yield (
            ("access", "public_url"),
            "The address that the tunnel prints takes the place of this one.",
            "Take out `public_url` or `tunnel`.",
        )
    if definition.access.tunnel and definition.access.address and "{address}" not in definition.access.tunnel:
        yield (
            ("access", "tunnel"),
            f"The gateway listens on {definition.access.address} alone, and the command does not say so.",
            "Write `{address}` in place of the host: `cloudflared tunnel --url http://{address}:{port}`.",
        )
