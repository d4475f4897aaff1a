"""How one classroom's gateway behaves: from the workshop's definition, or given by who composes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workshop.model.class_rules import ClassRules
from workshop.model.classroom import Classroom
from workshop.model.palette import Palette


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What can be chosen about a gateway. Every default is a working one."""

    title: str = ""
    """The workshop's title, as students read it; empty for the classroom's workshop."""
    join: bool = True
    """Whether the join page gives out free seats; without it only codes and links work."""
    seat_bar: bool = True
    strict_privacy: bool = False
    """No names are asked for."""
    bind_host: str = ""
    """The address to listen on; empty for the one that links name."""
    bind_port: int = 0
    """0 for the port that links name."""
    certificate: Path | None = None
    key: Path | None = None
    allow_public: bool = False
    """Listen on a public address without https all the same."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    With a public URL, this machine itself (a tunnel) is one of them."""
    refused_networks: tuple[str, ...] = ()
    """Networks of seats: who connects from there gets no answer."""
    palette: Palette | None = None
    """The theme of the pages; None for the default one."""
    max_body: int = 16 * 1024**3
    """Bytes of one request to a seat, at most."""

    @classmethod
    def of(cls, classroom: Classroom, **changes: Any) -> GatewaySettings:
        """The settings that a classroom's definition asks for, with some of them changed.

        Raises:
            ValueError: the definition in the classroom's label is none.
        """
        rules = ClassRules.of(classroom)
        settings = cls(
            title=rules.title,
            join=rules.join,
            seat_bar=rules.seat_bar,
            strict_privacy=rules.privacy == "strict",
            certificate=Path(rules.certificate) if rules.certificate else None,
            key=Path(rules.key) if rules.key else None,
            allow_public=rules.allow_public,
            refused_networks=tuple(filter(None, (classroom.option("subnet"),))),
        )
        return replace(settings, **changes)
