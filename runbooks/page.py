"""A page: the sections of a runbook, and the steps in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from contract.base import Items, Model, Text, matching

LabelName = Annotated[str, matching(r"^[a-zA-Z_][a-zA-Z0-9_]*$", "the name of a label of Prometheus")]


class Query(Model):
    """Shows what Prometheus knows right now."""

    title: Text
    """What is shown."""
    expr: Text
    """PromQL whose value at this moment is shown."""
    columns: Items[LabelName] = ()
    """The labels that are shown, in this order; by default all but the metric's name."""


class Question(Model):
    """Asks the engineer; without a yes the run ends."""

    ask: Text
    """A question whose answer is yes or no."""

    @property
    def title(self) -> str:
        return self.ask


class Playbook(Model):
    """Runs a playbook. It changes something, so a question stands right before it."""

    playbook: Text
    """Name of a file in `playbooks/`."""

    @property
    def title(self) -> str:
        return f"playbooks/{self.playbook}"


class Verify(Model):
    """Asks Prometheus until something holds."""

    title: Text
    """What must hold."""
    expr: Text
    """PromQL that is asked again and again."""
    wanted: Literal["none", "some"]
    """What it must answer: nothing at all, or something."""
    within_seconds: Annotated[int, Field(ge=1, le=3600)]
    """How long it is waited for, in seconds."""


Step = Query | Question | Playbook | Verify

KINDS: Mapping[str, type[Step]] = {"query": Query, "question": Question, "playbook": Playbook, "verify": Verify}
"""Steps by the word after `yaml` at the beginning of their block."""

SECTIONS: Mapping[str, Sequence[str]] = {
    "Meaning": (),
    "Impact": (),
    "Diagnosis": ("query", "question"),
    "Mitigation": ("query", "question", "playbook"),
    "Verification": ("query", "verify"),
}
"""The sections of every page, in their order, and the kinds of steps that each may have."""


@dataclass(frozen=True)
class Section:
    """One section."""

    name: str
    blocks: Sequence[str | Step]
    """Prose, as Markdown, and steps, in the order of the page."""


@dataclass(frozen=True)
class Page:
    """One runbook."""

    name: str
    """Name of its alert."""
    summary: str
    """Its first sentence, as plain text."""
    sections: Sequence[Section]

    def count_steps(self) -> int:
        return sum(not isinstance(block, str) for section in self.sections for block in section.blocks)
