"""`make support-bundle`: whatever can be had of a machine and an instance, and, at its end, what could not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from contract.problems import ContractError
from offline.environment import REPOSITORY
from offline.failures import KNOWN_FAILURES
from offline.instance import Home
from offline.steps import Steps
from offline.support_bundle import containers, instance, machine
from offline.support_bundle.archive import ENDING, Archive, write_archive
from offline.support_bundle.output import ToolSilent
from offline.support_bundle.parts import Chapter, Missing
from offline.support_bundle.redaction import Redaction

RESULTS = REPOSITORY / "results"

LOG_LINES = 5000
"""How many lines of the end of each container's log are kept."""

README = "README.txt"

_SENTENCES = (*KNOWN_FAILURES, ToolSilent)
"""What says by itself what is wrong; of anything else its kind is told, too."""


@dataclass
class Bundle:
    """A bundle that was written."""

    path: Path
    sizes: dict[str, int] = field(default_factory=dict)
    """The bytes of each part."""
    missing: list[Missing] = field(default_factory=list)
    unsought: tuple[str, ...] = ()
    """The secrets that nothing was taken out for: too short, or what their own names say."""


def make_bundle(home: Home, steps: Steps, made: datetime, command: str) -> Bundle:
    """Write everything that can be had; a part that can't is no reason to end.

    Args:
        home: of the instance, which need not exist.
        steps: where progress is shown; `count_steps` says how many.
        made: the time in the file's name.
        command: what was run, for whoever reads the bundle.

    Raises:
        OSError: a secret can't be read, so it could not be removed; or the file can't be written.
        Refused: a secret was in the bundle, which is gone.
    """
    redaction = _read_secrets(home)
    name = home.folder.name
    path = RESULTS / f"{made:%Y%m%d-%H%M%S}-{name}-support-bundle{ENDING}"
    bundle = Bundle(path, unsought=redaction.left)
    with write_archive(bundle.path, made, redaction, lambda: _read_secrets(home)) as archive:
        for chapter in _list_chapters(home):
            with steps.step(chapter.title) as progress:
                before = len(bundle.sizes), len(bundle.missing)
                _write_chapter(chapter, archive, redaction, bundle)
                written, missing = len(bundle.sizes) - before[0], len(bundle.missing) - before[1]
                progress.outcome = f"{written} parts" + (f", {missing} missing" if missing else "")
        archive.add(README, _write_readme(home, bundle, made, command))
    return bundle


def count_steps(home: Home) -> int:
    return len(_list_chapters(home))


def describe_presence(home: Home) -> str:
    """Return whether there is an instance, as words."""
    if home.exists:
        return "exists"
    return "was never made whole" if home.folder.exists() else "does not exist"


def describe_unsought(bundle: Bundle) -> str:
    """Return which secrets were not looked for, and why, as words."""
    return f"{', '.join(bundle.unsought)} (too short, or what the name says)"


def _list_chapters(home: Home) -> list[Chapter]:
    """Return what is looked at; containers may be there without the folder that says whose they are."""
    of_instance = instance.list_chapters(home) if home.folder.exists() else []
    return [*machine.list_chapters(home), *of_instance, *containers.list_chapters(home, LOG_LINES)]


def _write_chapter(chapter: Chapter, archive: Archive, redaction: Redaction, bundle: Bundle) -> None:
    def note(path: str, error: Exception) -> None:
        reason = str(error) if isinstance(error, _SENTENCES) else f"{type(error).__name__}: {error}"
        bundle.missing.append(Missing(redaction.redact(path), redaction.redact(reason)))

    try:
        parts = list(chapter.list_parts())
    except Exception as error:  # noqa: BLE001  # whatever is broken, the other parts are wanted all the more
        note(f"{chapter.title.lower()}/", error)
        return
    for part in parts:
        try:
            text = part.read()
        except Exception as error:  # noqa: BLE001
            note(part.path, error)
        else:
            bundle.sizes[redaction.redact(part.path)] = archive.add(part.path, text)


def _read_secrets(home: Home) -> Redaction:
    """Return what removes the secrets that the instance keeps, each named by its file."""
    folder = home.demo_key.parent
    files = sorted(file for file in folder.rglob("*") if file.is_file()) if folder.exists() else []
    return Redaction({str(file.relative_to(folder)): file.read_text(errors="replace") for file in files})


def _write_readme(home: Home, bundle: Bundle, made: datetime, command: str) -> str:
    return "\n".join([*_introduce(home, bundle, made, command), "", *_list_contents(bundle)]) + "\n"


def _introduce(home: Home, bundle: Bundle, made: datetime, command: str) -> Iterator[str]:
    yield "Support bundle of Faregate: what a report of a bug needs."
    yield ""
    yield f"made      {made.isoformat(timespec='seconds')}"
    yield f"command   {command}"
    yield f"instance  {home.folder.name}, which {describe_presence(home)}; {_describe_purpose(home)}"
    yield f"logs      the last {LOG_LINES} lines of each container"
    yield ""
    yield "Values of secrets, and whatever looks like one, stand as [removed: NAME]; of variables of environments there"
    yield "are the names alone. Pulumi's logs are listed and left out: they are encrypted or compressed."
    if bundle.unsought:
        yield f"Not looked for, so they may be in it: {describe_unsought(bundle)}."
    yield "Read it before you send it: nobody but you knows what else in it is private."


def _describe_purpose(home: Home) -> str:
    try:
        return f"purpose {home.read().purpose}"
    except (OSError, ContractError):
        return "purpose unknown"


def _list_contents(bundle: Bundle) -> Sequence[str]:
    lines = [f"{size:>10}  {path}" for path, size in bundle.sizes.items()]
    missing = [f"  {it.path}: {it.reason.replace(chr(10), f'{chr(10)}    ')}" for it in bundle.missing]
    return ["Bytes of each part:", *lines, "", "What could not be had:", *(missing or ["  nothing"])]
