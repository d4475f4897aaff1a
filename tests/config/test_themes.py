"""Themes: bundled ones can be read by everybody, the user's are checked, a bad one is named and skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from workshop.config.paths import Paths, paths
from workshop.config.themes import (
    DEFAULT_THEME,
    FALLBACK,
    contrast_pairs,
    load_palette,
    load_theme,
    load_themes,
    parse_theme,
    themes_stamp,
)
from workshop.model.palette import READABLE, contrast, luminance, mix, readable, text_on

REPOSITORY = Path(__file__).resolve().parents[2]
BUNDLED = sorted((REPOSITORY / "themes").glob("*.yaml"))

GOOD = """
dark: true
background: "#000000"
surface: "#101010"
panel: "#202020"
text: "#ffffff"
muted: "#c0c0c0"
primary: "#80c0ff"
secondary: "#a0c0e0"
accent: "#ffd080"
success: "#80e080"
warning: "#ffe080"
error: "#ff9090"
"""


def user_theme(name: str, text: str) -> Path:
    folder = paths().user_themes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(text)
    return folder / f"{name}.yaml"


class TestBundled:
    def test_there_are_dark_light_and_high_contrast_ones(self) -> None:
        palettes = load_themes(paths()).palettes
        assert len(palettes) >= 6
        assert sum(not palette.dark for palette in palettes.values()) >= 2
        assert {"contrast", "contrast-light", DEFAULT_THEME} <= set(palettes)
        assert len({palette.title for palette in palettes.values()}) == len(palettes)

    @pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
    def test_none_has_a_problem(self, path: Path) -> None:
        palette, problems = load_theme(path)
        assert problems == ()
        assert palette is not None
        assert palette.name == path.stem

    @pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
    def test_all_text_can_be_read_on_every_ground(self, path: Path) -> None:
        palette, _ = load_theme(path)
        assert palette is not None
        floor = 7.0 if palette.name.startswith("contrast") else READABLE
        poor = {name: round(contrast(a, b), 2) for name, a, b in contrast_pairs(palette) if contrast(a, b) < floor}
        assert poor == {}

    @pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
    def test_dark_means_dark(self, path: Path) -> None:
        palette, _ = load_theme(path)
        assert palette is not None
        assert (luminance(palette.background) < 0.2) is palette.dark
        assert (luminance(palette.text) > 0.5) is palette.dark

    def test_the_fallback_can_be_read_as_well(self) -> None:
        assert [name for name, a, b in contrast_pairs(FALLBACK) if contrast(a, b) < READABLE] == []


class TestUsers:
    def test_a_theme_of_the_users_is_beside_the_bundled_ones(self) -> None:
        user_theme("night-shift", GOOD)
        themes = load_themes(paths())
        assert themes.problems == ()
        assert themes.palette("night-shift").title == "Night shift"
        assert themes.palette("night-shift").background == "#000000"

    def test_a_theme_of_the_users_replaces_a_bundled_one(self) -> None:
        user_theme("plum", GOOD + "title: Mine\n")
        assert load_themes(paths()).palette("plum").title == "Mine"

    @pytest.mark.parametrize("name", ["harbour", "plum", "night-shift", "bad", "nowhere"])
    def test_one_theme_read_alone_is_the_one_of_all(self, name: str) -> None:
        user_theme("night-shift", GOOD)
        user_theme("plum", "dark: maybe")
        user_theme("bad", "dark: maybe")
        assert load_palette(paths(), name) == load_themes(paths()).palette(name)

    def test_a_bad_file_is_named_and_skipped_and_the_others_are_there(self) -> None:
        bad = user_theme("bad", GOOD.replace('"#ffffff"', '"white-ish"'))
        user_theme("good", GOOD)
        themes = load_themes(paths())
        assert "good" in themes.palettes
        assert "bad" not in themes.palettes
        (problem,) = themes.problems
        assert problem.path == f"{bad}: text (line 6)"
        assert "'white-ish' is not a colour." in problem.message

    def test_a_bad_replacement_leaves_the_bundled_one(self) -> None:
        user_theme("plum", "dark: true\n")
        themes = load_themes(paths())
        assert themes.palette("plum").title == "Plum"
        assert themes.problems

    def test_an_unknown_name_falls_back_and_says_so(self) -> None:
        themes = load_themes(paths())
        assert themes.palette("harbor").name == DEFAULT_THEME
        problem = themes.missing("harbor")
        assert problem is not None
        assert problem.hint == "Is it harbour?"
        assert themes.missing("plum") is None

    def test_without_any_file_there_is_still_a_theme(self, tmp_path: Path) -> None:
        nowhere = Paths(tmp_path, tmp_path, tmp_path, tmp_path, tmp_path, tmp_path)
        assert load_themes(nowhere).palette("plum") is FALLBACK

    def test_the_stamp_changes_when_a_file_is_written_added_or_taken_away(self) -> None:
        stamps = [themes_stamp(paths())]
        path = user_theme("one", GOOD)
        stamps.append(themes_stamp(paths()))
        path.write_text(GOOD + "# longer\n")
        stamps.append(themes_stamp(paths()))
        path.unlink()
        assert themes_stamp(paths()) == stamps[0]
        assert len(set(stamps)) == 3

    def test_a_link_to_nowhere_is_a_problem_and_no_crash(self, tmp_path: Path) -> None:
        paths().user_themes.mkdir(parents=True)
        (paths().user_themes / "gone.yaml").symlink_to(tmp_path / "gone")
        assert themes_stamp(paths())
        (problem,) = load_themes(paths()).problems
        assert "gone.yaml" in problem.path


class TestParsing:
    def test_every_problem_comes_at_once(self) -> None:
        palette, problems = parse_theme(
            "dark: maybe\nbackgrund: '#000'\ntext: 12\npage: 3\npaper: {ink: x, inc: y}\n", "t"
        )
        assert palette is None
        text = "\n".join(f"{problem.path}: {problem.message} {problem.hint}" for problem in problems)
        for words in (
            "dark (line 1): `dark` is true or false.",
            "backgrund (line 2): There is no key `backgrund`. Is it `background`?",
            "text (line 3): '12' is not a colour.",
            "page (line 4): `page` has keys of its own.",
            "paper.ink (line 5): 'x' is not a colour.",
            "paper.inc (line 5): There is no key `inc`. Is it `ink`?",
            "surface: `surface` is missing.",
        ):
            assert words in text

    def test_a_colour_without_quotes_is_a_comment_to_yaml_and_said_so(self) -> None:
        _, problems = parse_theme(GOOD.replace('text: "#ffffff"', "text: #ffffff"), "t")
        (problem,) = problems
        assert problem.message == "`text` is empty."
        assert "in quotes" in problem.hint

    @pytest.mark.parametrize(
        ("written", "colour"),
        [("'#ABCDEF'", "#abcdef"), ("abcdef", "#abcdef"), ("'#abc'", "#aabbcc"), ("123456", "#123456")],
    )
    def test_colours_may_be_written_in_several_ways(self, written: str, colour: str) -> None:
        palette, problems = parse_theme(GOOD.replace('primary: "#80c0ff"', f"primary: {written}"), "t")
        assert palette is not None
        assert palette.primary == colour
        assert [problem.level for problem in problems if problem.level == "error"] == []

    def test_poor_contrast_is_a_warning_and_the_theme_is_used(self) -> None:
        palette, problems = parse_theme(GOOD.replace('muted: "#c0c0c0"', 'muted: "#333333"'), "t")
        assert palette is not None
        assert {problem.level for problem in problems} == {"warning"}
        assert "muted on background" in {problem.path for problem in problems}

    def test_pages_and_paper_follow_from_the_colours_unless_they_are_named(self) -> None:
        palette, _ = parse_theme(GOOD + 'page: {primary: "#123456"}\n', "t")
        assert palette is not None
        assert palette.page.primary == "#123456"
        assert palette.page.background == "#000000"
        assert contrast(palette.paper.accent, "#ffffff") >= READABLE

    @pytest.mark.parametrize("text", ["", "- a\n", "just words\n", "dark: [\n"])
    def test_what_is_no_theme_is_refused(self, text: str) -> None:
        palette, problems = parse_theme(text, "t")
        assert palette is None
        assert problems


class TestColours:
    def test_contrast_is_that_of_the_recommendation(self) -> None:
        assert contrast("#000000", "#ffffff") == pytest.approx(21)
        assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
        assert contrast("#123456", "#123456") == 1

    def test_readable_moves_a_colour_no_further_than_needed(self) -> None:
        assert readable("#000000", "#ffffff") == "#000000"
        moved = readable("#ffdd88", "#ffffff")
        assert READABLE <= contrast(moved, "#ffffff") < 7

    def test_mixing_and_ink(self) -> None:
        assert mix("#000000", "#ffffff", 0.5) == "#808080"
        assert (text_on("#ffee00"), text_on("#102030")) == ("#000000", "#ffffff")
