"""The bill, and the report of a class, which tells nothing of anybody."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest

from workshop.core.class_report import ClassFacts, Moment, NotebookProgress, count_incidents, html, markdown
from workshop.core.cost import Prices, cost, money
from workshop.core.facts import RoomFacts, SeatFacts
from workshop.core.incidents import incidents
from workshop.core.plots import line_plot
from workshop.model.classroom import Classroom, Door
from workshop.model.seat import Limits, SeatRecord, SeatState
from workshop.model.snapshot import EngineFacts

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMITS = Limits(memory_bytes=2 * 1024**3, cpus=1.0)
PRICES = Prices(cpu_hour=0.04, gb_hour=0.005, image_gb_month=0.73)


def test_the_bill_per_hour_so_far_at_the_end_and_forgotten() -> None:
    bill = cost(
        PRICES, LIMITS, seats=10, claimed=8, since=NOW - 2 * HOUR, now=NOW, ends=NOW + HOUR, image_bytes=1024**3
    )
    assert bill.per_hour == pytest.approx(10 * (0.04 + 0.01) + 0.001)
    assert bill.so_far == pytest.approx(2 * bill.per_hour)
    assert bill.at_end == pytest.approx(3 * bill.per_hour)
    assert bill.forgotten_day == pytest.approx(24 * bill.per_hour)
    assert bill.idle_per_hour == pytest.approx(0.1)
    assert "1.00 EUR so far" in bill.sentence
    assert "forgotten, it costs" in bill.sentence.lower()


def test_a_class_past_its_end_goes_on_costing() -> None:
    bill = cost(PRICES, LIMITS, seats=1, claimed=1, since=NOW - 5 * HOUR, now=NOW, ends=NOW - 2 * HOUR)
    assert bill.at_end == pytest.approx(bill.so_far)


def test_a_cluster_bills_what_is_reserved() -> None:
    whole = cost(PRICES, LIMITS, seats=4, claimed=0, since=NOW, now=NOW)
    assert cost(PRICES, LIMITS, seats=4, claimed=0, since=NOW, now=NOW, overcommit=2).per_hour == whole.per_hour / 2


def test_without_prices_a_laptop_shows_its_share() -> None:
    machine = EngineFacts("docker", "1", cpus=8, memory_bytes=16 * 1024**3)
    bill = cost(Prices(), LIMITS, seats=4, claimed=0, since=NOW, now=NOW, machine=machine)
    assert (bill.priced, bill.memory_share, bill.cpu_share) == (False, 0.5, 0.5)
    assert bill.sentence == "The seats may take 8 GB, 50% of the memory of 16 GB."
    assert "settings" in cost(Prices(), LIMITS, seats=1, claimed=0, since=NOW, now=NOW).sentence


def test_small_amounts_keep_their_digits() -> None:
    assert (money(0.0123, "EUR"), money(12.3456, "EUR"), money(0, "EUR")) == ("0.0123 EUR", "12.35 EUR", "0.00 EUR")


FACTS = ClassFacts(
    workshop="Data & <b>plots</b>",
    classroom="demo",
    runtime="docker",
    commit="c" * 40,
    began=NOW,
    ended=NOW + 2 * HOUR,
    seats=12,
    used=9,
    memory_limit=1024**3,
    moments=tuple(Moment(NOW + n * timedelta(minutes=10), n, n // 2, n * 1024**2) for n in range(10)),
    seat_peaks=(100 * 1024**2, 300 * 1024**2, 200 * 1024**2),
    progress=(NotebookProgress("a|b.ipynb", 9, 0.5, 2),),
    incidents=count_incidents(["oom", "say", "oom", "collected"]),
    collected="the work of 9 seats",
)


def test_the_report_says_what_happened_in_both_forms() -> None:
    for text in (markdown(FACTS), html(FACTS)):
        assert "9 used" in text
        assert "300 MB of 1 GB" in text
        assert "50%" in text
        assert "memory of a seat full: 2" in text
        assert "messages to the class: 1" in text
        assert "the work of 9 seats" in text
    assert "a\\|b.ipynb" in markdown(FACTS)


def test_what_is_written_by_others_stays_text() -> None:
    assert "<b>" not in html(FACTS)
    assert "Data &amp; &lt;b&gt;plots" in html(FACTS)
    assert "<b>" not in markdown(FACTS).replace("\\<b\\>", "")


def test_the_page_loads_nothing_and_its_plots_are_whole() -> None:
    page = html(FACTS)
    assert "src=" not in page
    assert "href=" not in page
    assert "<script" not in page
    assert page.count("<svg") == 2
    for part in page.split("<svg")[1:]:
        ET.fromstring("<svg" + part.partition("</svg>")[0] + "</svg>")


def test_a_plot_needs_two_moments_and_bears_nothing_but_zeros() -> None:
    assert line_plot("x", [NOW], [("a", [1.0])]) == ""
    assert "NaN" not in line_plot("x", [NOW, NOW], [("a", [0.0, 0.0])])


def test_a_class_without_a_sample_has_a_report_too() -> None:
    bare = ClassFacts("W", "c", "fake", "", NOW, NOW + HOUR, 2, 0, 1024**3)
    assert "None." in markdown(bare)
    assert "<svg" not in html(bare)


def room(**seat: object) -> RoomFacts:
    classroom = Classroom(
        name="demo", uid="ab12", key="0f" * 32, workshop="Demo", runtime="fake", image="i", commit="c",
        seats=1, door=Door("127.0.0.1", 1), created=NOW,
    )  # fmt: skip
    return RoomFacts(classroom, {1: SeatFacts(**seat)})  # type: ignore[arg-type]


def test_incidents_are_counted_once_each() -> None:
    def kinds(before: RoomFacts, after: RoomFacts) -> list[str]:
        return [incident.kind for incident in incidents(before, after)]

    second = timedelta(seconds=1)
    assert kinds(room(), room(oom_at=NOW)) == ["oom"]
    assert kinds(room(oom_at=NOW), room(oom_at=NOW + 4 * second)) == []
    assert kinds(room(oom_at=NOW), room(oom_at=NOW + 100 * second)) == ["oom"]
    assert kinds(room(), room(pid_limit_at=NOW)) == ["process-limit"]
    assert kinds(room(), room(kernel_restarts=2)) == ["kernel-restart"]
    assert kinds(room(crashed_at=NOW), room()) == [], "a fresh seat"
    failed = SeatRecord(1, SeatState.FAILED, "a")
    assert kinds(room(), room(record=failed)) == ["crash"]
    assert kinds(room(record=failed), room(record=failed, label="x")) == []
