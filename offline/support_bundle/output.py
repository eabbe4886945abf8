"""What programs and servers of this machine say of themselves, as text: all of it, or the end of what is long."""

from __future__ import annotations

import http.client
import subprocess
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from offline import environment
from offline.loopback import open_url

COMMAND_SECONDS = 60
"""Longest wait for a program; most take less than a second."""
ANSWER_SECONDS = 5
"""Longest silence of a server on loopback."""

KEPT_CHARACTERS = 8 * 1024**2
"""What is kept at most of the end of a log."""
_PIECE = 65536


class ToolSilent(Exception):
    """A program or server did not say what it was asked for; the text holds what was asked and what came instead."""


def ask(command: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Return what a program prints to standard output.

    Raises:
        ToolSilent: it is not there, failed, or did not end in time.
    """
    try:
        ended = subprocess.run(
            list(command),
            cwd=environment.REPOSITORY,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=COMMAND_SECONDS,
        )
    except FileNotFoundError:
        raise ToolSilent(f"there is no {command[0]}") from None
    except subprocess.TimeoutExpired:
        raise ToolSilent(f"{' '.join(command)} did not end within {COMMAND_SECONDS} s") from None
    if ended.returncode != 0:
        raise _refuse(command, ended.stderr)
    return ended.stdout


def ask_for_end(command: Sequence[str], lines: int, variables: Mapping[str, str] | None = None) -> str:
    """Return the last lines that a program prints, to standard output and standard error, however much it is.

    Raises:
        ToolSilent: it is not there, failed, or did not end in time.
    """
    try:
        process = subprocess.Popen(
            list(command),
            cwd=environment.REPOSITORY,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except FileNotFoundError:
        raise ToolSilent(f"there is no {command[0]}") from None
    with process:
        if process.stdout is None:
            raise AssertionError("standard output is a pipe")
        read = process.stdout.readline
        watch = threading.Timer(COMMAND_SECONDS, process.kill)
        watch.start()
        try:
            end = keep_end(iter(lambda: read(_PIECE), ""), lines)
        except BaseException:
            process.kill()
            raise
        finally:
            watch.cancel()
    if process.returncode != 0:
        raise _refuse(command, end)
    return end


def _refuse(command: Sequence[str], said: str) -> ToolSilent:
    return ToolSilent("\n".join([f"{' '.join(command)} failed:", *said.strip().splitlines()[-10:]]))


def read_end(file: Path, lines: int) -> str:
    """Return the last lines of a file, however large it is."""
    with file.open(encoding="utf-8", errors="replace") as opened:
        return keep_end(iter(lambda: opened.readline(_PIECE), ""), lines)


def keep_end(pieces: Iterable[str], lines: int, characters: int = KEPT_CHARACTERS) -> str:
    """Return the last lines of a text that comes in pieces, none of which is longer than a line.

    Only whole lines are left out: the rest of one that was cut could be a part of a secret that nobody recognizes.
    """
    kept: deque[str] = deque()
    size = ends = 0
    cut = False
    for piece in pieces:
        if cut:
            cut = not piece.endswith("\n")
            continue
        kept.append(piece)
        size += len(piece)
        ends += piece.endswith("\n")
        # A line that has not ended yet counts, too.
        while kept and (ends + (not kept[-1].endswith("\n")) > lines or size > characters):
            gone = kept.popleft()
            size -= len(gone)
            while kept and not gone.endswith("\n"):
                gone = kept.popleft()
                size -= len(gone)
            ends -= gone.endswith("\n")
            cut = not gone.endswith("\n")
    return "".join(kept)


def fetch(url: str) -> tuple[int, str]:
    """Return the status and the body of what a server answers, an error too.

    Raises:
        ToolSilent: it does not answer.
    """
    try:
        with open_url(url, timeout=ANSWER_SECONDS) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise ToolSilent(f"{url} does not answer: {error}") from None
