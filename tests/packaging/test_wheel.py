"""What is installed is what was written: the wheel, in an environment of its own, away from the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.network
REPOSITORY = Path(__file__).resolve().parents[2]


def ran(*argv: str | Path, cwd: Path, **environment: str) -> str:
    """The output of a program that has to succeed."""
    result = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert result.returncode == 0, f"{argv}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what Git knows, so that the build writes nothing into the repository."""
    copy = tmp_path_factory.mktemp("sources")
    names = ran("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=REPOSITORY).splitlines()
    for name in names:
        if (REPOSITORY / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((REPOSITORY / name).read_bytes())
    return copy


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    ran(sys.executable, "-m", "uv", "build", "--wheel", "--out-dir", out, sources, cwd=out)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with the wheel; its dependencies are this environment's."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    ran(sys.executable, "-m", "uv", "venv", "--python", sys.executable, folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    ran(sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--python", python, wheel, cwd=folder.parent)
    site = Path(ran(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder.parent).strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_the_installed_program_finds_what_the_package_brings(installed: Path, tmp_path: Path) -> None:
    program = installed.with_name("workshop")
    places = json.loads(ran(program, "paths", "--json", cwd=tmp_path))["paths"]
    for name, suffix in (("bundled_themes", ".yaml"), ("samples", "")):
        folder = Path(places[name])
        assert REPOSITORY not in folder.parents
        brought = {path.name for path in folder.iterdir() if path.name.endswith(suffix)}
        assert brought == {path.name for path in (REPOSITORY / folder.name).iterdir() if path.name.endswith(suffix)}
        assert brought


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path, sources: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    written = {str(path.relative_to(sources)) for path in (sources / "workshop").rglob("*") if path.is_file()}
    assert written
    assert written - packed == set()


def test_every_module_of_the_installed_package_can_be_imported(installed: Path, tmp_path: Path) -> None:
    code = (
        "import importlib, pkgutil, workshop\n"
        "found = pkgutil.walk_packages(workshop.__path__, 'workshop.')\n"
        "names = [module.name for module in found if module.name != 'workshop.__main__']\n"
        "for name in names: importlib.import_module(name)\n"
        "print(workshop.__file__, len(names))"
    )
    file, count = ran(installed, "-c", code, cwd=tmp_path).split()
    assert str(REPOSITORY) not in file
    assert int(count) > 50


def test_the_installed_program_answers_to_help(installed: Path, tmp_path: Path) -> None:
    assert "workshop" in ran(installed.with_name("workshop"), "--help", cwd=tmp_path)
    assert "workshop" in ran(installed, "-m", "workshop", "--version", cwd=tmp_path)


def test_the_source_distribution_makes_the_same_wheel(sources: Path, wheel: Path, tmp_path: Path) -> None:
    ran(sys.executable, "-m", "uv", "build", "--sdist", "--out-dir", tmp_path, sources, cwd=tmp_path)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    out = tmp_path / "again"
    ran(sys.executable, "-m", "uv", "build", "--wheel", "--out-dir", out, unpacked, cwd=tmp_path)
    (again,) = out.glob("*.whl")
    assert set(zipfile.ZipFile(again).namelist()) == set(zipfile.ZipFile(wheel).namelist())
