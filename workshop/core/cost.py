"""What a class costs: by prices that the user gives, and as a share of the machine. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workshop.model.amounts import capitalised, format_size
from workshop.model.seat import Limits
from workshop.model.snapshot import EngineFacts

GB = 1024**3
HOURS_A_MONTH = 730.0


@dataclass(frozen=True, slots=True)
class Prices:
    """What the user pays; all zero where nothing is said."""

    cpu_hour: float = 0.0
    gb_hour: float = 0.0
    image_gb_month: float = 0.0
    currency: str = "EUR"

    @property
    def known(self) -> bool:
        return bool(self.cpu_hour or self.gb_hour or self.image_gb_month)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a class costs, in the prices' currency."""

    currency: str
    priced: bool
    """False without prices: the amounts are zero and only the shares say something."""
    per_hour: float
    so_far: float
    at_end: float | None
    """When it ends as planned; None without an end."""
    forgotten_day: float
    """What each further day costs when nobody ends it."""
    idle_per_hour: float
    """The part of `per_hour` that goes to seats nobody has taken."""
    memory_share: float | None
    """Of the machine's memory that the seats may take; 1.0 is all of it."""
    cpu_share: float | None
    used_memory: int | None
    """Bytes that the seats hold now; None when nobody measured."""
    idle_memory: int | None
    """The part of `used_memory` that seats hold which nobody has taken."""
    machine_memory: int | None
    machine_cpus: float | None
    sentence: str

    def share_of(self, memory: int | None) -> float | None:
        """Bytes as a part of the machine's memory, 1.0 for all of it."""
        return memory / self.machine_memory if memory is not None and self.machine_memory else None


def cost(
    prices: Prices,
    limits: Limits,
    *,
    seats: int,
    claimed: int,
    since: datetime,
    now: datetime,
    ends: datetime | None = None,
    image_bytes: int = 0,
    overcommit: float = 1.0,
    machine: EngineFacts | None = None,
    used_memory: int | None = None,
    idle_memory: int | None = None,
) -> Cost:
    """The bill of a class.

    Args:
        overcommit: limits divided by what is reserved; a cluster bills what is reserved.
        machine: where the seats run, for the shares.
        used_memory: bytes that the seats hold now.
        idle_memory: bytes of it in seats that nobody has taken.
    """
    seat_hour = (limits.cpus * prices.cpu_hour + limits.memory_bytes / GB * prices.gb_hour) / overcommit
    image_hour = image_bytes / GB * prices.image_gb_month / HOURS_A_MONTH
    per_hour = seats * seat_hour + image_hour
    so_far = per_hour * _hours(now - since)
    at_end = per_hour * _hours(max(ends, now) - since) if ends is not None else None
    memory = seats * limits.memory_bytes / machine.memory_bytes if machine and machine.memory_bytes else None
    cpus = seats * limits.cpus / machine.cpus if machine and machine.cpus else None
    bare = Cost(
        currency=prices.currency,
        priced=prices.known,
        per_hour=per_hour,
        so_far=so_far,
        at_end=at_end,
        forgotten_day=per_hour * 24,
        idle_per_hour=max(0, seats - claimed) * seat_hour,
        memory_share=memory,
        cpu_share=cpus,
        used_memory=used_memory,
        idle_memory=idle_memory,
        machine_memory=machine.memory_bytes if machine else None,
        machine_cpus=machine.cpus if machine else None,
        sentence="",
    )
    return replace(bare, sentence=_sentence(bare, seats, limits, machine))


def together(costs: Mapping[str, Cost]) -> Cost:
    """The bill of a class on several targets, from the bill of each; shares are of all machines together."""
    every = list(costs.values())

    def added(values: Iterable[int | float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) if known else None

    def whole(values: Iterable[int | None]) -> int | None:
        found = added(values)
        return int(found) if found is not None else None

    machine = whole(cost.machine_memory for cost in every)
    shares = [(cost.memory_share, cost.machine_memory) for cost in every]
    taken = [share * memory for share, memory in shares if share is not None and memory is not None]
    cores = added(cost.machine_cpus for cost in every)
    used = [(cost.cpu_share, cost.machine_cpus) for cost in every]
    busy = [share * cpus for share, cpus in used if share is not None and cpus is not None]
    return Cost(
        currency=every[0].currency,
        priced=every[0].priced,
        per_hour=sum(cost.per_hour for cost in every),
        so_far=sum(cost.so_far for cost in every),
        at_end=added(cost.at_end for cost in every),
        forgotten_day=sum(cost.forgotten_day for cost in every),
        idle_per_hour=sum(cost.idle_per_hour for cost in every),
        memory_share=sum(taken) / machine if taken and machine else None,
        cpu_share=sum(busy) / cores if busy and cores else None,
        used_memory=whole(cost.used_memory for cost in every),
        idle_memory=whole(cost.idle_memory for cost in every),
        machine_memory=machine,
        machine_cpus=cores,
        sentence=" ".join(f"{target}: {cost.sentence}" for target, cost in costs.items()),
    )


def _hours(span: timedelta) -> float:
    return max(0.0, span.total_seconds() / 3600)


def money(amount: float, currency: str) -> str:
    """`12.40 EUR`; more digits where an amount is small."""
    digits = 2 if amount >= 0.1 or amount == 0 else 4
    return f"{amount:.{digits}f} {currency}"


def _sentence(found: Cost, seats: int, limits: Limits, machine: EngineFacts | None) -> str:
    parts = []
    if found.priced:
        parts.append(f"{money(found.per_hour, found.currency)} an hour, {money(found.so_far, found.currency)} so far")
        if found.at_end is not None:
            parts[-1] += f", {money(found.at_end, found.currency)} at the end"
        parts.append(f"forgotten, it costs {money(found.forgotten_day, found.currency)} a day")
        if found.idle_per_hour:
            parts.append(f"{money(found.idle_per_hour, found.currency)} an hour is for seats nobody has taken")
    if machine is not None and found.memory_share is not None:
        most = format_size(seats * limits.memory_bytes)
        parts.append(
            f"the seats may take {most}, {found.memory_share:.0%} of the memory of {format_size(machine.memory_bytes)}"
        )
        if found.used_memory is not None and (share := found.share_of(found.used_memory)) is not None:
            parts.append(f"now they hold {format_size(found.used_memory)}, {share:.0%} of it")
            if found.idle_memory:
                parts[-1] += f"; {format_size(found.idle_memory)} in seats nobody has taken"
    if not parts:
        parts.append("no prices are set: price_cpu_hour, price_gb_hour and price_image_gb_month are settings")
    text = ". ".join(capitalised(part) for part in parts)
    return f"{text}."
