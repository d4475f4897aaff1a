"""Binder's conventions, a row for every rule (repo2docker 2026.4.0)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.git_repository import Write
from workshop.errors import SourceError
from workshop.images.detect import detect

PACKAGE = '[build-system]\nrequires = ["hatchling"]\n[project]\nname = "p"\nversion = "1"\ndependencies = ["numpy"]\n'
PROJECT = '[project]\nname = "p"\nversion = "1"\ndependencies = ["numpy", "rich==13.0"]\n'
CONDA = "dependencies:\n  - python=3.11\n  - numpy\n  - pandas=2.1\n  - pip:\n    - rich\n"
R = "r-4.3-2024-01-15"

# files of the repository; what must be detected of them
PRECEDENCE: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("nothing is plain Jupyter", {"a.ipynb": ""}, {"kind": "plain", "files": (), "installer": "none"}),
    ("requirements.txt in the root", {"requirements.txt": "numpy"}, {"kind": "python", "installer": "requirements"}),
    ("requirements.txt in binder/", {"binder/requirements.txt": ""},
     {"kind": "python", "binder_dir": "binder", "files": ("binder/requirements.txt",)}),
    ("requirements.txt in .binder/", {".binder/requirements.txt": ""}, {"kind": "python", "binder_dir": ".binder"}),
    ("a binder folder silences the root", {"binder/apt.txt": "", "requirements.txt": "numpy", "environment.yml": ""},
     {"kind": "plain", "ignored": ("environment.yml", "requirements.txt"), "files": ("binder/apt.txt",)}),
    ("an empty binder folder silences the root too", {"binder/README.md": "", "requirements.txt": "numpy"},
     {"kind": "plain"}),
    ("a Dockerfile silences all else",
     {"Dockerfile": "FROM x", "requirements.txt": "", "apt.txt": "jq", "postBuild": "", "start": "",
      "environment.yml": ""},
     {"kind": "dockerfile", "files": ("Dockerfile",), "apt": (), "post_build": "", "start": "",
      "ignored": ("environment.yml", "requirements.txt", "apt.txt", "postBuild", "start")}),
    ("a Dockerfile in binder/", {"binder/Dockerfile": "FROM x"},
     {"kind": "dockerfile", "files": ("binder/Dockerfile",)}),
    ("a Dockerfile in the root is nothing beside binder/", {"binder/requirements.txt": "", "Dockerfile": "FROM x"},
     {"kind": "python", "ignored": ("Dockerfile",)}),
    ("Project.toml is Julia", {"Project.toml": "", "requirements.txt": "numpy"},
     {"kind": "julia", "files": ("Project.toml", "requirements.txt")}),
    ("JuliaProject.toml is Julia", {"JuliaProject.toml": ""}, {"kind": "julia"}),
    ("Julia before Nix", {"Project.toml": "", "default.nix": ""}, {"kind": "julia"}),
    ("Nix before R", {"default.nix": "", "runtime.txt": R}, {"kind": "nix"}),
    ("Nix has no apt.txt", {"default.nix": "", "apt.txt": "jq"}, {"kind": "nix", "apt": ()}),
    ("runtime.txt names R", {"runtime.txt": R, "install.R": ""},
     {"kind": "r", "files": ("runtime.txt", "install.R")}),
    ("runtime.txt names R without a version", {"runtime.txt": "r-2024-01-15"}, {"kind": "r"}),
    ("DESCRIPTION in the root is R", {"DESCRIPTION": "", "requirements.txt": ""}, {"kind": "r"}),
    ("DESCRIPTION is nothing beside binder/", {"DESCRIPTION": "", "binder/requirements.txt": ""}, {"kind": "python"}),
    ("install.R alone is not R", {"install.R": ""}, {"kind": "plain", "ignored": ("install.R",)}),
    ("R before conda", {"runtime.txt": R, "environment.yml": CONDA},
     {"kind": "r", "files": ("runtime.txt", "environment.yml")}),
    ("conda before all Python files",
     {"environment.yml": CONDA, "requirements.txt": "x", "runtime.txt": "python-3.9", "Pipfile": ""},
     {"kind": "conda", "python": "3.11", "installer": "conda",
      "ignored": ("Pipfile", "requirements.txt", "runtime.txt"),
      "unpinned": ("numpy", "rich")}),
    ("environment.yaml is as good", {"environment.yaml": CONDA}, {"kind": "conda", "files": ("environment.yaml",)}),
    ("environment.yml before environment.yaml", {"environment.yml": "", "environment.yaml": CONDA},
     {"files": ("environment.yml",), "ignored": ("environment.yaml",)}),
    ("Pipfile before requirements.txt", {"Pipfile": "[packages]\nrich='*'\nnumpy='==1.26'", "requirements.txt": "x"},
     {"kind": "python", "installer": "pipfile", "after_code": False, "unpinned": ("rich",)}),
    ("Pipfile.lock wins over Pipfile",
     {"Pipfile": "[packages]\nrich='*'", "Pipfile.lock": '{"_meta": {"requires": {"python_version": "3.11"}}}'},
     {"installer": "pipfile-lock", "python": "3.11", "unpinned": ()}),
    ("Pipfile says the version", {"Pipfile": "[requires]\npython_version = '3.10'"}, {"python": "3.10"}),
    ("Pipfile is nothing when runtime.txt names another language", {"Pipfile": "", "runtime.txt": R}, {"kind": "r"}),
    ("setup.py is a package", {"setup.py": ""}, {"kind": "python", "installer": "project", "after_code": True}),
    ("setup.py is nothing beside binder/", {"setup.py": "", "binder/apt.txt": ""}, {"kind": "plain"}),
    ("pyproject.toml with a build system is a package", {"pyproject.toml": PACKAGE},
     {"installer": "project", "after_code": False, "unpinned": ("numpy",)}),
    ("dynamic dependencies need the code",
     {"pyproject.toml": PACKAGE.replace("dependencies", "dynamic = ['dependencies']\n#")}, {"after_code": True}),
    ("a package and requirements.txt are both installed", {"pyproject.toml": PACKAGE, "requirements.txt": "rich"},
     {"installer": "project", "files": ("pyproject.toml", "requirements.txt"), "unpinned": ("numpy", "rich")}),
    ("pyproject.toml of a tool is nothing", {"pyproject.toml": "[tool.ruff]\nline-length = 9"}, {"kind": "plain"}),
    ("pyproject.toml without a build system gives way to requirements.txt",
     {"pyproject.toml": PROJECT, "requirements.txt": "rich"},
     {"installer": "requirements", "files": ("requirements.txt",), "ignored": ("pyproject.toml",)}),
    ("pyproject.toml without a build system, alone", {"pyproject.toml": PROJECT},
     {"kind": "python", "installer": "project-dependencies", "unpinned": ("numpy",)}),
    ("uv.lock fixes the versions of a package", {"pyproject.toml": PACKAGE, "uv.lock": "version = 1"},
     {"installer": "uv-lock", "unpinned": (), "after_code": False}),
    ("uv.lock of a workspace needs the code",
     {"pyproject.toml": PACKAGE, "uv.lock": "[[package]]\nname='b'\nsource={editable='packages/b'}"},
     {"installer": "uv-lock", "after_code": True}),
    ("uv.lock gives way to requirements.txt", {"pyproject.toml": PROJECT, "uv.lock": "", "requirements.txt": ""},
     {"installer": "requirements"}),
    ("pylock.toml", {"pylock.toml": 'lock-version = "1.0"'}, {"kind": "python", "installer": "pylock", "unpinned": ()}),
    ("runtime.txt alone is Python", {"runtime.txt": "python-3.12"},
     {"kind": "python", "python": "3.12", "installer": "none", "files": ("runtime.txt",)}),
    ("runtime.txt with a patch version", {"runtime.txt": "python-3.12.4"}, {"python": "3.12"}),
    ("runtime.txt with a date", {"runtime.txt": "python-3.11-2024-02-01\n"}, {"python": "3.11"}),
    ("runtime.txt python-3 is any", {"runtime.txt": "python-3", "requirements.txt": ""}, {"python": ""}),
    ("runtime.txt of another language silences requirements.txt", {"runtime.txt": "ruby-3.0", "requirements.txt": ""},
     {"kind": "plain", "ignored": ("requirements.txt",)}),
    ("requires-python is a range", {"pyproject.toml": PACKAGE + 'requires-python = ">=3.9,<3.13"\n'},
     {"python": "", "python_range": ">=3.9,<3.13"}),
    ("runtime.txt chooses within requires-python",
     {"pyproject.toml": PACKAGE + 'requires-python = ">=3.9"\n', "runtime.txt": "python-3.10"}, {"python": "3.10"}),
    ("apt.txt, postBuild and start add to Python",
     {"requirements.txt": "", "apt.txt": "tree\n# a comment\njq # why\n\njq", "postBuild": "", "start": ""},
     {"apt": ("jq", "tree"), "post_build": "postBuild", "start": "start",
      "files": ("requirements.txt", "apt.txt", "postBuild", "start")}),
    ("apt.txt, postBuild and start add to conda",
     {"binder/environment.yml": "", "binder/postBuild": "", "binder/start": ""},
     {"kind": "conda", "post_build": "binder/postBuild", "start": "binder/start"}),
    ("postBuild in the root is nothing beside binder/", {"binder/requirements.txt": "", "postBuild": ""},
     {"post_build": "", "ignored": ("postBuild",)}),
    ("versions and architectures in apt.txt", {"apt.txt": "g++\nlibc6:amd64\njq=1.6-2.1+deb12u1"},
     {"apt": ("g++", "jq=1.6-2.1+deb12u1", "libc6:amd64")}),
    ("requirements from Git need git", {"requirements.txt": "x @ git+https://h/x"}, {"tools": ("git",)}),
    ("a postBuild with git needs git", {"requirements.txt": "", "postBuild": "#!/bin/bash\ngit clone https://h/x"},
     {"tools": ("git",)}),
    ("ordinary requirements need nothing", {"requirements.txt": "gitpython\n"}, {"tools": ()}),
    ("local references come after the code", {"requirements.txt": "numpy\n-e ."}, {"after_code": True}),
    ("ordinary requirements come before the code", {"requirements.txt": "numpy\n--pre\n"}, {"after_code": False}),
    ("included files are read for unpinned names", {"requirements.txt": "-r more.txt", "more.txt": "rich"},
     {"after_code": True, "unpinned": ("rich",)}),
    ("conda's pip list may name local files", {"environment.yml": "dependencies:\n - pip:\n   - -e ."},
     {"after_code": True}),
    ("notebooks are listed, hidden folders not",
     {"b.ipynb": "", "d/a.ipynb": "", ".ipynb_checkpoints/b.ipynb": ""}, {"notebooks": ("b.ipynb", "d/a.ipynb")}),
]  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in PRECEDENCE], ids=[row[0] for row in PRECEDENCE])
def test_files_are_read_like_binder_reads_them(write: Write, files: dict[str, str], expected: dict[str, Any]) -> None:
    detected = detect(write(files))
    assert {name: getattr(detected, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "empty"),
        ({"binder/a": "", ".binder/a": ""}, r"both binder/ and \.binder/"),
        ({"Dockerfile": "FROM andrewosh/binder-base"}, "andrewosh"),
        ({"REQUIRE": ""}, "REQUIRE"),
        ({"runtime.txt": "latest"}, "no runtime"),
        ({"runtime.txt": "python"}, "no runtime"),
        ({"runtime.txt": "python-3.12-yesterday"}, "no runtime"),
        ({"apt.txt": "jq\nfoo; rm -rf /"}, r"apt\.txt line 2"),
        ({"apt.txt": "$(id)"}, "no package name"),
        ({"apt.txt": "--allow-unauthenticated"}, "no package name"),
        ({"environment.yml": "dependencies: [a\n"}, r"environment\.yml is no YAML"),
        ({"environment.yml": "dependencies: numpy\n"}, "no list"),
        ({"pyproject.toml": "[project"}, r"pyproject\.toml cannot be read"),
        ({"pyproject.toml": PACKAGE + 'requires-python = "<3.5"\n'}, "none fits"),
        ({"pyproject.toml": PACKAGE + 'requires-python = "three"\n'}, "no version range"),
        (
            {"pyproject.toml": PACKAGE + 'requires-python = "<3.10"\n', "runtime.txt": "python-3.12"},
            "wants Python 3.12",
        ),
    ],
)
def test_contradictions_and_mistakes_are_named(write: Write, files: dict[str, str], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        detect(write(files))


def test_a_link_out_of_the_repository_is_not_followed(write: Write) -> None:
    root = write({"a.ipynb": ""})
    (root / "requirements.txt").symlink_to("/etc/passwd")
    assert detect(root).kind == "plain"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_lists_are_read_in_the_encodings_of_windows_programs(write: Write, encoding: str) -> None:
    folder = write({"a.ipynb": ""})
    (folder / "requirements.txt").write_bytes("numpy==1.26\r\nrich\r\n".encode(encoding))
    (folder / "apt.txt").write_bytes("jq\r\ntree  curl # two\r\n".encode(encoding))
    detected = detect(folder)
    assert detected.unpinned == ("rich",)
    assert detected.apt == ("curl", "jq", "tree")


def test_scripts_with_windows_line_endings_are_named(write: Write) -> None:
    folder = write({"a.ipynb": ""})
    (folder / "postBuild").write_bytes(b"#!/bin/bash\r\necho\r\n")
    (folder / "start").write_bytes(b'#!/bin/bash\nexec "$@"\n')
    (note,) = detect(folder).notes
    assert note.startswith("postBuild has Windows line endings")


def test_a_start_that_starts_nothing_is_named(write: Write) -> None:
    folder = write({"a.ipynb": "", "start": "#!/bin/bash\nexport A=1\n"})
    assert "nothing would start Jupyter" in detect(folder).notes[0]


def test_a_poetry_project_without_a_list_of_dependencies_is_named(write: Write) -> None:
    poetry = '[tool.poetry]\nname = "p"\n[tool.poetry.dependencies]\nnumpy = "^1"\n'
    folder = write({"pyproject.toml": poetry})
    assert "poetry export" in detect(folder).notes[0]
    write({"requirements.txt": "numpy"})
    assert detect(folder).notes == ()


def test_places_of_another_machine_are_refused_before_anything_is_built(write: Write) -> None:
    folder = write({"requirements.txt": "numpy @ file:///croot/numpy_1/work\npandas @ file:///croot/pandas_2/work\n"})
    with pytest.raises(SourceError, match="numpy and 1 more from a folder of another machine") as caught:
        detect(folder)
    assert "numpy==1.2" in caught.value.hint


def test_a_second_index_is_seen_also_in_a_list_that_is_included(write: Write) -> None:
    folder = write({"requirements.txt": "-r more.txt\n", "more.txt": "--extra-index-url https://e.org/whl\ntorch\n"})
    assert detect(folder).several_indexes
