"""What BuildKit and the classic builder say, as events; and the lines of the step that failed."""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workshop.images.dockerfile import one_line
from workshop.images.links import redact
from workshop.model.events import LogLine, StepFinished, StepStarted
from workshop.ports.build import Report

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_POSITION = re.compile(r"^\[(?:(?P<stage>\S+)\s+)?\s*(?P<index>\d+)/(?P<total>\d+)\]\s+(?P<text>.*)$", re.DOTALL)
_PLAIN = re.compile(r"^#(?P<number>\d+) (?P<text>.*)$")
_PLAIN_LOG = re.compile(r"^\d+\.\d+ (?P<text>.*)$")
_CLASSIC = re.compile(r"^Step (?P<index>\d+)/(?P<total>\d+) : (?P<text>.*)$")
_FLAGS = re.compile(r"^(\w+)(?: --\S+)* ")
KEEP_LINES = 400


def instruction_key(text: str) -> str:
    """What stays the same of an instruction when a builder repeats it: no flags, quotes or spaces."""
    bare = _FLAGS.sub(r"\1 ", one_line(text))
    if bare.startswith("FROM "):
        return "FROM"
    return re.sub(r"[\s\"']", "", bare)


@dataclass
class Step:
    """One instruction under way."""

    id: str
    title: str
    index: int = 0
    total: int = 0
    shown: bool = True
    started: bool = False
    finished: bool = False
    begun_at: float = 0.0
    rest: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEEP_LINES))


class BuildProgress:
    """Turns a builder's output into events.

    Args:
        titles: what instructions mean, by their text on one line.
    """

    def __init__(self, report: Report, titles: Mapping[str, str]) -> None:
        self._report = report
        self._titles = {instruction_key(text): title for text, title in titles.items()}
        self._steps: dict[str, Step] = {}
        self._raw: list[str] = []
        self.failed: Step | None = None
        """The step that ended the build."""
        self.error = ""
        """What the builder itself said at the end."""
        self.other: deque[str] = deque(maxlen=KEEP_LINES)
        """Lines of no step."""

    # BuildKit's rawjson (client.SolveStatus of github.com/moby/buildkit, one object a line)

    def take_raw(self, line: str) -> None:
        """A line of `docker buildx build --progress=rawjson`."""
        # Some versions write an object on one line, others over many, whose first and last are a bare brace.
        if not self._raw and not line.startswith("{"):
            self._take_other(line)
            return
        self._raw.append(line)
        if line != "}" and not (len(self._raw) == 1 and line.endswith("}")):
            return
        text, self._raw = "\n".join(self._raw), []
        try:
            status = json.loads(text)
        except ValueError:
            self._take_other(text)
            return
        for vertex in status.get("vertexes") or ():
            self._vertex(vertex)
        for log in status.get("logs") or ():
            step = self._steps.get(log.get("vertex", ""))
            if step is not None:
                self._log(step, base64.b64decode(log.get("data") or "").decode("utf-8", "replace"))

    def _vertex(self, vertex: Mapping[str, Any]) -> None:
        step = self._steps.get(vertex["digest"])
        if step is None:
            step = self._steps[vertex["digest"]] = self._named(vertex["digest"][-12:], vertex.get("name", ""))
        begun = _seconds(vertex.get("started"))
        if begun is not None:
            self._start(step)
            step.begun_at = begun
        ended = _seconds(vertex.get("completed"))
        if vertex.get("error"):
            self._fail(step, str(vertex["error"]))
        elif ended is not None:
            self._finish(step, max(0.0, ended - step.begun_at), cached=bool(vertex.get("cached")))

    # BuildKit's plain text (older buildx)

    def take_plain(self, line: str) -> None:
        """A line of `docker buildx build --progress=plain`."""
        found = _PLAIN.match(line)
        if found is None:
            self._take_other(line)
            return
        number, text = found["number"], found["text"]
        step = self._steps.get(number)
        if step is None:
            step = self._steps[number] = self._named(number, text)
            self._start(step)
        elif text.startswith("DONE "):
            self._finish(step, float(text.split()[1].rstrip("s")))
        elif text == "CACHED":
            self._finish(step, 0.0, cached=True)
        elif text.startswith("ERROR"):
            self._fail(step, text.removeprefix("ERROR:").removeprefix("ERROR").strip())
        elif (log := _PLAIN_LOG.match(text)) is not None:
            self._log(step, log["text"] + "\n")

    # The classic builder (messages of POST /build)

    def take_message(self, message: Mapping[str, Any], now: float) -> None:
        """A message of the engine's `/build`; `now` in monotonic seconds."""
        if "error" in message:
            self._fail(self._current() or Step("build", "building"), str(message["error"]))
            return
        if "stream" not in message:
            return
        text = str(message["stream"])
        found = _CLASSIC.match(text.strip("\n"))
        current = self._current()
        if found is None:
            if text.startswith(" ---> Using cache") and current is not None:
                self._finish(current, 0.0, cached=True)
            elif current is not None and not text.startswith((" --->", "Removing intermediate", "Successfully")):
                self._log(current, text)
            return
        if current is not None:
            self._finish(current, now - current.begun_at)
        step = self._named(found["index"], f"[{found['index']}/{found['total']}] {found['text']}")
        step.begun_at = now
        self._steps[found["index"]] = step
        self._start(step)

    def close(self, now: float) -> None:
        """The classic builder is done: the last step is."""
        current = self._current()
        if current is not None and self.failed is None:
            self._finish(current, now - current.begun_at)

    def _current(self) -> Step | None:
        return next((step for step in reversed(self._steps.values()) if step.started and not step.finished), None)

    # Common

    def _named(self, ident: str, name: str) -> Step:
        found = _POSITION.match(name)
        if found is None:
            title = _internal_title(name)
            return Step(ident, title or name, shown=bool(title))
        text = one_line(found["text"])
        own_stage = found["stage"] is None or found["stage"].startswith("stage-")
        index, total = (int(found["index"]), int(found["total"])) if own_stage else (0, 0)
        return Step(ident, self._title(text), index, total)

    def _title(self, text: str) -> str:
        title = self._titles.get(instruction_key(text))
        if title:
            return title
        bare = _FLAGS.sub(r"\1 ", text)
        if bare.startswith("FROM "):
            return "base image " + bare.removeprefix("FROM ").split("@")[0].removeprefix("docker.io/library/")
        return redact(bare if len(bare) <= 100 else bare[:99] + "…")

    def _start(self, step: Step) -> None:
        if not step.started:
            step.started = True
            if step.shown:
                self._report(StepStarted(step.id, step.title, step.index, step.total))

    def _finish(self, step: Step, seconds: float, *, cached: bool = False) -> None:
        if step.finished:
            return
        self._start(step)
        self._log(step, "\n" if step.rest else "")
        step.finished = True
        if step.shown:
            self._report(StepFinished(step.id, step.title, seconds, cached))

    def _fail(self, step: Step, error: str) -> None:
        self._log(step, "\n" if step.rest else "")
        self.failed = step
        self.error = redact(error)

    def _log(self, step: Step, text: str) -> None:
        *whole, step.rest = (step.rest + _ANSI.sub("", text)).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in whole:
            if line.strip():
                clean = redact(line.rstrip())
                step.lines.append(clean)
                self._report(LogLine(clean, step.id))

    def _take_other(self, line: str) -> None:
        clean = redact(_ANSI.sub("", line).rstrip())
        if clean.strip():
            self.other.append(clean)

    def failure_lines(self) -> list[str]:
        """The log of the failed step, else what the builder said outside of steps."""
        lines = list(self.failed.lines) if self.failed else []
        if self.error:
            lines.append(self.error)
        return lines or list(self.other)


def _internal_title(name: str) -> str:
    """What BuildKit does beside the instructions, where it can take long; empty for the rest."""
    if name.startswith("[internal] load metadata for "):
        image = name.removeprefix("[internal] load metadata for ").removeprefix("docker.io/library/")
        return f"looking for base image {image}"
    return {"[internal] load build context": "handing over the files", "exporting to image": "writing the image"}.get(
        name, ""
    )


def _seconds(text: object) -> float | None:
    """RFC 3339 with nanoseconds, as seconds."""
    if not isinstance(text, str):
        return None
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00")).timestamp()
