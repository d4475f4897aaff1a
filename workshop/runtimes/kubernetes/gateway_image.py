"""The image that a gateway in the cluster runs: this very package, as it is installed here, with what it needs."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from workshop.engines.docker_engine import DockerEngine
from workshop.errors import BuildFailed
from workshop.model import labels
from workshop.model.image import Image, ImageSettings

NAME = "workshop/gateway"
LEFT_OUT = {"textual", "docker", "qrcode"}
"""Dependencies of the terminal and of other runtimes: a gateway draws no screen and starts no container."""
_CA = "ca-certificates.crt"


def requirements() -> tuple[str, ...]:
    """What the gateway imports, with the versions that are installed here."""
    found = []
    for line in metadata.requires("workshop") or ():
        if "extra ==" in line:
            continue
        match = re.match(r"[A-Za-z0-9._-]+", line)
        name = match.group(0) if match else ""
        if not name or name.lower() in LEFT_OUT:
            continue
        try:
            found.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue  # a marker left it out on this machine; the image is of the same kind
    return tuple(sorted(found))


def dockerfile(settings: ImageSettings) -> str:
    """The recipe: dependencies first, so that a new version of the package alone is quick."""
    lines = [f"FROM {settings.base}", "USER root", "COPY uv /usr/local/bin/uv"]
    if settings.ca_bundle:
        lines += [f"COPY {_CA} /etc/ssl/workshop.crt", "ENV SSL_CERT_FILE=/etc/ssl/workshop.crt"]
    if settings.index_url:
        lines.append(f"ENV UV_DEFAULT_INDEX={settings.index_url}")
    if settings.extra_index_url:
        lines.append(f"ENV UV_INDEX={settings.extra_index_url}")
    lines += [
        "COPY requirements.txt /opt/workshop/requirements.txt",
        "RUN uv venv --python python3 /opt/workshop/venv"
        " && uv pip install --no-cache --python /opt/workshop/venv/bin/python -r /opt/workshop/requirements.txt",
        "COPY package /opt/workshop/package",
        "ENV PATH=/opt/workshop/venv/bin:$PATH PYTHONPATH=/opt/workshop/package PYTHONDONTWRITEBYTECODE=1",
        "USER 1000:1000",
        "WORKDIR /tmp",
        'ENTRYPOINT ["python3", "-m", "workshop"]',
    ]
    return "\n".join(lines) + "\n"


def reference(settings: ImageSettings) -> str:
    """The image's name: the same content has the same one."""
    digest = hashlib.sha256(dockerfile(settings).encode() + "\n".join(requirements()).encode())
    for name, data in _package():
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return f"{NAME}:{digest.hexdigest()[:12]}"


async def build_gateway_image(engine: DockerEngine, settings: ImageSettings) -> Image:
    """Build the gateway's image, or find the one of the same content.

    Raises:
        BuildFailed: with the end of the log.
        RuntimeUnreachable: no Docker engine answers.
    """
    name = reference(settings)

    def work(client: Any) -> Image:
        import docker.errors

        try:
            found, cached = client.images.get(name), True
        except docker.errors.ImageNotFound:
            try:
                found, _ = client.images.build(
                    fileobj=_context(settings), custom_context=True, tag=name, rm=True, forcerm=True,
                    labels={labels.TOOL: labels.TOOL_VALUE, labels.KIND: "gateway-image"},
                )  # fmt: skip
            except docker.errors.BuildError as error:
                log = [str(entry.get("stream") or entry.get("error") or "").rstrip() for entry in error.build_log]
                raise BuildFailed(
                    "The gateway's image could not be built.",
                    hint="The base image needs Python 3.11 or newer; `image.base` chooses another.",
                    details=tuple(line for line in log if line)[-15:],
                ) from error
            cached = False
        return Image(name, found.id, commit="", recipe=name.rpartition(":")[2], runtime="kubernetes", cached=cached)

    return await engine.call(work)


def _package() -> Iterator[tuple[str, bytes]]:
    """The package's files, in a fixed order."""
    root = Path(str(resources.files("workshop")))
    data = root / "_data"
    extra = {} if data.is_dir() else {"_data/themes": root.parent / "themes"}
    places = {"": root} | extra
    for prefix, folder in places.items():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                yield (
                    "/".join(filter(None, ("workshop", prefix, path.relative_to(folder).as_posix()))),
                    path.read_bytes(),
                )


def _context(settings: ImageSettings) -> io.BytesIO:
    import uv

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        _add(tar, "Dockerfile", dockerfile(settings).encode())
        _add(tar, "requirements.txt", ("\n".join(requirements()) + "\n").encode())
        _add(tar, "uv", Path(uv.find_uv_bin()).read_bytes(), mode=0o755)
        if settings.ca_bundle:
            _add(tar, _CA, Path(settings.ca_bundle).read_bytes())
        for name, data in _package():
            _add(tar, f"package/{name}", data)
    stream.seek(0)
    return stream


def _add(tar: tarfile.TarFile, name: str, data: bytes, *, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))
