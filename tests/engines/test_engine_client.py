"""The everyday questions to an engine, asked without the SDK: the same answers, the same errors."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from workshop.engines.docker_context import current_host
from workshop.engines.docker_engine import DockerEngine
from workshop.engines.engine_client import EngineClient
from workshop.engines.engine_errors import APIError, ImageNotFound, NotFound
from workshop.engines.engine_socket import EngineSocket
from workshop.errors import RuntimeRefused, RuntimeUnreachable

NOWHERE = "workshop-test-nowhere"
OURS = {"label": ["io.workshop.tool=nobody", "io.workshop.kind=seat"]}


@pytest.fixture
def sdk() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
def client(sdk: docker.DockerClient) -> Iterator[EngineClient]:
    client = EngineClient(lambda: sdk, current_host(os.environ).removeprefix("unix://"), 30)
    yield client
    client.close()


@pytest.mark.docker
@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.containers(all=True, filters=OURS),
        lambda api: api.containers(filters={"id": "0" * 64}),
        lambda api: api.networks(filters={"label": "io.workshop.tool=nobody"}),
        lambda api: [network["Name"] for network in api.networks(names=["bridge"])],
        lambda api: api.inspect_network("none")["Id"],
        lambda api: api.volumes(filters=OURS).get("Volumes") or [],
        lambda api: api.images(filters={"label": ["io.workshop.tool=nobody"]}),
        lambda api: api.info()["ID"],
        lambda api: api.api_version,
    ],
)
def test_answers_are_the_sdks(ask: Callable[[Any], Any], client: EngineClient, sdk: docker.DockerClient) -> None:
    assert ask(client.api) == ask(sdk.api)


@pytest.mark.docker
def test_what_it_does_not_answer_itself_the_sdk_answers(client: EngineClient, sdk: docker.DockerClient) -> None:
    assert client.api.version() == sdk.api.version()
    assert client.version() == sdk.version()


@pytest.mark.docker
@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (lambda api: api.inspect_container(NOWHERE), NotFound),
        (lambda api: api.remove_container(NOWHERE, force=True, v=True), NotFound),
        (lambda api: api.start(NOWHERE), NotFound),
        (lambda api: api.remove_network(NOWHERE), NotFound),
        (lambda api: api.remove_volume(NOWHERE), NotFound),
        (lambda api: api.inspect_image(NOWHERE), ImageNotFound),
        (lambda api: api.create_container_from_config({"Image": NOWHERE}, NOWHERE), ImageNotFound),
        (lambda api: api.create_container_from_config({"Image": "///"}, NOWHERE), APIError),
        (lambda api: api.history(NOWHERE), NotFound),  # by the SDK
        (lambda api: api.remove_image(NOWHERE), ImageNotFound),  # by the SDK
    ],
)
def test_a_no_of_the_engine_says_what_and_why(
    ask: Callable[[Any], Any], kind: type[APIError], client: EngineClient
) -> None:
    with pytest.raises(kind) as raised:
        ask(client.api)
    assert raised.value.status_code >= 400
    assert raised.value.explanation
    assert "{" not in raised.value.explanation


def test_an_object_without_a_name_is_not_asked_for(client_of_nothing: EngineSocket) -> None:
    from workshop.engines.engine_client import EngineApi, SdkClient

    def no_sdk() -> docker.DockerClient:
        raise AssertionError("the SDK is not needed")

    api = EngineApi(SdkClient(no_sdk), client_of_nothing, "1.41")
    with pytest.raises(ValueError, match="without a name"):
        api.remove_container("", force=True)


@pytest.fixture
def client_of_nothing(tmp_path: Path) -> EngineSocket:
    return EngineSocket(str(tmp_path / "none.sock"), 1)


Answers = Callable[..., str]


@pytest.fixture
def engine_that_says(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """Starts a server on a Unix socket that gives each connection one of these answers, then closes it."""
    server = socket.socket(socket.AF_UNIX)
    path = str(tmp_path_factory.mktemp("e") / "e.sock")

    def start(*answers: bytes) -> str:
        server.bind(path)
        server.listen()

        def serve() -> None:
            for answer in answers:
                try:
                    connection, _ = server.accept()
                except OSError:  # the test is over
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return path

    yield start
    server.close()


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_a_kept_connection_that_the_engine_has_closed_is_not_used_again(engine_that_says: Answers) -> None:
    engine = EngineSocket(engine_that_says(answer(b'{"n": 1}'), answer(b'{"n": 2}'), answer(b"")), 5)
    assert [engine.ask("GET", "/x") for _ in range(3)] == [{"n": 1}, {"n": 2}, None]


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-nonsense\r\n", answer(b"<html>"), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1,"]
)
def test_what_no_engine_says_is_a_lost_connection(said: bytes, engine_that_says: Answers) -> None:
    with pytest.raises(ConnectionError):
        EngineSocket(engine_that_says(said), 5).ask("GET", "/x")


def test_a_silent_engine_is_given_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("e") / "e.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        with pytest.raises(ConnectionError, match="in time"):
            EngineSocket(path, 0.1).ask("GET", "/x")


async def test_errors_of_the_line_are_ours(engine_that_says: Answers) -> None:
    path = engine_that_says(answer(b'{"ApiVersion": "1.41"}'), answer(b'{"message": "not today"}', "409 Conflict"))
    engine = DockerEngine(base_url=f"unix://{path}")
    with pytest.raises(RuntimeRefused, match="not today"):
        await engine.call(lambda client: client.api.start("x"))
    await engine.aclose()
    lost = DockerEngine(base_url=f"unix://{path}.not")
    with pytest.raises(RuntimeUnreachable, match=r"\.not"):
        await lost.call(lambda client: client.api.info())
    await lost.aclose()
