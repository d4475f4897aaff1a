"""The command that a seat runs, for each UI. Pure: classroom and number in, command out."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import quote

from workshop.model.classroom import DATA_OPTION, Classroom, Ui
from workshop.model.data_file import DATA_PATH, DATA_VARIABLE
from workshop.model.seat import SeatCommand

PORT = 8888
"""The port that Binder's images promise."""

_TRIMMED = {"jupyter_lsp": False, "notebook_shim": False, "jupyterlab": True, "jupyter_server_terminals": True}
"""Server extensions of a start that nobody misses; only named ones are switched (research: 0.1 CPU-seconds a seat)."""
AUTOSAVE_SECONDS = 10


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
        case Ui.NOTEBOOK:
            program, default = "jupyter-notebook", "/tree"
        case Ui.RSTUDIO:
            program, default = "jupyter-server", "/rstudio/"
        case Ui.WEB:
            program, default = "jupyter-server", classroom.open_path or "/"
        case _:
            program, default = "jupyter-lab", "/lab"
    return SeatCommand(
        argv=(program, *_jupyter_flags(base, default_url(classroom, default), trimmed=classroom.ui is Ui.LAB)),
        port=PORT,
        ready_path=f"{base}api/status" if classroom.ui is not Ui.RSTUDIO else f"{base}rstudio/",
        token=token,
        env=(("JUPYTER_TOKEN", token),),
    )


def _jupyter_flags(base: str, default: str, *, trimmed: bool) -> tuple[str, ...]:
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
    return (
        f"{default}/tree/{quote(classroom.open_path)}"
        if classroom.ui is Ui.LAB
        else f"/notebooks/{quote(classroom.open_path)}"
    )
