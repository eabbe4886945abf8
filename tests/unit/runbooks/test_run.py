"""A run does what its page says, in order, and ends in one sentence: healed, or not and why."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from runbooks.parsing import parse_page
from runbooks.playbook import Outcome, PlaybookFailed
from runbooks.prometheus import Prometheus
from runbooks.run import Run
from runbooks.screen import Screen

from . import fake_prometheus
from .fake_prometheus import NOTHING, run_prometheus, sample
from .scene import PLAYBOOK, QUERY, QUESTION, VERIFY, write_page

ALERTS = 'ALERTS{alertname="Flood"}'


@dataclass
class Scene:
    """One run, with a playbook that does as it is told."""

    fake: fake_prometheus.Prometheus
    changes: list[str] = field(default_factory=list)
    """Tasks that change something."""
    failure: str = ""
    played: list[str] = field(default_factory=list)
    text: str = ""

    def run(self, page: str = "", *, yes: bool = True, url: str = "") -> bool:
        parsed = parse_page(page or write_page(), "Flood", "Flood.md", ["pump.yml"])
        file = io.StringIO()
        screen = Screen(Console(file=file, width=120), parsed.count_steps())
        run = Run(parsed, Prometheus(url or self.fake.url), self._play, screen, yes=yes, pause_seconds=0.001)
        healed = run.heal()
        self.text = file.getvalue()
        return healed

    @property
    def last(self) -> str:
        return self.text.splitlines()[-1]

    def _play(self, name: str, outcome: Outcome) -> None:
        self.played.append(name)
        for task in self.changes:
            event = {"event": "runner_on_ok", "event_data": {"task": task, "res": {"changed": True}}}
            outcome.take(event)
        if self.failure:
            raise PlaybookFailed(self.failure)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with run_prometheus() as fake:
        yield Scene(fake)


def in_order(text: str, *parts: str) -> bool:
    """Say whether the parts stand in the text one after the other."""
    reached = 0
    for part in parts:
        found = text.find(part, reached)
        if found < 0:
            return False
        reached = found + len(part)
    return True


def test_everything_is_shown_and_done_in_the_order_of_the_page(scene: Scene) -> None:
    scene.fake.answers["water"] = [[sample(5, pool="north")]]
    scene.changes = ["Start the pump", "Open the valve"]

    assert scene.run()

    assert in_order(
        scene.text,
        *("Flood does not fire right now", "Meaning", "There is water. Too much of it.", "Impact", "Feet get wet."),
        *("Diagnosis", "[1/4] Water", "1 row", "north", "5"),
        *("Mitigation", "[2/4] Pump? yes", "changed: Start the pump", "changed: Open the valve"),
        *("[3/4] playbooks/pump.yml", "2 changed", "Verification", "[4/4] Dry", "holds"),
    )
    assert scene.last == "Flood: healed; 2 changed"
    assert scene.played == ["pump.yml"]
    assert scene.fake.asked == [ALERTS, "water", "water > 1", "water > 1"]


def test_a_playbook_that_changes_nothing_is_said_to(scene: Scene) -> None:
    assert scene.run()
    assert "0 changed" in scene.text
    assert scene.last == "Flood: healed; nothing was changed"


def test_a_query_without_an_answer_is_said(scene: Scene) -> None:
    scene.run()
    [line] = [line for line in scene.text.splitlines() if line.startswith("[1/4]")]
    assert "nothing" in line


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        (NOTHING, "Flood does not fire right now; going on all the same"),
        ([sample(alertstate="pending")], "Flood does not fire right now (it is pending); going on all the same"),
        (
            [
                sample(__name__="ALERTS", alertname="Flood", alertstate="firing", pool="a", side="left"),
                sample(alertstate="pending", pool="b"),
            ],
            "Flood fires right now: pool=a, side=left",
        ),
        ([sample(alertname="Flood", alertstate="firing")], "Flood fires right now: without labels"),
    ],
)
def test_whether_the_alert_fires_is_said_first(scene: Scene, alerts: object, said: str) -> None:
    scene.fake.answers[ALERTS] = [alerts]
    assert scene.run(), "it goes on all the same"
    assert scene.text.splitlines()[0] == said
    assert scene.played == ["pump.yml"]


def test_without_a_terminal_a_question_is_refused_and_says_how(scene: Scene) -> None:
    assert not scene.run(yes=False)
    assert scene.played == []
    assert in_order(scene.last, "Flood: not healed: there is no terminal", "make runbook ALERT=Flood YES=1", "--yes")
    assert scene.last.endswith("; nothing was changed")
    assert "[1/4] Water" in scene.text, "the diagnosis needs no answer"


def test_what_never_holds_is_told_with_what_was_seen_last(scene: Scene) -> None:
    scene.fake.answers["water > 1"] = [[sample(9, pool="south")]]
    scene.changes = ["Start the pump"]
    assert not scene.run()
    assert in_order(scene.text, "[4/4] Dry", "does not hold", "south", "9")
    assert scene.last == "Flood: not healed: Dry: wanted nothing within 1 s; seen last: 1 row; 1 changed"


def test_something_that_is_wanted_and_missing_is_told(scene: Scene) -> None:
    assert not scene.run(write_page(verification=VERIFY.replace("none", "some")))
    assert "not healed: Dry: wanted something within 1 s; seen last: nothing;" in scene.last


def test_what_does_not_hold_ends_the_run(scene: Scene) -> None:
    scene.fake.answers["water > 1"] = [[sample(9)]]
    assert not scene.run(write_page(verification=VERIFY + VERIFY.replace("> 1", "> 2")))
    assert "water > 2" not in scene.fake.asked


def test_a_playbook_that_fails_ends_the_run_with_its_words(scene: Scene) -> None:
    scene.changes, scene.failure = ["Start the pump"], "playbooks/pump.yml: Open the valve: stuck"
    assert not scene.run()
    assert "failed" in scene.text
    assert scene.last == "Flood: not healed: playbooks/pump.yml: Open the valve: stuck; 1 changed"
    assert "water > 1" not in scene.fake.asked


def test_changes_of_several_playbooks_are_added(scene: Scene) -> None:
    scene.changes = ["Start the pump"]
    assert scene.run(write_page(mitigation=(QUESTION + PLAYBOOK) * 2))
    assert scene.last == "Flood: healed; 2 changed"


def test_a_prometheus_that_is_away_ends_the_run_in_one_sentence(scene: Scene) -> None:
    with run_prometheus() as gone:
        pass
    assert not scene.run(url=gone.url)
    assert scene.text == f"Flood: not healed: Prometheus at {gone.url}: not reached; nothing was changed\n"


def test_a_prometheus_that_goes_away_amid_the_run_ends_it(scene: Scene) -> None:
    scene.fake.answers["water"] = [b"broken"]
    assert not scene.run()
    assert "[1/4] Water" in scene.text
    assert scene.played == []
    assert scene.last.startswith("Flood: not healed: Prometheus at ")


def test_a_query_may_follow_the_playbook(scene: Scene) -> None:
    assert scene.run(write_page(mitigation=QUESTION + PLAYBOOK + QUERY))
    assert scene.fake.asked.count("water") == 2
