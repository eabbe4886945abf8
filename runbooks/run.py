"""One run of a page: its prose is shown and its steps are done, from the first to the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runbooks.page import Page, Playbook, Query, Question, Step, Verify
from runbooks.playbook import Outcome, PlaybookFailed
from runbooks.prometheus import Prometheus, PrometheusUnusable, Sample
from runbooks.screen import Progress, Screen
from runbooks.verification import PAUSE_SECONDS, describe, verify

Player = Callable[[str, Outcome], None]
"""Runs a playbook by its name, and tells an outcome; PlaybookFailed if it fails."""


class NotHealed(Exception):
    """The run ends before its end; the text says why."""


class Run:
    """Runs one page on one environment."""

    def __init__(
        self,
        page: Page,
        prometheus: Prometheus,
        play: Player,
        screen: Screen,
        *,
        yes: bool,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        """Prepare a run; `yes` answers its questions, `pause_seconds` lie between two looks of a verification."""
        self._page = page
        self._prometheus = prometheus
        self._play = play
        self._screen = screen
        self._yes = yes
        self._pause_seconds = pause_seconds
        self._changed: int | None = None
        """Tasks that changed something; None while no playbook has begun."""

    def heal(self) -> bool:
        """Do everything; return whether the page's verification held."""
        try:
            self._say_whether_it_fires()
            for section in self._page.sections:
                self._screen.show_heading(section.name)
                for block in section.blocks:
                    if isinstance(block, str):
                        self._screen.show_prose(block)
                    else:
                        self._do(block)
        except (NotHealed, PlaybookFailed, PrometheusUnusable) as error:
            self._screen.say(f"{self._page.name}: not healed: {error}; {self._describe_changes()}", "red")
            return False
        self._screen.say(f"{self._page.name}: healed; {self._describe_changes()}", "green")
        return True

    def _say_whether_it_fires(self) -> None:
        alerts = self._prometheus.ask(f'ALERTS{{alertname="{self._page.name}"}}')
        firing = [alert for alert in alerts if alert.labels.get("alertstate") == "firing"]
        if firing:
            self._screen.say(f"{self._page.name} fires right now: {'; '.join(map(_name_alert, firing))}")
        else:
            pending = " (it is pending)" if alerts else ""
            self._screen.say(f"{self._page.name} does not fire right now{pending}; going on all the same")

    def _do(self, step: Step) -> None:
        match step:
            case Query():
                self._query(step)
            case Question():
                self._ask(step)
            case Playbook():
                self._run_playbook(step)
            case Verify():
                self._verify(step)

    def _query(self, step: Query) -> None:
        with self._screen.step(step.title) as progress:
            samples = self._prometheus.ask(step.expr)
            progress.outcome = describe(samples)
        if samples:
            self._screen.show_samples(samples, step.columns)

    def _ask(self, step: Question) -> None:
        answer = self._screen.ask(step.ask, True if self._yes else None)
        if answer is None:
            raise NotHealed(
                "there is no terminal to ask the question at; answer yes ahead with "
                f"`make runbook ALERT={self._page.name} YES=1` or `python -m runbooks {self._page.name} --yes`"
            )
        if not answer:
            raise NotHealed("the answer was no")

    def _run_playbook(self, step: Playbook) -> None:
        with self._screen.step(step.title) as progress:
            outcome = Outcome(progress.report, lambda task: progress.note(f"changed: {task}"))
            before, self._changed = self._changed or 0, self._changed or 0
            try:
                self._play(step.playbook, outcome)
            finally:
                self._changed = before + outcome.changed
            progress.outcome = f"{outcome.changed} changed"

    def _verify(self, step: Verify) -> None:
        with self._screen.step(step.title) as progress:
            verdict = verify(step, self._prometheus, progress.report, self._pause_seconds)
            _conclude(progress, verdict.holds)
        if verdict.holds:
            return
        if verdict.last:
            self._screen.show_samples(verdict.last)
        wanted = "nothing" if step.wanted == "none" else "something"
        seen = verdict.trouble or describe(verdict.last)
        raise NotHealed(f"{step.title}: wanted {wanted} within {step.within_seconds} s; seen last: {seen}")

    def _describe_changes(self) -> str:
        return "nothing was changed" if not self._changed else f"{self._changed} changed"


def _conclude(progress: Progress, holds: bool) -> None:
    progress.outcome, progress.style = ("holds", "green") if holds else ("does not hold", "red")


def _name_alert(alert: Sample) -> str:
    left_out: Sequence[str] = ("__name__", "alertname", "alertstate")
    labels = (f"{name}={text}" for name, text in sorted(alert.labels.items()) if name not in left_out)
    return ", ".join(labels) or "without labels"
