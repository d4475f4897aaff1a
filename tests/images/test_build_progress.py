"""What builders print, as steps and lines. The texts are those of real builds, shortened."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from workshop.images.build_progress import BuildProgress
from workshop.model.events import LogLine, StepFinished, StepStarted, WorkEvent

RUN = "RUN --mount=type=bind,source=tool,target=/t sh /t/jupyter.sh 3 a && b"
TITLES = {
    RUN: "installing JupyterLab",
    'COPY --chown=1000:1000 ["repo/", "/home/"]': "copying",
    "FROM b": "base image b",
}


def vertex(name: str, *, error: str = "", cached: bool = False, done: bool = True) -> dict[str, Any]:
    entry: dict[str, Any] = {"digest": f"sha256:{name}", "name": name, "started": "2026-01-01T10:00:00.123456789Z"}
    if done:
        entry |= {"completed": "2026-01-01T10:00:02.623456789Z", "cached": cached}
    return entry | ({"error": error} if error else {})


def log(name: str, text: str) -> dict[str, Any]:
    return {"vertex": f"sha256:{name}", "stream": 1, "data": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize("indent", [None, 2], ids=["one line", "many lines"])
def test_raw_json_becomes_steps_with_titles_counts_and_lines(indent: int | None) -> None:
    events: list[WorkEvent] = []
    progress = BuildProgress(events.append, TITLES)
    name = f"[stage-0 2/3] {RUN}"
    copy = "[stage-0 3/3] COPY --chown=1000:1000 [repo/, /home/]"
    for status in (
        {
            "vertexes": [
                vertex("[internal] load .dockerignore"),
                vertex("[stage-0 1/3] FROM docker.io/library/b", cached=True),
            ]
        },
        {"vertexes": [vertex(name, done=False)]},
        {"logs": [log(name, "one\ntw"), log(name, "o \x1b[1mbold\x1b[0m\nhttps://u:p@h/x")]},
        {"vertexes": [vertex(name), vertex(copy)]},
    ):
        for line in json.dumps(status, indent=indent).split("\n"):
            progress.take_raw(line)
    finished = [event for event in events if isinstance(event, StepFinished)]
    assert [(event.text, event.cached) for event in finished] == [
        ("base image b", True), ("installing JupyterLab", False), ("copying", False),
    ]  # fmt: skip
    assert finished[1].seconds == pytest.approx(2.5)
    started = [event for event in events if isinstance(event, StepStarted)]
    assert [(event.index, event.total) for event in started] == [(1, 3), (2, 3), (3, 3)]
    assert [event.text for event in events if isinstance(event, LogLine)] == ["one", "two bold", "https://h/x"]
    assert progress.failed is None


def test_the_failed_step_keeps_its_lines() -> None:
    progress = BuildProgress(lambda _event: None, TITLES)
    name = f"[stage-0 2/3] {RUN}"
    for status in (
        {"vertexes": [vertex(name, done=False)], "logs": [log(name, "boom")]},
        {"vertexes": [vertex(name, error="exit code: 3")]},
    ):
        progress.take_raw(json.dumps(status))
    progress.take_raw("ERROR: failed to solve")
    assert progress.failed is not None
    assert progress.failed.title == "installing JupyterLab"
    assert progress.failure_lines() == ["boom", "exit code: 3"]


def test_a_build_that_never_began_shows_what_the_builder_said() -> None:
    progress = BuildProgress(lambda _event: None, {})
    progress.take_raw("ERROR: failed to read dockerfile")
    assert progress.failure_lines() == ["ERROR: failed to read dockerfile"]


def test_plain_text_of_older_versions_is_read_too() -> None:
    events: list[WorkEvent] = []
    progress = BuildProgress(events.append, TITLES)
    for line in (
        "#1 [internal] load build definition from Dockerfile", "#1 DONE 0.0s",
        "#4 [1/3] FROM docker.io/library/b", "#4 CACHED", "", f"#5 [2/3] {RUN}", "#5 0.412 one", "#5 DONE 1.5s",
        "#6 [3/3] RUN false", "#6 0.100 last words", "#6 ERROR: exit code: 1", "------",
    ):  # fmt: skip
        progress.take_plain(line)
    assert [(e.text, e.seconds, e.cached) for e in events if isinstance(e, StepFinished)] == [
        ("base image b", 0.0, True), ("installing JupyterLab", 1.5, False),
    ]  # fmt: skip
    assert [event.text for event in events if isinstance(event, LogLine)] == ["one", "last words"]
    assert progress.failure_lines() == ["last words", "exit code: 1"]


def test_the_classic_builders_messages_are_read_too() -> None:
    events: list[WorkEvent] = []
    progress = BuildProgress(events.append, {"RUN sh x": "doing x"})
    now = 0.0
    for text in ("Step 1/3 : FROM b\n", " ---> 123\n", "Step 2/3 : RUN sh x\n", " ---> Running in 1\n", "line one\nli",
                 "ne two\n", "Step 3/3 : USER 1\n", " ---> Using cache\n", "Successfully built 1\n"):  # fmt: skip
        progress.take_message({"stream": text}, now)
        now += 1
    progress.close(now)
    finished = [(event.text, event.seconds, event.cached) for event in events if isinstance(event, StepFinished)]
    assert finished == [("base image b", 2.0, False), ("doing x", 4.0, False), ("USER 1", 0.0, True)]
    assert [event.text for event in events if isinstance(event, LogLine)] == ["line one", "line two"]
    progress.take_message({"error": "no space left on device"}, now)
    assert progress.failure_lines()[-1] == "no space left on device"
