"""The command of a seat, and where a participant lands, for each UI."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from workshop.core.launch import seat_command
from workshop.model.classroom import DATA_OPTION, OWN_SERVER_OPTION, Classroom, Door, Ui
from workshop.model.data_file import DATA_PATH, DATA_VARIABLE
from workshop.model.landing import landing_query

ROOM = Classroom(
    name="lab", uid="u", key="00" * 32, workshop="Lab", runtime="docker", image="sha256:1", commit="c", seats=2,
    door=Door("10.0.0.1", 8080), created=datetime(2026, 3, 1, tzinfo=UTC), open_path="lessons/first one.ipynb",
)  # fmt: skip


@pytest.mark.parametrize(
    ("ui", "program", "landing"),
    [
        (Ui.LAB, "jupyter-lab", "--LabApp.default_url=/lab/tree/lessons/first%20one.ipynb"),
        (Ui.NOTEBOOK, "jupyter-notebook", "--JupyterNotebookApp.default_url=/notebooks/lessons/first%20one.ipynb"),
    ],
)
def test_jupyter_opens_the_workshops_file_by_the_setting_that_its_own_page_heeds(
    ui: Ui, program: str, landing: str
) -> None:
    command = seat_command(replace(ROOM, ui=ui), 1)
    assert command.argv[0] == program
    assert landing in command.argv
    assert command.ready_path == "/seat/01/api/status"


@pytest.mark.parametrize(
    ("path", "place"),
    [("lesson.ipynb", "/notebooks/lesson.ipynb"), ("data/readme.md", "/edit/data/readme.md"), ("data", "/tree/data")],
)
def test_notebook_7_shows_notebooks_files_and_folders_each_in_its_own_place(path: str, place: str) -> None:
    command = seat_command(replace(ROOM, ui=Ui.NOTEBOOK, open_path=path), 1)
    assert f"--JupyterNotebookApp.default_url={place}" in command.argv


def test_a_web_app_is_ready_when_its_own_page_answers() -> None:
    command = seat_command(replace(ROOM, ui=Ui.WEB, open_path="hello/"), 2)
    assert command.ready_path == "/seat/02/hello/"
    assert "--ServerApp.default_url=/hello/" in command.argv


def test_a_dockerfiles_own_web_app_is_run_as_the_image_says_and_knows_no_prefix() -> None:
    room = replace(ROOM, ui=Ui.WEB, open_path="").with_options(**{OWN_SERVER_OPTION: "own"})
    command = seat_command(room, 1)
    assert command.argv == ()
    assert (command.ready_path, command.strips_prefix, command.token) == ("/", True, "")
    assert dict(command.env)["PORT"] == "8888"


def test_rstudio_is_ready_when_rstudio_answers() -> None:
    assert seat_command(replace(ROOM, ui=Ui.RSTUDIO), 1).ready_path == "/seat/01/rstudio/"


def test_vs_code_opens_the_workshops_file_by_the_address_of_its_frame() -> None:
    room = replace(ROOM, ui=Ui.VSCODE)
    assert seat_command(room, 1).ready_path == "/healthz"
    query = unquote(landing_query(room, "10.0.0.1:8080"))
    assert query == 'payload=[["openFile", "vscode-remote://10.0.0.1:8080/home/jovyan/lessons/first%20one.ipynb"]]'
    assert landing_query(replace(room, open_path=""), "10.0.0.1:8080") == ""
    assert landing_query(ROOM, "10.0.0.1:8080") == ""


def test_seats_with_data_are_told_where_it_is() -> None:
    assert DATA_VARIABLE not in dict(seat_command(ROOM, 1).env)
    assert dict(seat_command(ROOM.with_options(**{DATA_OPTION: "0123"}), 1).env)[DATA_VARIABLE] == DATA_PATH
