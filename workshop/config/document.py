"""YAML as people write it: values with the line each stands on, and every mistake of the syntax in plain words.

Plain scalars are read by YAML 1.2's rules, so that `010` is ten, `1:30` is text, and `no` is the word no
(which a yes-or-no field still understands). A key that stands twice is an error, where YAML libraries keep the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workshop.model.snapshot import Problem

if TYPE_CHECKING:
    import yaml

Key = tuple[str | int, ...]
"""The way to a value: keys of mappings and positions in lists."""

LARGEST = 1_000_000
MOST_NODES = 50_000
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp"))


@dataclass
class Document:
    """A YAML document, with where each value stands."""

    value: Any = None
    lines: dict[Key, int] = field(default_factory=dict)
    """Line numbers from 1, of the key (or of the list's entry)."""
    texts: dict[Key, str] = field(default_factory=dict)
    """Scalars as they were written, without quotes."""
    problems: list[Problem] = field(default_factory=list)

    def line(self, key: Key) -> int | None:
        """The line of a value, or of the nearest thing around it."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return self.lines[key[:length]]
        return None

    def where(self, key: Key) -> str:
        """`limits.memory (line 9)`."""
        line = self.line(key)
        name = dotted(key)
        return f"{name} (line {line})" if line is not None else name


def dotted(key: Key) -> str:
    """`data[0].url`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_document(text: str) -> Document:
    """The document of a YAML text. Mistakes are in its `problems`; then the value is what could be read."""
    import yaml

    document = Document()
    if len(text) > LARGEST:
        document.problems.append(Problem("file", "The file is larger than 1 MB.", "Is it the right file?"))
        return document
    try:
        node = _compose(text)
    except yaml.YAMLError as error:
        document.problems.append(_syntax(error, text))
        return document
    if node is not None:
        _Reader(document).read(node)
    return document


def _compose(text: str) -> yaml.Node | None:
    """The document's nodes, by libyaml where it is there: ten times as fast. Its mistakes are told by the slow one."""
    import yaml

    if yaml.__with_libyaml__:
        try:
            return yaml.compose(text, Loader=yaml.CSafeLoader)
        except yaml.YAMLError:
            pass
    return yaml.compose(text, Loader=yaml.SafeLoader)


class _Reader:
    """Walks the nodes of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0
        self._above: list[int] = []
        """The nodes around this one: an alias to one of them would never end."""

    def read(self, node: yaml.Node) -> None:
        self._document.value = self._value(node, ())

    def _value(self, node: yaml.Node, key: Key) -> Any:
        import yaml

        self._count += 1
        if id(node) in self._above or self._count > MOST_NODES:
            self._problem(key, node, "An alias makes this endless.", "Write the value out.")
            return None
        self._above.append(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, key)
            if isinstance(node, yaml.SequenceNode):
                return [self._entry(child, (*key, index)) for index, child in enumerate(node.value)]
            return self._scalar(node, key) if isinstance(node, yaml.ScalarNode) else None
        finally:
            self._above.pop()

    def _entry(self, node: yaml.Node, key: Key) -> Any:
        self._document.lines[key] = node.start_mark.line + 1
        return self._value(node, key)

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name_node, value_node in self._pairs(node, key):
            name = str(name_node.value)
            path = (*key, name)
            if name in found:
                first = self._document.lines[path]
                self._problem(path, name_node, f"{name} stands here again; it is on line {first} already.",
                              "Keep one of them.")  # fmt: skip
                continue
            self._document.lines[path] = name_node.start_mark.line + 1
            found[name] = self._value(value_node, path)
        return found

    def _pairs(self, node: yaml.MappingNode, key: Key) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """Keys and values; what `<<` brings in comes last, without the keys that are there."""
        import yaml

        own = {str(name.value) for name, _ in node.value if isinstance(name, yaml.ScalarNode)}
        merged: list[yaml.Node] = []
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode):
                self._problem(key, name, "A key must be a word.", "Write `name: value`.")
            elif name.value == "<<" and not name.style:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            else:
                yield name, value
        for source in merged:
            for name, value in source.value if isinstance(source, yaml.MappingNode) else ():
                if isinstance(name, yaml.ScalarNode) and str(name.value) not in own:
                    own.add(str(name.value))
                    yield name, value

    def _scalar(self, node: yaml.ScalarNode, key: Key) -> Any:
        text = str(node.value)
        self._document.texts[key] = text
        if node.style:
            return text
        if node.tag not in _PLAIN_TAGS:
            self._problem(key, node, f"The tag {node.tag.replace('tag:yaml.org,2002:', '!!')} is not understood.",
                          "Take it out.")  # fmt: skip
            return None
        return plain_value(text)

    def _problem(self, key: Key, node: yaml.Node, message: str, hint: str) -> None:
        line = node.start_mark.line + 1
        path = f"{dotted(key)} (line {line})" if key else f"line {line}"
        self._document.problems.append(Problem(path, message, hint))


def plain_value(text: str) -> Any:
    """A scalar that is not in quotes."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 20 else text
    return float(text) if _FLOAT.fullmatch(text) else text


def _syntax(error: yaml.YAMLError, text: str) -> Problem:
    """What the parser stumbled over, with the line and the most likely reason."""
    import yaml

    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Problem("file", "The file is not text in UTF-8 that YAML allows.", "Save it as UTF-8.")
    lines = text.splitlines()
    line = error.problem_mark.line + 1
    if error.context_mark is not None and not "".join(lines[line - 1 :]).strip():
        return Problem(f"line {error.context_mark.line + 1}", "Something that is opened here is never closed.",
                       "Add the closing quote or bracket.")  # fmt: skip
    written = lines[line - 1] if line <= len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return Problem(f"line {line}", "The line begins with a tab.", "Indent with spaces.")
    return Problem(f"line {line}", f"This is not YAML: {_stumble(error)}.", _likely(written))


def _stumble(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return ", ".join(parts)


def _likely(written: str) -> str:
    if re.search(r":\s+\S.*:\s", written):
        return "Put a value with a colon in it in quotes."
    if re.match(r"\s*[\w-]+:\S", written):
        return "A space belongs after the colon: `name: value`."
    if written.count('"') % 2 or written.count("'") % 2:
        return "A closing quote is missing."
    if re.search(r":\s*[@`%&*!|>\[{]", written):
        return "Put the value in quotes."
    return "Each line is `name: value`; what belongs together is indented by the same number of spaces."
