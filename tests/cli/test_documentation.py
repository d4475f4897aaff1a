"""What the documents say is what the program does."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import click
import pytest

from workshop.actions import ACTIONS
from workshop.cli.main import workshop_command
from workshop.cli.verbs import VERBS

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = (REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md")))


def calls() -> list[str]:
    """Every line of an indented block that calls the program."""
    found = []
    for page in PAGES:
        if page.name == "commands.md":
            continue
        for line in page.read_text().splitlines():
            match = re.match(r"    (?:\S*/)?workshop (\S.*?)(?:\s+#.*)?$", line)
            if match:
                found.append(match.group(1).replace("NAME", "name").replace("FOLDER", "folder"))
    return found


def test_there_are_calls_to_look_at() -> None:
    assert len(calls()) > 8


@pytest.mark.parametrize("call", calls())
def test_every_call_in_the_documents_can_be_parsed(call: str) -> None:
    words = shlex.split(call)
    context = click.Context(workshop_command)
    assert words[0] in VERBS
    command = workshop_command.get_command(context, words[0])
    assert command is not None
    command.make_context(words[0], words[1:], parent=context)


def test_the_page_of_commands_is_made_from_the_program() -> None:
    made = runpy.run_path(str(REPOSITORY / "docs" / "commands.py"))
    assert (REPOSITORY / "docs" / "commands.md").read_text() == made["text"](), "run `python docs/commands.py`"


def test_the_keys_in_the_readme_are_keys_of_the_program() -> None:
    spelling = {"?": "question_mark", "/": "slash"}
    known = {key for action in ACTIONS for key in action.keys}
    table = re.search(r"## Keys\n(.*?)\n## ", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert table is not None
    rows = [line.split("|")[1] for line in table.group(1).splitlines() if line.startswith("| `")]
    named = [key for row in rows for key in re.findall(r"`([^`]+)`", row)]
    assert len(named) > 10
    assert [key for key in named if spelling.get(key, key) not in known] == []


def test_every_link_in_the_documents_leads_to_a_file() -> None:
    missing = []
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            if not (page.parent / target).exists():
                missing.append(f"{page.name}: {target}")
    assert missing == []


def test_every_verb_of_the_program_is_on_the_page_of_commands() -> None:
    page = (REPOSITORY / "docs" / "commands.md").read_text()
    assert [verb for verb in VERBS if f"### {verb}\n" not in page] == []
