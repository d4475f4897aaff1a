"""What is heavy is imported when it is used, and by nothing before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pydantic", "textual", "docker", "kubernetes", "aiohttp", "httpx", "yaml", "jinja2", "qrcode", "asyncio")
ENGINES = ("docker", "kubernetes")


def imported_after(statement: str, *names: str) -> list[str]:
    """Which of the named modules are loaded in a new interpreter after the statement."""
    code = (
        f"import sys, json\n{statement}\n"
        f"sys.stderr.write(json.dumps([name for name in {names!r} if name in sys.modules]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    loaded: list[str] = json.loads(result.stderr.splitlines()[-1])
    return loaded


def call(*words: str) -> str:
    """A statement that runs the program with these words and goes on after it has ended."""
    return f"from workshop.__main__ import main\nassert main({list(words)!r}) == 0"


@pytest.mark.parametrize("words", [("--help",), ("--version",)])
def test_the_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    assert imported_after(call(*words), *HEAVY) == []


@pytest.mark.parametrize("verb", ["up", "build", "down", "links", "demo"])
def test_the_help_of_a_verb_loads_no_engine_and_no_terminal_library(verb: str) -> None:
    assert imported_after(call(verb, "--help"), "textual", "docker", "kubernetes", "aiohttp", "pydantic") == []


def test_the_service_loads_no_engine_and_no_terminal_library() -> None:
    assert imported_after("import workshop.service", "textual", *ENGINES, "workshop.cli") == []


@pytest.mark.parametrize("package", ["model", "core", "present", "config", "ports"])
def test_inner_packages_load_neither_engines_nor_terminals_nor_servers(package: str) -> None:
    statement = (
        f"import importlib, pkgutil, workshop.{package} as package\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    importlib.import_module(module.name)"
    )
    assert imported_after(statement, "textual", "aiohttp", "click", *ENGINES) == []


def test_the_gateway_process_loads_what_it_serves_with_and_no_more() -> None:
    names = (
        "workshop.cli", "workshop.service.service", "workshop.service.closing", "textual", "pydantic", "httpx",
        "jinja2", "click", *ENGINES,
    )  # fmt: skip
    assert imported_after("import workshop.service.gateway_process", *names) == []


def test_a_verb_that_asks_a_gateway_loads_no_server_and_no_definitions() -> None:
    statement = "import workshop.service.watching, workshop.gateway.control_client"
    assert imported_after(statement, "aiohttp", "httpx", "pydantic", "yaml", "jinja2", *ENGINES) == []


def test_a_verb_loads_no_other_verb() -> None:
    others = ("collecting", "pushing", "rehearsing", "moving", "reporting", "snapshots", "checking")
    statement = "from workshop.service import Service; import workshop.service.watching"
    assert imported_after(statement, *(f"workshop.service.{name}" for name in others)) == []


def test_opening_a_class_of_a_git_repository_loads_neither_downloads_nor_versions() -> None:
    statement = "import workshop.service.opening, workshop.images.sources, workshop.images.docker_builder"
    assert imported_after(statement, "httpx", "packaging", "aiohttp", "jinja2", "kubernetes") == []


@pytest.mark.docker
def test_a_list_of_classes_on_one_engine_loads_no_other_engine_and_nothing_that_builds(machine: Path) -> None:
    statement = "from workshop.__main__ import main\nassert main(['list', '--runtime', 'docker']) == 0"
    assert imported_after(statement, "kubernetes", "pydantic", "aiohttp", "yaml", "httpx") == []


def test_a_teardown_reads_no_definition_before_there_is_a_report() -> None:
    assert imported_after("import workshop.service.closing", "pydantic", "aiohttp", "yaml", *ENGINES) == []
