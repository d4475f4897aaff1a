"""What is the user's own is written whole, or is left as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workshop.config.user_file import write_user_file


def test_a_file_is_made_with_its_folder_and_replaced_with_its_rights(tmp_path: Path) -> None:
    file = tmp_path / "new" / "workshop.yaml"
    write_user_file(file, "title: Äpfel\n")
    file.chmod(0o640)
    write_user_file(file, "title: Birnen\n")
    assert (file.read_text("utf-8"), file.stat().st_mode & 0o777) == ("title: Birnen\n", 0o640)
    assert [path.name for path in file.parent.iterdir()] == ["workshop.yaml"]


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles" / "config.yaml"
    kept.parent.mkdir()
    kept.write_text("theme: paper\n")
    link = tmp_path / "config.yaml"
    link.symlink_to(kept)
    write_user_file(link, "theme: harbour\n")
    assert (link.is_symlink(), kept.read_text()) == (True, "theme: harbour\n")


@pytest.mark.parametrize("when", ["write_text", "replace"])
def test_a_disk_that_fills_meanwhile_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    file = tmp_path / "workshop.yaml"
    file.write_text("title: Mine\n")

    def full(path: Path, *_: object, **__: object) -> None:
        if path.parent == tmp_path:
            path.touch()
            raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(Path, when, full)
        with pytest.raises(OSError, match="No space left"):
            write_user_file(file, "title: Other\n")
    assert file.read_text() == "title: Mine\n"
    assert [path.name for path in tmp_path.iterdir()] == ["workshop.yaml"]
