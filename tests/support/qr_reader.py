"""Read QR codes from pixels, as a phone would: with more than one look."""

from __future__ import annotations

import cv2
import numpy as np


def read_qr(picture: np.ndarray) -> str:
    """The text of the one code in a picture; empty when none is found.

    OpenCV's detectors each miss some perfect codes at some sizes, so several sizes are looked at. What is returned
    was decoded with its error correction, so a wrong code is never read as the right one.
    """
    for scale in (1.0, 0.5, 2.0, 0.75):
        resized = (
            picture if scale == 1.0 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )
        for detector in (cv2.QRCodeDetectorAruco(), cv2.QRCodeDetector()):
            text, _, _ = detector.detectAndDecode(resized)
            if text:
                return str(text)
    return ""


def read_qr_file(data: bytes) -> str:
    """The same from the bytes of a PNG."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None, "no picture"
    return read_qr(picture)
