"""What is there and what is missing on this machine."""

from __future__ import annotations

from dataclasses import asdict

import click

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import runtime_option, verb
from workshop.cli.session import Session


@verb("doctor")
@click.argument("file", metavar="[FILE]", required=False, default="")
@click.option("--rbac", is_flag=True, help="Print the smallest role that classes on a cluster need, as manifests.")
@runtime_option
def doctor_command(session: Session, file: str, *, rbac: bool) -> int:
    """What is there and what is missing on this machine. Exit code 1 when something is missing.

    FILE is a workshop whose cluster is meant; without it that of the current folder, if there is one.
    """
    if rbac:
        return _roles(session, file)
    with session.talk() as talk:
        findings = talk.run(talk.service.doctor(file))
    session.output.document({"findings": [asdict(finding) for finding in findings]})
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        session.output.text(f"{'ok     ' if finding.ok else 'missing'}  {finding.name:<{width}}  {finding.text}")
        if finding.hint and not finding.ok:
            session.output.text(f"{'':<{width + 11}}{finding.hint}")
    return ExitCode.DONE if all(finding.ok for finding in findings) else ExitCode.FAILED


def _roles(session: Session, file: str) -> int:
    """For the administrator of a cluster, who fills in the subject's name and applies it."""
    import yaml

    with session.talk() as talk:
        roles = talk.run(talk.service.roles(file))
    session.output.document({"manifests": list(roles)})
    if not session.output.as_json:
        session.output.raw(yaml.safe_dump_all(map(dict, roles), sort_keys=False))
    return ExitCode.DONE
