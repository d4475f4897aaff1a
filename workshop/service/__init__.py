"""The one door to everything below: what the command line and the terminal UI can ask for.

Names are imported when they are used: a gateway's process is part of this package and needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workshop.core.cost import Cost, money
    from workshop.service.handouts import HandoutKind
    from workshop.service.reports import (
        ActReport,
        AddressReport,
        CheckReport,
        ClassHistory,
        CollectedSeat,
        CollectReport,
        DemoReport,
        DownReport,
        EndPlan,
        Finding,
        PushReport,
        PushSource,
        RehearsalReport,
        RehearsedNotebook,
        Sample,
        SeatPush,
        SeatResult,
        SeatSnapshot,
        TeardownPlan,
        UpPlan,
        UpReport,
        UpRequest,
        Visit,
        Workshop,
        WorkshopEntry,
        WrittenReport,
    )
    from workshop.service.service import Service

__all__ = [
    "ActReport",
    "AddressReport",
    "CheckReport",
    "ClassHistory",
    "CollectReport",
    "CollectedSeat",
    "Cost",
    "DemoReport",
    "DownReport",
    "EndPlan",
    "Finding",
    "HandoutKind",
    "PushReport",
    "PushSource",
    "RehearsalReport",
    "RehearsedNotebook",
    "Sample",
    "SeatPush",
    "SeatResult",
    "SeatSnapshot",
    "Service",
    "TeardownPlan",
    "UpPlan",
    "UpReport",
    "UpRequest",
    "Visit",
    "Workshop",
    "WorkshopEntry",
    "WrittenReport",
    "money",
]

_HOMES = {
    "Cost": "workshop.core.cost",
    "money": "workshop.core.cost",
    "HandoutKind": "workshop.service.handouts",
    "Service": "workshop.service.service",
}
"""Names that are not in `reports`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, f"{__name__}.reports")), name)
