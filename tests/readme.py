"""What the README shows: the commands of its blocks, those that its sentences name, and its Python."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

README = Path(__file__).parents[1] / "README.md"

PROGRAMS = frozenset(
    {
        "amtool",
        "ansible-playbook",
        "curl",
        "deactivate",
        "locust",
        "make",
        "podman",
        "promtool",
        "psql",
        "pulumi",
        "python",
        "source",
    }
)
"""What the README's commands begin with."""


@dataclass(frozen=True)
class Command:
    """One command line."""

    text: str

    @property
    def words(self) -> list[str]:
        """The program and its arguments, without the variables that are set before it."""
        words = shlex.split(self.text, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        return words


def list_blocks() -> list[list[Command]]:
    """Return the commands of each block of shell lines."""
    return [
        [Command(line) for line in token.content.splitlines() if line.strip()]
        for token in _read()
        if token.type == "fence" and token.info == "sh"
    ]


def list_named() -> list[Command]:
    """Return the commands that sentences and tables name."""
    spans = (
        re.sub(r"\s+", " ", child.content)
        for token in _read()
        for child in token.children or []
        if child.type == "code_inline"
    )
    return [command for command in map(Command, spans) if command.words and command.words[0] in PROGRAMS]


def read_python() -> str:
    """Return the README's only block of Python."""
    [block] = [token.content for token in _read() if token.type == "fence" and token.info == "python"]
    return str(block)


def list_kinds() -> set[str]:
    """Return what the blocks say that they hold; `code_block` of one that says nothing."""
    return {token.info if token.type == "fence" else token.type for token in _read() if token.tag == "code"}


def _read() -> Iterator[Token]:
    yield from MarkdownIt("commonmark").enable("table").parse(README.read_text())
