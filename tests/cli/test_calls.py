"""Words that do not fit, help, and what is never shown."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from workshop import __version__
from workshop.cli.lazy import LazyGroup
from workshop.cli.main import workshop_command
from workshop.cli.verbs import VERBS


def test_the_help_names_every_verb_and_the_exit_codes(workshop: Call) -> None:
    said = workshop("--help")
    assert said.code == 0
    assert all(re.search(rf"^  {verb} ", said.out, re.MULTILINE) for verb in VERBS)
    assert "4 partly done" in " ".join(said.out.split())


def test_the_version_is_the_packages(workshop: Call) -> None:
    assert workshop("--version").out == f"workshop {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_takes_json(verb: str, workshop: Call) -> None:
    said = workshop(verb, "--help")
    assert said.code == 0
    assert "--json" in said.out
    assert said.err == ""


def test_every_verb_loads_under_its_own_name() -> None:
    assert isinstance(workshop_command, LazyGroup)
    context = workshop_command.make_context("workshop", ["list"])
    assert {name: workshop_command.get_command(context, name).name for name in VERBS} == {name: name for name in VERBS}  # type: ignore[union-attr]


def test_a_misspelt_verb_is_answered_with_the_nearest_one(workshop: Call) -> None:
    said = workshop("staus", "x")
    assert said.code == 2
    assert said.out == ""
    assert "Did you mean 'status'?" in said.err


def test_a_missing_argument_names_itself_and_the_help(workshop: Call) -> None:
    said = workshop("status")
    assert said.code == 2
    assert "NAME" in said.err
    assert "`workshop status --help`" in said.err


def test_errors_in_the_words_are_a_json_document_where_json_is_wanted(workshop: Call) -> None:
    said = workshop("status", "--json")
    assert said.code == 2
    assert set(said.document) == {"error", "message", "hint"}
    assert said.document["error"] == "usage"
    assert said.err == ""


def test_json_after_two_dashes_is_a_word_like_others(workshop: Call) -> None:
    said = workshop("restart", "class", "--", "--json")
    assert said.code == 2
    assert said.out == ""


def test_the_terminal_ui_without_a_terminal_is_refused_with_a_hint(workshop: Call) -> None:
    said = workshop()
    assert said.code == 2
    assert "needs a terminal" in said.err
    assert "workshop --help" in said.err


def test_read_only_is_for_the_terminal_ui(workshop: Call) -> None:
    said = workshop("--read-only", "paths")
    assert said.code == 2
    assert "--read-only" in said.err


@pytest.mark.parametrize("word", ["seven", "0", "7-3", "-1", "1-", ""])
def test_a_seat_that_is_no_seat_is_refused(word: str, workshop: Call) -> None:
    said = workshop("restart", "class", "--", word)
    assert said.code == 2
    assert "no seat" in said.err


@pytest.mark.parametrize("word", ["soon", "", "5 bananas"])
def test_a_span_that_is_no_span_is_refused(word: str, workshop: Call) -> None:
    said = workshop("extend", "class", word)
    assert said.code == 2
    assert "write 30m" in said.err


@pytest.mark.parametrize(
    ("words", "says"),
    [(["--length", "5 bananas"], "write 30m"), (["--length", "0m"], "no time"), (["--seats", "many"], "valid number")],
)
def test_what_is_no_amount_of_time_or_seats_is_refused(words: list[str], says: str, workshop: Call) -> None:
    said = workshop("up", ".", *words)
    assert said.code == 2
    assert says in said.err


@pytest.mark.parametrize("word", ["-15m", "0m", "soon"])
def test_a_break_that_is_none_is_refused(word: str, workshop: Call) -> None:
    said = workshop("break", "class", "--", word)
    assert said.code == 2
    assert "no break" in said.err or "write 15m" in said.err or "write 30m" in said.err


@pytest.mark.parametrize("words", [("break", "class"), ("break", "class", "15m", "--end")])
def test_a_break_has_a_length_or_ends(words: tuple[str, ...], workshop: Call) -> None:
    said = workshop(*words, "--json")
    assert said.code == 2
    assert said.document["error"] == "usage"
    assert "--end" in said.document["message"]


@pytest.mark.parametrize("word", ["lots", "", "0", "-1GB", "700", "1 GB and more", "9999999999999999999G"])
def test_a_size_that_cannot_be_meant_is_refused(word: str, workshop: Call) -> None:
    said = workshop("memory", "class", "1", "--", word)
    assert said.code == 2
    assert "write 1536M or 2GB" in said.err


def test_a_memory_without_seats_names_what_is_missing(workshop: Call) -> None:
    said = workshop("memory", "class", "2GB")
    assert said.code == 2
    assert "SEAT" in said.err


def test_a_label_is_for_one_seat_and_of_bounded_length(workshop: Call) -> None:
    assert "no seat" in workshop("label", "class", "1-2", "Ada").err
    said = workshop("label", "class", "1", "x" * 61)
    assert said.code == 2
    assert "at most 60" in said.err


@pytest.mark.parametrize("verb", ["logs", "shell"])
def test_one_seat_alone_can_be_looked_into(verb: str, workshop: Call) -> None:
    said = workshop(verb, "class", "1-2")
    assert said.code == 2
    assert "no seat" in said.err


@pytest.mark.parametrize(("verb", "words"), [("logs", ("class", "1")), ("events", ("class",))])
def test_the_last_lines_are_a_number_of_them(verb: str, words: tuple[str, ...], workshop: Call) -> None:
    for tail in ("0", "-3", "all"):
        assert workshop(verb, *words, "--tail", tail).code == 2


def test_the_help_fits_eighty_columns(workshop: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = workshop("--help")
    assert max(map(len, said.out.splitlines())) <= 80


def test_a_setting_that_cannot_be_used_is_named_with_its_place(workshop: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_PORT", "eighty")
    said = workshop("paths", "--json")
    assert said.code == 2
    assert said.document["error"] == "setting"
    assert "WORKSHOP_PORT" in said.document["message"]


def test_a_destructive_verb_without_a_terminal_wants_yes(workshop: Call) -> None:
    said = workshop("reset", "class", "1")
    assert said.code == 2
    assert "--yes" in said.err


def test_an_error_nobody_foresaw_shows_no_traceback_and_leaves_it_in_a_private_log(machine: Path) -> None:
    code = (
        "import sys, workshop.config.paths as paths, workshop.config.settings as settings\n"
        "def broken(*args, **kwargs): raise ZeroDivisionError('http://10.0.0.1:8080/s/AB2CD3EF and token=123abc')\n"
        "settings.settings = broken\n"
        "from workshop.__main__ import main\n"
        "sys.exit(main(['paths']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    log = machine / "state" / "workshop" / "workshop.log"
    assert result.returncode == 1
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "ZeroDivisionError" in result.stderr
    assert str(log) in result.stderr
    written = log.read_text()
    assert "Traceback" in written
    assert "AB2CD3EF" not in written
    assert "123abc" not in written
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_reader_that_has_gone_is_no_reason_for_a_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-m", "workshop", "paths"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert result.returncode == 1
    assert result.stderr == ""


def test_signs_that_the_terminal_does_not_know_are_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "workshop.yaml").write_text("title: Größe\nruntime: process\n", "utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "workshop", "check", str(tmp_path)],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Gr??e: lab" in result.stdout


def test_paths_says_where_each_setting_comes_from(
    workshop: Call, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine / "config" / "workshop").mkdir(parents=True)
    (machine / "config" / "workshop" / "config.yaml").write_text("theme: harbour\nport: 9000\n")
    monkeypatch.setenv("WORKSHOP_IMAGE_BASE", "debian:12")
    monkeypatch.setenv("WORKSHOP_PORT", "9001")
    document = workshop("paths", "--json", "--set", "qr=full").document
    settings = {setting["name"]: (setting["value"], setting["origin"]) for setting in document["settings"]}
    assert settings["image_base"] == ("debian:12", "environment")
    assert settings["port"] == (9001, "environment")
    assert settings["theme"] == ("harbour", "configuration")
    assert settings["qr"] == ("full", "flag")
    assert settings["runtime"] == ("auto", "default")
    assert document["paths"]["state"] == str(machine / "state" / "workshop")


def test_a_variable_that_is_no_setting_is_pointed_out(workshop: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_IMAGE_BAES", "debian:12")
    said = workshop("paths")
    assert said.code == 0
    assert "WORKSHOP_IMAGE_BAES" in said.err
    assert "image_base" in said.err


def test_nothing_is_coloured_where_nobody_sees_it(workshop: Call) -> None:
    said = workshop("paths")
    assert "\x1b" not in said.out + said.err + workshop("nonsense").err


def test_an_answer_that_cannot_be_written_is_named_and_no_surprise() -> None:
    unwritten = "The result could not be written to standard output: No space left on device."
    for words, code, says in (
        (["paths"], 1, unwritten),
        (["paths", "--json"], 1, unwritten),
        (["status", "nobody", "--json"], 2, "There is no classroom 'nobody'."),
    ):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "workshop", *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
            )
        assert done.returncode == code, done.stderr
        assert says in done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception" not in done.stderr


@pytest.mark.parametrize(
    ("closed", "answered"), [("<&-", True), (">&-", False), ("2>&-", True), ("<&- >&- 2>&-", False)]
)
def test_streams_that_were_closed_are_as_good_as_empty(closed: str, answered: bool) -> None:
    script = f'"$0" -m workshop paths --json {closed}'
    done = subprocess.run(["sh", "-c", script, sys.executable], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) is answered
    assert not answered or json.loads(done.stdout)


def test_work_goes_on_where_nobody_is_left_to_hear_of_it() -> None:
    script = "from workshop.cli.diagnostics import Diagnostics\nDiagnostics().line('half-way')\nprint('done')"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=writer, text=True, timeout=60, check=True
    )
    os.close(writer)
    assert done.stdout == "done\n"
