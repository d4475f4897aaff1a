"""The command that a seat runs, for each UI. Pure: classroom and number in, command out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import quote

from workshop.model.classroom import DATA_OPTION, OWN_SERVER_OPTION, Classroom, Ui
from workshop.model.data_file import DATA_PATH, DATA_VARIABLE
from workshop.model.seat import SeatCommand

PORT = 8888
"""The port that Binder's images promise."""

_TRIMMED = {"jupyter_lsp": False, "notebook_shim": False, "jupyterlab": True, "jupyter_server_terminals": True}
"""Server extensions of a start that nobody misses; only named ones are switched (0.1 CPU-seconds a seat)."""


def seat_command(classroom: Classroom, number: int) -> SeatCommand:
    """What is run in seat `number`, and how its server is known to be ready."""
    command = _ui_command(classroom, number)
    if not classroom.option(DATA_OPTION):
        return command
    return replace(command, env=(*command.env, (DATA_VARIABLE, DATA_PATH)))


def _ui_command(classroom: Classroom, number: int) -> SeatCommand:
    base = classroom.seat_path(number)
    token = classroom.token(number)
    match classroom.ui:
        case Ui.VSCODE:
            return SeatCommand(
                argv=(
                    "code-server", "--auth", "none", "--bind-addr", "{host}:{port}", "--disable-telemetry",
                    "--disable-update-check", "--disable-workspace-trust", ".",
                ),
                port=PORT,
                ready_path="/healthz",
                env=(("CS_DISABLE_GETTING_STARTED_OVERRIDE", "1"),),
                strips_prefix=True,
            )  # fmt: skip
        case Ui.WEB if classroom.option(OWN_SERVER_OPTION):
            return SeatCommand(
                argv=(), port=PORT, ready_path=web_path(classroom), env=(("PORT", str(PORT)),), strips_prefix=True
            )
        case Ui.NOTEBOOK:
            program, app, default = "jupyter-notebook", "JupyterNotebookApp", "/tree"
        case Ui.RSTUDIO:
            program, app, default = "jupyter-server", "", "/rstudio/"
        case Ui.WEB:
            program, app, default = "jupyter-server", "", web_path(classroom)
        case _:
            program, app, default = "jupyter-lab", "LabApp", "/lab"
    landing = default_url(classroom, default)
    return SeatCommand(
        argv=(program, *_jupyter_flags(base, landing, app=app, trimmed=classroom.ui is Ui.LAB)),
        port=PORT,
        ready_path=_ready_path(classroom, base, default),
        token=token,
        env=(("JUPYTER_TOKEN", token),),
    )


def _ready_path(classroom: Classroom, base: str, default: str) -> str:
    """What answers when the UI itself is there: for what Jupyter starts on demand, its own first page."""
    own_page = classroom.ui is Ui.RSTUDIO or (classroom.ui is Ui.WEB and default != "/")
    return base + (default.lstrip("/") if own_page else "api/status")


def web_path(classroom: Classroom) -> str:
    """Where a web app answers: `open`, below the seat's address."""
    return "/" + classroom.open_path.lstrip("/")


def _jupyter_flags(base: str, default: str, *, app: str, trimmed: bool) -> tuple[str, ...]:
    """
    Args:
        app: the server's extension whose own landing page would win over the server's.
    """
    flags = [
        "--ServerApp.ip={host}",
        "--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.open_browser=False",
        f"--ServerApp.base_url={base}",
        f"--ServerApp.default_url={default}",
        "--ServerApp.allow_remote_access=True",
        "--ServerApp.trust_xheaders=True",
        "--ServerApp.quit_button=False",
        "--ServerApp.allow_root=True",  # the process runtime's seats run as whoever calls it
    ]
    if app:
        flags.append(f"--{app}.default_url={default}")
    if trimmed:
        flags += [
            f"--ServerApp.jpserver_extensions={json.dumps(_TRIMMED).replace('true', 'True').replace('false', 'False')}",
            "--LabApp.extension_manager=readonly",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
    return tuple(flags)


def default_url(classroom: Classroom, default: str) -> str:
    """Where a participant lands, below the seat's path: the workshop's file if it names one."""
    if not classroom.open_path or classroom.ui in (Ui.WEB, Ui.RSTUDIO, Ui.VSCODE):
        return default
    path = quote(classroom.open_path)
    if classroom.ui is Ui.LAB:
        return f"{default}/tree/{path}"
    kind = PurePosixPath(classroom.open_path).suffix
    return f"/notebooks/{path}" if kind == ".ipynb" else f"/edit/{path}" if kind else f"/tree/{path}"
