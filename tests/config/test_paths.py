"""Where files live: flags, our variables, XDG, the platform; and sockets that fit."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from workshop.config.paths import LONGEST_SOCKET, Paths, paths

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_flag_wins_over_our_variable_and_that_over_xdg(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "xdg"), "WORKSHOP_STATE_DIR": str(tmp_path / "ours")}
    assert paths({"state_dir": str(tmp_path / "flag")}, environ).state == tmp_path / "flag"
    assert paths({}, environ).state == tmp_path / "ours"
    assert paths({}, {"XDG_STATE_HOME": str(tmp_path / "xdg")}).state == tmp_path / "xdg" / "workshop"


@pytest.mark.parametrize("kind", ["config", "state", "cache", "data"])
def test_every_folder_has_its_own_variable(kind: str, tmp_path: Path) -> None:
    found = paths({}, {f"WORKSHOP_{kind.upper()}_DIR": str(tmp_path / "own")})
    assert getattr(found, kind) == tmp_path / "own"


def test_a_relative_xdg_folder_is_passed_over() -> None:
    assert paths({}, {"XDG_CONFIG_HOME": "relative"}).config.is_absolute()


def test_a_relative_folder_of_ours_is_taken_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths({"state_dir": "here"}).state == tmp_path / "here"


def test_bundled_files_are_found_in_this_install() -> None:
    found = paths()
    assert (found.bundled_themes / "harbour.yaml").is_file()
    assert found.samples.is_dir()


def test_asking_makes_nothing(machine: Path) -> None:
    before = sorted(machine.rglob("*"))
    paths()
    assert sorted(machine.rglob("*")) == before


def sockets_below(state: Path) -> Paths:
    return paths({"state_dir": str(state)}, {})


def test_sockets_are_below_the_state_folder_where_that_is_short() -> None:
    assert sockets_below(Path("/srv/w")).sockets == Path("/srv/w/run")


def test_sockets_of_a_deep_state_folder_are_elsewhere_private_and_can_be_bound(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    folder = sockets_below(deep).sockets
    other = sockets_below(deep / "other").sockets
    assert folder != other
    assert folder == sockets_below(deep).sockets
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    path = folder / ("a" * 12 + ".sock")
    assert len(os.fsencode(path)) <= LONGEST_SOCKET
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(path))
    finally:
        shutil.rmtree(folder)
        with contextlib.suppress(OSError):  # another program's sockets are there
            folder.parent.rmdir()


def test_every_path_has_a_name_for_the_paths_verb() -> None:
    found = paths()
    named = dict(found.named())
    assert named["database"] == found.state / "state.db"
    assert named["config_file"] == found.config / "config.yaml"
    assert len(set(named.values())) == len(named)
