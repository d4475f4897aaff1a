"""What VS Code loses without https is said before its links are."""

from __future__ import annotations

import pytest

from workshop.model.classroom import Door, Ui
from workshop.model.definition import AccessPart, WorkshopDefinition
from workshop.service.plain_http import plain_http_problem


@pytest.mark.parametrize(
    ("door", "warned"),
    [
        (Door("192.168.1.20", 8080), True),
        (Door("192.168.1.20", 8443, tls=True), False),
        (Door("192.168.1.20", 8080, public_url="https://class.example.org"), False),
        (Door("127.0.0.1", 8080), False),
        (None, True),
    ],
)
def test_vs_code_wants_https_or_the_browsers_own_machine(door: Door | None, *, warned: bool) -> None:
    problem = plain_http_problem(WorkshopDefinition(title="Web", ui=Ui.VSCODE), door)
    assert (problem is not None) is warned
    if problem is not None:
        assert problem.level == "warning"
        assert "access.certificate" in problem.hint


def test_other_uis_and_workshops_with_a_certificate_or_tunnel_are_not_warned_of() -> None:
    plain = Door("192.168.1.20", 8080)
    assert plain_http_problem(WorkshopDefinition(title="Web", ui=Ui.LAB), plain) is None
    for access in (AccessPart(certificate="c.pem", key="k.pem"), AccessPart(tunnel="t {port}")):
        assert plain_http_problem(WorkshopDefinition(title="Web", ui=Ui.VSCODE, access=access), plain) is None
