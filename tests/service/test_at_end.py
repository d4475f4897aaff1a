"""What happens at the end of a class is asked once, and goes by the setting from then on."""

from __future__ import annotations

from pathlib import Path

import pytest

from workshop.config.definition import load_definition
from workshop.config.paths import paths
from workshop.service.at_end import decide, end_plan
from workshop.service.wiring import Wiring

PLAIN = load_definition("title: A lesson\n").definition
SAYS_SO = load_definition("title: A lesson\ntimes: {at_end: nothing, grace: 45m}\n").definition


@pytest.fixture
def wiring() -> Wiring:
    return Wiring.from_settings({}, on_notice=pytest.fail)


def test_nobody_has_decided_on_a_new_machine_and_classes_end_by_themselves(wiring: Wiring) -> None:
    plan = end_plan(wiring, PLAIN)
    assert (plan.by_itself, plan.decided) == (True, False)
    assert plan.sentence.startswith("30 min after its end the gateway collects")


def test_where_nothing_is_collected_at_the_end_the_plan_says_what_is_lost(wiring: Wiring) -> None:
    sentence = end_plan(wiring, PLAIN, elsewhere=True).sentence
    assert "not collected" in sentence
    assert "collects" not in sentence


def test_a_workshop_that_says_it_needs_no_answer(wiring: Wiring) -> None:
    plan = end_plan(wiring, SAYS_SO)
    assert (plan.by_itself, plan.decided) == (False, True)
    assert "stays" in plan.sentence


@pytest.mark.parametrize("by_itself", [True, False])
def test_an_answer_holds_for_this_call_and_for_all_later_ones(wiring: Wiring, by_itself: bool) -> None:
    decide(wiring, by_itself=by_itself)
    later = Wiring.from_settings({}, on_notice=pytest.fail)
    for asked in (wiring, later):
        plan = end_plan(asked, PLAIN)
        assert (plan.by_itself, plan.decided) == (by_itself, True)


def test_an_answer_leaves_the_other_lines_of_the_configuration_alone(wiring: Wiring) -> None:
    file: Path = paths({}).config_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# mine\ntheme: paper\n")
    decide(wiring, by_itself=False)
    assert file.read_text() == "# mine\ntheme: paper\nat_end: nothing\n"
