"""Reads a page from Markdown. Each mistake is told with its page, its step or line, what was given, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from contract.notation import parse_yaml
from contract.problems import NOTHING, ContractError, Problem, describe_given, list_allowed, refuse
from runbooks.outline import Block, Heading, Prose, outline
from runbooks.page import KINDS, SECTIONS, Page, Playbook, Question, Section, Step, Verify


class PagesUnusable(ValueError):
    """Pages that can't be used, with every mistake in them."""

    def __init__(self, errors: Sequence[ContractError]) -> None:
        super().__init__(errors)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        """Return the mistakes, one a line."""
        return "\n".join(map(str, self.errors))


def parse_page(text: str, name: str, source: str, playbooks: Collection[str]) -> Page:
    """Return the page of an alert.

    Args:
        text: the page, in Markdown.
        name: the alert.
        source: where the page came from, such as `runbooks/pages/EngineDown.md`.
        playbooks: names of the playbooks that exist.

    Raises:
        PagesUnusable: with every mistake in it.
    """
    reading = _Reading(name, source, playbooks)
    for part in outline(text):
        reading.take(part)
    return reading.finish()


@dataclass
class _Draft:
    """A section that is being read."""

    name: str
    blocks: list[str | Step] = field(default_factory=list)
    summary: str = ""
    """First paragraph of its prose."""


class _Reading:
    def __init__(self, name: str, source: str, playbooks: Collection[str]) -> None:
        self._name = name
        self._source = source
        self._playbooks = playbooks
        self._wanted = [f"# {name}", *(f"## {section}" for section in SECTIONS)]
        self._headings: list[str] = []
        self._drafts: dict[str, _Draft] = {}
        self._draft: _Draft | None = None
        self._steps = 0
        self._last_step: Step | None = None
        self._errors: list[ContractError] = []

    def take(self, part: Heading | Block | Prose) -> None:
        match part:
            case Heading():
                self._take_heading(part)
            case Block():
                self._take_block(part)
            case Prose() if self._draft is None:
                allowed = f"no text before `{self._wanted[1]}` but the title"
                self._complain(f"line {part.line}", Problem("", "text outside of a section", allowed))
            case Prose():
                self._draft.blocks.append(part.text)
                self._draft.summary = self._draft.summary or part.first_paragraph

    def finish(self) -> Page:
        self._errors += self._find_missing()
        if self._errors:
            raise PagesUnusable(self._errors)
        sections = [Section(draft.name, tuple(draft.blocks)) for draft in self._drafts.values()]
        return Page(self._name, _cut_sentence(self._drafts["Meaning"].summary), sections)

    def _take_heading(self, heading: Heading) -> None:
        where = f"line {heading.line}"
        if heading.text not in self._wanted:
            self._complain(where, Problem("", f"`{heading.text}`", list_allowed(self._wanted, heading.text)))
        elif heading.text in self._headings:
            self._complain(where, Problem("", f"`{heading.text}` again", "each heading once"))
        elif later := [found for found in self._headings if self._is_before(heading.text, found)]:
            given = f"`{heading.text}` after `{later[-1]}`"
            self._complain(where, Problem("", given, f"{', '.join(self._wanted)} in this order"))
        self._headings.append(heading.text)
        if heading.text.startswith("## "):
            # What stands below a heading that is refused is judged, too.
            self._draft = self._drafts.setdefault(heading.text[3:], _Draft(heading.text[3:]))

    def _is_before(self, heading: str, found: str) -> bool:
        return found in self._wanted and self._wanted.index(heading) < self._wanted.index(found)

    def _take_block(self, block: Block) -> None:
        self._steps += 1
        where = f"step {self._steps} (line {block.line})"
        previous, self._last_step = self._last_step, None
        try:
            self._last_step = step = self._read_step(block, f"{self._source}: {where}")
        except ContractError as error:
            self._errors.append(error)
            return
        if isinstance(step, Playbook) and not isinstance(previous, Question):
            given = f"a step {_name_kind(previous)} before it" if previous else "no step that can be read before it"
            self._complain(where, Problem("playbook", given, "a question right before each playbook"))
        if self._draft is not None:
            self._draft.blocks.append(step)

    def _read_step(self, block: Block, source: str) -> Step:
        kinds = [f"yaml {kind}" for kind in KINDS]
        model = KINDS.get(block.kind)
        if model is None:
            given = f"yaml {block.kind}".strip()
            raise ContractError(source, [Problem("", f"a block `{given}`", list_allowed(kinds, given))])
        if block.is_nested:
            raise ContractError(source, [Problem("", "a step in a list or a quotation", "steps by themselves")])
        section = self._draft.name if self._draft else ""
        if self._draft is None or block.kind not in SECTIONS.get(section, KINDS):
            allowed = SECTIONS.get(section) or ["steps from `## Diagnosis` on"]
            given = f"a step {block.kind} in `## {section}`" if section else f"a step {block.kind} outside of a section"
            raise ContractError(source, [Problem("", given, ", ".join(allowed))])
        # Lines are counted from the beginning of the page.
        data = parse_yaml("\n" * block.line + block.content, source)
        try:
            step = model.model_validate(data)
        except ValidationError as error:
            raise refuse(error, model, source) from error
        if isinstance(step, Playbook) and step.playbook not in self._playbooks:
            allowed_names = list_allowed(self._playbooks, step.playbook)
            raise ContractError(source, [Problem("playbook", describe_given(step.playbook), allowed_names)])
        return step

    def _find_missing(self) -> Iterator[ContractError]:
        problems = [
            Problem("", NOTHING, f"`{heading}` (required)") for heading in self._wanted if heading not in self._headings
        ]
        problems += [
            Problem(f"## {name}", NOTHING, "at least one sentence")
            for name in ("Meaning", "Impact")
            if name in self._drafts and not self._drafts[name].summary
        ]
        # Of a step that can't be read it is not known what it was to be.
        if "Verification" in self._drafts and not self._errors:
            blocks = self._drafts["Verification"].blocks
            if not any(isinstance(block, Verify) for block in blocks):
                problems.append(Problem("## Verification", "no step verify", "at least one"))
        if problems:
            yield ContractError(self._source, problems)

    def _complain(self, where: str, problem: Problem) -> None:
        self._errors.append(ContractError(f"{self._source}: {where}", [problem]))


def _name_kind(step: Step) -> str:
    return next(kind for kind, model in KINDS.items() if isinstance(step, model))


def _cut_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]
