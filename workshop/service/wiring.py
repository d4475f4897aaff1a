"""The composition root: from settings and paths to the parts that verbs work with, each made on first use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workshop.config.paths import Paths, paths
from workshop.config.settings import Settings, save_setting, settings
from workshop.engines.docker_engine import DockerEngine
from workshop.engines.file_lock import FileLock
from workshop.errors import RuntimeUnreachable, UsageError, WorkshopError
from workshop.model.classroom import Classroom, Door
from workshop.model.image import ImageSettings
from workshop.model.target import Target
from workshop.ports.build import Builder, Sources
from workshop.ports.remote import RemoteSide, remote_of
from workshop.ports.runtime import Runtime
from workshop.ports.store import Store
from workshop.service.doors import DetachedDoors, Doors
from workshop.service.hosted_doors import DoorsByRuntime, HostedDoors, Opening
from workshop.state.image_uses import ImageUses
from workshop.state.recent import RecentWorkshops
from workshop.state.store import SqliteStore

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition

log = logging.getLogger(__name__)

SEARCHED = ("docker", "process")
"""Runtimes that `list` and `cleanup` search without being asked: they need no further settings."""
LOOKED_FOR = timedelta(days=1)
"""After a class's end, how long its cluster is still searched without being asked."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Wiring:
    """The parts that verbs work with.

    Args:
        runtimes: ready-made runtimes by name, instead of loading them (`{"fake": FakeRuntime()}`).
        builders: likewise for builders.
        doors: how gateways are started and found; processes of their own by default, or where the seats are.
        store: the state, where it is kept elsewhere than on this machine.
        on_notice: takes a sentence about something that was mended (a damaged state database, say).
    """

    def __init__(
        self,
        config: Settings,
        places: Paths,
        *,
        runtimes: Mapping[str, Runtime] | None = None,
        builders: Mapping[str, Builder] | None = None,
        sources: Sources | None = None,
        doors: Doors | None = None,
        store: Store | None = None,
        clock: Callable[[], datetime] = utc_now,
        flags: Mapping[str, str] | None = None,
        on_notice: Callable[[str], None] = log.warning,
    ) -> None:
        self._on_notice = on_notice
        self._flags = dict(flags or {})
        self.config = config
        self.places = places
        self.clock = clock
        self.unreachable: MutableMapping[Target, RuntimeUnreachable] = {}
        """What the last search of all runtimes could not ask."""
        self.slow_to_fail: MutableMapping[Target, tuple[float, RuntimeUnreachable]] = {}
        """Targets that did not answer for seconds: when that was (monotonic), and what they said."""
        self._given = tuple(runtimes or ())
        self._runtimes: dict[Target, Runtime] = {Target(name): one for name, one in (runtimes or {}).items()}
        self._builders: dict[str, Builder] = dict(builders or {})
        self._sources = sources
        self._doors = doors
        self._store: Store | None = store
        self._own_store: SqliteStore | None = None
        self._docker: DockerEngine | None = None

    @classmethod
    def from_settings(cls, flags: Mapping[str, str], *, on_notice: Callable[[str], None] = log.warning) -> Wiring:
        places = paths(flags)
        return cls(settings(flags, places=places), places, flags=flags, on_notice=on_notice)

    @classmethod
    def from_parts(cls, runtimes: Mapping[str, Runtime], store: Store) -> Wiring:
        """The wiring of a program that lives where its one classroom is, and keeps its state there."""
        places = paths({})
        return cls(settings({}, places=places), places, runtimes=runtimes, store=store)

    # Places and settings

    @property
    def state_dir(self) -> Path:
        return self.places.state

    @property
    def samples(self) -> Path:
        return self.places.samples

    @property
    def recent(self) -> RecentWorkshops:
        return RecentWorkshops(self.places.state / "recent.json")

    @property
    def image_uses(self) -> ImageUses:
        return ImageUses(self.places.state / "image-uses.json")

    def lock_file(self, name: str) -> Path:
        """What `alone` locks."""
        return self.places.state / "locks" / name

    def alone(self, name: str) -> FileLock:
        """For verbs that change a classroom: one at a time on this machine, a second waits for the first."""
        return FileLock(self.lock_file(name))

    def setting(self, name: str) -> str:
        """A setting as text; empty for 0 and for nothing."""
        return self.config.text(name)

    def flagged(self, name: str) -> str:
        """What a flag of this call gives a setting; empty for none."""
        return self._flags.get(name, "")

    def flag_runtime(self) -> str:
        """The runtime that a flag or the environment names; empty for none."""
        name = self.setting("runtime")
        return "" if name == "auto" else name

    def starts_at_once(self) -> int:
        """How many seats may start at the same time, if that was set; else 0."""
        return self.config.starts_at_once

    def settings_of(self, definition: WorkshopDefinition) -> Settings:
        """The settings, with what a workshop's file says of them."""
        return settings(self._flags, definition, places=self.places)

    def save_setting(self, name: str, value: str) -> None:
        """Write a setting into the user's configuration file, and go by it from now on.

        Raises:
            SettingError: it cannot have this value, or the file cannot be written.
        """
        save_setting(self.places, name, value)
        self.config = self.config.with_setting(settings(self._flags, places=self.places).setting(name))

    def image_settings(self, definition: WorkshopDefinition) -> ImageSettings:
        """What this machine and the definition give a build."""
        return self.settings_of(definition).image()

    def settled(self, definition: WorkshopDefinition) -> WorkshopDefinition:
        """The definition with what this machine's settings say of where its seats run, as it is recorded."""
        from workshop.runtimes.registry import SEVERAL

        config = self.settings_of(definition)
        changes: dict[str, Any] = {}
        for name in SEVERAL:
            part = getattr(definition, name)
            said = {field: config.text(f"{name}_{field}") for field in type(part).model_fields
                    if f"{name}_{field}" in config.as_mapping()}  # fmt: skip
            if any(getattr(part, field) != value for field, value in said.items()):
                changes[name] = part.model_copy(update=said)
        return definition.model_copy(update=changes) if changes else definition

    # Parts

    @property
    def store(self) -> Store:
        if self._store is None:
            self._own_store = SqliteStore(self.places.database, now=self.clock, on_notice=self._on_notice)
            self._store = self._own_store
        return self._store

    @property
    def doors(self) -> Doors:
        if self._doors is None:
            environment = {
                "WORKSHOP_STATE_DIR": str(self.places.state),
                "WORKSHOP_CACHE_DIR": str(self.places.cache),
                "WORKSHOP_DATA_DIR": str(self.places.data),
            }
            near = DetachedDoors(self.places.sockets, self.places.state / "logs", environment=environment)
            hosted = HostedDoors(self.places.sockets, near, remote=self.remote_of, opening=self._opening)
            self._doors = DoorsByRuntime(near, hosted, is_hosted=lambda room: self.remote_of(room) is not None)
        return self._doors

    def _opening(self, classroom: Classroom) -> Opening:
        """What this machine gives a gateway that runs elsewhere: how its image is made, and its program's settings."""
        theme = self.setting("theme")
        bundled = (self.places.bundled_themes / f"{theme}.yaml").is_file()
        environment = {"WORKSHOP_THEME": theme} if bundled else {}
        return Opening(self.config.image(), environment, ends_itself=self.setting("at_end") != "nothing")

    @property
    def docker(self) -> DockerEngine:
        if self._docker is None:
            self._docker = DockerEngine()
        return self._docker

    @property
    def sources(self) -> Sources:
        if self._sources is None:
            from workshop.images.sources import GitSources

            self._sources = GitSources(self.places.cache)
        return self._sources

    def known_runtimes(self) -> tuple[str, ...]:
        from workshop.runtimes.registry import RUNTIMES

        return tuple(name for name in RUNTIMES if name != "fake" or Target("fake") in self._runtimes)

    def searched_targets(self) -> tuple[Target, ...]:
        """Where classrooms are looked for: what is asked for, what is at hand, and where this machine opened some."""
        asked = self.flag_runtime()
        names = (*(self._given or SEARCHED), *((asked,) if asked else ()))
        targets = [self.target(name) for name in names]
        if not self._given:
            targets += [
                target_of(classroom)
                for classroom in self.store.remembered()
                if classroom.runtime not in SEARCHED and not self._long_over(classroom)
            ]
        return tuple(dict.fromkeys(targets))

    def _long_over(self, classroom: Classroom) -> bool:
        ends = self.store.room_state(classroom.uid).ends or classroom.ends
        return ends is not None and ends + LOOKED_FOR < self.clock()

    def target(self, name: str, definition: WorkshopDefinition | None = None) -> Target:
        """Which engine or cluster a runtime's name stands for, by the settings and a workshop's own words."""
        from workshop.runtimes.registry import SEVERAL

        if name not in SEVERAL:
            return Target(name)
        if definition is not None and len(definition.targets) == 1:
            part = getattr(definition, name)
            return Target(name, part.context, part.namespace)
        config = settings(self._flags, definition, places=self.places)
        return Target(name, config.text(f"{name}_context"), config.text(f"{name}_namespace"))

    def runtime(self, name: str | Target, definition: WorkshopDefinition | None = None) -> Runtime:
        """
        Args:
            name: a runtime, or one engine or cluster of it.
            definition: a workshop whose file may say which cluster.

        Raises:
            UsageError: there is no runtime of that name.
        """
        target = name if isinstance(name, Target) else self.target(name, definition)
        if target not in self._runtimes:
            if Target(target.runtime) in self._runtimes and target.runtime in self._given:
                return self._runtimes[Target(target.runtime)]
            from workshop.runtimes.registry import load

            if target.runtime not in self.known_runtimes():
                raise UsageError(
                    f"There is no runtime {target.runtime!r}.",
                    hint=f"Choose one of {', '.join(self.known_runtimes())}.",
                )
            given = self.config.as_mapping() | {
                f"{target.runtime}_context": target.context,
                f"{target.runtime}_namespace": target.namespace,
            }
            self._runtimes[target] = load(target.runtime, state_dir=self.places.state, settings=given)
        return self._runtimes[target]

    def remote_of(self, classroom: Classroom) -> RemoteSide | None:
        """The other machines' side of the runtime on which a classroom is; None when it is on this machine."""
        return remote_of(self.runtime(target_of(classroom)))

    def builder(self, name: str) -> Builder:
        """What builds images for a runtime: Docker for Docker and Kubernetes, environments for processes."""
        if name not in self._builders:
            if name == "process":
                from workshop.images.process_builder import ProcessBuilder

                self._builders[name] = ProcessBuilder(self.places.cache)
            else:
                from workshop.images.docker_builder import DockerBuilder

                self._builders[name] = DockerBuilder(self.docker, work_dir=self.places.cache / "contexts")
        return self._builders[name]

    async def answers(self, runtime: str) -> bool:
        """Whether a runtime can be reached now."""
        try:
            await self.runtime(runtime).facts()
        except WorkshopError:
            return False
        return True

    async def choose_door(
        self,
        definition: WorkshopDefinition,
        *,
        address: str,
        port: int | None,
        taken: Iterable[Door],
        force: bool,
        any_port: bool = False,
    ) -> Door:
        """The address and port where students come in: flag, setting, definition, else the best there is.

        Args:
            any_port: the next free one after the one that was asked for, which another gateway of the class has.

        Raises:
            UsageError: this machine has no such address, or it is public and not protected.
            PortTaken: the port that was asked for is in use.
        """
        from workshop.gateway.addresses import choose_door

        access = definition.access
        asked = port if port is not None else self.config.port or access.port
        return choose_door(
            address=address or self.setting("address") or access.address or ("127.0.0.1" if access.tunnel else ""),
            port=0 if any_port else asked,
            wished=asked + 1 if any_port and asked else 0,
            public_url=access.public_url,
            tls=bool(access.certificate),
            allow_public=access.allow_public or force,
            taken=tuple(taken),
        )

    async def aclose(self) -> None:
        for runtime in self._runtimes.values():
            await runtime.aclose()
        if self._doors is not None:
            await self._doors.aclose()
        if self._docker is not None:
            await self._docker.aclose()
        if self._own_store is not None:
            self._own_store.close()


def target_of(classroom: Classroom) -> Target:
    """The engine or cluster that a classroom was opened on, by what is recorded with it."""
    namespace = "" if classroom.option("own_namespace") == "yes" else classroom.option("namespace")
    return Target(classroom.runtime, classroom.option("context"), namespace)
