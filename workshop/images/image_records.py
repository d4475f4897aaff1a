"""Images of ours as the Docker engine knows them, and what is read out of one."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workshop.model import labels
from workshop.model.image import Image
from workshop.ports.build import BuildRequest

if TYPE_CHECKING:
    import docker

PACKAGES_FILE = "/opt/workshop/record/packages.txt"
RUNTIME = "docker"
IMPORTED = "-imported"
"""Ends the second name of an image that came in a file: it stands for its commit whatever this machine's settings."""


def image_labels(request: BuildRequest, recipe: str) -> dict[str, str]:
    """What every image of ours carries."""
    return {
        labels.TOOL: labels.TOOL_VALUE,
        labels.KIND: "image",
        labels.WORKSHOP: request.slug,
        labels.COMMIT: request.source.commit,
        labels.RECIPE: recipe,
        labels.REPOSITORY: request.source.repository,
        labels.REF: request.source.place,
        labels.UI: request.ui,
        labels.DETECTED: request.detected.kind,
        labels.CREATED: datetime.now(UTC).isoformat(timespec="seconds"),
    }


def image_tag(slug: str, commit: str, recipe: str) -> str:
    """`workshop/<slug>:<commit>-<recipe>`, of a folder's content its digest."""
    return f"workshop/{slug}:{short_commit(commit)}-{recipe[:8]}"


def short_commit(commit: str) -> str:
    return commit.removeprefix("folder-").removeprefix("dirty-")[:7]


def find_images(client: docker.DockerClient, **wanted: str) -> list[dict[str, Any]]:
    """Inspections of our images with these labels, newest first.

    Args:
        wanted: values by the name of a constant of `model.labels` (`COMMIT="…"`).
    """
    api: Any = client.api
    filters = [f"{labels.TOOL}={labels.TOOL_VALUE}", f"{labels.KIND}=image"]
    filters += [f"{getattr(labels, name)}={value}" for name, value in wanted.items()]
    found = []
    for entry in api.images(filters={"label": filters}):
        inspected = inspect_image(client, entry["Id"])
        if inspected is not None:
            found.append(inspected)
    return sorted(found, key=lambda image: (bool(image.get("RepoTags")), _created(image)), reverse=True)


def inspect_image(client: docker.DockerClient, reference: str) -> dict[str, Any] | None:
    """What the engine says of an image; None when it is not there."""
    import docker.errors

    api: Any = client.api
    try:
        inspected: dict[str, Any] = api.inspect_image(reference)
    except docker.errors.ImageNotFound:
        return None
    return inspected


def image_of(inspected: Mapping[str, Any], *, packages: tuple[str, ...] = ()) -> Image:
    """An engine's inspection as ours."""
    marks = (inspected.get("Config") or {}).get("Labels") or {}
    tags = [tag for tag in inspected.get("RepoTags") or () if not tag.startswith("<none>")]
    own = [tag for tag in tags if tag.startswith("workshop/")]
    return Image(
        reference=min(own, key=len) if own else (tags or [inspected["Id"]])[0],
        digest=inspected["Id"],
        commit=marks.get(labels.COMMIT, ""),
        recipe=marks.get(labels.RECIPE, ""),
        runtime=RUNTIME,
        size_bytes=int(inspected.get("Size") or 0),
        created=_created(inspected),
        workshop=marks.get(labels.WORKSHOP, ""),
        repository=marks.get(labels.REPOSITORY, ""),
        ui=marks.get(labels.UI, ""),
        place=marks.get(labels.REF, ""),
        kind=marks.get(labels.DETECTED, ""),
        imported=is_imported(inspected),
        packages=packages,
    )


def is_imported(inspected: Mapping[str, Any]) -> bool:
    """Whether it came to this engine in a file."""
    return any(tag.endswith(IMPORTED) for tag in inspected.get("RepoTags") or ())


def _created(inspected: Mapping[str, Any]) -> datetime:
    marks = (inspected.get("Config") or {}).get("Labels") or {}
    text = marks.get(labels.CREATED) or str(inspected.get("Created") or "")
    with contextlib.suppress(ValueError):
        when = datetime.fromisoformat(text.replace("Z", "+00:00")[:32])
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    return datetime.fromtimestamp(0, UTC)


def read_packages(client: docker.DockerClient, image: str) -> tuple[str, ...]:
    """The list of packages that the build wrote down; nothing for an image that has none.

    The engine gives out files of containers only: one is made for it, never started, and removed.
    """
    import docker.errors

    api: Any = client.api
    marks = {labels.TOOL: labels.TOOL_VALUE, labels.KIND: "helper"}
    made = api.create_container(image, command=["true"], entrypoint=[], labels=marks, network_disabled=True)
    try:
        stream, _ = api.get_archive(made["Id"], PACKAGES_FILE)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
            member = tar.next()
            content = tar.extractfile(member) if member is not None else None
            text = content.read().decode("utf-8", "replace") if content else ""
    except docker.errors.NotFound:
        return ()
    finally:
        api.remove_container(made["Id"], force=True, v=True)
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def has_program(client: docker.DockerClient, image: str, name: str) -> bool:
    """Whether an image has a program in one of the folders of its `PATH`; made and removed as in `read_packages`."""
    import docker.errors

    api: Any = client.api
    inspected = inspect_image(client, image) or {}
    variables = (inspected.get("Config") or {}).get("Env") or ()
    path = next((text.partition("=")[2] for text in variables if text.startswith("PATH=")), "")
    marks = {labels.TOOL: labels.TOOL_VALUE, labels.KIND: "helper"}
    made = api.create_container(image, command=["true"], entrypoint=[], labels=marks, network_disabled=True)
    try:
        for folder in (path or "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").split(":"):
            with contextlib.suppress(docker.errors.NotFound):
                stream, _ = api.get_archive(made["Id"], f"{folder}/{name}")
                for _ in stream:  # a small script; the connection is free again at its end
                    pass
                return True
    finally:
        api.remove_container(made["Id"], force=True, v=True)
    return False


def shared_sizes(client: docker.DockerClient, images: list[dict[str, Any]]) -> dict[str, int]:
    """How much of each image's size is in layers that another of these images has as well, by image id.

    The engine tells the sizes of layers only in an image's history: images share what their histories begin with.
    """
    histories = {image["Id"]: _history(client, image["Id"]) for image in images}
    return {
        ident: max((_common_size(own, other) for key, other in histories.items() if key != ident), default=0)
        for ident, own in histories.items()
    }


def _history(client: docker.DockerClient, image: str) -> list[tuple[str, int, int]]:
    """Command, time and size of each layer from the lowest up; nothing for an image that was removed meanwhile."""
    import docker.errors

    api: Any = client.api
    try:
        entries = api.history(image)
    except docker.errors.NotFound:
        return []
    return [(entry["CreatedBy"], entry["Created"], int(entry["Size"])) for entry in reversed(entries)]


def _common_size(one: list[tuple[str, int, int]], other: list[tuple[str, int, int]]) -> int:
    total = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        total += mine[2]
    return total
