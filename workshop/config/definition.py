"""Read a `workshop.yaml`: every problem at once, each with its line and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workshop.config.document import LARGEST, Document, Key, dotted, read_document
from workshop.config.sense import senseless
from workshop.config.wording import problem_of
from workshop.errors import DefinitionError
from workshop.model.definition import WorkshopDefinition
from workshop.model.names import DEFINITION_FILES
from workshop.model.snapshot import Problem


class InvalidDefinition(DefinitionError):
    """A definition with problems, each of them apart."""

    def __init__(self, where: str, problems: tuple[Problem, ...]) -> None:
        first, *others = problems
        if others:
            message, hint = f"{where} has {len(problems)} problems.", "Correct each of them, then try again."
        else:
            message, hint = f"{where}: {first.path}: {first.message}", first.hint
        lines = tuple(f"{problem.path}: {problem.message} {problem.hint}".rstrip() for problem in problems)
        super().__init__(message, hint=hint, details=lines)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class LoadedDefinition:
    """A definition that can be used, and where it came from."""

    definition: WorkshopDefinition
    path: Path | None = None
    """The file; None when the definition came as text."""
    problems: tuple[Problem, ...] = ()
    """Warnings: what works all the same, perhaps not as meant."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where each key stands, by its dotted path."""


def load_definition(source: Path | str) -> LoadedDefinition:
    """The definition in a file, in a folder's `workshop.yaml`, or in a text of several lines.

    Raises:
        InvalidDefinition: with every problem in `problems` and as lines in `details`.
        DefinitionError: there is no such file, or it cannot be read.
    """
    if isinstance(source, str) and "\n" in source:
        return _loaded(source, None)
    path = _file(Path(source).expanduser())
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{path} is not text in UTF-8.", hint="Save it as UTF-8.") from error
    except OSError as error:
        raise DefinitionError(f"{path} cannot be read: {error.strerror}.", hint="Is it a file of yours?") from error
    return _loaded(text, path)


def _file(path: Path) -> Path:
    if path.is_dir():
        for name in DEFINITION_FILES:
            if (path / name).is_file():
                return path / name
        raise DefinitionError(
            f"There is no {DEFINITION_FILES[0]} in {path}.", hint=f"`workshop init {path}` writes one for you."
        )
    if not path.exists():
        raise DefinitionError(f"There is no file {path}.", hint="`workshop init` writes a workshop.yaml.")
    if not path.is_file() or path.stat().st_size > LARGEST:
        raise DefinitionError(f"{path} is no workshop definition.", hint="Name a workshop.yaml, a text of a few lines.")
    return path


def _loaded(text: str, path: Path | None) -> LoadedDefinition:
    document = read_document(text)
    problems = list(document.problems)
    definition: WorkshopDefinition | None = None
    if document.value is None and not problems:
        problems.append(
            Problem(
                "file", "The file is empty, or has comments alone.", "It needs at least `title: Name of the workshop`."
            )
        )
    elif document.value is not None and not isinstance(document.value, dict):
        hint = "The first line is `title: Name of the workshop`."
        problems.append(Problem("file", "This is not a list of `name: value` lines.", hint))
    elif document.value is not None:
        definition, more = _validated(document)
        known = {problem.path for problem in problems}
        problems += [problem for problem in more if problem.path not in known]
    problems.sort(key=_order)
    if definition is None or any(problem.level == "error" for problem in problems):
        raise InvalidDefinition(str(path) if path else "The definition", tuple(problems))
    lines = {dotted(key): line for key, line in document.lines.items()}
    return LoadedDefinition(definition, path, tuple(problems), lines)


def _order(problem: Problem) -> int:
    """The line a problem stands on; what stands on none comes first."""
    digits = problem.path.rpartition("line ")[2].rstrip(")")
    return int(digits) if digits.isdecimal() else 0


def _validated(document: Document) -> tuple[WorkshopDefinition | None, list[Problem]]:
    """The definition, and its problems in plain words."""
    value = _without_nothing(document.value)
    try:
        definition = WorkshopDefinition.model_validate(value)
    except ValidationError as error:
        if _as_written(value, document, error):
            try:
                definition = WorkshopDefinition.model_validate(value)
            except ValidationError as again:
                return None, _worded(again, document)
        else:
            return None, _worded(error, document)
    return definition, senseless(definition, document)


def _worded(error: ValidationError, document: Document) -> list[Problem]:
    return [problem_of(dict(found), document) for found in error.errors(include_url=False)]


def _without_nothing(value: Any) -> Any:
    """Keys with nothing behind the colon are as good as not there."""
    if isinstance(value, dict):
        return {name: _without_nothing(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_without_nothing(part) for part in value]
    return value


def _as_written(value: Any, document: Document, error: ValidationError) -> bool:
    """Where text is wanted and a number or a truth value was read, take what was written: `pin: 0042`, `ref: 1.10`."""
    changed = False
    for found in error.errors(include_url=False):
        key: Key = found["loc"]
        if found["type"] == "string_type" and key in document.texts:
            holder = value
            for part in key[:-1]:
                holder = holder[part]
            holder[key[-1]] = document.texts[key]
            changed = True
    return changed
