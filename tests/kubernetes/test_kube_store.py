"""Claims in the cluster: kept through restarts, shared by two gateways, and never given twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.kubernetes.api_server import ApiServer
from tests.runtimes.worlds import make_classroom
from workshop.ports.store import BROWSERS_KEPT
from workshop.runtimes.kubernetes.client import ClusterClient
from workshop.runtimes.kubernetes.kube_store import KubeStore

ROOM = make_classroom("algebra", "kubernetes", "image")
UID = ROOM.uid
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def store(api: ApiServer, kubeconfig: str) -> Iterator[Callable[[], KubeStore]]:
    """Opens stores as several gateways would."""
    api.call(lambda: api.make("namespaces", {"kind": "Namespace", "metadata": {"name": "team"}}))
    opened: list[KubeStore] = []

    def open_one() -> KubeStore:
        opened.append(KubeStore(lambda: ClusterClient(kubeconfig=kubeconfig), ROOM, "team", now=lambda: NOW))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_a_claim_outlives_the_gateway_that_gave_it(store: Callable[[], KubeStore]) -> None:
    first = store()
    assert first.claim_first(UID, (1, 2, 3), "ada") == 1
    assert first.claim(UID, 2, "bob")
    first.close()
    second = store()
    assert [(claim.number, claim.browser, claim.at) for claim in second.claims(UID)] == [
        (1, "ada", NOW),
        (2, "bob", NOW),
    ]
    assert second.claim_first(UID, (1, 2, 3), "ada") == 1
    assert not second.claim(UID, 2, "eve")
    assert second.claim_first(UID, (1, 2, 3), "eve") == 3
    assert second.claim_first(UID, (1, 2, 3), "too late") is None


def test_two_gateways_never_give_one_seat_to_two_browsers(store: Callable[[], KubeStore]) -> None:
    gateways = [store(), store()]
    numbers = tuple(range(1, 13))
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda n: gateways[n % 2].claim_first(UID, numbers, f"browser {n}"), range(12)))
    assert sorted(given) == list(numbers)  # type: ignore[type-var]
    fresh = store()
    assert len({claim.browser for claim in fresh.claims(UID)}) == 12


def test_a_freed_seat_forgets_its_person(store: Callable[[], KubeStore]) -> None:
    one = store()
    one.claim(UID, 4, "ada")
    one.also_opened(UID, 4, "phone")
    one.note(UID, 4, label="Ada")
    assert one.browsers(UID) == {4: 2}
    assert one.seats_of(UID, "phone") == (4,)
    one.free(UID, 4)
    assert (one.claims(UID), one.seats_of(UID, "ada"), one.notes(UID)) == ((), (), {})


def test_ever_new_browsers_with_one_code_do_not_fill_the_secret(store: Callable[[], KubeStore]) -> None:
    one = store()
    one.claim(UID, 4, "ada")
    for number in range(BROWSERS_KEPT + 20):
        one.also_opened(UID, 4, f"browser {number}")
    assert one.browsers(UID) == {4: BROWSERS_KEPT}
    assert len(one.history(UID)) == BROWSERS_KEPT - 1


def test_the_latest_seat_of_a_browser_comes_first(store: Callable[[], KubeStore]) -> None:
    one = store()
    for number in (1, 2, 1):
        one.also_opened(UID, number, "ada")
    assert one.seats_of(UID, "ada") == (1, 2)


def test_what_has_changed_about_the_room_is_kept(store: Callable[[], KubeStore]) -> None:
    first = store()
    state = first.set_room_state(UID, wanted=40, ends=NOW, pin="4711")
    assert (state.wanted, state.ends, state.pin, state.closing) == (40, NOW, "4711", False)
    assert store().room_state(UID) == state
    with pytest.raises(TypeError, match="colour"):
        first.set_room_state(UID, colour="red")


def test_notes_and_history_are_written_together_at_the_end_at_the_latest(
    api: ApiServer, store: Callable[[], KubeStore]
) -> None:
    first = store()
    before = api.requests["PUT secrets"]
    for number in range(1, 101):
        first.note(UID, number, label=f"seat {number}", last_active=NOW)
        first.record(UID, "opened", "The seat was opened.", seat=number)
    assert api.requests["PUT secrets"] == before
    first.close()
    assert api.requests["PUT secrets"] == before + 1
    second = store()
    assert (second.notes(UID)[100].label, second.notes(UID)[100].last_active) == ("seat 100", NOW)
    assert second.history(UID, limit=1) == ((NOW, "opened", "The seat was opened.", 100),)
    assert second.counts(UID) == {"opened": 100}


def test_forgetting_leaves_nothing_of_anybody(api: ApiServer, store: Callable[[], KubeStore]) -> None:
    one = store()
    one.claim(UID, 1, "ada")
    one.note(UID, 1, label="Ada")
    one.forget(UID)
    one.close()
    second = store()
    assert (second.claims(UID), second.notes(UID), second.history(UID)) == ((), {}, ())
