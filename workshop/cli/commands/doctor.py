"""What is there and what is missing on this machine."""

from __future__ import annotations

from dataclasses import asdict

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import verb
from workshop.cli.session import Session


@verb("doctor")
def doctor_command(session: Session) -> int:
    """What is there and what is missing on this machine. Exit code 1 when something is missing."""
    with session.talk() as talk:
        findings = talk.run(talk.service.doctor())
    session.output.document({"findings": [asdict(finding) for finding in findings]})
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        session.output.text(f"{'ok     ' if finding.ok else 'missing'}  {finding.name:<{width}}  {finding.text}")
        if finding.hint and not finding.ok:
            session.output.text(f"{'':<{width + 11}}{finding.hint}")
    return ExitCode.DONE if all(finding.ok for finding in findings) else ExitCode.FAILED
