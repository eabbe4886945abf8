"""What the images are made of, as `images.yaml` says it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from contract.base import Count, Items, Model, Name, matching
from contract.notation import parse_yaml
from contract.problems import ContractError, Problem, ProblemsError, describe_given, list_allowed, refuse

FILE = PurePosixPath("services/images/images.yaml")


def _stay_inside(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) in (".", ""):
        raise ValueError("a relative path that stays inside its folder")
    return str(pure)


InnerPath = Annotated[str, AfterValidator(_stay_inside)]

DebianPackage = Annotated[str, matching(r"^[a-z0-9][a-z0-9+.-]+$", "the name of a Debian package")]

Version = Annotated[str, matching(r"^[0-9]+\.[0-9]+$", "a version such as 3.11, quoted")]


class Debian(Model):
    """The Debian release below every image."""

    suite: Name
    python: Version
    """Of the suite's own Python: wheels are chosen for it."""
    glibc: Version
    """Of the suite's C library: the newest that a wheel may ask for."""
    revision: Count
    """Counts how often the suite's packages were taken anew; they change without changing their names."""


class ImageDefinition(Model):
    """What one image adds to its base."""

    base: Name
    requirements: InnerPath | None = None
    """The lock file of its Python packages."""
    sources: dict[InnerPath, InnerPath] = Field(default_factory=dict)
    """Files and folders of this repository, by their places below the image's source folder."""


class Definitions(Model):
    """Every base and image."""

    debian: Debian
    bases: dict[Name, Items[DebianPackage]]
    """Debian packages beyond the essential ones."""
    left_out: dict[Name, Items[InnerPath]] = Field(default_factory=dict)
    """Folders of their files that are not installed, by the base's name."""
    images: dict[Name, ImageDefinition]

    @model_validator(mode="after")
    def _refuse_unknown_bases(self) -> Self:
        problems = list(self._find_unknown_bases())
        if problems:
            raise ProblemsError(problems)
        return self

    def _find_unknown_bases(self) -> Iterator[Problem]:
        for field, base in (
            *((f"left_out.{name}", name) for name in self.left_out),
            *((f"images.{name}.base", image.base) for name, image in self.images.items()),
        ):
            if base not in self.bases:
                yield Problem(field, describe_given(base), list_allowed(sorted(self.bases), base))


def read(root: Path) -> Definitions:
    """Return the definitions of the repository at `root`.

    Raises:
        ContractError: they cannot be used; each problem names its field.
    """
    try:
        return Definitions.model_validate(parse_yaml((root / FILE).read_text(encoding="utf-8"), str(FILE)))
    except UnicodeDecodeError as error:
        given = f"the byte {error.object[error.start]:#04x} at offset {error.start}"
        raise ContractError(str(FILE), [Problem("", given, "text in UTF-8")]) from error
    except ValidationError as error:
        raise refuse(error, Definitions, str(FILE)) from error
