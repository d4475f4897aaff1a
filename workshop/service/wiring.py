"""The composition root: from settings and paths to the parts that verbs work with, each made on first use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.config.paths import Paths, paths
from workshop.config.settings import Settings, settings
from workshop.engines.docker_engine import DockerEngine
from workshop.engines.file_lock import FileLock
from workshop.errors import RuntimeUnreachable, UsageError, WorkshopError
from workshop.model.classroom import Door
from workshop.model.image import ImageSettings
from workshop.ports.build import Builder, Sources
from workshop.ports.runtime import Runtime
from workshop.ports.store import Store
from workshop.service.doors import DetachedDoors, Doors
from workshop.state.image_uses import ImageUses
from workshop.state.recent import RecentWorkshops
from workshop.state.store import SqliteStore

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition

log = logging.getLogger(__name__)

SEARCHED = ("docker", "process")
"""Runtimes that `list` and `cleanup` search without being asked: they need no further settings."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Wiring:
    """The parts that verbs work with.

    Args:
        runtimes: ready-made runtimes by name, instead of loading them (`{"fake": FakeRuntime()}`).
        builders: likewise for builders.
        doors: how gateways are started and found; processes of their own by default.
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
        clock: Callable[[], datetime] = utc_now,
        flags: Mapping[str, str] | None = None,
        on_notice: Callable[[str], None] = log.warning,
    ) -> None:
        self._on_notice = on_notice
        self._flags = dict(flags or {})
        self.config = config
        self.places = places
        self.clock = clock
        self.unreachable: MutableMapping[str, RuntimeUnreachable] = {}
        """What the last search of all runtimes could not ask."""
        self._given = tuple(runtimes or ())
        self._runtimes: dict[str, Runtime] = dict(runtimes or {})
        self._builders: dict[str, Builder] = dict(builders or {})
        self._sources = sources
        self._doors = doors
        self._store: SqliteStore | None = None
        self._docker: DockerEngine | None = None

    @classmethod
    def from_settings(cls, flags: Mapping[str, str], *, on_notice: Callable[[str], None] = log.warning) -> Wiring:
        places = paths(flags)
        return cls(settings(flags, places=places), places, flags=flags, on_notice=on_notice)

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

    def image_settings(self, definition: WorkshopDefinition) -> ImageSettings:
        """What this machine and the definition give a build."""
        return settings(self._flags, definition, places=self.places).image()

    # Parts

    @property
    def store(self) -> Store:
        if self._store is None:
            self._store = SqliteStore(self.places.database, now=self.clock, on_notice=self._on_notice)
        return self._store

    @property
    def doors(self) -> Doors:
        if self._doors is None:
            environment = {
                "WORKSHOP_STATE_DIR": str(self.places.state),
                "WORKSHOP_CACHE_DIR": str(self.places.cache),
                "WORKSHOP_DATA_DIR": str(self.places.data),
            }
            self._doors = DetachedDoors(self.places.sockets, self.places.state / "logs", environment=environment)
        return self._doors

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

        return tuple(name for name in RUNTIMES if name != "fake" or "fake" in self._runtimes)

    def searched_runtimes(self) -> tuple[str, ...]:
        """The runtimes on which classrooms are looked for."""
        asked = self.flag_runtime()
        names: Iterable[str] = self._given or SEARCHED
        return tuple(dict.fromkeys((*names, asked) if asked else names))

    def runtime(self, name: str) -> Runtime:
        """
        Raises:
            UsageError: there is no runtime of that name.
        """
        if name not in self._runtimes:
            from workshop.runtimes.registry import load

            if name not in self.known_runtimes():
                raise UsageError(
                    f"There is no runtime {name!r}.", hint=f"Choose one of {', '.join(self.known_runtimes())}."
                )
            self._runtimes[name] = load(name, state_dir=self.places.state, settings=self.config.as_mapping())
        return self._runtimes[name]

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
    ) -> Door:
        """The address and port where students come in: flag, setting, definition, else the best there is.

        Raises:
            UsageError: this machine has no such address, or it is public and not protected.
            PortTaken: the port that was asked for is in use.
        """
        from workshop.gateway.addresses import choose_door

        access = definition.access
        return choose_door(
            address=address or self.setting("address") or access.address or ("127.0.0.1" if access.tunnel else ""),
            port=port if port is not None else self.config.port or access.port,
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
        if self._store is not None:
            self._store.close()
