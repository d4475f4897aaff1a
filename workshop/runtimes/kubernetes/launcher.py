"""The shell that runs a seat in its pod, and the small file that tells it which seat it is.

All pods come from one template, so what differs between seats (token, path) is a file of the seats' Secret, mounted
by `subPathExpr`. What all seats have in common is one script beside it: a thousand seats stay far below the 1 MiB
that a Secret may hold.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from workshop.model.seat import SeatCommand, seat_name

LAUNCH_KEY = "launch"
"""The key of the seats' Secret with the script."""
LAUNCH_PATH = "/run/workshop/launch"
SEAT_PATH = "/run/workshop/seat"
STATE_PATH = "/run/workshop/state"
VOLUME_PATH = "/run/workshop/volume"
"""Where the container that fills the home folder sees the whole volume."""

_SCRIPT = r"""#!/bin/sh
# Runs one seat of a class: the server, started again when asked to, stopped when asked to.
state=@STATE@
volume=@VOLUME@
. @SEAT_FILE@
export SEAT_NUMBER

serve() {
@SERVE@
}

signal_server() {
  [ -s "$state/server" ] || return 0
  pid=$(cat "$state/server")
  kill -CONT "$pid" 2>/dev/null
  kill -TERM "$pid" 2>/dev/null || return 0
  left=8
  while kill -0 "$pid" 2>/dev/null; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { kill -KILL "$pid" 2>/dev/null; break; }
    sleep 1
  done
}

wake() {
  left=10
  until [ -s "$state/server" ] || [ "$left" -eq 0 ]; do
    : 1<>"$state/control"
    left=$((left - 1))
    sleep 1
  done
}

# Every process of the pod but the first; refused anywhere but in a pod, where it would be every process there is.
signal_all() {
  [ -n "$KUBERNETES_SERVICE_HOST" ] || exit 71
  kill -"$1" -1
}

run_seat() {
  if [ "$SEAT_PARKED" = 1 ]; then
    trap 'exit 0' TERM
    sleep 60 & wait $!
    exit 0
  fi
  cd "$SEAT_HOME" || exit 72
  [ -p "$state/control" ] || mkfifo "$state/control" || exit 73
  rm -f "$state/restart" "$state/server"
  ending=
  server=
  trap 'ending=1; [ -z "$server" ] || { kill -CONT "$server"; kill -TERM "$server"; }' TERM INT
  while [ -z "$ending" ]; do
    if [ -e "$state/stopped" ]; then
      cat "$state/control" >/dev/null & reader=$!
      wait "$reader"
      kill "$reader" 2>/dev/null
      continue
    fi
    rm -f "$state/restart"
    ( serve ) &
    server=$!
    echo "$server" >"$state/server"
    wait "$server"; code=$?
    while kill -0 "$server" 2>/dev/null; do wait "$server"; code=$?; done
    server=
    rm -f "$state/server"
    [ -e "$state/restart" ] || [ -e "$state/stopped" ] || [ -n "$ending" ] || exit "$code"
  done
  exit 0
}

case "${1-run}" in
  run) run_seat ;;
  fill)
    [ "$SEAT_PARKED" = 1 ] && exit 0
    [ -e "$volume/state/filled" ] && exit 0
    mkdir -p "$volume/home" "$volume/state" && cd "$SEAT_HOME" || exit 1
    tar -cf - . | tar -xf - -C "$volume/home" --no-same-owner && : >"$volume/state/filled" ;;
  restart) [ -e "$state/stopped" ] && { rm -f "$state/stopped"; wake; exit 0; }
    : >"$state/restart"
    signal_server ;;
  stop) : >"$state/stopped"
    [ -s "$state/server" ] || sleep 1
    signal_server ;;
  start)
    [ -e "$state/stopped" ] || exit 0
    rm -f "$state/stopped"
    wake ;;
  pause) signal_all STOP ;;
  resume) signal_all CONT ;;
  *) echo "launch: unknown word $1" >&2; exit 2 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class SeatFiles:
    """The values of the seats' Secret."""

    launch: str
    seats: Mapping[int, str]


def seat_files(
    commands: Mapping[int, SeatCommand], *, home: str, generations: Mapping[int, int], common: str = ""
) -> SeatFiles:
    """The script that all seats share, and each seat's own file.

    Args:
        common: the script that is in use already; seats whose command it does not fit bring their own.
    """
    scripts = {number: _serve(number, command) for number, command in commands.items()}
    first = next(iter(scripts.values()), "  exit 64")
    launch = common or launch_script(first)
    serve = _serve_of(launch)
    seats = {}
    for number, command in commands.items():
        lines = [
            f"SEAT_NUMBER={number}",
            f"SEAT_GENERATION={generations.get(number, 1)}",
            f"SEAT_PREFIX=/seat/{seat_name(number)}/",
            f"SEAT_TOKEN={shlex.quote(command.token)}",
            f"SEAT_HOME={shlex.quote(home)}",
        ]
        if scripts[number] != serve:
            lines += ["SEAT_SERVE=own", "own_serve() {", scripts[number], "}"]
        seats[number] = "\n".join(lines) + "\n"
    return SeatFiles(launch, seats)


PARKED = "SEAT_PARKED=1\n"
"""The file of a number between others that was removed: its pod waits and serves nothing."""


def launch_script(serve: str) -> str:
    return (
        _SCRIPT.replace("@STATE@", STATE_PATH)
        .replace("@VOLUME@", VOLUME_PATH)
        .replace("@SEAT_FILE@", SEAT_PATH)
        .replace("@SERVE@", f'  [ -z "$SEAT_SERVE" ] || own_serve\n{serve}')
    )


def _serve_of(launch: str) -> str:
    """The lines between `serve() {` and its end, as `_serve` made them."""
    body = launch.split("serve() {\n", 1)[-1].split("\n}\n", 1)[0]
    return body.split("\n", 1)[-1]


def _serve(number: int, command: SeatCommand) -> str:
    """Shell lines that become the seat's server; token and path are left to the seat's own file."""
    known = {f"/seat/{seat_name(number)}/": '"$SEAT_PREFIX"'}
    if command.token:
        known[command.token] = '"$SEAT_TOKEN"'
    lines = [f"  export {name}={_word(value, known)}" for name, value in command.env]
    words = " ".join(_word(part, known) for part in command.arguments("0.0.0.0", command.port))
    return "\n".join([*lines, f"  exec {words}"])


def _word(text: str, known: Mapping[str, str]) -> str:
    """One shell word, quoted, with known values as references to variables."""
    for value, reference in known.items():
        if value in text:
            return reference.join(_word(part, known) if part else "" for part in text.split(value))
    return shlex.quote(text)
