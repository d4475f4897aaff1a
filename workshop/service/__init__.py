"""The one door to everything below: what the command line and the terminal UI can ask for."""

from workshop.service.reports import (
    ActReport,
    CheckReport,
    DemoReport,
    DownReport,
    Finding,
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
    "DemoReport",
    "DownReport",
    "Finding",
    "SeatResult",
    "Service",
    "TeardownPlan",
    "UpPlan",
    "UpReport",
    "UpRequest",
    "Workshop",
    "WorkshopEntry",
]
