"""What the script in a seat counts: cells, runs, errors; never content."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from workshop.service import inside
from workshop.service.progress import RESTARTED_AFTER


def cell(source: str, count: int | None = None, *, error: bool = False, at: str = "") -> dict[str, Any]:
    outputs = [{"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}] if error else []
    metadata = {"execution": {"shell.execute_reply": at}} if at else {}
    return {
        "cell_type": "code", "source": [source], "execution_count": count, "outputs": outputs, "metadata": metadata,
    }  # fmt: skip


def ask(folder: Path, **order: Any) -> dict[str, Any]:
    script = Path(inside.__file__).read_text()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, json.dumps(order)],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_an_old_python_can_run_it() -> None:
    ast.parse(Path(inside.__file__).read_text(), feature_version=(3, 7))


def test_cells_that_ran_are_counted_and_empty_ones_are_not() -> None:
    counted = inside.count_cells({"cells": [cell("a", 1), cell("b"), cell("  "), {"cell_type": "markdown"}]})
    assert (counted["cells"], len(counted["run"]), counted["error"]) == (2, 1, None)


def test_the_cell_that_ran_last_decides_about_the_error() -> None:
    assert inside.count_cells({"cells": [cell("a", 2, error=True), cell("b", 1)]})["error"]
    assert inside.count_cells({"cells": [cell("a", 1, error=True), cell("b", 2)]})["error"] is None
    by_time = [cell("a", 1, error=True, at="2026-03-02T10:05:00Z"), cell("b", 9, at="2026-03-02T10:00:00Z")]
    assert inside.count_cells({"cells": by_time})["error"][1] == "2026-03-02T10:05:00Z"


def test_a_notebook_that_is_only_opened_has_the_same_cells() -> None:
    plain = {"cells": [cell("a")], "metadata": {}}
    opened = {"cells": [{**cell("a"), "id": "x1", "source": "a"}], "metadata": {"kernelspec": {}}}
    worked = {"cells": [cell("a", error=True)]}
    first, second, third = (inside.cells_digest(json.dumps(found).encode()) for found in (plain, opened, worked))
    assert first == second
    assert first != third
    assert inside.cells_digest(b"no notebook") == ""


def test_a_look_gives_counts_of_what_changed_and_no_content(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell("SECRET = 1", 1)]}))
    (tmp_path / "broken.ipynb").write_text('{"cells": [')
    (tmp_path / "deep.ipynb").write_text("[" * 100_000)
    (tmp_path / "other.ipynb").write_text('{"cells": [1, null, {"cell_type": "code"}]}')
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "a.ipynb").write_text(json.dumps({"cells": []}))
    first = ask(tmp_path, do="look", junk=["*/.ipynb_checkpoints/*"], root=str(tmp_path / "no-proc"))
    assert "a.ipynb" in first["notebooks"]
    assert "deep.ipynb" not in first["notebooks"]
    assert set(ask(tmp_path, do="list", junk=[], wanted=["deep.ipynb"], cells=True)["files"]) == {"deep.ipynb"}
    assert "SECRET" not in json.dumps(first)
    known = {path: found["stamp"] for path, found in first["notebooks"].items()}
    again = ask(tmp_path, do="look", known=known, junk=["*/.ipynb_checkpoints/*"], root=str(tmp_path / "no-proc"))
    assert again["notebooks"] == {}
    assert again["newest"] == first["newest"]


def test_a_kernel_is_known_by_its_connection_file_and_its_folder(tmp_path: Path) -> None:
    kernel = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()", "-f", "/x/kernel-0a1b.json"],
        cwd=tmp_path, stdin=subprocess.PIPE,
    )  # fmt: skip
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    try:
        assert ask(tmp_path, do="look")["kernels"]["0a1b"][0] == kernel.pid
        assert ask(elsewhere, do="look")["kernels"] == {}
    finally:
        kernel.communicate()


def test_a_kernel_that_was_restarted_is_younger_than_its_connection_file(tmp_path: Path) -> None:
    for name, age in (("first", 0), ("again", 30)):
        file = tmp_path / f"kernel-{name}.json"
        file.touch()
        os.utime(file, (time.time() - age,) * 2)
    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()", "-f", str(tmp_path / f"kernel-{name}.json")],
            cwd=tmp_path, stdin=subprocess.PIPE,
        )
        for name in ("first", "again")
    ]  # fmt: skip
    try:
        found = ask(tmp_path, do="look")["kernels"]
        assert abs(found["first"][1]) < RESTARTED_AFTER
        assert found["again"][1] > 25
    finally:
        for kernel in kernels:
            kernel.communicate()


def test_files_are_placed_only_where_nothing_unexpected_is(tmp_path: Path) -> None:
    stage = tmp_path / ".workshop-push-1"
    stage.mkdir()
    (tmp_path / "old").write_text("old")
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "gone").write_text("gone")
    for name in "0123":
        (stage / name).write_text(f"new {name}")
    digests = {name: inside.digest(str(tmp_path / name)) for name in ("old", "mine", "gone")}
    plan = [
        {"from": "0", "to": "old", "expect": digests["old"]},
        {"from": "1", "to": "mine", "expect": digests["old"]},
        {"from": "2", "to": "deep/fresh", "expect": None},
        {"from": "3", "to": "../out", "expect": None},
        {"to": "gone", "expect": digests["gone"], "remove": True},
        {"to": "mine", "expect": digests["gone"], "remove": True},
    ]
    (stage / "plan.json").write_text(json.dumps(plan))
    words = ask(tmp_path, do="apply", stage=stage.name)["results"]
    assert words[:3] == ["done", "changed", "done"]
    assert "leads out" in words[3]
    assert words[4:] == ["done", "changed"]
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()) == [
        "deep/fresh", "mine", "old",
    ]  # fmt: skip
    assert (tmp_path / "mine").read_text() == "mine"


def test_only_files_older_than_the_container_are_not_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for path in ("image.bin", "kept/image.bin", "moved/image.bin"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text("the image's")
    mark = tmp_path / "mark"
    time.sleep(0.05)  # status times have the kernel's ticks
    mark.touch()
    time.sleep(0.05)
    (home / "moved").rename(home / "elsewhere")
    (home / "mine.bin").write_text("mine")
    os.utime(home / "mine.bin", (0, 0))  # what participants can set says nothing
    found = ask(home, do="list", marks=[str(tmp_path / "none"), str(mark)])["files"]
    assert {path: bool(entry[1]) for path, entry in found.items()} == {
        "image.bin": False, "kept/image.bin": False, "elsewhere/image.bin": True, "mine.bin": True,
    }  # fmt: skip
    assert all(entry[1] for entry in ask(home, do="list", marks=[str(tmp_path / "none")])["files"].values())
