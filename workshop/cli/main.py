"""The command `workshop`: its verbs, and what becomes of everything that can go wrong below them."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Sequence

import click

from workshop import __version__
from workshop.cli.diagnostics import Diagnostics, ExitCode, as_document
from workshop.cli.lazy import LazyGroup
from workshop.cli.output import Output
from workshop.cli.session import OpenTerminalUi, Session
from workshop.cli.verbs import SECTIONS
from workshop.errors import Interrupted, NoTerminal, UsageError, WorkshopError

ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""Being told to end, and the loss of the terminal: as Ctrl-C, so that nothing is left half-made."""
EPILOG = (
    "FILE is a workshop.yaml, a folder holding one, a Git URL or a mybinder.org link. "
    "Every verb takes --json: one JSON document on standard output, nothing else there.\n\n"
    "Exit codes: 0 done, 1 the work failed, 2 usage or definition, 3 runtime not reachable, 4 partly done, "
    "130 interrupted.\n\n"
    'Completion of verbs: eval "$(_WORKSHOP_COMPLETE=bash_source workshop)" (or zsh_source, fish_source).'
)


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    package="workshop.cli.commands",
    invoke_without_command=True,
    no_args_is_help=False,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", prog_name="workshop", message="%(prog)s %(version)s")
@click.option("--read-only", is_flag=True, help="Open the terminal UI without anything that changes a class.")
@click.option("--json", is_flag=True, expose_value=False, hidden=True)
@click.option("--no-color", is_flag=True, expose_value=False, help="No colour, as with the variable NO_COLOR.")
@click.pass_context
def workshop_command(context: click.Context, *, read_only: bool) -> int | None:
    """Seats for a hands-on class, from a Binder repository, without participant accounts.

    `workshop` alone opens the terminal UI; each verb works without it.
    """
    session: Session = context.obj
    if context.invoked_subcommand is not None:
        if read_only:
            raise UsageError("--read-only is for the terminal UI.", hint="Leave it out, or leave the verb out.")
        return None
    if session.output.as_json:
        raise UsageError("--json belongs to a verb.", hint="`workshop list --json`, say.")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NoTerminal(
            "The terminal UI needs a terminal, and standard input or output is none.",
            hint="Use a verb: `workshop --help` lists them.",
        )
    return session.show(start=None, read_only=read_only)


def run(words: Sequence[str], *, open_terminal_ui: OpenTerminalUi) -> int:
    """Carry out one call of `workshop`; its exit code. Raises nothing.

    Args:
        words: what stands after the program's name.
        open_terminal_ui: shows the terminal UI on a service until it is left.
    """
    before_dashes = list(words)[: list(words).index("--")] if "--" in words else list(words)
    if "--no-color" in before_dashes:
        os.environ["NO_COLOR"] = "1"
    session = Session(
        output=Output(as_json="--json" in before_dashes),
        diagnostics=Diagnostics(),
        open_terminal_ui=open_terminal_ui,
    )
    try:
        return _run(session, words)
    except BrokenPipeError:
        # Whoever reads the result has gone (`workshop list | head -1`); keep the interpreter's last flush quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED


def _run(session: Session, words: Sequence[str]) -> int:
    before = {number: signal.getsignal(number) for number in ENDINGS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        code = workshop_command.main(args=list(words), prog_name="workshop", standalone_mode=False, obj=session)
        return int(code or ExitCode.DONE)
    except WorkshopError as error:
        return _tell(session, error)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "workshop"
        return _tell(session, UsageError(_sentence(error.format_message()), hint=f"`{path} --help` shows how."))
    except click.ClickException as error:
        return _tell(session, UsageError(_sentence(error.format_message())))
    except (KeyboardInterrupt, click.Abort):
        again = shlex.join(["workshop", *words])
        return _tell(
            session,
            Interrupted("Interrupted.", hint=f"Nothing is lost. The same command finishes what was begun: {again}"),
        )
    except BrokenPipeError:
        raise
    except Exception as error:
        return _tell(session, session.unforeseen(error))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(session: Session, error: WorkshopError) -> int:
    if session.output.as_json and not session.output.written:
        try:
            session.output.document(as_document(error))
        except WorkshopError:  # standard output cannot be written; standard error says what is wrong
            session.diagnostics.error(error)
    else:
        session.diagnostics.error(error)
    return error.exit_code


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", ")")) else f"{text}."
