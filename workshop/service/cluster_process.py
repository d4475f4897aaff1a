"""The gateway's process inside a cluster: finds its classroom in its own namespace, serves, ends the class on time.

Claims are kept in the cluster (`KubeStore`), so that a restart or a second replica loses none. What the class's end
removes is removed by the cluster itself: this process lives in what it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from workshop.errors import GatewayFailed, UnknownClassroom, WorkshopError
from workshop.gateway.server import Gateway
from workshop.gateway.settings import GatewaySettings
from workshop.model.classroom import Classroom
from workshop.ports.store import Store
from workshop.runtimes.kubernetes import KubernetesRuntime
from workshop.runtimes.kubernetes.client import ClusterClient
from workshop.runtimes.kubernetes.gateway_objects import CONTROL_SOCKET, PORT
from workshop.runtimes.kubernetes.kube_store import KubeStore
from workshop.service.room import Room

log = logging.getLogger(__name__)

LOOK_EVERY = 15.0


def main(argv: Sequence[str]) -> int:
    """`python -m workshop.service.cluster_process NAME`: what the gateway's Deployment runs."""
    parser = argparse.ArgumentParser(prog="workshop cluster-gateway")
    parser.add_argument("name")
    parser.add_argument("--uid", required=True)
    parser.add_argument("--grace", type=float, default=1800.0, help="seconds after the end of the class")
    parser.add_argument("--control-socket", type=Path, default=Path(CONTROL_SOCKET))
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve(options.name, options.uid, timedelta(seconds=options.grace), options.control_socket))
    except WorkshopError as error:
        log.error("%s %s", error.message, error.hint)
        return error.exit_code
    return 0


async def _serve(name: str, uid: str, grace: timedelta, control_socket: Path) -> None:
    runtime = KubernetesRuntime()
    classroom = next((room for room in await runtime.classrooms() if room.uid == uid), None)
    if classroom is None:
        raise UnknownClassroom(f"There is no classroom {name} in this gateway's namespace.")
    owner = await runtime.record_uid(classroom)
    namespace = runtime.place(classroom).namespace
    store = await asyncio.to_thread(KubeStore, ClusterClient, classroom, namespace, owner_uid=owner)
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    room = Room(classroom, runtime, store, clock=_now, stop=stop.set)
    # The cluster's door stands in front: what arrives here has passed it.
    settings = GatewaySettings.of(
        classroom, bind_host="0.0.0.0", bind_port=PORT, allow_public=True, certificate=None, key=None
    )
    gateway = Gateway(room, store, room.report, control_socket=control_socket, settings=settings)
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(room.run()),
        asyncio.create_task(_until_over(classroom, store, grace)),
        asyncio.create_task(stop.wait()),
    ]
    try:
        await room.until_listed()
        await gateway.start()
        log.info("classroom %s is open at %s", name, classroom.join_url())
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and (error := task.exception()) is not None:
                raise GatewayFailed(f"The gateway of {name} ended: {error}") from error
        over = tasks[1].done()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        room.write_notes()
        await gateway.stop()
        await asyncio.to_thread(store.close)
    if over:
        log.info("the class is over and the grace has passed: the cluster removes it")
        await runtime.end_from_inside(classroom)
    await runtime.aclose()


async def _until_over(classroom: Classroom, store: Store, grace: timedelta) -> None:
    """Until the end, as it was last set, and the grace have passed."""
    while True:
        ends = store.room_state(classroom.uid).ends or classroom.ends
        rest = LOOK_EVERY if ends is None else (ends + grace - _now()).total_seconds()
        if rest <= 0:
            return
        await asyncio.sleep(min(rest, LOOK_EVERY))


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
