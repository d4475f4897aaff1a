"""A workshop that was built stays at its commit until it is built again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.git_repository import git
from tests.tui.world import World, make_world
from workshop.errors import SourceUnreachable
from workshop.model.events import Noted, WorkEvent
from workshop.ports.build import ignore_events
from workshop.service import UpRequest


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = make_world(tmp_path)
    yield made
    await made.close()


def commit(folder: Path, **files: str) -> str:
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "More")
    return git(folder, "rev-parse", "HEAD")


async def test_a_newer_commit_is_shown_and_taken_by_build_alone(world: World) -> None:
    folder = world.repository()
    built = await world.service.build(str(folder))
    assert await world.service.newer_commit(str(folder)) == ""
    newer = commit(folder, news="something")

    assert await world.service.newer_commit(str(folder)) == newer
    checked = await world.service.check(str(folder))
    assert [(p.path, newer[:7] in p.message) for p in checked.problems if p.path == "source.ref"] == [
        ("source.ref", True)
    ]
    assert checked.ok
    assert checked.image == built
    plan = await world.service.plan(UpRequest(str(folder)))
    assert (plan.newer, plan.image) == (newer, built)

    told: list[WorkEvent] = []
    await world.service.up(UpRequest(str(folder)), report=told.append)
    assert world.classroom("python-basics").commit == built.commit
    assert any(isinstance(event, Noted) and newer[:7] in event.text for event in told)

    again = await world.service.build(str(folder))
    assert again.commit == newer
    assert await world.service.newer_commit(str(folder)) == ""


async def test_another_branch_or_folder_is_another_workshop_and_built_as_it_is(world: World) -> None:
    folder = world.repository()
    built = await world.service.build(str(folder))
    git(folder, "checkout", "-qb", "spring")
    spring = commit(folder, news="spring")
    git(folder, "checkout", "-q", "-")
    file = folder / "workshop.yaml"
    file.write_text(file.read_text() + "source:\n  repository: .\n  ref: spring\n")
    plan = await world.service.plan(UpRequest(str(folder)))
    assert plan.classroom.commit == spring
    assert plan.image is None
    assert built.commit != spring


async def test_without_its_repository_the_image_that_is_there_is_taken(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = world.repository()
    built = await world.service.build(str(folder))

    async def silent(*_words: object, **_options: object) -> None:
        raise SourceUnreachable("example.org cannot be reached: no route to host.", hint="Check the network.")

    monkeypatch.setattr(world.wiring.sources, "resolve", silent)
    told: list[WorkEvent] = []
    opened = await world.service.up(UpRequest(str(folder)), report=told.append)
    assert opened.snapshot.classroom.image == built.digest
    assert any(isinstance(event, Noted) and "cannot be reached" in event.text for event in told)
    checked = await world.service.check(str(folder))
    assert checked.ok
    assert checked.image == built
    with pytest.raises(SourceUnreachable):
        await world.service.build(str(world.repository("another")), report=ignore_events)


async def test_images_tell_when_a_class_was_last_opened_with_them(world: World) -> None:
    folder = world.repository()
    await world.service.build(str(folder))
    (before,) = await world.service.images(runtime="fake")
    await world.service.up(UpRequest(str(folder)))
    (during,) = await world.service.images(runtime="fake")
    await world.service.down("python-basics", discard=True)
    (after,) = await world.service.images(runtime="fake")
    assert before.last_used is None
    assert during.last_used == after.last_used == world.clock()
