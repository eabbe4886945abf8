"""What a build would make: every image with its reference and its parts. Nothing is built to find out."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.problems import list_allowed
from services.images import bases, definitions
from services.images.bases import Base
from services.images.definitions import Debian, Definitions, ImageDefinition
from services.images.digests import digest


class PartMissing(Exception):
    """A part of an image is not here; the text names the image and the part."""


class UnknownImage(Exception):
    """There is no image of that name; the text names those that there are."""


@dataclass(frozen=True)
class Packages:
    """The image below another one: a base with Python packages."""

    name: str
    reference: str
    base: Base
    containerfile: Path
    requirements: Path
    options: tuple[str, ...]
    """Which builds of the packages uv takes."""


@dataclass(frozen=True)
class Image:
    """One image."""

    name: str
    reference: str
    below: Packages | Base
    containerfile: Path
    sources: Mapping[str, Path]
    """Files by their places below the image's source folder."""


def plan(root: Path, registry: str, names: Iterable[str] = ()) -> list[Image]:
    """Return the named images of the repository at `root`, or all of them, in order of their names.

    Raises:
        ContractError: the definitions cannot be used.
        UnknownImage: a name is not theirs.
        PartMissing: a file that an image is made from is not here.
    """
    known = definitions.read(root)
    names = set(names)
    for name in sorted(names - known.images.keys()):
        raise UnknownImage(f"there is no image {name!r}; allowed: {list_allowed(sorted(known.images), name)}")
    return [_plan_image(root, registry, name, known) for name in sorted(names or known.images)]


def _plan_image(root: Path, registry: str, name: str, known: Definitions) -> Image:
    image = known.images[name]
    below = _plan_below(root, registry, name, known)
    containerfile = _require(root, f"{definitions.FILE.parent}/{name}.Containerfile", name)
    sources = dict(_list_sources(root, name, image))
    made_from = {
        "below": _read_tag(below),
        "containerfile": containerfile.read_bytes(),
        **{f"source {place}": file.read_bytes() for place, file in sources.items()},
    }
    return Image(name, f"{registry}/{name}:{digest(made_from)}", below, containerfile, sources)


def _plan_below(root: Path, registry: str, name: str, known: Definitions) -> Packages | Base:
    image = known.images[name]
    left_out = known.left_out.get(image.base, ())
    base = bases.define(image.base, known.bases[image.base], left_out, known.debian, registry)
    if not image.requirements:
        return base
    requirements = _require(root, image.requirements, name)
    containerfile = _require(root, f"{definitions.FILE.parent}/packages.Containerfile", name)
    options = _choose_builds(known.debian)
    made_from = {
        "below": _read_tag(base),
        "containerfile": containerfile.read_bytes(),
        "options": json.dumps(options).encode(),
        "requirements": requirements.read_bytes(),
    }
    reference = f"{registry}/packages-{name}:{digest(made_from)}"
    return Packages(f"packages-{name}", reference, base, containerfile, requirements, options)


def _choose_builds(debian: Debian) -> tuple[str, ...]:
    """Return the options of uv that choose wheels for the image, whatever Python and C library this machine has."""
    return (
        "--require-hashes",
        "--only-binary=:all:",
        f"--python-version={debian.python}",
        f"--python-platform={platform.machine()}-manylinux_{debian.glibc.replace('.', '_')}",
    )


def _read_tag(image: Packages | Base) -> bytes:
    return image.reference.rpartition(":")[2].encode()


def _list_sources(root: Path, name: str, image: ImageDefinition) -> Iterator[tuple[str, Path]]:
    for place, source in image.sources.items():
        path = _require(root, source, name)
        if path.is_file():
            yield place, path
            continue
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and "__pycache__" not in file.parts]
        if not files:  # a checkout of another branch leaves only compiled files behind
            raise PartMissing(f"image {name}: there is no file in {source}")
        for file in files:
            yield f"{place}/{file.relative_to(path).as_posix()}", file


def _require(root: Path, path: str, name: str) -> Path:
    if not (root / path).exists():
        raise PartMissing(f"image {name}: there is no {path}")
    return root / path
