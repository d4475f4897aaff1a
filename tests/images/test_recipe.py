"""The text of recipes: order of layers, bases, secrets, and what changes a recipe's name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.git_repository import Write
from workshop.errors import BuildFailed, SettingError
from workshop.images.detect import detect
from workshop.images.recipe import choose_base, make_recipe
from workshop.model.image import Detected, ImageSettings, Source
from workshop.ports.build import BuildRequest

SETTINGS = ImageSettings(base="python:3.12-slim")


def request(folder: Path, *, settings: ImageSettings = SETTINGS, ui: str = "lab") -> BuildRequest:
    return BuildRequest("T", "t", Source("r", "c" * 40, str(folder)), detect(folder), settings, ui)


def order(text: str, *words: str) -> bool:
    places = [text.index(word) for word in words]
    return places == sorted(places)


def test_what_changes_seldom_comes_before_what_changes_often(write: Write) -> None:
    folder = write({"requirements.txt": "rich", "apt.txt": "jq", "postBuild": "", "start": ""})
    text = make_recipe(request(folder)).dockerfile
    assert order(
        text, "setup.sh", "jupyter.sh", "apt.sh jq", "deps/", "requirements.txt", '"repo/"', "finish.sh postBuild"
    )
    assert 'WORKSHOP_START="start"' in text
    assert text.count("USER root") == 1


def test_local_references_are_installed_after_the_code(write: Write) -> None:
    text = make_recipe(request(write({"requirements.txt": "-e ."}))).dockerfile
    assert order(text, '"repo/"', "-r requirements.txt", "finish.sh")


def test_two_repositories_share_their_lowest_layers(write: Write, tmp_path: Path) -> None:
    one = make_recipe(request(write({"requirements.txt": "rich"}, folder=tmp_path / "one")))
    two = make_recipe(request(write({"apt.txt": "jq"}, folder=tmp_path / "two")))
    shared = one.dockerfile[: one.dockerfile.index("COPY")]
    assert "jupyter.sh" in shared
    assert two.dockerfile.startswith(shared)
    tools = [{name: text for name, text in recipe.files.items() if name.startswith("tool/")} for recipe in (one, two)]
    assert tools[0] == tools[1]


@pytest.mark.parametrize(
    ("base", "python", "allowed", "chosen"),
    [
        ("python:3.12-slim", "", "", "python:3.12-slim"),
        ("python:3.12-slim", "3.10", "", "python:3.10-slim"),
        ("python:3.12.4-slim-bookworm", "3.11", "", "python:3.11-slim-bookworm"),
        ("python:3.12", "3.10", "", "python:3.10"),
        ("mirror.example.org:5000/python:3.12-slim", "3.10", "", "mirror.example.org:5000/python:3.10-slim"),
        ("python:3.12-slim", "", ">=3.9", "python:3.12-slim"),
        ("python:3.12-slim", "", "<3.12", "python:3.11-slim"),
        ("python:3.12-slim", "", ">=3.13", "python:3.14-slim"),
        ("debian:bookworm", "3.10", "", "debian:bookworm"),
        ("workshop-test/base:bookworm", "", "<3.11", "workshop-test/base:bookworm"),
    ],
)  # fmt: skip
def test_an_official_base_changes_to_the_wanted_python(base: str, python: str, allowed: str, chosen: str) -> None:
    assert choose_base(Detected("python", python=python, python_range=allowed), ImageSettings(base=base)) == chosen


def test_an_old_python_gets_the_newest_jupyterlab_that_runs_on_it(write: Write) -> None:
    text = make_recipe(request(write({"runtime.txt": "python-3.9"}))).dockerfile
    assert "FROM python:3.9-slim" in text
    assert "'jupyterlab<5'" in text


def test_passwords_of_an_index_are_in_no_instruction(write: Write) -> None:
    folder = write({"requirements.txt": "rich"})
    open_index = replace(SETTINGS, index_url="https://index.example.org/simple")
    secret = replace(SETTINGS, index_url="https://u:s3cr3t@index.example.org/simple")
    assert "PIP_INDEX_URL" in make_recipe(request(folder, settings=open_index)).dockerfile
    assert "index.example.org" not in make_recipe(request(folder, settings=secret)).dockerfile
    classic = make_recipe(request(folder, settings=open_index), buildkit=False).dockerfile
    assert "ARG UV_DEFAULT_INDEX=https://index.example.org/simple" in classic
    with pytest.raises(BuildFailed, match="needs a password"):
        make_recipe(request(folder, settings=secret), buildkit=False)


def test_the_classic_builders_recipe_has_no_mounts_and_the_same_name(write: Write) -> None:
    folder = write({"requirements.txt": "rich", "apt.txt": "jq"})
    modern, classic = (make_recipe(request(folder), buildkit=kit) for kit in (True, False))
    assert "--mount" in modern.dockerfile
    assert "--mount" not in classic.dockerfile
    assert modern.hash == classic.hash


def test_a_recipes_name_changes_with_all_that_changes_the_image(write: Write, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    plain = request(write({"requirements.txt": "rich"}))
    names = {make_recipe(plain).hash}
    for other in (
        request(write({"requirements.txt": "rich==1"}, folder=tmp_path / "b")),
        request(Path(plain.source.folder), ui="notebook"),
        request(Path(plain.source.folder), ui="vscode"),
        request(Path(plain.source.folder), settings=replace(SETTINGS, base="other:1")),
        request(Path(plain.source.folder), settings=replace(SETTINGS, ca_bundle=str(bundle))),
        replace(plain, source=replace(plain.source, subfolder="day1")),
        replace(plain, source=replace(plain.source, content=("https://h/x@1",))),
    ):
        names.add(make_recipe(other).hash)
    assert len(names) == 8
    assert make_recipe(replace(plain, source=replace(plain.source, commit="d" * 40))).hash in names


def test_vs_code_is_built_in_a_stage_of_its_own(write: Write) -> None:
    text = make_recipe(request(write({"a.ipynb": ""}), ui="vscode")).dockerfile
    assert order(text, "AS vscode", "vscode.sh", "FROM python:3.12-slim\n", "jupyter.sh", "COPY --from=vscode")


def test_other_uis_bring_what_they_need(write: Write) -> None:
    folder = write({"a.ipynb": ""})
    assert "notebook==" in make_recipe(request(folder, ui="notebook")).dockerfile
    assert "jupyter-server-proxy==" in make_recipe(request(folder, ui="web")).dockerfile
    with pytest.raises(BuildFailed, match="RStudio comes with R repositories only"):
        make_recipe(request(folder, ui="rstudio"))


@pytest.mark.parametrize(
    ("settings", "base"),
    [(SETTINGS, "mambaorg/micromamba:"), (replace(SETTINGS, base="mirror/micromamba:2"), "mirror/micromamba:2")],
)
def test_conda_environments_come_from_micromambas_image(write: Write, settings: ImageSettings, base: str) -> None:
    folder = write({"binder/environment.yml": "dependencies: [python=3.11, numpy]", "binder/apt.txt": "jq"})
    recipe = make_recipe(request(folder, settings=settings))
    assert recipe.dockerfile.startswith(f"FROM {base}")
    words = ("setup.sh /opt/conda", "packages python=3.11", "apt.sh jq", "conda.sh file", '"repo/"', "conda.sh finish")
    assert order(recipe.dockerfile, *words)
    assert "deps/environment.yml" in recipe.files


def test_conda_environments_with_local_files_come_after_the_code(write: Write) -> None:
    folder = write({"environment.yml": "dependencies:\n - pip:\n   - -e .\n"})
    assert order(make_recipe(request(folder)).dockerfile, '"repo/"', "conda.sh file environment.yml")


def test_a_dockerfile_is_taken_as_it_is_but_for_its_frontend(write: Write) -> None:
    text = "# syntax = docker/dockerfile:1.7\n# a comment\nFROM x\n"
    recipe = make_recipe(request(write({"binder/Dockerfile": text})))
    assert recipe.dockerfile == "# a comment\nFROM x\n"
    assert recipe.own_dockerfile == "binder/Dockerfile"
    assert recipe.arguments == {"NB_USER": "jovyan", "NB_UID": "1000"}


@pytest.mark.parametrize(("content", "says"), [(None, "cannot be read"), ("nothing", "holds no certificate")])
def test_a_ca_bundle_that_is_none_is_refused(write: Write, tmp_path: Path, content: str | None, says: str) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    settings = replace(SETTINGS, ca_bundle=str(bundle))
    with pytest.raises(SettingError, match=says):
        make_recipe(request(write({"a.ipynb": ""}), settings=settings))
