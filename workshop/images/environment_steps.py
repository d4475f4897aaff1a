"""The steps that make an environment of this machine, told as they happen."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from workshop.engines.command import run_command
from workshop.images.build_progress import KEEP_LINES
from workshop.images.context import ALWAYS_IGNORED, local_uv
from workshop.images.failure import FailedBuild, explain
from workshop.images.index_settings import index_environment
from workshop.images.installs import Install, InstallPlan
from workshop.images.links import redact
from workshop.images.recipe import jupyter_packages, wanted_python
from workshop.images.recipe_files import EXCLUDED, read_ca_bundle, shipped
from workshop.images.recipe_ui import ui_packages
from workshop.images.repository_files import has_windows_lines
from workshop.model.events import LogLine, StepFinished, StepStarted
from workshop.ports.build import BuildRequest, Report

POST_BUILD_TIMEOUT = 3600.0


class EnvironmentSteps:
    """Makes one environment.

    Args:
        folder: new and empty; `venv/` and `repo/` are made in it.
        bytecode: where compiled packages are kept for the next environment.
    """

    def __init__(
        self, request: BuildRequest, plan: InstallPlan, folder: Path, report: Report, *, bytecode: Path
    ) -> None:
        self._request = request
        self._plan = plan
        self._folder = folder
        self._report = report
        self._bytecode = bytecode
        self._lines: deque[str] = deque(maxlen=KEEP_LINES)
        self._uv = str(local_uv())
        self._venv = folder / "venv"
        self._repo = folder / "repo"
        self._deps = folder / "deps"

    async def run(self) -> tuple[str, ...]:
        """Carry out all steps; what is installed at their end.

        Raises:
            BuildFailed: one of them failed.
        """
        detected = self._request.detected
        steps: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("copying the repository", self._copy),
            ("making the environment", self._make_venv),
            ("installing JupyterLab", self._install_jupyter),
        ]
        if more := ui_packages(self._request.ui):
            steps.append((f"installing {', '.join(more)}", lambda: self._call_uv("pip", "install", *more)))
        for install in (*self._plan.before_code, *self._plan.after_code):
            steps.append((install.title, lambda install=install: self._install(install)))  # type: ignore[misc]
        if detected.post_build:
            steps.append(("running postBuild", self._post_build))
        steps.append(("compiling the packages", self._compile))
        for number, (title, step) in enumerate(steps, start=1):
            await self._step(number, len(steps), title, step)
        listing = await run_command((self._uv, "pip", "freeze", "--quiet"), env=self._environment())
        return tuple(line for line in listing.output.splitlines() if line and not line.startswith("#"))

    async def _step(self, number: int, total: int, title: str, step: Callable[[], Awaitable[object]]) -> None:
        started = time.monotonic()
        self._lines.clear()
        self._report(StepStarted(f"step-{number}", title, number, total))
        self._id = f"step-{number}"
        try:
            await step()
        except _StepFailed as error:
            raise explain(self._failed(title)) from error
        except OSError as error:
            self._lines.append(f"{error.strerror}: {error.filename}" if error.strerror else str(error))
            raise explain(self._failed(title)) from error
        self._report(StepFinished(f"step-{number}", title, time.monotonic() - started))

    def _failed(self, title: str) -> FailedBuild:
        detected = self._request.detected
        wanted = detected.python or detected.python_range
        where = next((name for name in detected.files if name.endswith(("runtime.txt", "pyproject.toml"))), "")
        return FailedBuild(
            lines=list(self._lines),
            step=title,
            python=f"Python {wanted}" + (f" ({where})" if where else "") if wanted else "",
            on_engine=False,
        )

    async def _copy(self) -> None:
        # A real copy: postBuild and seats may write into it, and a link would change the checkout.
        ignore = shutil.ignore_patterns(".git")
        await asyncio.to_thread(shutil.copytree, self._request.source.folder, self._repo, symlinks=True, ignore=ignore)
        for name in ALWAYS_IGNORED:
            if (self._repo / name).is_file():
                (self._repo / name).unlink()
        self._deps.mkdir()
        for name, text in self._plan.files.items():
            (self._deps / name).write_text(text, encoding="utf-8")
        (self._deps / "excludes.txt").write_text("\n".join(EXCLUDED) + "\n", encoding="utf-8")
        if self._request.settings.ca_bundle:
            (self._deps / "ca.crt").write_bytes(trusted_here() + read_ca_bundle(self._request.settings.ca_bundle))

    async def _make_venv(self) -> None:
        wanted = wanted_python(self._request.detected)
        python = wanted if wanted != "3" else own_python()
        await self._call_uv("venv", "--quiet", "--python", python, str(self._venv))

    async def _install_jupyter(self) -> None:
        await self._call_uv("pip", "install", *jupyter_packages(self._request.detected))
        settings = self._venv / "share" / "jupyter" / "lab" / "settings"
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "overrides.json").write_bytes(shipped("overrides.json"))

    async def _install(self, install: Install) -> None:
        words = [word.replace("{deps}", str(self._deps)) for word in install.arguments]
        await self._call_uv(*words, cwd=self._deps if install.where == "deps" else self._repo)

    async def _compile(self) -> None:
        """Each version of a package once for all environments of this machine: uv links them to the same files."""
        python = str(self._venv / "bin" / "python")
        site = next((self._venv / "lib").glob("python*/site-packages"))
        script = self._deps / "compile_packages.py"
        script.write_bytes(shipped(script.name))
        if await self._call((python, str(script), str(site), str(self._bytecode)), cwd=self._deps):
            raise _StepFailed

    async def _post_build(self) -> None:
        script = self._repo / self._request.detected.post_build
        if has_windows_lines(script):
            script.write_bytes(script.read_bytes().replace(b"\r\n", b"\n"))
        script.chmod(script.stat().st_mode | 0o111)
        # By a shell, as in an image: it runs a file without a `#!` line itself.
        code = await self._call(("sh", "-c", '"$0"', str(script)), cwd=self._repo, timeout=POST_BUILD_TIMEOUT)
        if code:
            self._lines.append(f"workshop: postBuild: {self._request.detected.post_build} ended with exit code {code}")
            raise _StepFailed

    async def _call_uv(self, *words: str, cwd: Path | None = None) -> None:
        if await self._call((self._uv, *words), cwd=cwd or self._deps):
            raise _StepFailed

    async def _call(self, argv: tuple[str, ...], *, cwd: Path, timeout: float | None = None) -> int:
        result = await run_command(
            argv, env=self._environment(), cwd=str(cwd), on_line=self._take, timeout=timeout, keep_lines=100
        )
        return result.exit_code

    def _take(self, line: str) -> None:
        if line.strip():
            clean = redact(line.rstrip())
            self._lines.append(clean)
            self._report(LogLine(clean, self._id))

    def _environment(self) -> dict[str, str]:
        """What installers and postBuild see: this machine's settings, the repository as home, as on Binder."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT")
        }
        own = {
            "PATH": f"{self._venv / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "VIRTUAL_ENV": str(self._venv),
            "UV_PROJECT_ENVIRONMENT": str(self._venv),
            "UV_EXCLUDE": str(self._deps / "excludes.txt"),
            "UV_NO_PROGRESS": "1",
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(_uv_cache()),
            "HOME": str(self._repo),
            "REPO_DIR": str(self._repo),
            "SETUPTOOLS_SCM_PRETEND_VERSION": "0.0.0",
            "PBR_VERSION": "0.0.0",
        }
        settings = self._request.settings
        if settings.ca_bundle:
            bundle = str(self._deps / "ca.crt")
            own |= {"SSL_CERT_FILE": bundle, "PIP_CERT": bundle, "REQUESTS_CA_BUNDLE": bundle}
        return inherited | own | index_environment(settings)


class _StepFailed(Exception):
    """A command of a step ended with an error; what it said is in the lines."""


def own_python() -> str:
    """The interpreter that this program runs on, not its virtual environment's link to it."""
    return getattr(sys, "_base_executable", "") or sys.executable


def trusted_here() -> bytes:
    """The certificates this machine trusts, so that a company's are added to them and do not replace them."""
    paths = ssl.get_default_verify_paths()
    path = Path(paths.cafile or paths.openssl_cafile)
    return path.read_bytes() + b"\n" if path.is_file() else b""


def _uv_cache() -> Path:
    """uv's own place under the user's home, which the environment's `HOME` would hide."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
