"""Files of `data:`: fetched once with their checksums, then brought to a classroom before its seats start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workshop.errors import SourceError, UsageError
from workshop.model.classroom import DATA_OPTION, Classroom
from workshop.model.data_file import DATA_PATH, DATA_VARIABLE, DataFile, data_key
from workshop.model.events import Noted, StepFinished, StepStarted
from workshop.ports.build import Report
from workshop.ports.remote import remote_of
from workshop.ports.runtime import DataRuntime, Runtime
from workshop.service.wiring import Wiring

if TYPE_CHECKING:
    from workshop.model.definition import DataPart, WorkshopDefinition


def data_options(definition: WorkshopDefinition) -> dict[str, str]:
    """The classroom's option that says which files its seats see; nothing for a workshop without.

    Raises:
        SourceError: a file has no name.
    """
    if not definition.data:
        return {}
    from workshop.images.data import data_file_name

    return {DATA_OPTION: data_key((data_file_name(part), part.sha256) for part in definition.data)}


async def have_data(wiring: Wiring, parts: Sequence[DataPart], *, report: Report) -> tuple[DataFile, ...]:
    """The files on this machine; those that are not there yet are fetched.

    Raises:
        SourceError: one cannot be had, or is not what its checksum says.
    """
    if not parts:
        return ()
    from workshop.images.data import fetch_data

    return await fetch_data(parts, wiring.places.cache, report=report)


async def bring_data(wiring: Wiring, runtime: Runtime, classroom: Classroom, *, report: Report) -> None:
    """Have a classroom's files where its seats will see them; nothing for a classroom without.

    Raises:
        SourceError: one cannot be had, or is not what its checksum says.
        RuntimeRefused: the engine has no room for them.
        UsageError: this runtime cannot give seats files.
    """
    if not classroom.option(DATA_OPTION) or remote_of(runtime) is not None:
        return  # on other machines they have come with the image
    if not isinstance(runtime, DataRuntime):
        raise UsageError(f"The {runtime.name} runtime cannot give seats the files of `data:`.")
    from workshop.images.data import data_file_name
    from workshop.model.definition import WorkshopDefinition

    definition = WorkshopDefinition.model_validate_json(classroom.definition)
    began = wiring.clock()
    names = ", ".join(data_file_name(part) for part in definition.data)
    for tries_left in reversed(range(len(definition.data) + 1)):
        files = await have_data(wiring, definition.data, report=report)
        report(StepStarted("data", f"bringing {names} to the class"))
        try:
            await runtime.bring(classroom, files)
            break
        except SourceError as error:  # changed on this machine since it was fetched
            if not tries_left:
                raise
            report(Noted(f"{error.message} It is fetched again.", level="warning"))
    report(StepFinished("data", f"seats see {names} in {DATA_PATH}", (wiring.clock() - began).total_seconds()))
    if runtime.name == "process":
        report(
            Noted(
                f"Seats that are plain processes have no {DATA_PATH}: the folder is in the variable {DATA_VARIABLE}, "
                "and nothing keeps a participant from changing it.",
                level="warning",
            )
        )
