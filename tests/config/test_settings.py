"""Settings: where each value comes from, and what is said of values that cannot be used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workshop.config.definition import load_definition
from workshop.config.paths import paths
from workshop.config.settings import SETTINGS, Origin, Settings, save_setting, settings, unknown_variables
from workshop.errors import SettingError
from workshop.model.definition import WorkshopDefinition


def configure(text: str) -> Path:
    file = paths().config_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def definition(text: str) -> WorkshopDefinition:
    return load_definition(f"title: Test\n{text}").definition


def test_without_anything_every_value_is_the_default() -> None:
    found = settings()
    assert {setting.origin for setting in found.given} == {Origin.DEFAULT}
    assert found.image_base == "python:3.12-slim"
    assert found.image().base == "python:3.12-slim"


def test_each_layer_wins_over_the_next() -> None:
    file = configure("image_base: from-configuration\n")
    workshop = definition("image: {base: from-workshop}\n")
    environ = {"WORKSHOP_IMAGE_BASE": "from-environment"}
    steps = [
        (settings({"image_base": "from-flag"}, workshop, environ=environ, places=paths()), "from-flag", Origin.FLAG),
        (settings({}, workshop, environ=environ, places=paths()), "from-environment", Origin.ENVIRONMENT),
        (settings({}, workshop), "from-workshop", Origin.WORKSHOP),
        (settings({}), "from-configuration", Origin.CONFIGURATION),
    ]
    assert [(found.image_base, found.setting("image_base").origin) for found, *_ in steps] == [
        (value, origin) for _, value, origin in steps
    ]
    assert [found.setting("image_base").source for found, *_ in steps] == [
        "--image-base",
        "WORKSHOP_IMAGE_BASE",
        "image.base",
        f"{file}, line 1",
    ]


def test_a_default_of_the_definition_counts_as_not_said() -> None:
    configure("runtime: process\nport: 9000\nat_end: nothing\n")
    found = settings({}, definition("access: {pin: '1'}\n"))
    assert (found.runtime, found.port, found.at_end) == ("process", 9000, "nothing")


def test_what_the_workshops_file_says_counts_even_if_it_is_the_default() -> None:
    configure("at_end: nothing\n")
    assert settings({}, definition("times: {at_end: collect}\n")).at_end == "collect"


@pytest.mark.parametrize("empty", [None, ""])
def test_empty_flags_and_variables_count_as_not_given(empty: str | None) -> None:
    found = settings({"runtime": empty}, environ={"WORKSHOP_RUNTIME": empty or ""}, places=paths())
    assert found.is_default("runtime")


def test_values_are_typed() -> None:
    found = settings({"port": "8080", "price_cpu_hour": "0.035", "starts_at_once": "3"})
    assert (found.port, found.price_cpu_hour, found.starts_at_once) == (8080, 0.035, 3)
    assert found.as_mapping()["port"] == "8080"
    assert (found.text("port"), found.text("address")) == ("8080", "")


def test_text_of_nothing_is_empty() -> None:
    assert settings().text("port") == ""


def test_an_unknown_key_in_the_file_is_an_error_with_the_nearest_name_and_its_line() -> None:
    file = configure("# mine\nimage_bse: x\n")
    with pytest.raises(SettingError) as caught:
        settings()
    assert f"{file}, line 2" in caught.value.message
    assert caught.value.hint == "Is it image_base?"
    assert caught.value.exit_code == 2


def test_all_problems_come_at_once() -> None:
    configure("port: many\nthema: plum\nruntime: dokcer\ntheme: [a]\n")
    with pytest.raises(SettingError) as caught:
        settings({"seets": "3"}, environ={"WORKSHOP_STARTS_AT_ONCE": "-1"}, places=paths())
    lines = "\n".join(caught.value.details)
    assert len(caught.value.details) == 6
    for word in ("port cannot be 'many'", "theme?", "docker", "theme has one value", "seets", "starts_at_once"):
        assert word in lines


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "70000"),
        ("port", "8080.5"),
        ("image_index_url", "pypi.example.org"),
        ("price_gb_hour", "-1"),
        ("price_gb_hour", "nan"),
        ("glyphs", "emoji"),
        ("images_kept", "0"),
    ],
)
def test_values_that_cannot_be_used_are_refused(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        settings({name: value})


@pytest.mark.parametrize("text", ["- a\n- b\n", "title: [\n", "port: 1\nport: 2\n"])
def test_a_file_that_is_no_list_of_settings_is_named(text: str) -> None:
    file = configure(text)
    with pytest.raises(SettingError) as caught:
        settings()
    assert str(file) in caught.value.message


def test_an_empty_file_and_empty_keys_are_nothing() -> None:
    configure("# nothing here\ntheme:\n")
    assert settings().is_default("theme")


def test_misspelt_variables_are_found() -> None:
    (problem,) = unknown_variables({"WORKSHOP_IMAGE_BSE": "x", "WORKSHOP_TEST_BASE": "y", "WORKSHOP_STATE_DIR": "z"})
    assert problem.path == "WORKSHOP_IMAGE_BSE"
    assert problem.hint == "Is it image_base?"


def test_saving_one_setting_keeps_the_rest_of_the_file() -> None:
    file = configure("# my settings\ntheme: plum  # for the projector\nport: 9000\n")
    save_setting(paths(), "port", "9001")
    save_setting(paths(), "currency", "CHF: francs")
    text = file.read_text()
    assert text.startswith("# my settings\ntheme: plum  # for the projector\nport: 9001\n")
    found = settings()
    assert (found.theme, found.port, found.currency) == ("plum", 9001, "CHF: francs")


def test_saving_makes_the_file_and_refuses_what_cannot_be_used() -> None:
    save_setting(paths(), "at_end", "nothing")
    assert settings().at_end == "nothing"
    for name, value in (("at_end", "maybe"), ("at_ennd", "nothing")):
        with pytest.raises(SettingError):
            save_setting(paths(), name, value)
    assert settings().at_end == "nothing"


def test_every_setting_says_what_it_is_and_names_are_unique() -> None:
    assert len({kind.name for kind in SETTINGS}) == len(SETTINGS) > 15
    assert all(kind.help.endswith(".") for kind in SETTINGS)
    assert all(getattr(Settings(), kind.name) == kind.default for kind in SETTINGS)


def test_every_default_can_be_given_as_a_value() -> None:
    for kind in SETTINGS:
        if kind.default != "":
            assert kind.parse(str(kind.default)) == kind.default


def test_neither_pydantic_nor_yaml_is_loaded_without_a_file() -> None:
    code = (
        "import sys; from workshop.config.settings import settings; settings(); "
        "sys.exit(any(name in sys.modules for name in ('pydantic', 'yaml', 'textual')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
