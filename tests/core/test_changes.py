"""Two lists of files compared, and what is read for the difference."""

from __future__ import annotations

import pytest

from workshop.core.changes import (
    FileFact,
    Kind,
    State,
    beside,
    compare,
    fingerprint,
    is_beside,
    is_junk,
    reading_plan,
    worth_collecting,
)


def file(content: str, size: int = 1) -> FileFact:
    return FileFact(Kind.FILE, size, content)


def link(target: str) -> FileFact:
    return FileFact(Kind.LINK, 0, target)


def test_new_changed_and_deleted_files_are_told_apart() -> None:
    before = {"same": file("1"), "changed": file("2"), "gone": file("3")}
    now = {"same": file("1"), "changed": file("4"), "new": file("5")}
    assert {change.path: change.state for change in compare(before, now)} == {
        "changed": State.CHANGED, "gone": State.DELETED, "new": State.NEW,
    }  # fmt: skip
    assert [change.path for change in compare(before, now, everything=True)] == ["changed", "gone", "new", "same"]


def test_a_file_that_became_a_link_has_changed() -> None:
    (change,) = compare({"a": file("x")}, {"a": link("x")})
    assert change.state is State.CHANGED


def test_the_fingerprint_is_that_of_the_work_not_of_the_reading() -> None:
    before = {"a": file("1")}
    once = compare(before, {"a": FileFact(Kind.FILE, 1, "2", cells="c"), "b": link("a")})
    again = compare(before, {"b": link("a"), "a": FileFact(Kind.FILE, 1, "2")})
    assert fingerprint(once) == fingerprint(reversed(again))
    assert fingerprint(once) != fingerprint(compare(before, {"a": file("3"), "b": link("a")}))


def test_deleting_a_file_is_nothing_that_teardown_could_lose() -> None:
    assert not worth_collecting(compare({"a": file("1")}, {}))
    assert worth_collecting(compare({}, {"a": file("1")}))


@pytest.mark.parametrize(
    "path",
    [
        ".cache/pip/x", "__pycache__/a.pyc", "a/b/__pycache__/c.pyc", ".ipynb_checkpoints/x.ipynb",
        "n/.ipynb_checkpoints/x.ipynb", ".local/share/jupyter/runtime/kernel-1.json",
        ".ipython/profile_default/history.sqlite",
        ".git/index", "sub/.git/index", ".bash_history", ".workshop-push-1/0",
    ],
)  # fmt: skip
def test_caches_and_traces_of_programs_are_nobodys_work(path: str) -> None:
    assert is_junk(path)


@pytest.mark.parametrize(
    "path", ["cache/x", "a.ipynb", "notes/history.sqlite", ".local/bin/tool", ".git/HEAD", "runtime/x", "été.txt"]
)
def test_everything_else_is_work(path: str) -> None:
    assert not is_junk(path)


def test_a_few_files_are_read_one_by_one_and_most_of_them_in_one_stream() -> None:
    found = {"big": file("1", 1000), "a/x": file("2", 10), "a/y": file("3", 10), "b/z": file("4", 10)}
    assert reading_plan({"b/z": 10}, found) == ("b",)
    assert reading_plan({"a/x": 10}, found) == ("a/x",)
    assert reading_plan({"a/x": 10, "a/y": 10, "b/z": 10}, found) == ("a", "b")
    assert reading_plan({"big": 1000, "a/x": 10}, found) == (".",)
    assert reading_plan({}, found) == ()
    many = {f"d{number}/f": file("1") for number in range(100)} | {
        f"d{number}/g": file("1", 9) for number in range(100)
    }
    assert reading_plan({f"d{number}/f": 1 for number in range(100)}, many) == (".",)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("analysis.ipynb", "analysis.updated-1405.ipynb"),
        ("a/b.tar.gz", "a/b.tar.updated-1405.gz"),
        ("Makefile", "Makefile.updated-1405"),
        (".env", ".env.updated-1405"),
    ],
)
def test_the_name_beside_says_when(path: str, expected: str) -> None:
    assert beside(path, "1405", ()) == expected
    assert is_beside(expected, path)
    assert is_beside(beside(path, "1405", [expected]), path)


def test_a_file_beside_another_is_not_beside_this_one() -> None:
    assert not is_beside("a/x.updated-1405.py", "x.py")
    assert not is_beside("x.updated-1405.py", "y.py")
    assert not is_beside("x.updated-now.py", "x.py")
