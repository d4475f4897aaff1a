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
from functools import partial
from pathlib import Path
from typing import Any

from workshop.config.themes import load_themes
from workshop.errors import GatewayFailed, RuntimeUnreachable, UnknownClassroom, WorkshopError
from workshop.gateway.server import Gateway
from workshop.gateway.settings import GatewaySettings
from workshop.model.classroom import Classroom
from workshop.runtimes.kubernetes import KubernetesRuntime
from workshop.runtimes.kubernetes.client import ClusterClient
from workshop.runtimes.kubernetes.gateway_objects import CONTROL_SOCKET, PORT
from workshop.runtimes.kubernetes.kube_store import KubeStore
from workshop.service.duties import Duties
from workshop.service.ending import end_when_over, not_ended
from workshop.service.room import Room
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)

TRY_EVERY = 1.0


def main(argv: Sequence[str]) -> int:
    """`python -m workshop.service.cluster_process NAME`: what the gateway's Deployment runs."""
    parser = argparse.ArgumentParser(prog="workshop cluster-gateway")
    parser.add_argument("name")
    parser.add_argument("--uid", required=True)
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")
    parser.add_argument("--control-socket", type=Path, default=Path(CONTROL_SOCKET))
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve(options.name, options.uid, options.host, options.control_socket))
    except WorkshopError as error:
        log.error("%s %s", error.message, error.hint)
        return error.exit_code
    return 0


async def _serve(name: str, uid: str, host: str, control_socket: Path) -> None:
    runtime = KubernetesRuntime()
    try:
        classroom, store = await find_class(runtime, name, uid)
    except WorkshopError:
        await runtime.aclose()
        raise
    wiring = Wiring.from_parts({"kubernetes": runtime}, store)
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    room = Room(classroom, runtime, store, clock=wiring.clock, stop=stop.set)
    # The cluster's door stands in front: what arrives here has passed it.
    settings = GatewaySettings.of(
        classroom, bind_host=host, bind_port=PORT, allow_public=True, certificate=None, key=None,
        palette=load_themes(wiring.places).palette(wiring.setting("theme")),
    )  # fmt: skip
    gateway = Gateway(room, store, room.report, control_socket=control_socket, settings=settings)
    duties = Duties(wiring, room, ending=partial(end_when_over, end=_remove_from_inside), collects=False)
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(room.run()), asyncio.create_task(stop.wait())]
    try:
        await room.until_listed()
        await gateway.start()
        log.info("classroom %s is open at %s", name, classroom.join_url())
        tasks.append(asyncio.create_task(duties.run()))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and (error := task.exception()) is not None:
                raise GatewayFailed(f"The gateway of {name} ended: {error}") from error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        room.write_notes()
        await gateway.stop()
        await _close(store)
    await wiring.aclose()


async def find_class(runtime: KubernetesRuntime, name: str, uid: str) -> tuple[Classroom, KubeStore]:
    """The class and what its gateways have written down.

    An API server that is away is waited for here: ended and started again by its node, with longer and longer pauses,
    the gateway would keep students out for minutes after it is back.

    Raises:
        UnknownClassroom: there is no such class.
    """
    while True:
        try:
            classroom = next((room for room in await runtime.classrooms() if room.uid == uid), None)
            if classroom is None:
                raise UnknownClassroom(f"There is no classroom {name} in this gateway's namespace.")
            owner = await runtime.record_uid(classroom)
            namespace = runtime.place(classroom).namespace
            store = await asyncio.to_thread(KubeStore, ClusterClient, classroom, namespace, owner_uid=owner)
        except RuntimeUnreachable as error:
            log.warning("%s It is tried again.", error.message)
            await asyncio.sleep(TRY_EVERY)
        else:
            return classroom, store


async def _close(store: KubeStore) -> None:
    """Write the last notes; in a class that is being removed there may be nowhere to write them to."""
    try:
        await asyncio.to_thread(store.close)
    except WorkshopError as error:
        log.info("the last notes were not written: %s", error.message)


async def _remove_from_inside(_wiring: Wiring, room: Room) -> bool:
    """Begin the removal of everything, this process too; the cluster carries it out."""
    assert isinstance(room.runtime, KubernetesRuntime)
    try:
        await room.runtime.end_from_inside(room.classroom)
    except WorkshopError as error:
        return not_ended(room, error.message, error.details)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
