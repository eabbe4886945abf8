"""The command line of `services.images`: which command, for which images, and the exit code."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from contract.problems import ContractError
from services.images.building import build_missing
from services.images.plan import Image, PartMissing, UnknownImage, plan
from services.images.processes import Interrupted, ToolFailed, ToolMissing, raise_interruption
from services.images.progress import report

ROOT = Path(__file__).resolve().parents[2]

REGISTRY = "localhost/faregate"

KNOWN_FAILURES = (
    ContractError,
    OSError,  # a full disk, a folder that may not be written
    PartMissing,
    ToolFailed,
    ToolMissing,
    UnknownImage,
)
"""Told as a sentence, never as a traceback: a person can do something about each."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parse(arguments)
    try:
        with raise_interruption():
            print(json.dumps(_run(options), indent=2))
    except KNOWN_FAILURES as error:
        report(f"error: {error}")
        return 1
    except Interrupted as interruption:
        report("interrupted; run the same command again to go on")
        return 128 + interruption.number
    return 0


def _run(options: argparse.Namespace) -> dict[str, object]:
    if options.command == "list":
        return dict(_refer(plan(ROOT, options.registry)))
    images = plan(ROOT, options.registry, options.names)
    built = build_missing(images)
    return {"references": _refer(images), "built": built}


def _refer(images: list[Image]) -> dict[str, str]:
    return {image.name: image.reference for image in images}


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="services.images", description="Make the images that containers run from.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="build the images that are missing; print what every name refers to")
    build.add_argument("names", nargs="*", metavar="NAME", help="an image (default: every one)")
    listing = commands.add_parser("list", help="print what every name refers to; build nothing")
    for command in (build, listing):
        command.add_argument("--registry", default=REGISTRY, help="what references begin with (default: %(default)s)")
    return parser.parse_args(arguments)
