"""What uv installs, before the code and after it."""

from __future__ import annotations

import json

import pytest

from tests.support.git_repository import Write
from workshop.images.detect import detect
from workshop.images.installs import install_plan
from workshop.images.repository_files import RepositoryFiles

PACKAGE = '[build-system]\nrequires = ["hatchling"]\n[project]\nname = "p"\nversion = "1"\ndependencies = ["numpy"]\n'
LOCK = {
    "_meta": {"sources": [{"url": "https://pypi.org/simple"}, {"url": "https://index.example.org/simple"}]},
    "default": {
        "rich": {"version": "==13.0", "hashes": ["sha256:0"], "markers": "python_version >= '3.8'"},
        "requests": {"version": "==2.31", "extras": ["socks", "security"]},
        "tool": {"git": "https://host/tool.git", "ref": "abc", "subdirectory": "py"},
    },
    "develop": {"pytest": {"version": "==8.0"}},
}

ROWS: list[tuple[str, dict[str, str], list[str], list[str], set[str]]] = [
    ("plain", {"a.ipynb": ""}, [], [], set()),
    ("requirements", {"requirements.txt": "rich"}, ["deps: pip install -r requirements.txt"], [], {"requirements.txt"}),
    ("requirements in binder/", {"binder/requirements.txt": "rich"}, ["deps: pip install -r requirements.txt"], [],
     {"requirements.txt"}),
    ("local references", {"binder/requirements.txt": "-e ."}, [], ["repo: pip install -r binder/requirements.txt"],
     set()),
    ("a package", {"pyproject.toml": PACKAGE}, ["deps: pip install -r pyproject.toml"], ["repo: pip install ."],
     {"pyproject.toml"}),
    ("a package with requirements", {"pyproject.toml": PACKAGE, "requirements.txt": "rich"},
     ["deps: pip install -r pyproject.toml", "deps: pip install -r requirements.txt"], ["repo: pip install ."],
     {"pyproject.toml", "requirements.txt"}),
    ("a second index", {"requirements.txt": "--extra-index-url https://e.org/whl\nrich"},
     ["deps: pip install --index-strategy unsafe-best-match -r requirements.txt"], [], {"requirements.txt"}),
    ("setup.py", {"setup.py": ""}, [], ["repo: pip install ."], set()),
    ("setup.py with requirements", {"setup.py": "", "requirements.txt": "rich"}, [],
     ["repo: pip install -r requirements.txt", "repo: pip install ."], set()),
    ("dependencies alone", {"pyproject.toml": "[project]\nname='p'\nversion='1'\ndependencies=['rich']"},
     ["deps: pip install -r pyproject.toml"], [], {"pyproject.toml"}),
    ("uv.lock of a package", {"pyproject.toml": PACKAGE, "uv.lock": ""},
     ["deps: sync --frozen --inexact --no-install-project --no-install-workspace"],
     ["repo: pip install --no-deps ."], {"pyproject.toml", "uv.lock"}),
    ("uv.lock of a workspace", {"pyproject.toml": PACKAGE, "uv.lock": "[[package]]\nsource={editable='b'}"}, [],
     ["repo: sync --frozen --inexact --no-install-project", "repo: pip install --no-deps ."], set()),
    ("pylock.toml", {"binder/pylock.toml": ""}, ["deps: pip install -r pylock.toml"], [], {"pylock.toml"}),
    ("Pipfile", {"Pipfile": "[packages]\nrich='*'"}, ["deps: pip install -r {deps}/Pipfile.txt"], [], {"Pipfile.txt"}),
    ("Pipfile with a folder", {"Pipfile": "[packages]\np={path='.', editable=true}"}, [],
     ["repo: pip install -r {deps}/Pipfile.txt"], {"Pipfile.txt"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "before", "after", "copied"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_dependencies_come_before_the_code_wherever_they_can(
    write: Write, files: dict[str, str], before: list[str], after: list[str], copied: set[str]
) -> None:
    root = write(files)
    plan = install_plan(detect(root), RepositoryFiles(root))
    assert [f"{step.where}: {' '.join(step.arguments)}" for step in plan.before_code] == before
    assert [f"{step.where}: {' '.join(step.arguments)}" for step in plan.after_code] == after
    assert set(plan.files) == copied


def test_a_pipfile_lock_becomes_lines_that_pip_understands(write: Write) -> None:
    root = write({"Pipfile.lock": json.dumps(LOCK)})
    assert install_plan(detect(root), RepositoryFiles(root)).files["Pipfile.txt"].splitlines() == [
        "--extra-index-url https://index.example.org/simple",
        "pytest==8.0",
        "requests[socks,security]==2.31",
        "rich==13.0 ; (python_version >= '3.8')",
        "tool @ git+https://host/tool.git@abc#subdirectory=py",
    ]


def test_a_pipfile_becomes_lines_that_pip_understands(write: Write) -> None:
    text = (
        "[packages]\nrich = '*'\nnumpy = '>=1.20'\nlocal = {path = './lib', editable = true}\n"
        "requests = {version = '==2.31', extras = ['socks']}\n"
        "[dev-packages]\npytest = {version='*', sys_platform=\"== 'linux'\"}\n"
    )
    root = write({"Pipfile": text})
    assert install_plan(detect(root), RepositoryFiles(root)).files["Pipfile.txt"].splitlines() == [
        "-e ./lib",
        "numpy>=1.20",
        "pytest ; (sys_platform == 'linux')",
        "requests[socks]==2.31",
        "rich",
    ]
