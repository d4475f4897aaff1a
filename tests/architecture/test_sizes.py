"""A file is one noun and a function is one thought."""

from __future__ import annotations

import ast
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_FILE = 600
LONGEST_FUNCTION = 80
FORBIDDEN_NAMES = ("utils", "util", "helpers", "common", "misc")


def sources() -> list[Path]:
    return sorted((REPOSITORY / "workshop").rglob("*.py"))


def test_no_file_is_longer_than_600_lines() -> None:
    lengths = {str(path.relative_to(REPOSITORY)): len(path.read_text().splitlines()) for path in sources()}
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_longer_than_80_lines() -> None:
    long = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long[f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name}"] = lines
    assert long == {}


def test_no_module_is_a_drawer_for_everything() -> None:
    names = {str(path.relative_to(REPOSITORY)) for path in sources() if path.stem in FORBIDDEN_NAMES}
    assert names == set()


def test_every_module_says_why_it_exists() -> None:
    silent = [
        str(path.relative_to(REPOSITORY))
        for path in sources()
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []


def test_no_error_is_swallowed() -> None:
    """`except:`, `except Exception: pass` and `suppress(Exception)` hide what a user should have been told."""
    swallowed = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and _does_nothing(node.body):
                swallowed.append(f"{path.relative_to(REPOSITORY)}:{node.lineno}")
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
                swallowed += [
                    f"{path.relative_to(REPOSITORY)}:{node.lineno}" for argument in node.args if _is_broad(argument)
                ]
    assert swallowed == []


def _is_broad(expression: ast.expr | None) -> bool:
    return expression is None or ast.unparse(expression) in ("Exception", "BaseException")


def _does_nothing(body: list[ast.stmt]) -> bool:
    return all(isinstance(statement, ast.Pass | ast.Continue) for statement in body)
