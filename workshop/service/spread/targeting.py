"""The targets of a workshop's definition, each as a workshop of its own that names one place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workshop.errors import UsageError
from workshop.model.parts import parts_of
from workshop.model.target import Target
from workshop.service import finding
from workshop.service.reports import Workshop

if TYPE_CHECKING:
    from workshop.model.definition import TargetPart, WorkshopDefinition
    from workshop.service.spread.whole import Whole


def is_spread(definition: WorkshopDefinition) -> bool:
    """Whether its classes have several parts."""
    return len(definition.targets) > 1


def on_target(workshop: Workshop, target: TargetPart) -> Workshop:
    """The workshop as if this target were its only one: what is recorded with that part of a class."""
    return replace(workshop, definition=_narrowed(workshop.definition, target))


def definitions_of(definition: WorkshopDefinition) -> tuple[WorkshopDefinition, ...]:
    """The definition as it holds on each of its targets."""
    return tuple(_narrowed(definition, target) for target in definition.targets)


def _narrowed(definition: WorkshopDefinition, target: TargetPart) -> WorkshopDefinition:
    changes: dict[str, Any] = {"targets": (target,), "runtime": "auto"}
    said = target.of_cluster()
    if target.runtime == "kubernetes" and said:
        changes["kubernetes"] = definition.kubernetes.model_copy(update=said)
    return definition.model_copy(update=changes)


def on_each(workshop: Workshop) -> tuple[Workshop, ...]:
    """The workshop on each of its targets, in their order."""
    return tuple(on_target(workshop, target) for target in workshop.definition.targets)


def in_one_place(workshop: Workshop, runtime: str = "") -> Workshop:
    """The workshop where one place is enough: that of the first target, or another that was asked for."""
    if not workshop.definition.targets:
        return workshop
    if runtime:
        return replace(workshop, definition=workshop.definition.model_copy(update={"targets": ()}))
    return on_target(workshop, workshop.definition.targets[0])


def as_opened(there: Whole) -> Workshop:
    """The workshop of a class that is there, from the records of its parts and without its file.

    Raises:
        RuntimeUnreachable: no target of the class answers.
    """
    from workshop.model.definition import TargetPart

    first = there.reached.classroom
    said = {room.classroom.uid: finding.as_recorded(room.classroom) for room in there.rooms}
    targets = []
    for part in parts_of(there.classroom):
        if part.uid in said:
            (target,) = said[part.uid].definition.targets
        else:
            target = TargetPart.model_validate({"runtime": part.target.runtime, "weight": part.weight})
        targets.append(target.model_copy(update={"context": part.target.context, "namespace": part.target.namespace}))
    # what is said of one cluster is no other's: a part that is on none has it as the file says
    on_none = (one for one in said.values() if one.definition.targets[0].runtime != "kubernetes")
    whole = next(on_none, said[first.uid])
    return replace(whole, definition=whole.definition.model_copy(update={"targets": tuple(targets)}))


def named(workshop: Workshop) -> Target:
    """The place that a workshop with one target names."""
    (target,) = workshop.definition.targets
    part = workshop.definition.kubernetes
    if target.runtime == "kubernetes":
        return Target(target.runtime, part.context, part.namespace)
    return Target(target.runtime)


def refuse_runtime(workshop: Workshop, asked: str) -> None:
    """
    Raises:
        UsageError: a runtime was asked for, and the workshop has targets.
    """
    if asked and workshop.definition.targets:
        there = ", ".join(target.runtime for target in workshop.definition.targets)
        raise UsageError(
            f"--runtime {asked} and the workshop's `targets` ({there}) contradict each other.",
            hint="Leave out --runtime, or take `targets` out of the file.",
        )
