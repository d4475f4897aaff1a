"""What a Docker engine's "no" is, whichever way it was asked."""

from __future__ import annotations


class APIError(Exception):
    """The engine answered with an error.

    Args:
        explanation: the engine's own words.
        status_code: of its HTTP answer.
    """

    def __init__(self, explanation: str, status_code: int) -> None:
        super().__init__(explanation)
        self.explanation = explanation
        self.status_code = status_code


class NotFound(APIError):
    """There is no such object."""


class ImageNotFound(NotFound):
    """There is no such image."""


def api_error(explanation: str, status_code: int, *, image: bool = False) -> APIError:
    """The error for an answer.

    Args:
        image: an image was asked for.
    """
    if status_code == 404:
        missing_image = image or "no such image" in explanation.lower()
        return (ImageNotFound if missing_image else NotFound)(explanation, status_code)
    return APIError(explanation, status_code)
