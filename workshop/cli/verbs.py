"""The verbs and where each one lives. Read by `--help`, which loads none of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: its module below `cli.commands`, and the sentence that `workshop --help` shows."""

    name: str
    module: str
    summary: str


SECTIONS: tuple[tuple[str, tuple[Verb, ...]], ...] = (
    (
        "Before the day",
        (
            Verb("init", "init", "Write a workshop.yaml, also from a mybinder.org link."),
            Verb("check", "check", "Every problem of a workshop; what was detected; will it fit."),
            Verb("build", "build", "Resolve the commit, then build or reuse the image."),
            Verb("rehearse", "rehearse", "Run the notebooks in a seat under its limits."),
            Verb("images", "images", "Images here; `images prune` removes old ones, `export` and `import` carry one."),
        ),
    ),
    (
        "On the day",
        (
            Verb("up", "up", "Open a class: build, gateway, seats. Safe to run again."),
            Verb("list", "list", "Classrooms on every runtime that answers."),
            Verb("status", "status", "Seats of a class: state, link, activity, resources."),
            Verb("links", "links", "Links of a class: text, CSV, Markdown, cards, QR codes."),
            Verb("address", "address", "This machine's addresses; move a class to another one."),
            Verb("roomcheck", "roomcheck", "The page that tests the room's network, and what devices found."),
            Verb("add", "add", "Make more seats."),
            Verb("push", "files", "Give files to all seats; changed copies are kept."),
            Verb("say", "say", "Show a message on every seat's page."),
            Verb("break", "timetable", "A break, in which nobody counts as idle."),
            Verb("extend", "timetable", "Move the end of the class."),
            Verb("events", "events", "What happened in the class so far."),
            Verb("cost", "account", "What it costs, or what share of the machine it takes."),
        ),
    ),
    (
        "One seat, or several",
        (
            Verb("helped", "acts", "Take seats out of the help queue."),
            Verb("visit", "visit", "Open a seat as the instructor; the participant sees it."),
            Verb("label", "acts", "Give a seat a name or a note, for your eyes."),
            Verb("memory", "acts", "Set the memory limit; nothing is restarted."),
            Verb("pause", "acts", "Freeze seats; nothing is lost."),
            Verb("resume", "acts", "Let paused seats go on."),
            Verb("restart", "acts", "Stop and start a seat; its files stay."),
            Verb("reset", "acts", "A fresh seat under the same link; files are archived."),
            Verb("move", "acts", "A new seat under the same link, with the same files."),
            Verb("free", "acts", "Take seats from their browsers, for the next to come."),
            Verb("snapshots", "snapshots", "Copies of participants' files, taken meanwhile."),
            Verb("restore", "snapshots", "Put files of a snapshot back into a seat."),
            Verb("logs", "logs", "What a seat's server printed."),
            Verb("shell", "shell", "A shell in a seat."),
        ),
    ),
    (
        "The end",
        (
            Verb("collect", "files", "Fetch the work in the seats."),
            Verb("report", "account", "What happened in a class: numbers and plots, no names."),
            Verb("down", "down", "Remove everything of a class, then look again."),
            Verb("cleanup", "cleanup", "Remove what classes left behind, from labels alone."),
        ),
    ),
    (
        "The house",
        (
            Verb("demo", "demo", "Open a sample workshop on this machine and show it."),
            Verb("doctor", "doctor", "What is there and what is missing on this machine."),
            Verb("paths", "paths", "Where files are kept, and where each setting comes from."),
            Verb("schema", "schema", "The JSON Schema of workshop.yaml, for editors."),
        ),
    ),
)

VERBS: dict[str, Verb] = {verb.name: verb for _, verbs in SECTIONS for verb in verbs}
