"""What a workshop asks of its cluster: the definition's `kubernetes` part, and what the seats' image promises."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from workshop.errors import DefinitionError
from workshop.model.classroom import Classroom
from workshop.model.definition import KubernetesPart

HOME = "/home/jovyan"
USER_ID = 1000
"""The home folder and user that Binder's images have."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """Settings of one classroom's objects, from its definition and its options."""

    part: KubernetesPart = field(default_factory=KubernetesPart)
    home: str = HOME
    """The seats' home folder: a volume is mounted there, so that files outlive the container."""
    user: int = USER_ID
    group: int = USER_ID
    egress: str = "all"
    """`none`: seats reach nothing but the gateway."""
    quota: bool = True

    @property
    def tolerations(self) -> list[dict[str, Any]]:
        """The definition's, and patience: seats of a node that does not answer are shown as lost, not thrown away."""
        waiting = [
            {"key": f"node.kubernetes.io/{why}", "operator": "Exists", "effect": "NoExecute"}
            for why in ("not-ready", "unreachable")
        ]
        return [dict(toleration) for toleration in self.part.tolerations] + waiting


def wishes_of(classroom: Classroom) -> Wishes:
    """The wishes that the classroom's own record holds, so that any machine makes the same objects.

    Raises:
        DefinitionError: the recorded definition has a `kubernetes` part that this version cannot read.
    """
    try:
        data = json.loads(classroom.definition) if classroom.definition else {}
        part = KubernetesPart.model_validate(data.get("kubernetes") or {})
        egress = str((data.get("docker") or {}).get("egress", "all"))
    except (ValueError, ValidationError, AttributeError) as error:
        raise DefinitionError(
            f"The recorded definition of {classroom.name} cannot be read.", details=(str(error),)
        ) from error
    return Wishes(
        part=part,
        home=classroom.option("home") or HOME,
        user=int(classroom.option("user") or USER_ID),
        group=int(classroom.option("group") or classroom.option("user") or USER_ID),
        egress=classroom.option("egress") or egress,
    )
