"""What happens when a class's time and grace have passed and nobody is at the keyboard: asked once, then a setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workshop.model.amounts import format_span
from workshop.service.reports import EndPlan
from workshop.service.wiring import Wiring

if TYPE_CHECKING:
    from workshop.model.definition import WorkshopDefinition

SETTING = "at_end"
COLLECT, NOTHING = "collect", "nothing"


def end_plan(wiring: Wiring, definition: WorkshopDefinition, *, elsewhere: bool = False) -> EndPlan:
    """What the gateway would do at the end of a class of this workshop.

    Args:
        elsewhere: it runs on other machines, where there is no folder for the work to be collected into.
    """
    config = wiring.settings_of(definition)
    by_itself = config.text(SETTING) != NOTHING
    grace = format_span(definition.times.grace)
    if by_itself and elsewhere:
        sentence = f"{grace} after its end the gateway removes the class, and with it what was not collected by then."
    elif by_itself:
        sentence = f"{grace} after its end the gateway collects the work and removes the class, whoever is there."
    else:
        sentence = "After its end the class stays until `workshop down` removes it."
    return EndPlan(by_itself, decided=not config.is_default(SETTING), sentence=sentence)


def decide(wiring: Wiring, *, by_itself: bool) -> None:
    """Keep the answer for this and all later classes whose workshop says nothing else.

    Raises:
        SettingError: the configuration file cannot be written.
    """
    wiring.save_setting(SETTING, COLLECT if by_itself else NOTHING)
