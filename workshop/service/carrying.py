"""Images as files: written on a machine that built them, loaded on one that has no network."""

from __future__ import annotations

from pathlib import Path

from workshop.errors import UsageError
from workshop.model.image import Image
from workshop.ports.build import ImageCarrier, Report
from workshop.service import building
from workshop.service.wiring import Wiring


def file_for(image: Image, to: Path) -> Path:
    """The file that an image is written into: `to`, or in that folder one named after workshop and commit."""
    if not to.is_dir():
        return to
    return to / f"{image.reference.rpartition('/')[2].replace(':', '-')}.tar"


async def find_image(wiring: Wiring, wanted: str) -> Image:
    """The image that a word names: its name, its digest or the beginning of it, or a workshop's (the newest of it).

    Raises:
        UsageError: none, or several, are called so.
    """
    every = [image for image in await building.images(wiring, runtime="") if image.reference and wanted]
    bare = wanted.removeprefix("sha256:")
    named = [image for image in every if wanted in (image.reference, image.digest)]
    begun = [image for image in every if len(bare) >= 6 and image.digest.removeprefix("sha256:").startswith(bare)]
    of_workshop = [image for image in every if image.workshop == wanted.rpartition("/")[2]]
    if not named and len(begun) > 1:
        raise UsageError(f"Several images' digests begin with {bare}.", hint="Write more of it.")
    found = next(iter([*named, *begun, *of_workshop]), None)
    if found is None:
        names = ", ".join(dict.fromkeys(image.workshop or image.reference for image in every))
        hint = f"There are images of: {names}." if names else "There are none; `workshop build` makes one."
        raise UsageError(f"There is no image {wanted!r}.", hint=hint)
    return found


async def export(wiring: Wiring, image: Image, to: Path, *, report: Report) -> Path:
    """Write an image into a file; where that is.

    Raises:
        UsageError: what this runtime builds cannot be carried.
        BuildFailed: the image is gone, or the file cannot be written.
    """
    file = file_for(image, to)
    await _carrier(wiring, image.runtime).export(image, file, report=report)
    return file


async def import_file(wiring: Wiring, file: Path, *, report: Report) -> tuple[Image, ...]:
    """Load the images of a file; see `ports.build.ImageCarrier.import_file` for what is raised."""
    return await _carrier(wiring, "docker").import_file(file, report=report)


def _carrier(wiring: Wiring, runtime: str) -> ImageCarrier:
    builder = wiring.builder(runtime)
    if not isinstance(builder, ImageCarrier):
        raise UsageError(
            f"Images of the {runtime} runtime cannot be carried: they are folders that belong to this machine.",
            hint="Build it with `--runtime docker`, and export that image.",
        )
    return builder
