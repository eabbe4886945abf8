"""One run, from Locust's events: asks everybody before it, collects meanwhile, judges at its end."""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import gevent
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_SPAWNING, WorkerRunner

from contract.problems import ContractError
from loadtests.evidence.engines import Engines
from loadtests.evidence.ledger import Ledger
from loadtests.evidence.missing import EvidenceMissing
from loadtests.recorder import Recorder
from loadtests.records import write_records
from loadtests.report.page import write_page
from loadtests.report.screen import say, show_verdict
from loadtests.report.summary import summarise
from loadtests.settings import Settings, read_settings
from loadtests.shapes.stages import StagedShape
from loadtests.users.streaming import StreamingCustomer
from loadtests.verdict.verdict import Evidence, Verdict, judge

FAILED, UNUSABLE = 1, 2
"""Exit codes: the verdict is no; nothing could be judged."""
PROGRESS_SECONDS = 10


@dataclass(frozen=True)
class _Beginning:
    """How things stood before."""

    engines: Engines
    ledger_begun: datetime
    engines_begun: float


class Run:
    """Listens to Locust's events."""

    def __init__(self, shape: type[StagedShape]) -> None:
        self._shape = shape
        self._recorder = Recorder()
        self._settings: Settings
        self._beginning: _Beginning | None = None
        self._users_began = 0.0
        self._verdict: tuple[Verdict, Path] | None = None
        self._missing: EvidenceMissing | None = None

    def prepare(self, environment: Environment, **_: object) -> None:
        """Read the settings, and ask ledger and engines, before anybody sends anything."""
        try:
            self._settings = settings = read_settings()
            if not isinstance(environment.runner, WorkerRunner):
                say(f"shape {self._shape.__name__.lower()}, {self._shape.seconds()} s; asking ledger and engines")
                self._beginning = _note_beginning(settings)
        except (ContractError, EvidenceMissing) as error:
            give_up(error)
        environment.host = environment.host or settings.outputs.gateway_url
        StreamingCustomer.prepare(settings.model, settings.key, settings.seed, self._recorder)
        self._recorder.listen(environment)

    def begin(self, environment: Environment, **_: object) -> None:
        """Note when the first user may begin."""
        self._users_began = self._users_began or time.time()
        if self._beginning is not None:
            gevent.spawn(self._show_progress, environment)

    def judge(self, environment: Environment, **_: object) -> None:
        """Judge, and tell Locust the exit code."""
        if self._beginning is None or not self._users_began:
            return
        say("waiting for settlements, and for the next scrape of the engines")
        try:
            evidence = self._collect(self._beginning)
        except EvidenceMissing as missing:
            environment.process_exit_code, self._missing = UNUSABLE, missing
            return
        verdict = judge(evidence, self._settings)
        environment.process_exit_code = 0 if verdict.passed else FAILED
        self._verdict = verdict, self._keep(verdict)

    def show(self, exit_code: int, **_: object) -> None:
        """Show the verdict, after Locust's own tables."""
        if self._verdict is not None:
            show_verdict(*self._verdict)
        elif self._missing is not None:
            say(f"verdict: FAIL: evidence is missing: {self._missing}")

    def _show_progress(self, environment: Environment) -> None:
        while environment.runner is not None and environment.runner.state in (STATE_SPAWNING, STATE_RUNNING):
            gevent.sleep(PROGRESS_SECONDS)
            records = self._recorder.records
            failed = sum(record.outcome.is_failure for record in records)
            seconds = min(round(time.time() - self._users_began), self._shape.seconds())
            say(f"{seconds} of {self._shape.seconds()} s: {len(records)} requests, {failed} failed")

    def _collect(self, beginning: _Beginning) -> Evidence:
        # A connection that was idle for the whole of a long run may be none any more.
        with closing(Ledger(self._settings.outputs)) as ledger:
            ledger.wait_until_quiet()
            rows, problems = ledger.list_requests(beginning.ledger_begun), ledger.list_problems()
        return Evidence(
            records=sorted(self._recorder.records, key=lambda record: record.begun),
            baseline_ended=self._users_began + self._shape.baseline_seconds(),
            rows=[row for row in rows if row.model == self._settings.model],
            problems=problems,
            counts=beginning.engines.count(beginning.engines_begun),
        )

    def _keep(self, verdict: Verdict) -> Path:
        """Keep what came of the run in a folder of its own; return its page."""
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{self._settings.outputs.environment}-{self._shape.__name__.lower()}"
        folder = self._settings.results / name
        folder.mkdir(parents=True, exist_ok=True)
        write_records(verdict.evidence.records, folder / "requests.jsonl")
        (folder / "verdict.json").write_text(json.dumps(summarise(verdict), indent=2) + "\n")
        page = folder / "page.html"
        write_page(verdict, name, page)
        return page


def _note_beginning(settings: Settings) -> _Beginning:
    engine = settings.catalog.models[settings.model].engine
    engines = Engines(settings.outputs.metrics_url, settings.model, engine)
    with closing(Ledger(settings.outputs)) as ledger:
        begun = ledger.wait_until_quiet()
        # Asked for nothing but to see before a long run that it can be asked.
        ledger.list_requests(begun)
        ledger.list_problems()
    return _Beginning(engines, begun, engines.begin())


def give_up(error: Exception) -> NoReturn:
    """End the process with a sentence: nothing can be judged."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(UNUSABLE)
