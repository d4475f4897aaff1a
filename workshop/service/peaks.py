"""What a rehearsal found a seat of an image to need at most, for the question whether a class fits."""

from __future__ import annotations

import json
import logging

from workshop.service.room_folder import write_json
from workshop.service.wiring import Wiring

log = logging.getLogger(__name__)

FILE = "rehearsals.json"
KEPT = 200


def remember(wiring: Wiring, digest: str, peak_bytes: int) -> None:
    """Keep the peak of an image, newest last."""
    known = _read(wiring)
    known.pop(digest, None)
    known[digest] = peak_bytes
    wiring.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(wiring.state_dir / FILE, dict(list(known.items())[-KEPT:]))


def peak_of(wiring: Wiring, digest: str) -> int | None:
    """The peak of an image; None where it was not rehearsed."""
    return _read(wiring).get(digest)


def _read(wiring: Wiring) -> dict[str, int]:
    file = wiring.state_dir / FILE
    try:
        document = json.loads(file.read_text("utf-8"))
        return {str(digest): int(peak) for digest, peak in document.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        log.warning("%s is not used: %s", file, error)
        return {}
