"""What the tools that read the code say: layers, style, types. Each failure shows the tool's own words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CODE = ("workshop", "tests", "benchmarks", "docs")


def said(*argv: str) -> str:
    """What a tool of this environment printed if it found something; empty when it is content."""
    program = Path(sys.executable).with_name(argv[0])
    result = subprocess.run(
        [str(program), *argv[1:]], cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False
    )
    return f"\n{result.stdout}{result.stderr}" if result.returncode else ""


def test_layers_import_one_way() -> None:
    assert not said("lint-imports", "--no-cache")


@pytest.mark.parametrize("folder", CODE)
def test_ruff_finds_nothing(folder: str) -> None:
    assert not said("ruff", "check", "--no-cache", folder)


@pytest.mark.parametrize("folder", CODE)
def test_the_code_is_formatted(folder: str) -> None:
    assert not said("ruff", "format", "--no-cache", "--check", "--diff", folder)


def test_types_are_strict_and_hold(tmp_path: Path) -> None:
    assert not said("mypy", "--cache-dir", str(tmp_path / "mypy"))
