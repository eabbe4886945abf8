"""Builds the images that are missing, from the bottom up."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from services.images import bases, contexts, locks, podman
from services.images.bases import Base
from services.images.plan import Image, Packages
from services.images.progress import report

Part = TypeVar("Part", Base, Packages, Image)


def build_missing(images: Sequence[Image]) -> list[str]:
    """Build the images that are missing and what they need below them; return the references made, in that order.

    Raises:
        ToolMissing: podman, mmdebstrap or uv is not here.
        ToolFailed: one of them did not do it.
    """
    if not _find_missing(images):
        return []
    lock = podman.find_run_folder() / "faregate-images.lock"
    with locks.hold(lock), tempfile.TemporaryDirectory(prefix="faregate-images-") as folder:
        # Another build may have made some while this one waited.
        return list(_build_all(_find_missing(images), Path(folder)))


def _build_all(images: Sequence[Image], folder: Path) -> Iterator[str]:
    packages = _find_missing(image.below for image in images if isinstance(image.below, Packages))
    bare = [image.below for image in images if isinstance(image.below, Base)]
    yield from bases.make(_find_missing([*bare, *(each.base for each in packages)]), folder)
    yield from (_build_packages(each, folder / each.name) for each in packages)
    yield from (_build_image(image, folder / image.name) for image in images)


def _find_missing(parts: Iterable[Part]) -> list[Part]:
    distinct = {part.reference: part for part in parts}
    return [part for reference, part in distinct.items() if not podman.has(reference)]


def _build_packages(packages: Packages, context: Path) -> str:
    report(f"{packages.name}: fetching Python packages")
    contexts.stage_packages(packages.requirements, packages.options, context / "packages", packages.name)
    return _build(packages, packages.base.reference, context)


def _build_image(image: Image, context: Path) -> str:
    context.mkdir()
    contexts.stage_sources(image.sources, context / "source")
    return _build(image, image.below.reference, context)


def _build(part: Packages | Image, below: str, context: Path) -> str:
    report(f"{part.name}: building")
    podman.build(part.name, part.reference, below, part.containerfile, context)
    return part.reference
