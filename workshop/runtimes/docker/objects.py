"""What the Docker engine is asked to make: classroom, number and command in, requests of its HTTP API out. Pure."""

from __future__ import annotations

import base64
import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workshop.model import labels
from workshop.model.classroom import DATA_OPTION, Classroom
from workshop.model.data_file import DATA_PATH
from workshop.model.seat import SeatCommand, seat_name

PORT = labels.PREFIX + "port"
"""The port that the seat's server listens on, inside the container."""
NETWORK_KIND = "network"
SEAT_KIND = "seat"
HELPER_KIND = "helper"
DATA_KIND = "data"
ROOTLESS_USER = "1000:1000"
"""Who a seat is when its image names nobody or root: the user id that Binder's hosts use (`NB_UID`)."""
OOM_SCORE = 500
"""When the machine itself runs out of memory, the kernel takes a seat before the gateway or the desktop."""
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class SeatImage:
    """What of an image decides how its seats are made."""

    id: str
    user: str = ""
    workdir: str = ""
    env: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_inspect(cls, inspected: Mapping[str, Any]) -> SeatImage:
        config = inspected.get("Config") or {}
        pairs = (item.partition("=") for item in config.get("Env") or ())
        env = tuple((name, value) for name, _, value in pairs)
        return cls(inspected["Id"], config.get("User") or "", config.get("WorkingDir") or "", env)

    @property
    def seat_user(self) -> str:
        """The image's own user; never root."""
        name = self.user.partition(":")[0]
        return ROOTLESS_USER if name in ("", "0", "root") else self.user

    @property
    def home(self) -> str:
        """The folder that a participant sees: the working directory (Binder's `REPO_DIR`), else `HOME`."""
        if self.workdir and self.workdir != "/":
            return posixpath.normpath(self.workdir)
        return posixpath.normpath(dict(self.env).get("HOME") or "/")


def network_name(classroom: Classroom) -> str:
    return f"workshop-{classroom.name}"


def bridge_name(classroom_name: str) -> str:
    """The bridge's interface, at most 15 signs, the same for every classroom of this name.

    The engine makes no two bridges of one name, checked under its own lock: so two processes that open the same
    classroom at once cannot both succeed, although it would allow two networks of one name.
    """
    digest = base64.b32encode(hashlib.sha256(classroom_name.encode()).digest()).decode().lower()
    return f"ws-{classroom_name[:6].strip('-')}-{digest[:5]}"


def container_name(classroom: Classroom, number: int, generation: int) -> str:
    suffix = f"-g{generation}" if generation > 1 else ""
    return f"workshop-{classroom.name}-{seat_name(number)}{suffix}"


def data_volume_name(classroom: Classroom) -> str:
    return f"workshop-{classroom.name}-data"


def data_mount(classroom: Classroom, *, read_only: bool = True) -> dict[str, Any]:
    """The classroom's files of `data:`; nothing that the image has at that place is copied into the volume."""
    return {
        "Type": "volume",
        "Source": data_volume_name(classroom),
        "Target": DATA_PATH,
        "ReadOnly": read_only,
        "VolumeOptions": {"NoCopy": True, "Labels": labels.classroom_labels(classroom, DATA_KIND)},
    }


def network_request(classroom: Classroom, subnet: str, gateway: str) -> dict[str, Any]:
    """Arguments of `create_network`: one bridge per classroom, whose containers do not see each other.

    The option `egress=none` makes it internal: nothing outside is reached, the host still reaches the seats.
    """
    return {
        "name": network_name(classroom),
        "driver": "bridge",
        "check_duplicate": True,
        "enable_ipv6": False,
        "internal": classroom.option("egress") == "none",
        "ipam": {"Driver": "default", "Config": [{"Subnet": subnet, "Gateway": gateway}]},
        "options": {
            "com.docker.network.bridge.name": bridge_name(classroom.name),
            "com.docker.network.bridge.enable_icc": "false",
        },
        "labels": labels.room_labels(classroom, NETWORK_KIND),
    }


def seat_request(
    classroom: Classroom,
    number: int,
    command: SeatCommand,
    image: SeatImage,
    *,
    generation: int = 1,
    engine_cpus: float = 0,
    publish: bool = False,
) -> dict[str, Any]:
    """The body of `POST /containers/create` for one seat.

    Args:
        engine_cpus: how many processors the engine has; it refuses a limit above that.
        publish: open a port on the engine's loopback, where the container's own address cannot be reached.
    """
    limits = classroom.limits
    port = f"{command.port}/tcp"
    cpus = min(limits.cpus, engine_cpus) if engine_cpus else limits.cpus
    host: dict[str, Any] = {
        "NetworkMode": network_name(classroom),
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "PidsLimit": limits.pids,
        "Memory": limits.memory_bytes,
        "MemorySwap": limits.memory_bytes,
        "NanoCpus": int(cpus * 1_000_000_000),
        "OomScoreAdj": OOM_SCORE,
        "RestartPolicy": {"Name": "unless-stopped"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        "Init": True,
        "Privileged": False,
    }
    if classroom.option(DATA_OPTION):
        host["Mounts"] = [data_mount(classroom)]
    if publish:
        host["PortBindings"] = {port: [{"HostIp": "127.0.0.1", "HostPort": ""}]}
    return {
        "Image": image.id,
        "Cmd": list(command.arguments("0.0.0.0", command.port)),
        "Env": [f"{name}={value}" for name, value in command.env],
        "User": image.seat_user,
        "Hostname": f"seat-{seat_name(number)}",
        "Labels": labels.seat_labels(classroom, number, generation=generation) | {PORT: str(command.port)},
        "ExposedPorts": {port: {}},
        "StopTimeout": STOP_SECONDS,
        "HostConfig": host,
        "NetworkingConfig": {"EndpointsConfig": {network_name(classroom): {}}},
    }


def helper_request(classroom: Classroom, image_id: str, script: str) -> dict[str, Any]:
    """A container that runs a shell script as the engine's machine itself.

    It has the network in which the engine made the bridge, and may enter the engine's own file system (`host_wall`).
    """
    return {
        "Image": image_id,
        "Entrypoint": ["sh", "-c"],
        "Cmd": [script],
        "User": "0:0",
        "WorkingDir": "/",
        "Labels": labels.classroom_labels(classroom, HELPER_KIND),
        "HostConfig": {
            "PidMode": "host",
            "NetworkMode": "host",
            "CapDrop": ["ALL"],
            "CapAdd": ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE"],
            "SecurityOpt": ["apparmor=unconfined", "seccomp=unconfined"],
        },
    }
