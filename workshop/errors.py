"""One tree of errors: what happened, where, and what to do next.

Adapters translate library errors at their edge, by type and status code, never by text.
The command line turns `exit_code` into its own; the terminal UI shows `message` and `hint`.
"""

from __future__ import annotations

from typing import ClassVar


class WorkshopError(Exception):
    """Base of everything that is told to a user.

    Args:
        message: one sentence that names what happened and where.
        hint: one sentence that says what to do next; may be empty.
        details: further lines worth seeing (the relevant lines of a log, say).
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class UsageError(WorkshopError):
    """The words of the call do not fit."""

    code = "usage"
    exit_code = 2


class DefinitionError(WorkshopError):
    """A workshop definition has problems; `details` has one line for each."""

    code = "definition"
    exit_code = 2


class SettingError(WorkshopError):
    """A setting (flag, environment, configuration file) has a value that cannot be used."""

    code = "setting"
    exit_code = 2


class StateError(WorkshopError):
    """The state database cannot be read or written (locked, read-only, no space, of a later version)."""

    code = "state"


class UnknownClassroom(WorkshopError):
    """No classroom of that name was found on any runtime."""

    code = "unknown-classroom"
    exit_code = 2


class NameInUse(WorkshopError):
    """A classroom of that name exists and belongs to another workshop."""

    code = "name-in-use"
    exit_code = 2


class NoTerminal(WorkshopError):
    """A terminal is needed and there is none."""

    code = "no-terminal"
    exit_code = 2


class ConfirmationNeeded(WorkshopError):
    """A destructive verb was called without a terminal and without `--yes`."""

    code = "confirmation-needed"
    exit_code = 2


class SourceError(WorkshopError):
    """The repository, branch or folder could not be had."""

    code = "source"


class SourceUnreachable(SourceError):
    """The repository, or the commit wanted of it, cannot be had now: what was fetched or built before can be used."""


class BuildFailed(WorkshopError):
    """The image could not be built; `details` has the log's relevant lines."""

    code = "build-failed"


class DoesNotFit(WorkshopError):
    """More seats were asked for than the runtime has room for."""

    code = "does-not-fit"


class PortTaken(WorkshopError):
    """The gateway's address and port are in use by another program."""

    code = "port-taken"


class GatewayFailed(WorkshopError):
    """The gateway did not start, or does not answer."""

    code = "gateway"


class SeatFailed(WorkshopError):
    """One seat could not be made, started or reached."""

    code = "seat"


class RuntimeUnreachable(WorkshopError):
    """The Docker engine or the cluster does not answer."""

    code = "runtime-unreachable"
    exit_code = 3


class RuntimeRefused(WorkshopError):
    """The engine or cluster answered, and refused (rights, quota, no space)."""

    code = "runtime-refused"


class PartlyDone(WorkshopError):
    """Some of the work is done: survivors after a teardown, or seats that failed."""

    code = "partly-done"
    exit_code = 4


class Interrupted(WorkshopError):
    """The user stopped it; running the same verb again finishes it."""

    code = "interrupted"
    exit_code = 130
