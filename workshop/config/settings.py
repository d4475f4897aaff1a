"""Settings of this machine, and where each value came from: flag, environment, workshop file, configuration, default.

Neither pydantic nor yaml is imported before there is a file to read: `workshop --help` waits for this module.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from dataclasses import field as dataclass_field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from workshop.config.paths import Paths, paths
from workshop.config.user_file import write_user_file
from workshop.errors import SettingError
from workshop.model.image import ImageSettings
from workshop.model.snapshot import Problem

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition

ENVIRONMENT_PREFIX = "WORKSHOP_"
_FOLDERS = ("config_dir", "state_dir", "cache_dir", "data_dir")
"""Read by `paths`, from flags and environment alone."""
_OTHER_VARIABLES = ("WORKSHOP_TEST_",)
"""Beginnings of variables that are not settings."""

Value = str | int | float


class Origin(StrEnum):
    """Where a value came from; the first that has one wins."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    WORKSHOP = "workshop file"
    CONFIGURATION = "configuration"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it holds now."""

    name: str
    value: Value
    origin: Origin
    default: Value
    help: str
    source: str = ""
    """The origin in detail: `--runtime`, `WORKSHOP_RUNTIME`, `limits.memory`, the configuration file's path."""

    @property
    def variable(self) -> str:
        return variable(self.name)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def _text(text: str) -> str:
    return text.strip()


def _file(text: str) -> str:
    return str(Path(text).expanduser())


def _url(text: str) -> str:
    if not re.match(r"(?:https?|file)://\S+", text):
        raise ValueError("an address that begins with https:// or http:// is expected")
    return text.rstrip("/")


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d+", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high} is expected")
        return int(text)

    return parse


def _price(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError("a price such as 0.035 is expected")
    return float(text)


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in allowed:
            near = difflib.get_close_matches(text.lower(), allowed, n=1)
            guess = f"; is it {near[0]}?" if near else ""
            raise ValueError(f"one of {', '.join(allowed)} is expected{guess}")
        return text.lower()

    parse.allowed = allowed  # type: ignore[attr-defined]
    return parse


def _setting(default: Any, text: str, parse: Callable[[str], Value], *, definition: str = "") -> Any:
    metadata = {"help": text, "parse": parse, "definition": definition}
    return dataclass_field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, typed. `docs/settings.md` is made from these fields."""

    image_base: str = _setting(
        "python:3.12-slim", "Base image of the images that are built here.", _text, definition="image.base"
    )
    image_index_url: str = _setting("", "Package index instead of PyPI.", _url)
    image_extra_index_url: str = _setting("", "Package index beside the first one.", _url)
    image_ca_bundle: str = _setting(
        "", "File of certificates that builds and seats trust (of a company's proxy, say).", _file
    )
    image_apt_mirror: str = _setting("", "Mirror for Debian packages.", _url)
    images_kept: int = _setting(2, "Newest images of each workshop that `images prune` keeps.", _whole(1, 100))
    runtime: str = _setting(
        "auto",
        "Where seats run: auto, docker, kubernetes or process.",
        _choice("auto", "docker", "kubernetes", "process", "fake"),
        definition="runtime",
    )
    kubernetes_context: str = _setting(
        "", "Context of the kubeconfig; empty for the current one.", _text, definition="kubernetes.context"
    )
    kubernetes_namespace: str = _setting(
        "", "Existing namespace for classes; empty for one of each class's own.", _text,
        definition="kubernetes.namespace",
    )  # fmt: skip
    kubernetes_registry: str = _setting(
        "", "Where images for a cluster are pushed: registry.example.org/team.", _text,
        definition="kubernetes.registry",
    )  # fmt: skip
    kubernetes_gateway_image: str = _setting(
        "", "Finished image of the gateway for a cluster; empty to build and push one.", _text,
        definition="kubernetes.gateway_image",
    )  # fmt: skip
    address: str = _setting(
        "", "Address of this machine that links name; empty to choose the local network's.", _text,
        definition="access.address",
    )  # fmt: skip
    port: int = _setting(
        0, "Port of the gateway; 0 for the first free one from 8080.", _whole(0, 65535), definition="access.port"
    )
    starts_at_once: int = _setting(
        0, "Seats that start at the same time; 0 for what this machine can bear.", _whole(0, 200)
    )
    at_end: str = _setting(
        "collect",
        "What the gateway does when a class has ended and its grace has passed: collect (and remove) or nothing.",
        _choice("collect", "nothing"),
        definition="times.at_end",
    )
    collect_dir: str = _setting("", "Folder for collected work; empty for the one that `workshop paths` shows.", _file)
    theme: str = _setting("harbour", "Colours of the terminal, of students' pages and of printed cards.", _text)
    paper: str = _setting("a4", "Paper of printed cards: a4 or letter.", _choice("a4", "letter"))
    cards_language: str = _setting(
        "en", "Language of printed cards: en, de, fr or es (pages follow the browser).", _choice("en", "de", "fr", "es")
    )
    glyphs: str = _setting(
        "unicode", "Signs for states in tables of the command line: unicode or ascii.", _choice("unicode", "ascii")
    )
    qr: str = _setting(
        "half", "How QR codes are drawn: half blocks, or full where half ones break.", _choice("half", "full")
    )
    price_cpu_hour: float = _setting(0.0, "Price of one CPU for an hour.", _price)
    price_gb_hour: float = _setting(0.0, "Price of 1 GB of memory for an hour.", _price)
    price_image_gb_month: float = _setting(0.0, "Price of keeping 1 GB of images for a month.", _price)
    currency: str = _setting("EUR", "Currency of the prices, as it is shown.", _text)

    given: tuple[Setting, ...] = ()
    """The same with their origins, in the order of the fields."""

    def text(self, name: str) -> str:
        """A value as text; empty for 0 and for nothing.

        Raises:
            KeyError: there is no such setting.
        """
        return str(self.setting(name).value or "")

    def setting(self, name: str) -> Setting:
        """
        Raises:
            KeyError: there is no such setting.
        """
        for setting in self.given:
            if setting.name == name:
                return setting
        raise KeyError(name)

    def with_setting(self, changed: Setting) -> Settings:
        """The same settings, one of them as it is now."""
        given = tuple(changed if setting.name == changed.name else setting for setting in self.given)
        value: dict[str, Any] = {changed.name: changed.value}
        return replace(self, given=given, **value)

    def is_default(self, name: str) -> bool:
        return self.setting(name).origin is Origin.DEFAULT

    def as_mapping(self) -> dict[str, str]:
        """Every setting as text, by name."""
        return {setting.name: str(setting.value) for setting in self.given}

    def image(self) -> ImageSettings:
        """What this machine gives a build."""
        return ImageSettings(
            base=self.image_base,
            index_url=self.image_index_url,
            extra_index_url=self.image_extra_index_url,
            ca_bundle=self.image_ca_bundle,
            apt_mirror=self.image_apt_mirror,
        )


@dataclass(frozen=True, slots=True)
class SettingKind:
    """What is known of a setting before anybody gives it a value."""

    name: str
    default: Value
    help: str
    parse: Callable[[str], Value]
    definition: str
    """Where a workshop file says it; empty when it cannot."""

    @property
    def allowed(self) -> tuple[str, ...]:
        return tuple(getattr(self.parse, "allowed", ()))


SETTINGS: tuple[SettingKind, ...] = tuple(
    SettingKind(field.name, cast(Value, field.default), **field.metadata)
    for field in fields(Settings)
    if field.metadata
)
_KINDS = {kind.name: kind for kind in SETTINGS}


def settings(
    flags: Mapping[str, str | None] | None = None,
    definition: WorkshopDefinition | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    places: Paths | None = None,
) -> Settings:
    """Every setting as it holds for this call.

    Args:
        flags: what the command line gave, by setting name; None and empty text count as not given.
        definition: the workshop, where there is one: only what its file says counts.
        environ: the environment; this process's by default. An empty variable counts as not set.
        places: where the configuration file is; found from `flags` and `environ` by default.

    Raises:
        SettingError: values that cannot be used or names that do not exist; of several, `details` has a line each.
    """
    variables = os.environ if environ is None else environ
    there = places or paths(flags, variables)
    problems: list[Problem] = []
    configured = _configured(there.config_file, problems)
    layers: list[tuple[Origin, Callable[[SettingKind], tuple[str, str] | None]]] = [
        (Origin.FLAG, lambda kind: _named(flags or {}, kind.name, f"--{kind.name.replace('_', '-')}")),
        (Origin.ENVIRONMENT, lambda kind: _named(variables, variable(kind.name), variable(kind.name))),
        (Origin.WORKSHOP, lambda kind: _defined(definition, kind.definition)),
        (Origin.CONFIGURATION, lambda kind: configured.get(kind.name)),
    ]
    problems += [
        Problem(f"--{name.replace('_', '-')}", "There is no such setting.", nearest(name, _KINDS))
        for name in flags or {}
        if name not in _KINDS and name not in _FOLDERS
    ]
    given = tuple(_settle(kind, layers, problems) for kind in SETTINGS)
    if problems:
        raise _refusal(problems)
    values: dict[str, Any] = {setting.name: setting.value for setting in given}
    return Settings(**values, given=given)


def _settle(
    kind: SettingKind,
    layers: list[tuple[Origin, Callable[[SettingKind], tuple[str, str] | None]]],
    problems: list[Problem],
) -> Setting:
    """The first layer's value that there is; a value that cannot be used is a problem even when nothing else is."""
    for origin, look in layers:
        found = look(kind)
        if found is None:
            continue
        text, source = found
        try:
            return Setting(kind.name, kind.parse(text), origin, kind.default, kind.help, source)
        except ValueError as error:
            problems.append(Problem(source, f"{kind.name} cannot be {text!r}: {error}.", kind.help))
            break
    return Setting(kind.name, kind.default, Origin.DEFAULT, kind.default, kind.help)


def _named(values: Mapping[str, str | None] | Mapping[str, str], name: str, source: str) -> tuple[str, str] | None:
    value = values.get(name)
    return (str(value), source) if value is not None and str(value) != "" else None


def _defined(definition: WorkshopDefinition | None, path: str) -> tuple[str, str] | None:
    """What the workshop's file says, if it says it."""
    part: Any = definition
    for name in path.split("."):
        if part is None or not name or name not in part.model_fields_set:
            return None
        part = getattr(part, name)
    return None if part in (None, "", 0, "auto") else (str(part), path)


def _configured(file: Path, problems: list[Problem]) -> dict[str, tuple[str, str]]:
    """The configuration file's values, with their places; nothing when there is no file."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(str(file), f"The file cannot be read: {error}.", "Correct it, or take it away."))
        return {}
    from workshop.config.document import read_document

    document = read_document(text)
    problems += [Problem(f"{file}, {problem.path}", problem.message, problem.hint) for problem in document.problems]
    if document.value is None:
        return {}
    if not isinstance(document.value, dict):
        problems.append(Problem(str(file), "The file is not a list of settings.", "Each line is `name: value`."))
        return {}
    found: dict[str, tuple[str, str]] = {}
    for name, value in document.value.items():
        source = f"{file}, line {document.line((name,))}"
        if name not in _KINDS:
            problems.append(Problem(source, f"There is no setting {name!r}.", nearest(name, _KINDS)))
        elif isinstance(value, dict | list):
            problems.append(Problem(source, f"{name} has one value.", f"Write `{name}: value`."))
        elif value is not None and document.texts[(name,)] != "":
            found[name] = (document.texts[(name,)], source)
    return found


def nearest(name: str, known: Mapping[str, object]) -> str:
    """A hint that names the most similar known name, or all of them."""
    close = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    return f"Is it {close[0]}?" if close else f"There are: {', '.join(known)}."


def _refusal(problems: list[Problem]) -> SettingError:
    first, *others = problems
    if not others:
        return SettingError(f"{first.path}: {first.message}", hint=first.hint)
    lines = tuple(f"{problem.path}: {problem.message} {problem.hint}".rstrip() for problem in problems)
    return SettingError(f"{len(problems)} settings cannot be used.", hint="Correct each of them.", details=lines)


def unknown_variables(environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Variables that look like settings and are none: a misspelt one would do nothing, silently."""
    known = {variable(name): name for name in (*_KINDS, *_FOLDERS)}
    return tuple(
        Problem(name, "There is no setting of this name.", nearest(name.removeprefix(ENVIRONMENT_PREFIX), _KINDS),
                level="warning")
        for name in sorted(environ)
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known and not name.startswith(_OTHER_VARIABLES)
    )  # fmt: skip


def save_setting(places: Paths, name: str, value: str) -> None:
    """Write one setting into the user's configuration file; its other lines and comments stay as they are.

    Raises:
        SettingError: there is no such setting, it cannot have this value, or the file cannot be written.
    """
    kind = _KINDS.get(name)
    if kind is None:
        raise SettingError(f"There is no setting {name!r}.", hint=nearest(name, _KINDS))
    try:
        kind.parse(value)
    except ValueError as error:
        raise SettingError(f"{name} cannot be {value!r}: {error}.", hint=kind.help) from error
    file = places.config_file
    line = f"{name}: {_quoted(value)}"
    try:
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        at = next((i for i, old in enumerate(lines) if re.match(rf"{re.escape(name)}\s*:", old)), None)
        if at is None:
            lines.append(line)
        else:
            lines[at] = line
        write_user_file(file, "\n".join(lines) + "\n")
    except OSError as error:
        raise SettingError(f"{file} cannot be written: {error.strerror}.", hint="Make it writable.") from error


def _quoted(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*", value):
        return value
    return "'" + value.replace("'", "''") + "'"
