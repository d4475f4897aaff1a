"""Runs one notebook inside a seat, cell by cell, and prints a line of JSON for each.

Usage: python rehearse_notebook.py NOTEBOOK SECONDS [--allow-errors]

Needs nothing but what a Jupyter kernel brings (jupyter_client). It changes no file: outputs are looked at and dropped.
Lines: {"cell", "seconds", "ok"} and for a failing cell {"error", "value", "line", "traceback"}; last
{"done", "ok", "cells", "seconds", "peak_memory_bytes", "reason"}.
"""

from __future__ import annotations

import json
import os
import queue
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager  # type: ignore[import-not-found, unused-ignore]
from jupyter_client.manager import start_new_kernel  # type: ignore[import-not-found, unused-ignore]

PEAK_FILES = ("/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes")
SKIPPED_TAGS = {"skip-execution", "no-rehearsal"}
FATAL = ("Timeout", "DeadKernel")
"""After these no further cell can be run."""
KERNEL_START = 120


class Unfit(Exception):
    """The notebook cannot be run at all; the argument is a sentence."""


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def code_cells(notebook: dict[str, Any]) -> Iterator[tuple[int, str, set[str]]]:
    """Number (as people count, from 1), text and tags of each cell to be run."""
    if "worksheets" in notebook:
        cells = [cell for sheet in notebook["worksheets"] for cell in sheet.get("cells", [])]
    else:
        cells = notebook.get("cells", [])
    for number, cell in enumerate(cells, start=1):
        source = cell.get("source", cell.get("input", ""))
        text = source if isinstance(source, str) else "".join(source)
        tags = set(cell.get("metadata", {}).get("tags", []))
        if cell.get("cell_type") == "code" and text.strip() and not tags & SKIPPED_TAGS:
            yield number, text, tags


def read_notebook(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if not text.strip():
            raise Unfit("it is empty: no notebook")
        if re.search(r"(?m)^(<{7}|>{7}) ", text):
            raise Unfit("it is no notebook: it holds marks of a merge conflict (<<<<<<<)")
        notebook = json.loads(text)
    except ValueError as error:
        raise Unfit(f"it is no notebook: {error}") from error
    except OSError as error:
        raise Unfit(f"{path} cannot be read: {error.strerror}") from error
    if not isinstance(notebook, dict):
        raise Unfit("it is no notebook: its JSON holds no object")
    return notebook


def kernel_for(notebook: dict[str, Any]) -> str:
    """The kernel that JupyterLab takes: the named one, else the only one of the notebook's language."""
    metadata = notebook.get("metadata", {})
    wanted = metadata.get("kernelspec", {}).get("name") or "python3"
    there = KernelSpecManager().get_all_specs()
    if wanted in there:
        return str(wanted)
    language = metadata.get("language_info", {}).get("name", "")
    same = [name for name, found in there.items() if language and found["spec"].get("language") == language]
    if len(same) == 1:
        return str(same[0])
    raise Unfit(f"its kernel {wanted} is not there (there are: {', '.join(sorted(there))})")


def peak_memory() -> int:
    """The most that everything in this seat used at once, where the system says so."""
    for path in PEAK_FILES:
        try:
            with open(path) as file:
                return int(file.read())
        except (OSError, ValueError):
            continue
    import resource

    kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return kilobytes * (1 if sys.platform == "darwin" else 1024)


def run_cell(client: Any, manager: Any, text: str, deadline: float) -> dict[str, str] | None:
    """None for a cell that ended well, else what went wrong."""
    request = client.execute(text, allow_stdin=False, stop_on_error=False)
    problem = None
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return {"error": "Timeout", "value": "the notebook did not end in its time"}
        try:
            message = client.get_iopub_msg(timeout=min(left, 1))
        except queue.Empty:
            if not manager.is_alive():
                return {"error": "DeadKernel", "value": "the kernel ended, most likely because memory ran out"}
            continue
        if message["parent_header"].get("msg_id") != request:
            continue
        content = message["content"]
        if message["msg_type"] == "error" and content["ename"] == "StdinNotImplementedError":
            problem = {"error": "AsksForInput", "value": "it waits for an answer, which nobody gives in a rehearsal"}
        elif message["msg_type"] == "error":
            trace = plain("\n".join(content.get("traceback", [])))
            problem = {"error": content["ename"], "value": plain(content["evalue"])[:1000], "traceback": trace[-4000:]}
        elif message["msg_type"] == "status" and content["execution_state"] == "idle":
            return problem


def run(path: str, seconds: float, allow_errors: bool) -> bool:
    started = time.monotonic()
    notebook = read_notebook(path)
    kernel = kernel_for(notebook)
    folder = os.path.dirname(os.path.abspath(path))
    count, reason = 0, ""
    manager, client = start_new_kernel(startup_timeout=KERNEL_START, kernel_name=kernel, cwd=folder)
    try:
        for number, text, tags in code_cells(notebook):
            begun = time.monotonic()
            problem = run_cell(client, manager, text, started + seconds)
            count += 1
            expected = problem is not None and "raises-exception" in tags
            facts: dict[str, Any] = {
                "cell": number,
                "seconds": round(time.monotonic() - begun, 3),
                "ok": problem is None or expected,
            }
            if problem is not None and not expected:
                first = next((line for line in text.splitlines() if line.strip()), "")
                facts.update(problem, line=first[:200])
            say(**facts)
            if problem is not None and not expected and not (allow_errors and problem["error"] not in FATAL):
                reason = f"cell {number}: {problem['error']}: {problem['value'][:200]}"
                break
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    say(
        done=True,
        ok=not reason,
        cells=count,
        seconds=round(time.monotonic() - started, 3),
        peak_memory_bytes=peak_memory(),
        reason=reason,
    )
    return not reason


def main() -> None:
    path, seconds = sys.argv[1], float(sys.argv[2])
    try:
        ended_well = run(path, seconds, "--allow-errors" in sys.argv[3:])
    except Exception as error:  # told to the caller, who sees only what is printed here
        say(
            done=True,
            ok=False,
            cells=0,
            seconds=0,
            peak_memory_bytes=0,
            reason=str(error) if isinstance(error, Unfit) else f"{type(error).__name__}: {error}",
        )
        ended_well = False
    sys.exit(0 if ended_well else 1)


if __name__ == "__main__":
    main()
