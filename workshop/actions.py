# ruff: noqa: E501 - a table, one action to a line
"""Every action of the terminal UI: one registry for keys, footer, help, palette, user keymap and the page in the docs. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Where an action lives. A screen or widget takes the actions of its scopes."""

    APP = "anywhere"
    TABLE = "tables"
    TEXT = "logs and lists of events"
    HOME = "home"
    NEW = "new workshop"
    PLAN = "plan before opening"
    JOB = "build and other long work"
    CLASS = "classroom"
    SEAT = "seats"
    CODE = "QR codes"
    TEARDOWN = "teardown"
    IMAGES = "images"
    ADDRESSES = "addresses"
    REPORT = "report of a class"


class Danger(StrEnum):
    """What an action may do to a class. With `--read-only` only harmless actions are left."""

    NONE = "harmless"
    CHANGES = "changes"
    LOSES = "loses work"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a user can ask for.

    Keys are names as the terminal library writes them (`ctrl+d`, `question_mark`), most usual first.
    """

    id: str
    title: str
    help: str
    scope: Scope
    keys: tuple[str, ...] = ()
    danger: Danger = Danger.NONE
    footer: str = ""
    """The word in the footer; empty to leave it out. At most six of a screen fit 80 columns."""
    fleeting: bool = False
    """Stands in the footer only while it can be used."""

    @property
    def changes(self) -> bool:
        """Whether read-only sessions go without it."""
        return self.danger is not Danger.NONE


def _a(
    id: str,  # noqa: A002 - the field's own name
    keys: str,
    title: str,
    help: str,  # noqa: A002
    scope: Scope,
    danger: Danger = Danger.NONE,
    footer: str = "",
    *,
    fleeting: bool = False,
) -> Action:
    return Action(id, title, help, scope, tuple(keys.split()), danger, footer, fleeting)


_C, _L = Danger.CHANGES, Danger.LOSES

ACTIONS: tuple[Action, ...] = (
    # Anywhere
    _a("app.help", "question_mark f1", "Help", "The keys of what has focus, of the screen, and everywhere.", Scope.APP, footer="Help"),
    _a("app.palette", "ctrl+p colon", "Command palette", "Every action by name, with the reason where it cannot be used now.", Scope.APP),
    _a("app.back", "escape", "Back", "Clear the filter or the marks first, then leave the screen.", Scope.APP),
    _a("app.refresh", "ctrl+r", "Refresh", "Ask again now instead of waiting for news.", Scope.APP),
    _a("app.theme", "ctrl+t", "Theme", "Choose a theme, each shown while you move over it.", Scope.APP),
    _a("app.jobs", "ctrl+g", "Work in progress", "Builds and other long work of this session, running and finished.", Scope.APP),
    _a("app.problems", "ctrl+o", "Messages of this session", "Every notice that was shown, the newest first.", Scope.APP),
    _a("app.suspend", "ctrl+z", "To the shell", "Stop this program and give the shell back; `fg` goes on. Classrooms go on meanwhile.", Scope.APP),
    _a("app.quit", "q ctrl+q", "Quit", "Leave. Asks only while work is running. Classrooms stay open.", Scope.APP, footer="Quit"),
    # Tables
    _a("table.up", "up k", "Up", "One row up.", Scope.TABLE),
    _a("table.down", "down j", "Down", "One row down.", Scope.TABLE),
    _a("table.first", "home g", "First row", "Go to the first row.", Scope.TABLE),
    _a("table.last", "end G", "Last row", "Go to the last row.", Scope.TABLE),
    _a("table.page_up", "pageup ctrl+u", "Page up", "One page up.", Scope.TABLE),
    _a("table.page_down", "pagedown ctrl+f", "Page down", "One page down.", Scope.TABLE),
    # Logs
    _a("text.search", "slash", "Search", "Find text in these lines; every match is shown.", Scope.TEXT, footer="Search"),
    _a("text.next", "n", "Next match", "Go to the next match.", Scope.TEXT),
    _a("text.previous", "N", "Previous match", "Go to the match before.", Scope.TEXT),
    _a("text.follow", "F", "Follow the end", "Keep the newest line in view.", Scope.TEXT),
    _a("text.up", "up k", "Line up", "One line up.", Scope.TEXT),
    _a("text.down", "down j", "Line down", "One line down.", Scope.TEXT),
    _a("text.left", "left", "To the left", "The beginning of long lines.", Scope.TEXT),
    _a("text.right", "right", "To the right", "More of long lines.", Scope.TEXT),
    _a("text.page_up", "pageup ctrl+u", "Page up", "One page up.", Scope.TEXT),
    _a("text.page_down", "pagedown ctrl+f", "Page down", "One page down.", Scope.TEXT),
    _a("text.first", "home g", "Beginning", "Go to the first line.", Scope.TEXT),
    _a("text.last", "end G", "End", "Go to the last line, and follow it.", Scope.TEXT),
    _a("text.copy", "y", "Copy lines", "Copy all lines to the clipboard.", Scope.TEXT),
    # Home
    _a("home.open", "enter", "Open", "Open the classroom, or the workshop, under the cursor.", Scope.HOME, footer="Open"),
    _a("home.new", "n", "New workshop", "Paste a link or name a folder: see what is in it, choose, save.", Scope.HOME, footer="New"),
    _a("home.up", "u", "Open a classroom", "Show what would be made for this workshop, then make it; or start a class again whose gateway does not run.", Scope.HOME, _C, "Up"),
    _a("home.build", "b", "Build the image", "Build or reuse the image of this workshop.", Scope.HOME, _C, "Build"),
    _a("home.rehearse", "x", "Rehearse", "Run the notebooks of this workshop in a seat under its limits, and remove the seat again.", Scope.HOME, _C),
    _a("home.copy", "c", "Copy", "Copy the classroom's join link, or the workshop's file or link.", Scope.HOME),
    _a("home.projector", "p", "Projector", "The join QR of this classroom, full screen.", Scope.HOME),
    _a("home.down", "ctrl+d", "Tear down", "Show what would be removed, ask for the classroom's name, remove it.", Scope.HOME, _L),
    _a("home.cleanup", "ctrl+k", "Clean up leftovers", "Classrooms past their end or without a gateway: show them, then remove them.", Scope.HOME, _L),
    _a("home.definition", "y d", "Definition", "What the workshop's file says, and where it is.", Scope.HOME),
    _a("home.images", "i", "Images", "The images on this machine, with their sizes.", Scope.HOME),
    _a("home.doctor", "D", "Check this machine", "What is there and what is missing.", Scope.HOME),
    # New workshop
    _a("new.check", "f5", "Check", "Look at the repository again: what was detected, what is wrong, what fits.", Scope.NEW, footer="Check"),
    _a("new.save", "ctrl+s", "Save workshop.yaml", "Write the definition with the choices made here.", Scope.NEW, _C, "Save"),
    _a("new.build", "f6", "Build", "Build the image of this workshop.", Scope.NEW, _C, "Build"),
    _a("new.rehearse", "f8", "Rehearse", "Run the notebooks in a seat under these limits: what fails, how much memory they take.", Scope.NEW, _C, "Rehearse"),
    _a("new.up", "f7", "Open a classroom", "Show what would be made, then make it.", Scope.NEW, _C, "Up"),
    # Plan
    _a("plan.go", "f7", "Open", "Make what the plan says.", Scope.PLAN, _C, "Open it"),
    _a("plan.again", "f5", "Plan again", "Ask again what would be made.", Scope.PLAN, footer="Plan again"),
    # Jobs
    _a("job.open", "enter", "Go on", "Open the classroom, or leave a finished build.", Scope.JOB, footer="Go on"),
    _a("job.cancel", "ctrl+x", "Cancel the work", "Stop it; what was begun is put in order, and the same verb finishes it later.", Scope.JOB, _C, "Cancel"),
    _a("job.again", "f5", "Try again", "Start the same work again.", Scope.JOB, _C, "Again"),
    # Classroom
    _a("class.seats", "1", "Seat table", "Every seat, one line each.", Scope.CLASS),
    _a("class.map", "2", "Seat map", "Every seat as a tile, as they stand in the room.", Scope.CLASS),
    _a("class.help_queue", "3", "Help queue", "Who asked for help, the longest wait first.", Scope.CLASS),
    _a("class.activity", "4", "Activity", "Joined, active and memory over time.", Scope.CLASS),
    _a("class.events", "5", "Events", "What happened in this classroom, newest last.", Scope.CLASS),
    _a("class.next_view", "right_square_bracket", "Next view", "The view after this one.", Scope.CLASS),
    _a("class.previous_view", "left_square_bracket", "View before", "The view before this one.", Scope.CLASS),
    _a("class.filter", "slash", "Filter", "Show only seats that contain a text in any column; ! turns it round.", Scope.CLASS, footer="Filter"),
    _a("class.sort_number", "N", "Sort by seat", "In the order of the seats' numbers.", Scope.CLASS),
    _a("class.sort_state", "S", "Sort by state", "Those in trouble first.", Scope.CLASS),
    _a("class.sort_time", "A", "Sort by last sign of life", "The longest silent first.", Scope.CLASS),
    _a("class.sort_memory", "M", "Sort by memory", "The fullest first.", Scope.CLASS),
    _a("class.projector", "p", "Projector", "The join QR of the room, full screen, with counts.", Scope.CLASS, footer="Project"),
    _a("class.room_check", "T", "Test the room", "The page that tests the room's network from a phone or laptop, its QR code, and what was found.", Scope.CLASS),
    _a("class.addresses", "L", "Addresses", "This machine's addresses; let students in at another one.", Scope.CLASS),
    _a("class.copy_join", "J", "Copy the join link", "Copy the room's link to the clipboard.", Scope.CLASS),
    _a("class.copy_links", "K", "Copy all links", "Copy seat numbers and links, one line each (only marked seats, if there are).", Scope.CLASS),
    _a("class.handouts", "H", "Cards and tables of links", "Printable cards (PDF, HTML), tables (CSV, Markdown) and QR codes, into a folder.", Scope.CLASS),
    _a("class.report", "E", "Report of the class", "Numbers and plots of the class so far, without names, as Markdown and HTML.", Scope.CLASS),
    _a("class.cost", "i", "Cost and room", "What the class costs an hour, so far and at its end; its share of the machine.", Scope.CLASS),
    _a("class.definition", "y", "Definition", "The workshop definition that this classroom was opened with.", Scope.CLASS),
    _a("class.say", "t", "Say to the class", "A message on every seat page.", Scope.CLASS, _C),
    _a("class.extend", "e", "Extend the class", "Move the end of the class.", Scope.CLASS, _C),
    _a("class.start", "u", "Start again", "Start what does not run: the gateway, seats that are missing. The links stay.", Scope.CLASS, _C, footer="Start", fleeting=True),
    _a("class.add", "a", "Add seats", "Make more seats.", Scope.CLASS, _C),
    _a("class.pause", "b", "Break", "A break in which nobody counts as idle; the same key ends it.", Scope.CLASS, _C),
    _a("class.push", "P", "Hand out files", "Files to all seats (or the marked ones): shown first, changed copies are kept beside.", Scope.CLASS, _C),
    _a("class.collect", "C", "Collect the work", "An archive for each seat that was used (or the marked ones), with a manifest.", Scope.CLASS, _C),
    _a("class.down", "ctrl+d", "Tear down", "Show what would be removed, ask for the classroom's name, remove it.", Scope.CLASS, _L),
    # Seats
    _a("seat.open", "enter d", "Seat detail", "Everything known of this seat.", Scope.SEAT, footer="Detail"),
    _a("seat.mark", "space", "Mark", "Mark the seat, or take the mark away; acts then apply to all marked ones.", Scope.SEAT, footer="Mark"),
    _a("seat.mark_all", "ctrl+e", "Mark all shown", "Mark every seat that the filter shows, or take all marks away.", Scope.SEAT),
    _a("seat.qr", "v", "QR code", "The seat's link as a QR code, full screen.", Scope.SEAT, footer="QR"),
    _a("seat.browser", "o", "Open as the instructor", "The seat in this machine's browser: nothing is claimed, and the participant sees that you are there.", Scope.SEAT, _C),
    _a("seat.copy", "c", "Copy the link", "Copy the seat's link to the clipboard (of all marked seats, one line each).", Scope.SEAT),
    _a("seat.logs", "l", "Logs", "What the seat's server printed.", Scope.SEAT),
    _a("seat.shell", "s", "Shell", "A shell in the seat, in this terminal; the screen comes back when it ends.", Scope.SEAT, _C),
    _a("seat.help_done", "h", "Help given", "Take the seat out of the help queue.", Scope.SEAT, _C, "Helped", fleeting=True),
    _a("seat.restart", "r", "Restart", "Stop and start; files, link and code stay, running cells are lost.", Scope.SEAT, _C, "Restart"),
    _a("seat.reset", "R", "Reset", "A fresh seat under the same link; the files are archived first.", Scope.SEAT, _L),
    _a("seat.move", "m", "Move", "A new seat under the same number, link and code, with the participant's own files.", Scope.SEAT, _C),
    _a("seat.restore", "U", "Restore a snapshot", "Put files back as they were; the snapshot is chosen, what is there now is archived first.", Scope.SEAT, _L),
    _a("seat.label", "w", "Label", "A name or note for the seat; it never leaves this machine.", Scope.SEAT, _C),
    _a("seat.memory", "plus", "Raise memory", "Raise the seat's memory limit by half, restarting nothing.", Scope.SEAT, _C),
    _a("seat.pause", "z", "Pause or go on", "Freeze the seat's processes, or let them go on.", Scope.SEAT, _C),
    _a("seat.free", "f", "Free", "Take the seat from its browser, so that somebody else can have it; files stay.", Scope.SEAT, _L),
    # QR codes
    _a("code.blocks", "b", "Half or full blocks", "Draw the code with half or with full blocks: full ones suit terminals with gaps between lines.", Scope.CODE, footer="Blocks"),
    _a("code.copy", "c", "Copy the link", "Copy the link that the code holds.", Scope.CODE, footer="Copy"),
    _a("code.next", "right n", "Next seat", "The code of the next seat.", Scope.CODE),
    _a("code.previous", "left N", "Seat before", "The code of the seat before.", Scope.CODE),
    # Teardown
    _a("teardown.go", "f7", "Remove everything", "Remove what the list names, after the classroom's name was typed.", Scope.TEARDOWN, _L),
    # Addresses
    _a("address.move", "enter", "Use this address", "Let students in at this address: every link and QR code is issued anew.", Scope.ADDRESSES, _C, "Use this one"),
    # Images
    _a("images.prune", "ctrl+d", "Remove old images", "Keep the two newest of each workshop and what is in use; remove our others.", Scope.IMAGES, _L),
    _a("images.export", "e", "Export to a file", "Write the image under the cursor into a file, to carry it to a machine without a network.", Scope.IMAGES, _C, "Export"),
    _a("images.import", "i", "Import a file", "Load an image that was exported; it is checked first, and nothing is fetched for it.", Scope.IMAGES, _C, "Import"),
    _a("images.copy", "c", "Copy the digest", "Copy what seats start from.", Scope.IMAGES),
    # Report
    _a("report.browser", "o", "Open in the browser", "Open the page with plots in this machine's browser.", Scope.REPORT, footer="Browser"),
    _a("report.copy", "c", "Copy the report", "Copy it as Markdown.", Scope.REPORT, footer="Copy"),
    _a("report.path", "y", "Copy the folder", "Copy the path of the folder it was written to.", Scope.REPORT, footer="Folder"),
    _a("report.again", "f5", "Write again", "Write the report as the class stands now.", Scope.REPORT, footer="Again"),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}


def of_scopes(*scopes: Scope) -> tuple[Action, ...]:
    """The actions of these scopes, in the order of the scopes as given."""
    return tuple(action for scope in scopes for action in ACTIONS if action.scope is scope)


TOGETHER: tuple[tuple[Scope, ...], ...] = (
    (Scope.TABLE, Scope.HOME, Scope.APP),
    (Scope.NEW, Scope.APP),
    (Scope.PLAN, Scope.APP),
    (Scope.TEXT, Scope.JOB, Scope.APP),
    (Scope.TABLE, Scope.CLASS, Scope.SEAT, Scope.APP),
    (Scope.TEXT, Scope.CLASS, Scope.SEAT, Scope.APP),
    (Scope.CODE, Scope.APP),
    (Scope.TEARDOWN, Scope.APP),
    (Scope.TABLE, Scope.IMAGES, Scope.APP),
    (Scope.TABLE, Scope.ADDRESSES, Scope.APP),
    (Scope.REPORT, Scope.APP),
)
"""Scopes whose actions can be used at the same moment: within a group, a key means one thing."""
