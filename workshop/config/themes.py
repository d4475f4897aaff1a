"""Theme files: bundled ones and the user's own, every problem named, a bad file skipped."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from workshop.config.document import Document, Key, read_document
from workshop.config.paths import Paths
from workshop.model.palette import (
    READABLE,
    PageColours,
    Palette,
    PaperColours,
    contrast,
    mix,
    readable,
    text_on,
)
from workshop.model.snapshot import Problem

DEFAULT_THEME = "harbour"
COLOURS = (
    "background", "surface", "panel", "text", "muted", "primary", "secondary", "accent", "success", "warning", "error",
)  # fmt: skip
_PARTS: Mapping[str, type] = {"page": PageColours, "paper": PaperColours}
_COLOUR = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")
WHITE = "#ffffff"

T = TypeVar("T", PageColours, PaperColours)


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes there are, and what was wrong with the files of those that are not there."""

    palettes: Mapping[str, Palette]
    problems: tuple[Problem, ...] = ()

    def palette(self, name: str) -> Palette:
        """The theme of that name; the default one where there is none (`missing` says so)."""
        return self.palettes.get(name) or self.palettes[DEFAULT_THEME]

    def missing(self, name: str) -> Problem | None:
        """Why a theme that was asked for is not shown."""
        if name in self.palettes:
            return None
        close = difflib.get_close_matches(name, self.palettes, n=1)
        hint = f"Is it {close[0]}?" if close else f"There are: {', '.join(self.palettes)}."
        return Problem("theme", f"There is no theme {name!r}; {DEFAULT_THEME} is shown.", hint, level="warning")


def load_themes(places: Paths) -> Themes:
    """Bundled themes and those of the user, who may replace bundled ones of the same name."""
    palettes: dict[str, Palette] = {}
    problems: list[Problem] = []
    for path in theme_files(places):
        palette, found = load_theme(path)
        problems += found
        if palette is not None:
            palettes[palette.name] = palette
    palettes.setdefault(DEFAULT_THEME, FALLBACK)
    return Themes(dict(sorted(palettes.items())), tuple(problems))


def load_palette(places: Paths, name: str) -> Palette:
    """The theme of that name as `load_themes` would give it, without reading the others."""
    for folder in (places.user_themes, places.bundled_themes):
        if (file := folder / f"{name}.yaml").is_file() and (palette := load_theme(file)[0]) is not None:
            return palette
    return FALLBACK if name == DEFAULT_THEME else load_palette(places, DEFAULT_THEME)


def theme_files(places: Paths) -> tuple[Path, ...]:
    """Every theme file, the user's last."""
    folders = (places.bundled_themes, places.user_themes)
    return tuple(path for folder in folders for path in sorted(folder.glob("*.yaml")))


def themes_stamp(places: Paths) -> tuple[tuple[str, int, int], ...]:
    """Changes when a theme file is written, added or taken away: for live reload. Follows links."""
    stamp = []
    for path in theme_files(places):
        try:
            found = path.stat()
        except OSError:  # gone since it was listed, or a link to nowhere: the next look lists it again
            continue
        stamp.append((str(path), found.st_mtime_ns, found.st_size))
    return tuple(stamp)


def load_theme(path: Path) -> tuple[Palette | None, tuple[Problem, ...]]:
    """One theme file; None with its problems when it cannot be used. Poor contrast is a warning."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return None, (Problem(str(path), f"The theme cannot be read: {error}.", "Correct it, or take it away."),)
    palette, problems = parse_theme(text, path.stem)
    return palette, tuple(
        Problem(f"{path}: {problem.path}", problem.message, problem.hint, problem.level) for problem in problems
    )


def parse_theme(text: str, name: str) -> tuple[Palette | None, list[Problem]]:
    """A theme from its YAML text."""
    document = read_document(text)
    reader = _ThemeReader(document)
    if not isinstance(document.value, dict):
        if not document.problems:
            document.problems.append(Problem("file", "This is not a list of colours.", "See docs/themes.md."))
        return None, document.problems
    palette = reader.palette(name)
    if any(problem.level == "error" for problem in document.problems):
        return None, document.problems
    return palette, document.problems + _poor_contrast(palette)


class _ThemeReader:
    """Takes colours out of a document and notes what is wrong with them."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def palette(self, name: str) -> Palette:
        value: dict[str, Any] = self._document.value
        self._unknown(value, ("title", "dark", *COLOURS, *_PARTS), ())
        title = value.get("title", name.replace("-", " ").capitalize())
        if not isinstance(title, str):
            title = self._document.texts.get(("title",), name)
        dark = value.get("dark")
        if not isinstance(dark, bool):
            self._problem(("dark",), "`dark` is missing." if dark is None else "`dark` is true or false.",
                          "`dark: true` for light text on a dark background.")  # fmt: skip
        colours = {key: self._colour((key,)) or WHITE for key in COLOURS}
        page = self._part("page", PageColours, page_colours(colours))
        paper = self._part("paper", PaperColours, paper_colours(colours))
        return Palette(name=name, title=title, dark=bool(dark), page=page, paper=paper, **colours)

    def _part(self, part: str, kind: type[T], derived: T) -> T:
        """The colours of pages or paper: those the file names, the others from the terminal's."""
        value = self._document.value.get(part)
        if value is None:
            return derived
        names = [field.name for field in fields(kind)]
        if not isinstance(value, dict):
            self._problem((part,), f"`{part}` has keys of its own.", f"It knows: {', '.join(names)}.")
            return derived
        self._unknown(value, names, (part,))
        given = {name: self._colour((part, name)) for name in names if name in value}
        return kind(**{name: given.get(name) or getattr(derived, name) for name in names})

    def _colour(self, key: Key) -> str | None:
        text = self._document.texts.get(key)
        if text is None:
            if key not in self._document.lines:
                self._problem(key, f"`{key[-1]}` is missing.", 'Write it as `"#1a2b3c"`.')
            else:
                self._problem(key, "A colour is expected.", 'Write it as `"#1a2b3c"`.')
            return None
        match = _COLOUR.fullmatch(text)
        if match is None:
            if text == "":
                self._problem(key, f"`{key[-1]}` is empty.", 'Put the colour in quotes: `"#1a2b3c"`.')
            else:
                self._problem(key, f"{text!r} is not a colour.", 'Write it as `"#1a2b3c"`.')
            return None
        digits = match[1].lower()
        return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))

    def _unknown(self, value: dict[str, Any], known: Iterable[str], above: Key) -> None:
        names = list(known)
        for name in value:
            if name not in names:
                close = difflib.get_close_matches(name, names, n=1)
                hint = f"Is it `{close[0]}`?" if close else f"Known here: {', '.join(names)}."
                self._problem((*above, name), f"There is no key `{name}`.", hint)

    def _problem(self, key: Key, message: str, hint: str) -> None:
        self._document.problems.append(Problem(self._document.where(key), message, hint))


def page_colours(colours: Mapping[str, str]) -> PageColours:
    """Students' pages in a theme's colours."""
    background, surface = colours["background"], colours["surface"]
    return PageColours(
        background=background,
        surface=surface,
        text=colours["text"],
        muted=readable(colours["muted"], surface),
        line=mix(surface, colours["text"], 0.2),
        primary=colours["primary"],
        on_primary=text_on(colours["primary"]),
        success=readable(colours["success"], surface),
        warning=readable(colours["warning"], surface),
        error=readable(colours["error"], surface),
    )


def paper_colours(colours: Mapping[str, str]) -> PaperColours:
    """Printed cards in a theme's colours: dark enough for white paper."""
    return PaperColours(
        ink="#111111", muted="#555555", line="#999999", accent=readable(colours["primary"], WHITE)
    )  # fmt: skip


def _poor_contrast(palette: Palette) -> list[Problem]:
    found = []
    for name, ink, ground in contrast_pairs(palette):
        ratio = contrast(ink, ground)
        if ratio < READABLE:
            found.append(Problem(name, f"The contrast is {ratio:.1f}; text needs {READABLE}.",
                                 "Move the two colours apart.", level="warning"))  # fmt: skip
    return found


def contrast_pairs(palette: Palette) -> tuple[tuple[str, str, str], ...]:
    """Every text colour with each ground it is shown on: name, colour, ground."""
    pairs = [
        (f"{ink} on {ground}", getattr(palette, ink), getattr(palette, ground))
        for ink in ("text", "muted", "primary", "secondary", "accent", "success", "warning", "error")
        for ground in ("background", "surface", "panel")
    ]
    page, paper = palette.page, palette.paper
    pairs += [
        (f"page.{ink} on page.{ground}", getattr(page, ink), getattr(page, ground))
        for ink in ("text", "muted", "success", "warning", "error")
        for ground in ("background", "surface")
    ]
    pairs.append(("page.on_primary on page.primary", page.on_primary, page.primary))
    pairs += [(f"paper.{ink} on white", getattr(paper, ink), WHITE) for ink in ("ink", "muted", "accent")]
    return tuple(pairs)


_BASIC = {
    "background": "#000000", "surface": "#111111", "panel": "#1c1c1c", "text": "#ffffff", "muted": "#b0b0b0",
    "primary": "#7fb4ff", "secondary": "#9fc0d8", "accent": "#ffd75f", "success": "#7fd47f", "warning": "#ffc14d",
    "error": "#ff8a80",
}  # fmt: skip
FALLBACK = Palette(
    name=DEFAULT_THEME,
    title="Plain",
    dark=True,
    page=page_colours(_BASIC),
    paper=paper_colours(_BASIC),
    **_BASIC,
)
"""What is shown when the default theme's file is gone or bad."""
