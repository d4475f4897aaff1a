"""The seats there are to be: replicas of the StatefulSet and what its annotation says of single numbers.

A StatefulSet has no holes. A seat that was removed between others keeps its pod, which serves nothing until the
number is wanted again; at the end of the row the set shrinks.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from workshop.errors import SeatFailed
from workshop.model.classroom import Classroom
from workshop.model.parts import first_number
from workshop.model.seat import SeatCommand
from workshop.runtimes.kubernetes import launcher
from workshop.runtimes.kubernetes.client import ApiRefused, ClusterClient
from workshop.runtimes.kubernetes.names import ROSTER, SEAT_MANAGER, base_name, pod_name
from workshop.runtimes.kubernetes.objects import SeatObjects, decode_roster, encode_roster, row_of
from workshop.runtimes.kubernetes.wishes import Wishes

Json = dict[str, Any]
ATTEMPTS = 8
"""Tries to change the set while somebody else changes it too."""


@dataclass(frozen=True, slots=True)
class Additions:
    """What `Roster.add` changed."""

    new: frozenset[int] = frozenset()
    """Numbers that exist now, or exist in a new generation."""
    renewed: frozenset[int] = frozenset()
    """Those of them whose pod was there before and has to be made anew, with what it is told now."""


class Roster:
    """Reads and changes which seats exist in one classroom."""

    def __init__(self, client: ClusterClient, classroom: Classroom, namespace: str, wishes: Wishes) -> None:
        self._client = client
        self._classroom = classroom
        self._namespace = namespace
        self._wishes = wishes
        self._first = first_number(classroom)
        base = base_name(classroom.name)
        self.set_path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets/{base}"
        self._secret_path = f"/api/v1/namespaces/{namespace}/secrets/{base}-seats"

    async def read(self) -> dict[int, int]:
        """Generation of every seat, by number."""
        found = await self._client.get(self.set_path)
        return decode_roster(found) if found else {}

    async def add(self, commands: Mapping[int, SeatCommand], owner_uid: str, *, generation: int = 1) -> Additions:
        """Let these seats exist in this generation; those that do, or are in a later one, stay as they are.

        Three or four writes for any number of seats: the seats' Secret (twice the first time), the quota, the set.
        """
        for _ in range(ATTEMPTS):
            found = await self._client.get(self.set_path)
            there = decode_roster(found) if found else {}
            wanted = {number: generation for number in commands if there.get(number, 0) < generation}
            if not wanted:
                return Additions()
            objects = SeatObjects(self._classroom, self._namespace, self._wishes, owner_uid=owner_uid)
            await self._write_files({number: commands[number] for number in wanted}, wanted, objects, there)
            last = max((*there, *wanted))
            row = range(self._first, last + 1)
            manifest = objects.seats(last, _special(there | wanted, row))
            if self._wishes.quota and self._classroom.option("own_namespace") == "yes":
                await self._client.apply(objects.quota(len(row)))
            if await self._write_set(manifest, found):
                renewed = frozenset(number for number in wanted if found and number in row_of(found))
                return Additions(frozenset(wanted), renewed)
        raise SeatFailed(f"The seats of {self._classroom.name} are being changed from elsewhere.", hint="Run it again.")

    async def _write_set(self, manifest: Json, found: Json | None) -> bool:
        """False when somebody else changed the set since it was read."""
        if found is None:
            return await self._client.create(manifest) is not None
        manifest["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        try:
            await self._client.apply(manifest)
        except ApiRefused as error:
            if error.status != 409:
                raise
            return False
        return True

    async def _write_files(
        self,
        commands: Mapping[int, SeatCommand],
        generations: Mapping[int, int],
        objects: SeatObjects,
        there: Mapping[int, int],
    ) -> None:
        existing = await self._client.get(self._secret_path)
        common = ""
        if existing:
            common = base64.b64decode(existing["data"].get(launcher.LAUNCH_KEY, "")).decode()
        files = launcher.seat_files(commands, home=self._wishes.home, generations=generations, common=common)
        if existing is None:
            await self._client.apply(objects.seat_secret({launcher.LAUNCH_KEY: files.launch}))
        values = {pod_name(self._classroom.name, number): text for number, text in files.seats.items()}
        last = max((*there, *commands))
        for number in range(self._first, last + 1):
            if number not in there and number not in commands:
                values[pod_name(self._classroom.name, number)] = launcher.PARKED
        await self._client.merge(self._secret_path, {"stringData": values}, manager=SEAT_MANAGER)

    async def remove(self, numbers: Collection[int]) -> tuple[int, ...]:
        """Let these seats not exist. The numbers that did."""
        for _ in range(ATTEMPTS):
            found = await self._client.get(self.set_path)
            there = decode_roster(found) if found else {}
            gone = sorted(number for number in numbers if number in there)
            if not found or not gone:
                return ()
            kept = {number: generation for number, generation in there.items() if number not in gone}
            before = row_of(found)
            row = range(before.start, max(kept, default=before.start - 1) + 1)
            values: dict[str, str | None] = {
                pod_name(self._classroom.name, number): launcher.PARKED for number in gone if number in row
            }
            data: Json = {"stringData": values}
            data["data"] = {pod_name(self._classroom.name, number): None for number in before if number not in row}
            await self._client.merge(self._secret_path, data, manager=SEAT_MANAGER)
            patch = {
                "metadata": {
                    "resourceVersion": found["metadata"]["resourceVersion"],
                    "annotations": {ROSTER: encode_roster(_special(kept, row))},
                },
                "spec": {"replicas": len(row)},
            }
            try:
                await self._client.merge(self.set_path, patch)
            except ApiRefused as error:
                if error.status != 409:
                    raise
                continue
            return tuple(gone)
        raise SeatFailed(f"The seats of {self._classroom.name} are being changed from elsewhere.", hint="Run it again.")


def _special(roster: Mapping[int, int], row: range) -> dict[int, int]:
    """What the annotation has to say of the row's numbers: holes, and generations that are not 1."""
    return {number: roster.get(number, 0) for number in row if roster.get(number, 0) != 1}
