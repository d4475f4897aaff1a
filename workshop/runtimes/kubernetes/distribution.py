"""Getting a seat image from this machine's Docker engine to a cluster's nodes.

A registry takes it with the user's own Docker credentials, and seats start from its digest. Clusters on this machine
(kind, k3d, minikube) take it without one, by their own programs, under its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from workshop.engines.command import CommandMissing, run_command
from workshop.engines.docker_engine import DockerEngine
from workshop.errors import BuildFailed, RuntimeRefused
from workshop.model.amounts import format_size
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.ports.build import Report

LOAD_TIMEOUT = 1800.0
PUSH_TRIES = 5
_NAME_GONE = "does not exist"
"""What the engine says of a name that is pushed and not there."""
LOADERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "kind-": ("kind", ("kind", "load", "docker-image", "{image}", "--name", "{cluster}")),
    "k3d-": ("k3d", ("k3d", "image", "import", "{image}", "--cluster", "{cluster}")),
    "minikube": ("minikube", ("minikube", "image", "load", "{image}", "--profile", "{cluster}")),
}
"""By how the context's name begins, as these programs name theirs: the program, and its words."""


def local_cluster(context: str) -> tuple[str, str] | None:
    """The kind of cluster on this machine that a context names, and its name; None for a remote one."""
    for prefix in LOADERS:
        if prefix.endswith("-") and context.startswith(prefix):
            return prefix, context.removeprefix(prefix)
        if context == prefix:
            return prefix, context
    return None


def pushed_name(registry: str, reference: str) -> tuple[str, str]:
    """Repository and tag under which an image is pushed: `registry.example.org/team/basics`, `3f2a1b9-9c8d`."""
    name, _, tag = reference.rpartition(":")
    if not name or "/" in tag:
        name, tag = reference, "latest"
    return f"{registry.rstrip('/')}/{name.rsplit('/', 1)[-1]}", tag


async def push(engine: DockerEngine, reference: str, registry: str, *, report: Report) -> str:
    """Push an image, and what seats start from: `registry/name@sha256:…`.

    Raises:
        BuildFailed: the registry refused it; the message has its words.
        RuntimeUnreachable: no Docker engine answers.
    """
    repository, tag = pushed_name(registry, reference)
    report(StepStarted("push", f"pushing to {repository}"))

    def work(client: Any) -> str:
        from docker.errors import ImageNotFound

        digest: str | None = None
        for _ in range(PUSH_TRIES):
            client.images.get(reference).tag(repository, tag)
            digest = _pushed(client, repository, tag)
            with suppress(ImageNotFound):
                client.images.remove(f"{repository}:{tag}", noprune=True)  # the name was for the way
            if digest is not None:
                break
        if not digest:
            raise BuildFailed(f"The registry of {repository} gave the image no digest.", hint="Push it again.")
        return digest

    digest = await engine.call(work)
    report(StepFinished("push", f"pushed {repository}:{tag}"))
    return f"{repository}@{digest}"


def _pushed(client: Any, repository: str, tag: str) -> str | None:
    """The image's digest in the registry; None when another push of it took the name away before it left.

    Raises:
        BuildFailed: the registry refused it.
    """
    digest = ""
    for line in client.images.push(repository, tag=tag, stream=True, decode=True):
        if "error" in line:
            if _NAME_GONE in line["error"]:
                return None
            raise BuildFailed(
                f"The image could not be pushed to {repository}: {line['error']}",
                hint=f"`docker login {repository.split('/', 1)[0]}`, or another `kubernetes.registry`.",
            )
        digest = (line.get("aux") or {}).get("Digest", "") or digest
    return digest


async def load(context: str, reference: str, *, report: Report) -> str:
    """Load an image into a cluster on this machine, and the name that its seats start from.

    Raises:
        RuntimeRefused: the context is no such cluster, its program is missing, or the program failed.
    """
    found = local_cluster(context)
    if found is None:
        raise RuntimeRefused(
            f"The image {reference} is on this machine alone, and the cluster of context {context} is not.",
            hint="Name a registry that both reach (`kubernetes.registry`), or a finished image (`image.reference`).",
        )
    prefix, cluster = found
    program, words = LOADERS[prefix]
    report(StepStarted("load", f"loading the image into {context}"))
    argv = [word.format(image=reference, cluster=cluster) for word in words]
    try:
        result = await run_command(argv, timeout=LOAD_TIMEOUT)
    except CommandMissing as error:
        raise RuntimeRefused(f"{program} is not installed.", hint=f"Install {program}, or name a registry.") from error
    if result.exit_code != 0:
        raise RuntimeRefused(
            f"{program} could not load the image into {cluster}.", details=tuple(result.output.splitlines()[-10:])
        )
    report(StepFinished("load", f"loaded into {context}"))
    return reference if "/" in reference and "." in reference.split("/", 1)[0] else f"docker.io/{reference}"


def progress_words(nodes: Mapping[str, str], size_bytes: int = 0) -> str:
    """`3 of 5 nodes, 1.2 GB` from each node's state."""
    done = sum(state == "done" for state in nodes.values())
    size = f", {format_size(size_bytes)}" if size_bytes else ""
    return f"{done} of {len(nodes)} nodes{size}"


def told(failures: Mapping[str, str]) -> Iterator[Noted]:
    """A sentence for each node that cannot fetch the image."""
    for node, why in sorted(failures.items()):
        yield Noted(f"node {node} cannot fetch the image: {why}", level="warning")
