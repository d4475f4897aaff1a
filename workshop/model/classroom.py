"""One run of a workshop: what it takes to find it again and to give the same links out again."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from workshop.model.code import derive_secret, seat_code
from workshop.model.seat import Limits, seat_name

DATA_OPTION = "data"
"""The option that says that seats see files of `data:`, and which: `data_file.data_key`."""
OWN_SERVER_OPTION = "server"
"""The option that says that seats run what their image runs by itself: a Dockerfile's own web app."""
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class Ui(StrEnum):
    """What a participant sees in the browser."""

    LAB = "lab"
    NOTEBOOK = "notebook"
    VSCODE = "vscode"
    RSTUDIO = "rstudio"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Door:
    """The one address where students come in."""

    host: str
    """The address that links name and that the gateway binds to."""
    port: int
    public_url: str = ""
    """Replaces `http://host:port` in links when something stands in front of the gateway; no slash at the end."""
    tls: bool = False

    @property
    def known(self) -> bool:
        """Whether there is an address; a cluster's door gets one when its gateway is made."""
        return bool(self.public_url or (self.host and self.port))

    @property
    def url(self) -> str:
        if self.public_url:
            return self.public_url
        scheme = "https" if self.tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.port == (443 if self.tls else 80):
            return f"{scheme}://{host}"
        return f"{scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Classroom:
    """What the engine's labels say of a classroom; all else derives from it or is in the state database."""

    name: str
    uid: str
    key: str
    """32 random bytes in hex; codes, seat tokens and cookies derive from it."""
    workshop: str
    runtime: str
    image: str
    """What seats start from: the image's digest, or an environment's folder."""
    commit: str
    seats: int
    """How many seats were wanted at `up`, spares included; `add` makes more."""
    door: Door
    created: datetime
    ends: datetime | None = None
    ui: Ui = Ui.LAB
    open_path: str = ""
    limits: Limits = field(default_factory=Limits)
    spares: int = 0
    pin: str = ""
    repository: str = ""
    definition: str = ""
    """The whole workshop definition as JSON, so that another machine can go on with it."""
    opened_by: str = ""
    """Login name of who opened it; empty where that is not known."""
    options: tuple[tuple[str, str], ...] = ()
    """What a runtime needs to find its own again (subnet, namespace, context)."""

    @property
    def spec_hash(self) -> str:
        """Changes when seats made from this classroom would differ."""
        spec = [self.image, self.ui, self.open_path, asdict(self.limits)]
        return derive_secret("00", json.dumps(spec, sort_keys=True))[:12]

    def code(self, number: int) -> str:
        return seat_code(self.key, number)

    def link(self, number: int) -> str:
        """The link of a seat, as it stands in its QR code; empty while there is no address."""
        return f"{self.door.url}/s/{self.code(number)}" if self.door.known else ""

    def join_url(self) -> str:
        """The room's link; empty while there is no address."""
        return f"{self.door.url}/" if self.door.known else ""

    def check_url(self) -> str:
        """Where a device tests its way here; empty while there is no address."""
        return f"{self.door.url}/check" if self.door.known else ""

    def seat_path(self, number: int) -> str:
        return f"/seat/{seat_name(number)}/"

    def token(self, number: int) -> str:
        """The seat's own secret, known to the gateway and never to a browser."""
        return derive_secret(self.key, f"token:{number}")[:48]

    def option(self, name: str) -> str:
        return dict(self.options).get(name, "")

    def with_options(self, **options: str) -> Classroom:
        return replace(self, options=tuple(sorted({**dict(self.options), **options}.items())))


def new_uid() -> str:
    return secrets.token_hex(6)


def new_key() -> str:
    return secrets.token_hex(32)


def encode_classroom(classroom: Classroom) -> str:
    """One line of JSON, for a label or an annotation."""
    data = asdict(classroom)
    data["created"] = classroom.created.isoformat()
    data["ends"] = classroom.ends.isoformat() if classroom.ends else None
    data["options"] = dict(classroom.options)
    return json.dumps(data, separators=(",", ":"), sort_keys=True)


def decode_classroom(text: str) -> Classroom:
    """The reverse of `encode_classroom`; keys of a later version are passed over.

    Raises:
        ValueError: the text is not such a line.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        known = {name: data[name] for name in Classroom.__dataclass_fields__ if name in data}
        known["door"] = Door(**{k: v for k, v in data["door"].items() if k in Door.__dataclass_fields__})
        known["limits"] = Limits(**{k: v for k, v in data["limits"].items() if k in Limits.__dataclass_fields__})
        known["ui"] = Ui(data["ui"])
        known["created"] = datetime.fromisoformat(data["created"])
        known["ends"] = datetime.fromisoformat(data["ends"]) if data.get("ends") else None
        known["options"] = tuple(sorted(data.get("options", {}).items()))
        return Classroom(**known)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a classroom's label: {error}") from error
