"""Lines of requirement files."""

from __future__ import annotations

import pytest

from workshop.images.requirements import (
    for_uv,
    is_local_reference,
    logical_lines,
    needs_git,
    unpinned,
    unpinned_conda,
)


@pytest.mark.parametrize(
    ("line", "local"),
    [
        ("numpy", False),
        ("numpy # ./x", False),
        ("# -e .", False),
        ("", False),
        ("--pre", False),
        ("--index-url https://host/simple", False),
        ("--find-links=./wheels", True),
        ("-r other.txt", True),
        ("-rother.txt", True),
        ("--requirement=other.txt", True),
        ("-c limits.txt", True),
        ("--constraint limits.txt", True),
        ("-e .", True),
        ("-e .[extra]", True),
        ("--editable ./pkg", True),
        ("-e git+https://host/x#egg=x", False),
        (".", True),
        ("./pkg", True),
        ("../pkg", True),
        ("/abs/pkg", True),
        ("file:///abs/pkg", True),
        ("pkg @ file:./pkg", True),
        ("pkg @ ./pkg", True),
        ("pkg @ https://host/pkg.whl", False),
        ("https://host/pkg.whl", False),
        ("git+file://./pkg", True),
        ("wheels/pkg-1.0-py3-none-any.whl", True),
        ("numpy>=1.0 ; python_version < '3.12'", False),
    ],
)
def test_lines_that_need_files_of_the_repository(line: str, local: bool) -> None:
    assert is_local_reference(line) is local


@pytest.mark.parametrize(
    ("line", "is_unpinned"),
    [
        ("numpy", True),
        ("numpy>=1.0", True),
        ("numpy~=1.0", True),
        ("numpy==1.*", True),
        ("numpy==1.26.4", False),
        ("numpy===1.26.4", False),
        ("numpy[extra]==1.26.4 ; python_version > '3.8'", False),
        ("numpy==1.26.4 --hash=sha256:abc", False),
        ("x @ git+https://host/x@main", True),
        ("x @ git+https://host/x@0123456789abcdef0123456789abcdef01234567", False),
        ("-e git+https://host/x#egg=x", True),
        ("-e .", False),
        ("-r more.txt", False),
        ("--pre", False),
    ],
)
def test_requirements_whose_version_may_change(line: str, is_unpinned: bool) -> None:
    assert bool(unpinned([line])) is is_unpinned


@pytest.mark.parametrize(
    ("entry", "is_unpinned"),
    [("numpy", True), ("numpy>=1", True), ("numpy=1.26", False), ("numpy==1.26.4", False), ("numpy 1.26", False),
     ("conda-forge::numpy", True), ("conda-forge::numpy=1.26=py311_0", False), ("pip", False)],
)  # fmt: skip
def test_conda_entries_whose_version_may_change(entry: str, is_unpinned: bool) -> None:
    assert bool(unpinned_conda([entry])) is is_unpinned


def test_continued_lines_and_comments_are_joined_and_dropped() -> None:
    assert logical_lines("numpy==1 \\\n  --hash=sha256:a # c\r\n\n# only\nrich") == [
        "numpy==1    --hash=sha256:a",
        "rich",
    ]


def test_git_is_needed_only_where_it_is_called() -> None:
    assert needs_git(["x @ git+https://h/x"])
    assert needs_git(["#!/bin/sh\n  git clone x"])
    assert not needs_git(["# git clone x", "gitpython", "digit = 1"])


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("-e git+https://example.org/a.git@v1#egg=a", "git+https://example.org/a.git@v1#egg=a"),
        ("--editable=git+ssh://git@example.org/a.git", "git+ssh://git@example.org/a.git"),
        ("-e .", "-e ."),
        ("numpy  # -e git+https", "numpy  # -e git+https"),
    ],
)
def test_uv_gets_what_it_takes_of_what_pip_takes(line: str, given: str) -> None:
    assert for_uv(f"rich\n{line}\n") == f"rich\n{given}\n"
