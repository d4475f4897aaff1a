"""Where files are kept, and where each setting comes from."""

from __future__ import annotations

import os

from workshop.cli.diagnostics import ExitCode
from workshop.cli.options import verb
from workshop.cli.session import Session
from workshop.config.paths import paths
from workshop.config.settings import Origin, Setting, settings, unknown_variables


@verb("paths")
def paths_command(session: Session) -> int:
    """Where files are kept, and where each setting comes from.

    A setting comes from a flag, else the environment, else the workshop's file, else the configuration file, else
    its default. `--set NAME=VALUE` shows what a flag would change.
    """
    places = paths(session.flags)
    given = settings(session.flags, places=places).given
    strangers = unknown_variables(os.environ)
    session.output.document(
        {
            "paths": {name: str(path) for name, path in places.named()},
            "settings": [
                {
                    "name": setting.name,
                    "value": setting.value,
                    "origin": setting.origin.value,
                    "source": setting.source,
                    "variable": setting.variable,
                    "help": setting.help,
                }
                for setting in given
            ],
            "warnings": [f"{problem.path}: {problem.message} {problem.hint}" for problem in strangers],
        }
    )
    named = places.named()
    width = max(len(name) for name, _ in named)
    for name, path in named:
        session.output.text(f"{name:<{width}}  {path}{'' if path.exists() else '  (not there yet)'}")
    session.output.text("")
    width = max(len(setting.name) for setting in given)
    values = max(len(str(setting.value)) for setting in given)
    for setting in given:
        session.output.text(f"{setting.name:<{width}}  {str(setting.value) or '-':<{values}}  {_origin(setting)}")
    for problem in strangers:
        session.diagnostics.warning(f"{problem.path}: {problem.message} {problem.hint}")
    return ExitCode.DONE


def _origin(setting: Setting) -> str:
    if setting.origin is Origin.DEFAULT:
        return f"default; {setting.variable} sets it"
    return f"{setting.origin.value}: {setting.source}"
