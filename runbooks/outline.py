"""The outline of a Markdown text: its first two levels of headings, its blocks of YAML, and the prose in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

_LANGUAGE = "yaml"


@dataclass(frozen=True)
class Heading:
    """A heading of the first or second level."""

    line: int
    """Number of its line in the text, from 1 on."""
    text: str
    """As it is written, with its marks: `## Meaning`."""


@dataclass(frozen=True)
class Block:
    """A fenced block of YAML."""

    line: int
    kind: str
    """What follows `yaml` at the beginning of the fence."""
    content: str
    """Begins on the line after."""
    is_nested: bool
    """It stands in a list or a quotation."""


@dataclass(frozen=True)
class Prose:
    """Everything else."""

    line: int
    text: str
    first_paragraph: str
    """Its first paragraph without marks; empty if there is none."""


def outline(text: str) -> Iterator[Heading | Block | Prose]:
    """Yield the parts of a text in their order."""
    lines = text.split("\n")
    tokens = MarkdownIt("commonmark").parse(text)
    reached = 0  # lines that were yielded
    prose: list[Token] = []
    for index, token in enumerate(tokens):
        part: Heading | Block | None = None
        if token.type == "heading_open" and token.level == 0 and token.tag in ("h1", "h2"):
            part = Heading(_first_line(token) + 1, f"{'#' * int(token.tag[1:])} {tokens[index + 1].content}")
        elif token.type == "fence" and token.info.split()[:1] == [_LANGUAGE]:
            kind = " ".join(token.info.split()[1:])
            part = Block(_first_line(token) + 1, kind, token.content, is_nested=token.level > 0)
        if part is None or token.map is None:
            prose.append(token)
            continue
        yield from _read_prose(lines, reached, token.map[0], prose)
        yield part
        reached, prose = token.map[1], []
    yield from _read_prose(lines, reached, len(lines), prose)


def _first_line(token: Token) -> int:
    return token.map[0] if token.map else 0


def _read_prose(lines: Sequence[str], begin: int, end: int, tokens: Sequence[Token]) -> Iterator[Prose]:
    text = "\n".join(lines[begin:end])
    if text.strip():
        line = begin + next(number for number, written in enumerate(lines[begin:end], start=1) if written.strip())
        yield Prose(line, text.strip("\n"), _read_first_paragraph(tokens))


def _read_first_paragraph(tokens: Sequence[Token]) -> str:
    for before, token in pairwise(tokens):
        if before.type == "paragraph_open" and token.type == "inline":
            pieces = (
                " " if piece.type in ("softbreak", "hardbreak") else piece.content for piece in token.children or ()
            )
            return "".join(pieces)
    return ""
