"""Images for tests on a real cluster, made here and brought to its nodes as the program does it, once for a run."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BASE_IMAGE, certificates, docker_missing
from workshop.engines.docker_engine import DockerEngine
from workshop.model.image import ImageSettings
from workshop.ports.build import ignore_events
from workshop.runtimes.kubernetes import distribution
from workshop.runtimes.kubernetes.access import find_access
from workshop.runtimes.kubernetes.gateway_image import build_gateway_image

STUB = Path(__file__).parents[1] / "classday" / "stub_lab.py"
"""What seats of these tests run as `jupyter-lab`."""
DOCKERFILE = f"""FROM {BASE_IMAGE}
COPY jupyter-lab /usr/local/bin/jupyter-lab
RUN useradd -m -u 1000 jovyan && chmod 755 /usr/local/bin/jupyter-lab
ENV HOME=/home/jovyan
USER jovyan
WORKDIR /home/jovyan
RUN echo hello > README.md
"""


@cache
def seat_image() -> str:
    """An image that the nodes can start: a user `jovyan` (1000), `hello` in README.md, and a small `jupyter-lab`."""
    return os.environ.get("WORKSHOP_TEST_CLUSTER_IMAGE") or _made(_build_seat_image)


@cache
def gateway_image() -> str:
    """An image of the gateway, from this very program."""
    return os.environ.get("WORKSHOP_TEST_GATEWAY_IMAGE") or _made(_build_gateway_image)


def way_to_cluster() -> tuple[str, str]:
    """The registry and the context by which images that are made here come to the nodes; skips where they cannot."""
    registry = os.environ.get("WORKSHOP_TEST_CLUSTER_REGISTRY", "")
    context = find_access("", os.environ["WORKSHOP_TEST_KUBECONFIG"]).context
    if not registry and distribution.local_cluster(context) is None:
        pytest.skip(
            "no way for images to the cluster: WORKSHOP_TEST_CLUSTER_REGISTRY is not set (see docs/kubernetes.md)"
        )
    if reason := docker_missing():
        pytest.skip(f"no engine to make the cluster's images: {reason}")
    return registry, context


def _made(build: Callable[[DockerEngine], Awaitable[str]]) -> str:
    registry, context = way_to_cluster()

    async def work() -> str:
        engine = DockerEngine()
        try:
            name = await build(engine)
            if registry:
                return await distribution.push(engine, name, registry, report=ignore_events)
            return await distribution.load(context, name, report=ignore_events)
        finally:
            await engine.aclose()

    return asyncio.run(work())


async def _build_seat_image(engine: DockerEngine) -> str:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, data in (("Dockerfile", DOCKERFILE.encode()), ("jupyter-lab", STUB.read_bytes())):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    context.seek(0)
    name = "workshop-test/cluster-seat:stub"

    def build(client: Any) -> str:
        client.images.build(fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True)
        return name

    return await engine.call(build, patience=None)


async def _build_gateway_image(engine: DockerEngine) -> str:
    """Kept on this machine, as `workshop build` keeps it: only another version of the program is built anew."""
    return (await build_gateway_image(engine, ImageSettings(base=BASE_IMAGE, ca_bundle=certificates()))).reference
