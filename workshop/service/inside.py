"""What runs inside a seat, as the seat's user in its home: lists files, counts cells, puts pushed files in place.

The source of this module is handed to the seat's own `python3 -I -S -c`, so it uses the standard library alone and
nothing that Python 3.7 lacks. One argument, JSON, says what to do; one line of JSON is printed. It decides nothing:
what differs and what is replaced is decided outside, in `core`.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # a short start counts: this runs in each seat again and again
    from collections.abc import Iterable, Iterator
    from typing import Any

STAGE = ".workshop-push-"
"""How the folders begin in which pushed files wait; everything below is ours to remove."""
LARGEST_NOTEBOOK = 8 * 1024 * 1024
"""Bigger ones are not counted: reading them would take memory that the participant needs."""
MOST_NOTEBOOKS = 300


def main(words: str) -> None:
    order = json.loads(words)
    work = {"list": list_files, "look": look, "apply": apply}[order["do"]]
    sys.stdout.write(json.dumps(work(order)) + "\n")


def walk(junk: Iterable[str], errors: dict[str, str] | None = None) -> Iterator[tuple[str, os.DirEntry[str], float]]:
    """Every file and link below the current folder: its path with slashes, its entry, and since when it is there.

    That is the latest change of status of its folders: who moves a folder changes that one's own.

    Args:
        errors: gets the folders that cannot be looked into, with a slash at the end, and why.
    """
    patterns = [fnmatch.translate(pattern) for pattern in junk]
    is_junk = re.compile("|".join(patterns)).match if patterns else _no
    folders = [("", 0.0)]
    while folders:
        folder, since = folders.pop()
        try:
            entries = sorted(os.scandir(folder or "."), key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        except OSError as error:
            if errors is not None:
                errors[folder or "./"] = str(error.strerror)
            continue
        for entry in entries:
            path = folder + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            rooted = "/" + path + ("/" if is_folder else "")
            if is_junk(rooted):
                continue
            if not is_folder:
                yield path, entry, since
                continue
            try:
                folders.append((path + "/", max(since, entry.stat(follow_symlinks=False).st_ctime)))
            except OSError:
                continue


def made_at(marks: Iterable[str]) -> float:
    """When this container was made, from a file that its engine put there then and that nobody in it can touch.

    Status times come from the kernel: nobody sets them back. A file older than the container is its image's.
    """
    for mark in marks:
        try:
            return os.lstat(mark).st_ctime
        except OSError:
            continue
    return 0.0


def _no(_path: str) -> None:
    return None


def list_files(order: dict[str, Any]) -> dict[str, Any]:
    """Files with size and sha256, links with their targets; `wanted` narrows to these paths and what stands beside.

    With `marks`, a file that is the image's for sure is not read: it has no sha256.
    """
    wanted = order.get("wanted")
    made = made_at(order.get("marks", ()))
    cells = order.get("cells")
    files: dict[str, Any] = {}
    links: dict[str, str] = {}
    errors: dict[str, str] = {}
    found = walk(order.get("junk", ()), errors) if wanted is None else _named(wanted)
    for path, entry, since in found:
        try:
            if entry.is_symlink():
                links[path] = os.readlink(path)
            elif entry.is_file(follow_symlinks=False):
                info = entry.stat(follow_symlinks=False)
                size = info.st_size
                if max(since, info.st_ctime) < made:
                    files[path] = [size, "", ""]
                else:
                    files[path] = [size, digest(path), cells_of(path, size) if cells else ""]
        except OSError as error:
            errors[path] = str(error.strerror)
    return {"files": files, "links": links, "errors": errors}


def _named(wanted: Iterable[str]) -> Iterator[tuple[str, os.DirEntry[str], float]]:
    """The wanted paths, and the files in their folders whose names say `.updated-`."""
    names: dict[str, set[str]] = {}
    for path in wanted:
        names.setdefault(os.path.dirname(path), set()).add(os.path.basename(path))
    for folder, named in sorted(names.items()):
        try:
            entries = list(os.scandir(folder or "."))
        except OSError:
            continue
        for entry in entries:
            if entry.name in named or ".updated-" in entry.name:
                yield os.path.join(folder, entry.name), entry, 0.0


def digest(path: str) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        while True:
            piece = stream.read(1024 * 1024)
            if not piece:
                return found.hexdigest()
            found.update(piece)


def cells_of(path: str, size: int) -> str:
    """A digest of a notebook's cells; empty for what is none."""
    if not path.endswith(".ipynb") or size > LARGEST_NOTEBOOK:
        return ""
    with open(path, "rb") as stream:
        return cells_digest(stream.read())


def cells_digest(text: bytes) -> str:
    """What participants make of a notebook: its cells and their outputs, without ids, kernel and editor's marks."""
    try:
        cells = json.loads(text.decode("utf-8"))["cells"]
        made = [
            [cell["cell_type"], "".join(cell["source"]), cell.get("outputs") or [], cell.get("attachments") or {}]
            for cell in cells
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ""
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()


def look(order: dict[str, Any]) -> dict[str, Any]:
    """The newest change of any file, counts of the notebooks that changed since `known`, and the running kernels."""
    known = order.get("known", {})
    newest = 0.0
    notebooks: dict[str, Any] = {}
    there: list[str] = []
    for path, entry, _since in walk(order.get("junk", ())):
        try:
            info = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        newest = max(newest, info.st_mtime)
        if not path.endswith(".ipynb") or entry.is_symlink() or len(there) >= MOST_NOTEBOOKS:
            continue
        there.append(path)
        stamp = [int(info.st_mtime_ns), info.st_size]
        if known.get(path) != stamp and info.st_size <= LARGEST_NOTEBOOK:
            try:
                with open(path, "rb") as stream:
                    notebooks[path] = dict(count_cells(json.loads(stream.read().decode("utf-8"))), stamp=stamp)
            except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
                continue  # being written, or no notebook: the next look sees it
    return {"newest": newest, "notebooks": notebooks, "there": there, "kernels": kernels(order.get("root", "/proc"))}


def count_cells(notebook: dict[str, Any]) -> dict[str, Any]:
    """Code cells, a digest of each that was run, and whether the one run last ended in an error."""
    cells = [cell for cell in notebook.get("cells", ()) if cell.get("cell_type") == "code"]
    cells = [cell for cell in cells if "".join(cell.get("source", "")).strip()]
    run = [cell for cell in cells if cell.get("execution_count") is not None]
    found: dict[str, Any] = {"cells": len(cells), "run": [cell_digest(cell) for cell in run], "error": None}
    if run:
        last = max(run, key=lambda cell: (_when(cell), cell["execution_count"]))
        if any(output.get("output_type") == "error" for output in last.get("outputs", ())):
            found["error"] = [cell_digest(last), _when(last)]
    return found


def cell_digest(cell: dict[str, Any]) -> str:
    """Tells one run of a cell from another: outputs that came with the repository are nobody's run."""
    made = [cell.get("execution_count"), cell.get("outputs"), cell.get("metadata", {}).get("execution")]
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:12]


def _when(cell: dict[str, Any]) -> str:
    """When the cell was run, where the notebook says so (JupyterLab's `recordTiming`); RFC 3339 sorts as text."""
    timing = cell.get("metadata", {}).get("execution") or {}
    return str(timing.get("shell.execute_reply") or timing.get("iopub.execute_input") or "")


def kernels(root: str) -> dict[str, list[float]]:
    """By each Jupyter kernel's id its process, and how many seconds after its connection file that was started.

    A restart keeps id and file and changes the process: a kernel is started with its file, a restarted one later.
    """
    found: dict[str, list[float]] = {}
    here = os.path.realpath(".")
    try:
        names = [name for name in os.listdir(root) if name.isdigit()]
    except OSError:
        return found
    for name in names:
        try:
            with open(os.path.join(root, name, "cmdline"), "rb") as stream:
                words = stream.read().split(b"\0")
            where = os.path.realpath(os.path.join(root, name, "cwd"))
            if where == here or where.startswith(here.rstrip("/") + "/"):
                for word in words:
                    base = os.path.basename(word)
                    if base.startswith(b"kernel-") and base.endswith(b".json"):
                        late = _started(root, name) - os.stat(word).st_mtime if os.path.exists(word) else 0.0
                        found[base[7:-5].decode("ascii", "replace")] = [int(name), round(late, 2)]
        except (OSError, ValueError, IndexError):
            continue
    return found


def _started(root: str, name: str) -> float:
    """When a process was started, in seconds since 1970."""
    with open(os.path.join(root, name, "stat"), "rb") as stream:
        ticks = int(stream.read().rpartition(b")")[2].split()[19])
    with open(os.path.join(root, "stat"), "rb") as stream:
        boot = next(int(line.split()[1]) for line in stream if line.startswith(b"btime"))
    return boot + ticks / os.sysconf("SC_CLK_TCK")


def apply(order: dict[str, Any]) -> dict[str, Any]:
    """Move staged files to their places, each only if what is there is what was expected; a word for each."""
    import shutil

    stage = order["stage"]
    with open(os.path.join(stage, "plan.json"), "rb") as stream:
        plan = json.loads(stream.read().decode("utf-8"))
    results = []
    for step in plan:
        try:
            if step.get("remove"):
                results.append(remove(step["to"], step["expect"]))
            else:
                results.append(place(os.path.join(stage, step["from"]), step["to"], step["expect"]))
        except OSError as error:
            results.append(str(error.strerror))
    for name in os.listdir("."):
        if name.startswith(STAGE):
            shutil.rmtree(name, ignore_errors=True)
    return {"results": results}


def remove(target: str, expected: str) -> str:
    """`done`, `same` (it is gone already) or `changed`."""
    if not os.path.lexists(target):
        return "same"
    there = os.readlink(target) if os.path.islink(target) else None if os.path.isdir(target) else digest(target)
    if there != expected:
        return "changed"
    os.remove(target)
    return "done"


def place(source: str, target: str, expected: str | None) -> str:
    """`done`, `same` (it was there already) or `changed` (something else is there than was expected)."""
    folder = os.path.dirname(target)
    if folder:
        os.makedirs(folder, exist_ok=True)
    inside = os.path.realpath(folder or ".")
    if os.path.commonpath([inside, os.path.realpath(".")]) != os.path.realpath("."):
        return "its folder leads out of the home folder"
    if os.path.islink(target) or os.path.isdir(target):
        return "changed"
    there = digest(target) if os.path.exists(target) else None
    if there == digest(source):
        return "same"
    if there != expected:
        return "changed"
    if expected is None:
        try:
            os.link(source, target)
        except FileExistsError:
            return "changed"
        except OSError:  # a file system without hard links
            os.rename(source, target)
    else:
        os.replace(source, target)
    return "done"


if __name__ == "__main__":
    main(sys.argv[1])
