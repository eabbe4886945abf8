"""The images of this clone, through the tool that builds them: `python -P -m services.images`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from offline.environment import REPOSITORY
from offline.steps import Report


class ImagesUnavailable(Exception):
    """An image could not be built; the text says which and why."""


@dataclass(frozen=True)
class Images:
    """What containers run."""

    references: Mapping[str, str]
    """The reference of each image by its name."""
    built: int
    """How many were missing and were built now."""


def build_images(environment: Mapping[str, str], report: Report) -> Images:
    """Build what is missing and return all.

    Raises:
        ImagesUnavailable: one could not be built.
    """
    complaints: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "services.images", "build"],
        cwd=REPOSITORY,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        if process.stderr is None:
            raise AssertionError("standard error is a pipe")
        try:
            # It prints its result at the end, all at once: the pipe holds that until the progress was read.
            for line in process.stderr:
                complaints.append(line.rstrip())
                report(line.strip())
        finally:
            # After ^C too, which it got as well: it ends its tools and removes what they left before it ends.
            printed, _ = process.communicate()
    if process.returncode != 0:
        raise ImagesUnavailable(_describe(complaints))
    document = json.loads(printed)
    return Images(document["references"], len(document["built"]))


def _describe(complaints: list[str]) -> str:
    """Return its sentence, with the lines of a tool below it, or the last lines where it said none."""
    for number, line in enumerate(complaints):
        if line.startswith("error: "):
            return "\n".join(complaints[number:]).removeprefix("error: ")
    return "\n".join(complaints[-20:])
