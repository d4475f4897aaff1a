"""The processes of seats on this machine: found by a mark in their environment, which a reused process id lacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

from workshop.model.seat import Usage

MARK = "WORKSHOP_SEAT_PROCESS"
"""Environment variable of every process of a seat: `<uid>/<number>/<generation>/<start>`."""
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)
ROUNDS = 50
YOUNG_SECONDS = 5.0
"""A process without a mark may still be becoming one of ours, between fork and exec."""
KERNEL = 2
"""The parent of the kernel's own processes, which have no environment."""
UNSURE_PAUSE = 0.02


def mark(uid: str, number: int | None = None, generation: int | None = None, start: str = "") -> str:
    """The mark of one start, or the beginning of the marks of all starts, generations or seats."""
    parts = [uid, *(str(part) for part in (number, generation) if part is not None)]
    return "/".join(parts) + f"/{start}"


@dataclass(frozen=True, slots=True)
class _Seen:
    created: float
    mark: str


class SeatProcesses:
    """Looks through this machine's processes; remembers the mark of each, so that a look costs little."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._unsure = False
        """Whether the last look met a young process that was just in its exec: whose it is, the next look tells."""

    def find(self, wanted: Callable[[str], bool]) -> list[tuple[str, psutil.Process]]:
        """Every process whose mark is wanted, with the mark."""
        found, seen = [], {}
        self._unsure = False
        for process in psutil.process_iter():
            try:
                created = process.create_time()
                known = self._seen.get(process.pid)
                young = time.time() - created < YOUNG_SECONDS
                if known is None or known.created != created or (young and not known.mark):
                    text = _mark_of(process)
                    self._unsure |= young and text is None and process.ppid() != KERNEL
                    known = _Seen(created, text or "")
            except _GONE:
                continue
            seen[process.pid] = known
            if known.mark and wanted(known.mark) and _alive(process):
                found.append((known.mark, process))
        self._seen = seen
        return found

    def of(self, prefix: str) -> list[psutil.Process]:
        return [process for _, process in self.find(lambda text: text.startswith(prefix))]

    def ask_to_end(self, prefix: str) -> list[psutil.Process]:
        """Send TERM to every process with marks that begin so, frozen ones thawed to hear it; does not wait."""
        processes = self.of(prefix)
        for process in processes:
            with suppress(*_GONE):
                process.terminate()
                process.resume()
        return processes

    def end(self, prefix: str, *, patience: float) -> list[int]:
        """End every process with marks that begin so; the ids of those that did not go.

        Asked first (TERM; frozen ones are thawed to hear it), killed after `patience` seconds. Killing is repeated
        until none is found: a process may have started another one in between.
        """
        processes = self.ask_to_end(prefix)
        psutil.wait_procs(processes, timeout=patience)
        for _ in range(ROUNDS):
            processes = self.of(prefix)
            if not processes and not self._unsure:
                return []
            if not processes:
                time.sleep(UNSURE_PAUSE)
            for process in processes:
                with suppress(*_GONE):
                    process.kill()
            psutil.wait_procs(processes, timeout=1)
        return [process.pid for process in self.of(prefix)]

    def freeze(self, prefix: str, *, frozen: bool) -> None:
        """Stop or continue every process of a seat; repeated for those that were started meanwhile."""
        for _ in range(ROUNDS):
            changed = False
            for process in self.of(prefix):
                with suppress(*_GONE):
                    if (process.status() == psutil.STATUS_STOPPED) is frozen:
                        continue
                    process.suspend() if frozen else process.resume()
                    changed = True
            if not changed:
                return
            time.sleep(0.01)  # the kernel stops a process at its next chance; the next round looks whether it has

    def usage(self, uid: str) -> dict[int, Usage]:
        """Sums over each seat's processes: memory shared between them is counted for each."""
        totals: dict[int, list[float]] = {}
        for text, process in self.find(lambda text: text.startswith(f"{uid}/")):
            try:
                with process.oneshot():
                    cpu = process.cpu_times()
                    row = (process.memory_info().rss, cpu.user + cpu.system, process.num_threads())
                    finished = getattr(cpu, "children_user", 0.0) + getattr(cpu, "children_system", 0.0)
            except _GONE:
                continue
            total = totals.setdefault(int(text.split("/")[1]), [0, 0, 0])
            total[0] += row[0]
            total[1] += row[1] + finished
            total[2] += row[2]
        now = time.monotonic()
        return {
            number: Usage(memory_bytes=int(memory), cpu_seconds=cpu, pids=int(threads), at=now)
            for number, (memory, cpu, threads) in sorted(totals.items())
        }


def main_process(pid: int, wanted: str) -> psutil.Process | None:
    """The process of this id, if it is the one that carries exactly this mark and has not ended."""
    if not pid:
        return None
    try:
        process = psutil.Process(pid)
        return process if _mark_of(process) == wanted and _alive(process) else None
    except _GONE:
        return None


def leaders(processes: Iterable[tuple[str, psutil.Process]]) -> Mapping[str, int]:
    """Of found processes the one of each mark that was started first."""
    first: dict[str, psutil.Process] = {}
    for text, process in processes:
        if text not in first or process.create_time() < first[text].create_time():
            first[text] = process
    return {text: process.pid for text, process in first.items()}


def await_mark(pid: int, wanted: str, ended: Callable[[], bool]) -> None:
    """Wait until a process that was just started can be known by its mark, or has ended.

    The kernel tells the parent that exec succeeded before the new environment can be read.

    Args:
        ended: whether it has.
    """
    deadline = time.monotonic() + YOUNG_SECONDS
    while not ended() and main_process(pid, wanted) is None and time.monotonic() < deadline:
        time.sleep(0.002)


def _mark_of(process: psutil.Process) -> str | None:
    """Empty for a process that is not ours; None while it has no environment: in its exec."""
    try:
        environment = process.environ()
        return environment.get(MARK, "") if environment else None
    except (OSError, *_GONE):
        return ""


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except _GONE:
        return False
