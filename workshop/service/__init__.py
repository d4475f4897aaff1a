"""The one door to everything below: what the command line and the terminal UI can ask for."""

from workshop.service.reports import (
    ActReport,
    CheckReport,
    CollectedSeat,
    CollectReport,
    DemoReport,
    DownReport,
    Finding,
    PushReport,
    PushSource,
    SeatPush,
    SeatResult,
    TeardownPlan,
    UpPlan,
    UpReport,
    UpRequest,
    Workshop,
    WorkshopEntry,
)
from workshop.service.service import Service

__all__ = [
    "ActReport",
    "CheckReport",
    "CollectReport",
    "CollectedSeat",
    "DemoReport",
    "DownReport",
    "Finding",
    "PushReport",
    "PushSource",
    "SeatPush",
    "SeatResult",
    "Service",
    "TeardownPlan",
    "UpPlan",
    "UpReport",
    "UpRequest",
    "Workshop",
    "WorkshopEntry",
]
