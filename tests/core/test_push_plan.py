"""A push never loses what somebody has written."""

from __future__ import annotations

from workshop.core.changes import FileFact, Kind
from workshop.core.push_plan import FileStep, Step, plan_seat, tell

OLD, NEW, MINE = FileFact(Kind.FILE, 1, "old"), FileFact(Kind.FILE, 1, "new"), FileFact(Kind.FILE, 1, "mine")


def plan(found: dict[str, FileFact], known: tuple[FileFact, ...] = (OLD,), new: FileFact = NEW) -> FileStep:
    (step,) = plan_seat({"a.ipynb": new}, found, {"a.ipynb": known}, stamp="1405")
    return step


def test_an_untouched_copy_is_replaced_and_only_that_copy() -> None:
    assert plan({"a.ipynb": OLD}) == FileStep("a.ipynb", Step.REPLACE, "a.ipynb", "old")


def test_a_changed_copy_is_kept_and_the_new_file_put_beside_it() -> None:
    assert plan({"a.ipynb": MINE}) == FileStep("a.ipynb", Step.BESIDE, "a.updated-1405.ipynb", None)


def test_what_was_pushed_earlier_is_nobodys_work() -> None:
    pushed_before = FileFact(Kind.FILE, 1, "first push")
    assert plan({"a.ipynb": pushed_before}, (OLD, pushed_before)).step is Step.REPLACE


def test_a_deleted_file_comes_back() -> None:
    assert plan({}) == FileStep("a.ipynb", Step.NEW, "a.ipynb", None)


def test_the_same_file_again_changes_nothing() -> None:
    assert plan({"a.ipynb": NEW}).step is Step.SAME
    assert plan({"a.ipynb": MINE, "a.updated-1350.ipynb": NEW}).step is Step.SAME


def test_a_third_version_gets_a_name_of_its_own() -> None:
    found = {"a.ipynb": MINE, "a.updated-1405.ipynb": FileFact(Kind.FILE, 1, "second push")}
    assert plan(found).target == "a.updated-1405-2.ipynb"


def test_a_notebook_that_was_only_opened_counts_as_untouched() -> None:
    opened = FileFact(Kind.FILE, 2, "saved by the editor", cells="c1")
    assert plan({"a.ipynb": opened}, (FileFact(Kind.FILE, 1, "old", cells="c1"),)).step is Step.REPLACE
    worked = FileFact(Kind.FILE, 2, "saved by the editor", cells="c2")
    assert plan({"a.ipynb": worked}, (FileFact(Kind.FILE, 1, "old", cells="c1"),)).step is Step.BESIDE
    assert plan({"a.ipynb": FileFact(Kind.FILE, 2, "x")}, (FileFact(Kind.FILE, 1, "y"),)).step is Step.BESIDE


def test_a_link_in_the_place_of_the_file_is_left_alone() -> None:
    assert plan({"a.ipynb": FileFact(Kind.LINK, 0, "old")}).step is Step.BESIDE


def test_the_result_is_one_sentence() -> None:
    steps = plan_seat({"a": NEW, "b": NEW, "c": NEW}, {"a": OLD, "b": MINE}, {"a": (OLD,)}, stamp="1405")
    assert tell(steps) == "1 replaced, 1 new, 1 beside"
    assert tell(()) == "nothing to do"
