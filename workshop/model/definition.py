"""The workshop as its author writes it down: `workshop.yaml`.

Unknown keys are errors. Reading the file, with every problem at once, is `config.definition`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, field_validator

from workshop.model.amounts import format_size, parse_size, parse_span
from workshop.model.classroom import Ui

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "string", "examples": ["1 GB", "512 MB"]}, {"type": "integer", "minimum": 1}]}),
]
"""Bytes; written as `1 GB`, `512 MB` or a number."""

Span = Annotated[
    timedelta,
    BeforeValidator(lambda value: value if isinstance(value, timedelta) else parse_span(value)),
    PlainSerializer(lambda span: f"{int(span.total_seconds() // 60)}m", when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "string", "examples": ["3h", "90m"]}, {"type": "number", "minimum": 0}]}),
]
"""A span of time; written as `3h`, `90m` or a number of minutes."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SourcePart(_Part):
    """Where the notebooks come from."""

    repository: str = "."
    """A Git URL, a web link to a repository, a mybinder.org link, or a folder (relative to this file)."""
    ref: str = ""
    """Branch, tag or commit; empty for the default branch (of a local folder: what is checked out)."""
    folder: str = ""
    """A folder of the repository to be used as if it were the whole."""


class ImagePart(_Part):
    """How the image is made. What is not said here comes from this machine's settings."""

    base: str = ""
    """The base image of our own recipe; empty for this machine's setting."""
    reference: str = ""
    """A finished image to start seats from; nothing is built."""


class LimitsPart(_Part):
    """What one seat may use at most."""

    memory: Size | None = None
    """Empty: 1 GB for Jupyter, 2 GB for VS Code and RStudio."""
    cpus: float = Field(default=1.0, gt=0, le=256)
    """Cores, also parts of one: `0.5`."""
    pids: int = Field(default=512, ge=64, le=32768)
    """Processes and threads."""


class AccessPart(_Part):
    """How students come in."""

    address: str = ""
    """The address of this machine that links name; empty to choose the one of the local network."""
    port: int = Field(default=0, ge=0, le=65535)
    """0 chooses the first free one from 8080."""
    public_url: str = ""
    """The address of a reverse proxy or tunnel in front of the gateway."""
    pin: str = Field(default="", max_length=32)
    """Asked for on the join page, if set."""
    join: bool = True
    """Whether the join page gives out free seats; without it only codes and links work."""
    certificate: str = ""
    """The certificate for https with its chain, a file in PEM form; read again when it is renewed."""
    key: str = ""
    """The certificate's key, a file in PEM form."""
    allow_public: bool = False
    """Open a public address without https all the same."""
    tunnel: str = ""
    """A command that makes a tunnel to `{port}` and prints its address: `cloudflared tunnel --url http://127.0.0.1:{port}`.
    It runs as long as the class; the gateway then listens on 127.0.0.1, or on `address`, in the command `{address}`."""
    seat_bar: bool = True
    """The slim bar around a seat with its number, the time left, messages and the help button."""
    privacy: Literal["normal", "strict"] = "normal"
    """`strict`: no names, no progress."""

    @field_validator("public_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an address starts with http:// or https://")
        return value.rstrip("/")


class TimesPart(_Part):
    """The class's clock."""

    length: Span = timedelta(hours=4)
    """From `up` to the end, when no end is given."""
    end: datetime | None = None
    """The end, with a time zone: `2026-03-01T17:00:00+01:00`."""
    grace: Span = timedelta(minutes=30)
    """After the end, before seats are collected and removed."""
    at_end: Literal["collect", "nothing"] = "collect"
    """What the gateway does when the grace has passed: collect and remove, or nothing."""

    @field_validator("end")
    @classmethod
    def _with_zone(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time needs its zone: 2026-03-01T17:00:00+01:00")
        return value


class DataPart(_Part):
    """A file fetched once and mounted read-only at `/data` in every seat."""

    url: str
    """Where the file comes from: `https://…`, `file://…`."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Its checksum; `sha256sum FILE` prints it."""
    name: str = ""
    """The file's name under `/data`; empty for the last part of the URL."""


class RehearsePart(_Part):
    """Which notebooks a rehearsal runs, and how long each may take."""

    notebooks: tuple[str, ...] = ()
    """Paths or patterns; empty for all."""
    skip: tuple[str, ...] = ()
    """Paths or patterns that are left out."""
    timeout: Span = timedelta(minutes=10)
    """How long one notebook may take."""
    allow_errors: bool = False
    """Go on after a cell that fails, and call the notebook good."""


class DockerPart(_Part):
    """Settings of the Docker runtime."""

    egress: Literal["all", "none"] = "all"
    """`none`: seats reach nothing but the gateway."""
    subnet: str = ""
    """Empty to choose one that overlaps no route of this machine."""


class KubernetesPart(_Part):
    """Settings of the Kubernetes runtime."""

    context: str = ""
    """The context of the kubeconfig; empty for the current one."""
    namespace: str = ""
    """An existing namespace; empty for one of the classroom's own."""
    registry: str = ""
    """Where images are pushed: `registry.example.org/team`."""
    gateway_image: str = ""
    """A finished image of the gateway that the nodes can pull; empty to build one and push it."""
    exposure: Literal["auto", "ingress", "loadbalancer", "nodeport", "port-forward"] = "auto"
    """How students reach the gateway in the cluster; `auto` takes what the cluster has."""
    host: str = ""
    """The host name of the ingress."""
    ingress_class: str = ""
    """Empty for the cluster's default."""
    tls_secret: str = ""
    """A secret of the namespace with the ingress's certificate."""
    storage: Size | None = None
    """A volume of this size for each seat; empty for none."""
    storage_class: str = ""
    """Empty for the cluster's default."""
    overcommit: float = Field(default=2.0, ge=1, le=20)
    """Limits divided by requests."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels that a seat's node must have."""
    tolerations: tuple[dict[str, Any], ...] = ()
    """Taints that seats bear, as in a pod's specification."""
    runtime_class: str = ""
    """The runtime class of seats: `gvisor`."""
    image_pull_secrets: tuple[str, ...] = ()
    """Secrets of the namespace for the registry."""


class TargetPart(_Part):
    """One of several places where the seats of a class run."""

    runtime: Literal["docker", "kubernetes", "process"]
    """What runs the seats there."""
    weight: float = Field(default=1.0, gt=0, le=10_000)
    """Its share of the seats, beside the others' weights, as far as they fit."""
    context: str = ""
    """The context of the kubeconfig; empty for the current one."""
    namespace: str = ""
    """An existing namespace; empty for one of the classroom's own."""
    registry: str = ""
    """Where this cluster's images are pushed; empty for `kubernetes.registry`."""
    exposure: Literal["auto", "ingress", "loadbalancer", "nodeport", "port-forward"] | None = None
    """How students reach this cluster's gateway; empty for `kubernetes.exposure`."""
    host: str = ""
    """The host name of this cluster's ingress; empty for `kubernetes.host`."""

    def of_cluster(self) -> dict[str, str]:
        """What it says of its cluster, in place of the `kubernetes` part."""
        return {name: str(value) for name, value in self if value and name not in ("runtime", "weight")}


class WorkshopDefinition(_Part):
    """One workshop: a repository, what its seats look like, and how the class runs."""

    title: str = Field(min_length=1, max_length=80)
    """Shown to students and in the list of workshops."""
    source: SourcePart = SourcePart()
    """A mapping, or in short the repository alone."""
    ui: Ui = Ui.LAB
    """What students see: lab, notebook, vscode, rstudio or web."""
    open: str = ""
    """The file that is open when a student comes in."""
    seats: int = Field(default=10, ge=1, le=2000)
    """Participants expected."""
    spares: int | None = Field(default=None, ge=0, le=200)
    """Ready seats beside the expected ones; empty for 10 %, at least 2, from 10 seats on."""
    runtime: Literal["auto", "docker", "kubernetes", "process"] = "auto"
    """Where seats run; `auto` takes Docker where it answers, else plain processes."""
    targets: tuple[TargetPart, ...] = Field(default=(), max_length=20)
    """Several places for the seats of one class, instead of `runtime`: by weight, as far as they fit."""
    image: ImagePart = ImagePart()
    """How the image is made."""
    limits: LimitsPart = LimitsPart()
    """What one seat may use at most."""
    access: AccessPart = AccessPart()
    """How students come in."""
    times: TimesPart = TimesPart()
    """The class's clock."""
    data: tuple[DataPart, ...] = ()
    """Files fetched once and mounted read-only at `/data` in every seat."""
    rehearse: RehearsePart = RehearsePart()
    """Which notebooks a rehearsal runs."""
    docker: DockerPart = DockerPart()
    """Settings of the Docker runtime."""
    kubernetes: KubernetesPart = KubernetesPart()
    """Settings of the Kubernetes runtime."""

    @field_validator("source", mode="before")
    @classmethod
    def _source_in_short(cls, value: object) -> object:
        return {"repository": value} if isinstance(value, str) else value

    @property
    def memory_bytes(self) -> int:
        """The memory limit of a seat, with the default of its UI."""
        heavy = self.ui in (Ui.VSCODE, Ui.RSTUDIO)
        return self.limits.memory or (2 if heavy else 1) * 1024**3

    @property
    def spare_seats(self) -> int:
        if self.spares is not None:
            return self.spares
        return max(2, round(self.seats * 0.1)) if self.seats >= 10 else 0
