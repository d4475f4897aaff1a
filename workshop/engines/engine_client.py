"""A Docker engine's client: the SDK's names, of which the everyday ones are answered without loading the SDK.

What is asked at every call of the program (lists, inspections, making, starting and removing containers, networks and
volumes, events) goes over `engine_socket`; everything else (builds, archives, commands in seats, other transports than
a Unix socket) is the SDK's own and loads it on first use.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from workshop.engines.engine_errors import APIError, ImageNotFound, NotFound
from workshop.engines.engine_socket import EngineSocket, EngineStream

if TYPE_CHECKING:
    import docker

MakeSdk = Callable[[], "docker.DockerClient"]


class SdkClient:
    """The SDK's client, made on first use; what its low-level API raises is an `engine_errors.APIError` as well."""

    def __init__(self, make: MakeSdk) -> None:
        self._make = make
        self._made: docker.DockerClient | None = None
        self._making = threading.Lock()
        self.api: Any = SdkApi(self)

    @property
    def sdk(self) -> docker.DockerClient:
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sdk, name)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


class SdkApi:
    """The SDK's low-level API."""

    def __init__(self, client: SdkClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client.sdk.api, name)
        return _translating(attribute) if callable(attribute) else attribute


class EngineClient(SdkClient):
    """The same for an engine on a Unix socket.

    Args:
        version: of the engine's API; asked of the engine when it is empty.
    """

    def __init__(self, make: MakeSdk, path: str, patience: float | None, *, version: str = "") -> None:
        super().__init__(make)
        socket = EngineSocket(path, patience)
        self._socket = socket
        self.api = EngineApi(self, socket, version or str(socket.ask("GET", "/version")["ApiVersion"]))

    def close(self) -> None:
        self._socket.close()
        super().close()


class EngineApi(SdkApi):
    """Arguments and answers as in the SDK's `APIClient`; see the engine's API reference for what they mean."""

    def __init__(self, client: SdkClient, socket: EngineSocket, version: str) -> None:
        super().__init__(client)
        self._socket = socket
        self.api_version = version

    def _ask(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None, **how: Any) -> Any:
        return self._socket.ask(method, f"/v{self.api_version}{path}", query, body, **how)

    def info(self) -> Any:
        return self._ask("GET", "/info")

    # Containers

    def containers(
        self,
        *,
        all: bool = False,  # noqa: A002 (the SDK's name)
        size: bool = False,
        filters: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        query = {"all": int(all), "size": int(size), **_filters(filters)}
        found: list[dict[str, Any]] = self._ask("GET", "/containers/json", query)
        return found

    def inspect_container(self, container: str) -> Any:
        return self._ask("GET", f"/containers/{_part(container)}/json")

    def create_container_from_config(self, config: Mapping[str, Any], name: str = "") -> Any:
        return self._ask("POST", "/containers/create", {"name": name} if name else None, config)

    def start(self, container: str) -> None:
        self._ask("POST", f"/containers/{_part(container)}/start")

    def restart(self, container: str, timeout: int = 10) -> None:
        self._ask("POST", f"/containers/{_part(container)}/restart", {"t": timeout}, extra_patience=timeout)

    def stop(self, container: str, timeout: int = 10) -> None:
        self._ask("POST", f"/containers/{_part(container)}/stop", {"t": timeout}, extra_patience=timeout)

    def pause(self, container: str) -> None:
        self._ask("POST", f"/containers/{_part(container)}/pause")

    def unpause(self, container: str) -> None:
        self._ask("POST", f"/containers/{_part(container)}/unpause")

    def remove_container(self, container: str, v: bool = False, force: bool = False) -> None:
        self._ask("DELETE", f"/containers/{_part(container)}", {"v": int(v), "force": int(force)})

    # Images

    def images(self, *, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", "/images/json", _filters(filters))
        return found

    def inspect_image(self, image: str) -> Any:
        return self._ask("GET", f"/images/{_part(image)}/json", image=True)

    # Networks and volumes

    def networks(
        self, names: Sequence[str] | None = None, *, filters: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        wanted = {**(filters or {}), **({"name": list(names)} if names else {})}
        found: list[dict[str, Any]] = self._ask("GET", "/networks", _filters(wanted))
        return found

    def inspect_network(self, network: str) -> Any:
        return self._ask("GET", f"/networks/{_part(network)}")

    def create_network(
        self,
        name: str,
        *,
        driver: str,
        ipam: Mapping[str, Any],
        options: Mapping[str, str],
        labels: Mapping[str, str],
        check_duplicate: bool,
        internal: bool,
        enable_ipv6: bool,
    ) -> Any:
        body = {
            "Name": name, "Driver": driver, "IPAM": ipam, "Options": options, "Labels": labels,
            "CheckDuplicate": check_duplicate, "Internal": internal, "EnableIPv6": enable_ipv6,
        }  # fmt: skip
        return self._ask("POST", "/networks/create", None, body)

    def remove_network(self, network: str) -> None:
        self._ask("DELETE", f"/networks/{_part(network)}")

    def volumes(self, *, filters: Mapping[str, Any] | None = None) -> Any:
        return self._ask("GET", "/volumes", _filters(filters))

    def remove_volume(self, name: str) -> None:
        self._ask("DELETE", f"/volumes/{_part(name)}")

    # Events

    def events(self, *, since: str | None, filters: Mapping[str, Any], decode: bool = True) -> EngineStream:
        assert decode
        query = {**({"since": since} if since else {}), **_filters(filters)}
        return self._socket.stream(f"/v{self.api_version}/events", query)


def _part(text: str) -> str:
    """An id or a name within a path."""
    if not text:
        raise ValueError("an object of the engine without a name")
    return quote(text, safe="/:")


def _filters(filters: Mapping[str, Any] | None) -> dict[str, str]:
    """Filters as the engine reads them: lists of texts."""
    if not filters:
        return {}
    lists = {
        name: [value] if isinstance(value, str) else [str(one) for one in value] for name, value in filters.items()
    }
    return {"filters": json.dumps(lists)}


def _translating(function: Callable[..., Any]) -> Callable[..., Any]:
    """The SDK's function, whose errors are also ours."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        import docker.errors

        try:
            return function(*arguments, **named)
        except docker.errors.APIError as error:
            raise _both(error) from error

    return call


def _both(error: Any) -> APIError:
    """Our error of what the SDK raised."""
    import docker.errors

    kind = APIError
    if isinstance(error, docker.errors.ImageNotFound):
        kind = ImageNotFound
    elif isinstance(error, docker.errors.NotFound):
        kind = NotFound
    explanation = error.explanation or str(error)
    if isinstance(explanation, bytes):
        explanation = explanation.decode("utf-8", "replace")
    return kind(str(explanation), error.status_code or 0)
