"""This machine's addresses, and which of them a class uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import WholeNumber, _names_there_are, runtime_option, verb
from workshop.cli.session import Session

if TYPE_CHECKING:
    from workshop.service.reports import AddressReport


@verb("address")
@runtime_option
@click.argument("name", metavar="[NAME]", default="", shell_complete=_names_there_are)
@click.argument("address", metavar="[ADDRESS]", default="")
@click.option("--port", type=WholeNumber(1, 65535), help="Another port too; the same one by default, if it is free.")
@click.option("--allow-public", is_flag=True, help="A public address without https all the same.")
def address_command(session: Session, name: str, address: str, *, port: int | None, allow_public: bool) -> int:
    """This machine's addresses. With NAME, which of them a class uses; with ADDRESS too, the class moves there.

    Links and QR codes are issued anew for that address: those from before lead nowhere. Seats go on.
    """
    with session.talk() as talk:
        if address:
            report = talk.run(talk.service.move_door(name, address, port=port, allow_public=allow_public))
        else:
            report = talk.run(talk.service.addresses(name))
    session.output.document(_document(report))
    session.output.text(_table(report))
    room = report.classroom
    if room is not None:
        session.output.text(f"{room.name}: students come in at {room.join_url()}")
        if report.lost and not room.door.public_url:
            session.diagnostics.warning(
                f"This machine has no address {room.door.host} now: nobody comes in. "
                f"`workshop address {room.name} ADDRESS` moves the class."
            )
        elif address:
            session.output.text("Links and QR codes are new: show them again, `workshop links` has them.")
    return ExitCode.DONE


def _table(report: AddressReport) -> str:
    from workshop.present.tables import table

    rows = [["*" if one.used else "", one.ip, one.sentence] for one in report.addresses]
    return table(["", "Address", "What it is"], rows)


def _document(report: AddressReport) -> dict[str, object]:
    room = report.classroom
    return {
        "classroom": room.name if room else None,
        "join": room.join_url() if room else None,
        "addresses": [
            {
                "address": one.ip,
                "interface": one.interface,
                "kind": one.kind,
                "default_route": one.default_route,
                "used": one.used,
            }
            for one in report.addresses
        ],
    }
