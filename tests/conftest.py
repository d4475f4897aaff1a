"""What every test stands on: a home of its own, real services or a named reason why not, and a look for leftovers."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
BASE_IMAGE = os.environ.get("WORKSHOP_TEST_BASE", "workshop-test/base:bookworm")
SESSION_VARIABLE = "PYTEST_WORKSHOP_SESSION"
"""Stands in the environment of every process that a test starts, so that strays are found at the end."""
CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable")

_prefix = f"t{secrets.token_hex(3)}"
_numbers = itertools.count(1)
_saved_environment: dict[str, str] = {}
_session_root = Path()


# The user's machine stays outside


def pytest_configure(config: pytest.Config) -> None:
    """Turn to an empty home before anything is imported that looks for one."""
    global _session_root
    _saved_environment.update(os.environ)
    _session_root = Path(tempfile.mkdtemp(prefix="wt-"))  # short: sockets below it have 108 bytes for their whole path
    for name in list(os.environ):
        foreign = name.startswith(("WORKSHOP_", "XDG_", "GIT_")) and not name.startswith("WORKSHOP_TEST_")
        if foreign or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "KUBECONFIG", "EDITOR", "VISUAL"):
            del os.environ[name]
    home = _session_root / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Test Person\n\temail = person@example.org\n[init]\n\tdefaultBranch = main\n"
        '[protocol "file"]\n\tallow = always\n'
    )
    os.environ.update(
        HOME=str(home),
        GIT_CONFIG_NOSYSTEM="1",
        GIT_TERMINAL_PROMPT="0",
        LANG="C.UTF-8",
        TERM="xterm-256color",
        COLORTERM="truecolor",
    )
    os.environ["UV_CACHE_DIR"] = _saved_environment.get("UV_CACHE_DIR") or str(_package_cache())
    os.environ[SESSION_VARIABLE] = _prefix


def _package_cache() -> Path:
    """One cache of downloaded packages for the whole run; `WORKSHOP_TEST_CACHE` keeps it between runs."""
    kept = os.environ.get("WORKSHOP_TEST_CACHE")
    return Path(kept) / "uv" if kept else _session_root / "uv"


def pytest_unconfigure(config: pytest.Config) -> None:
    os.environ.clear()
    os.environ.update(_saved_environment)
    shutil.rmtree(_session_root, ignore_errors=True)


@pytest.fixture(autouse=True)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine on which `workshop` was never used: home, state, cache and configuration in an empty folder."""
    root = _session_root / str(next(_numbers))
    home = root / "home"
    home.mkdir(parents=True)
    shutil.copy(_session_root / "home" / ".gitconfig", home / ".gitconfig")
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(root / kind.lower()))
    runtime = root / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    if request.node.get_closest_marker("docker"):
        monkeypatch.setenv("WORKSHOP_IMAGE_BASE", BASE_IMAGE)
        if bundle := certificates():
            monkeypatch.setenv("WORKSHOP_IMAGE_CA_BUNDLE", bundle)
    yield root
    shutil.rmtree(root, ignore_errors=True)


def certificates() -> str:
    """This machine's certificates: builds inside containers trust nothing else."""
    named = os.environ.get("SSL_CERT_FILE", "")
    return next((path for path in (named, *CA_BUNDLES) if path and Path(path).is_file()), "")


@pytest.fixture
def unique_name() -> str:
    """A classroom's name that no other test and no other run has."""
    return f"{_prefix}-{next(_numbers)}"


@pytest.fixture(scope="session")
def session_prefix() -> str:
    """How every classroom of this run begins; what is found under it at the end is a leak."""
    return _prefix


@pytest.fixture(scope="session")
def built_images(session_prefix: str) -> Iterator[str]:
    """The beginning of the titles of this run's workshops; their images are removed at the end."""
    yield session_prefix
    with contextlib.suppress(FileNotFoundError):  # no `docker` here: then there are no images either
        listed = subprocess.run(
            ["docker", "image", "ls", "-aq", "--filter", "label=io.workshop.tool=workshop"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        for image in listed.stdout.split():
            labels = subprocess.run(
                ["docker", "image", "inspect", "--format", '{{index .Config.Labels "io.workshop.workshop"}}', image],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            if labels.stdout.startswith(session_prefix):
                subprocess.run(["docker", "image", "rm", "-f", image], capture_output=True, timeout=120, check=False)


# Real services


@cache
def docker_missing() -> str:
    """Why tests on a Docker engine cannot run here; empty when they can."""
    if not shutil.which("docker"):
        return "no `docker` command"
    answer = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if answer.returncode:
        return f"no Docker engine answers: {answer.stderr.strip()}"
    image = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", BASE_IMAGE],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return f"no base image {BASE_IMAGE} (see .ci/prepare-docker)" if image.returncode else ""


@cache
def browser_path() -> str:
    """Where Chromium is; empty when there is none."""
    named = os.environ.get("WORKSHOP_TEST_BROWSER", "")
    return next((path for path in (named, *BROWSERS) if path and os.access(path, os.X_OK)), "")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip with the reason what cannot run here, or fail where it has to run."""
    if item.get_closest_marker("docker") and (reason := docker_missing()):
        _cannot_run(reason, "WORKSHOP_TEST_REQUIRE_DOCKER")
    if item.get_closest_marker("browser") and not browser_path():
        _cannot_run("no Chromium (set WORKSHOP_TEST_BROWSER to its path)", "WORKSHOP_TEST_REQUIRE_BROWSER")
    if item.get_closest_marker("cluster") and not os.environ.get("WORKSHOP_TEST_KUBECONFIG"):
        pytest.skip("no cluster: WORKSHOP_TEST_KUBECONFIG is not set")


def _cannot_run(reason: str, requirement: str) -> None:
    if os.environ.get(requirement):
        pytest.fail(f"{reason}, and {requirement} is set", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
async def browser() -> Any:
    """A real Chromium that talks to this machine alone."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=browser_path(),
            headless=True,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync",
            ],
        )  # fmt: skip
        yield chromium
        await chromium.close()


# Nothing is left


@pytest.fixture(scope="session", autouse=True)
def leaves_nothing() -> Iterator[None]:
    """After the last test: no process, no engine object and no file in the repository that the tests made."""
    before = _repository_status()
    yield
    left = [*_stray_processes(), *_stray_objects()]
    after = _repository_status()
    if after != before:
        left.append(f"files in the repository:\n{after}")
    assert not left, "the tests left behind: " + "\n  ".join(left)


def _repository_status() -> str:
    """What Git sees as changed, where the checkout is the tests' own (`WORKSHOP_TEST_CLEAN_CHECKOUT`)."""
    if not os.environ.get("WORKSHOP_TEST_CLEAN_CHECKOUT"):
        return ""
    status = subprocess.run(
        ["git", "-C", str(REPOSITORY), "status", "--porcelain"], capture_output=True, text=True, check=True
    )
    return status.stdout


def _stray_processes() -> list[str]:
    """Processes of this run that outlive their test by more than a few seconds; they are ended."""
    deadline = time.monotonic() + 10
    while (found := _processes_of_this_run()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [f"process {pid}: {words[:200]}" for pid, words in found.items()]


def _processes_of_this_run() -> dict[int, str]:
    """Process ids and command lines, by the mark in their environment."""
    mark = f"{SESSION_VARIABLE}={_prefix}".encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            ours = mark in (entry / "environ").read_bytes().split(b"\0")
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:  # gone meanwhile, or another user's
            continue
        if ours and words and int(entry.name) != os.getpid():
            found[int(entry.name)] = words
    return found


def _stray_objects() -> list[str]:
    """Objects of this run's classrooms on the Docker engine; they are removed."""
    if docker_missing():
        return []
    import docker

    strays: list[str] = []
    client = docker.from_env()
    try:
        filters = {"label": "io.workshop.tool=workshop"}
        for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
            if container.labels.get("io.workshop.classroom", "").startswith(_prefix):
                strays.append(f"container {container.name}")
                container.remove(force=True, v=True)
        for network in client.networks.list(filters=filters):
            if (network.attrs.get("Labels") or {}).get("io.workshop.classroom", "").startswith(_prefix):
                strays.append(f"network {network.name}")
                network.remove()
        for volume in client.volumes.list(filters=filters):
            if (volume.attrs.get("Labels") or {}).get("io.workshop.classroom", "").startswith(_prefix):
                strays.append(f"volume {volume.name}")
                volume.remove(force=True)
        for image in client.api.images(filters=filters):
            if (image["Labels"] or {}).get("io.workshop.workshop", "").startswith(_prefix):
                strays.append(f"image {', '.join(image['RepoTags'] or ()) or image['Id']}")
                client.images.remove(image["Id"], force=True)
    finally:
        client.close()
    return strays
