"""A class opened and closed by somebody who sits at a terminal and is asked."""

from __future__ import annotations

from pathlib import Path

from tests.cli.terminal import Terminal
from tests.journey.conftest import Program, on_processes


@on_processes
def test_up_shows_its_plan_and_the_rooms_code_and_down_wants_the_name_typed(
    program: Program, repository: Path, unique_name: str
) -> None:
    program("build", repository)
    program.opened.append(unique_name)
    with Terminal("up", repository, "--name", unique_name, "--seats", "1", columns=100, lines=60) as terminal:
        terminal.wait_for(f"Open {unique_name} on process? [Y/n]", 120)
        assert "1 seat to make" in terminal.text
        terminal.type("\n")
        terminal.wait_for("end by themselves like that? [Y/n]")
        terminal.type("\n")
        assert terminal.ends(180) == 0
        assert "Join: http://127.0.0.1:" in terminal.text
        assert "▀" in terminal.text
        assert "1 of 1" in terminal.text

    with Terminal("down", unique_name) as terminal:
        terminal.wait_for(f"Type '{unique_name}' to go on", 120)
        assert "seat  01" in terminal.text
        terminal.type("yes\n")
        assert terminal.ends() == 0
        assert "Nothing was done." in terminal.text
    assert program("status", unique_name)["seats"][0]["state"] == "ready"

    with Terminal("down", unique_name) as terminal:
        terminal.wait_for(f"Type '{unique_name}' to go on", 120)
        terminal.type(f"{unique_name}\n")
        assert terminal.ends(180) == 0
        assert "0 left" in terminal.text
