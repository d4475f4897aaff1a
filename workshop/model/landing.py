"""Where a participant lands in a UI that is told by the browser's address, not by its server's command."""

from __future__ import annotations

import json
import posixpath
from urllib.parse import quote

from workshop.model.classroom import Classroom, Ui

HOME = "/home/jovyan"
"""The home folder of seats whose image has VS Code."""


def landing_query(classroom: Classroom, host: str) -> str:
    """What the address of a seat's UI says of the file to open; empty for UIs whose server knows it.

    Args:
        host: the host and port that the browser uses, which VS Code takes for the name of its remote machine.
    """
    if classroom.ui is not Ui.VSCODE or not classroom.open_path:
        return ""
    file = posixpath.join(HOME, classroom.open_path)
    payload = [["openFile", f"vscode-remote://{host}{quote(file)}"]]
    return f"payload={quote(json.dumps(payload))}"
