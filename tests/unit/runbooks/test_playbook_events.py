"""What ansible-runner says is told as progress, changes and failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from runbooks.playbook import Outcome

CENSORED = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"


def take(*events: Mapping[str, Any]) -> tuple[Outcome, list[str], list[str]]:
    tasks: list[str] = []
    changes: list[str] = []
    outcome = Outcome(tasks.append, changes.append)
    for event in events:
        assert not outcome.take(event), "no event is kept on disk"
    return outcome, tasks, changes


def failed(*, event: str = "runner_on_failed", ignore: object = None, **result: object) -> dict[str, Any]:
    return {"event": event, "event_data": {"task": "Pump", "ignore_errors": ignore, "res": result}}


def ok(task: str, **result: object) -> dict[str, Any]:
    return {"event": "runner_on_ok", "event_data": {"task": task, "res": result}}


def test_tasks_and_handlers_are_told_as_they_start() -> None:
    _, tasks, _ = take(
        {"event": "playbook_on_start", "event_data": {}},
        {"event": "playbook_on_task_start", "event_data": {"name": "pool : Look"}},
        {"event": "playbook_on_handler_task_start", "event_data": {"name": "Drain"}},
    )
    assert tasks == ["pool : Look", "Drain"]


def test_changes_are_counted_once_a_task_and_named() -> None:
    item = {"event": "runner_item_on_ok", "event_data": {"task": "Loop", "res": {"changed": True}}}
    outcome, _, changes = take(ok("Look", changed=False), item, ok("Loop", changed=True), ok("Pump", changed=True))
    assert (outcome.changed, changes) == (2, ["Loop", "Pump"])


@pytest.mark.parametrize(
    "event",
    [
        {"event": "runner_on_ok"},
        {"event": "runner_on_ok", "event_data": None},
        {"event": "runner_on_ok", "event_data": {"res": None}},
        {"event": "runner_on_skipped", "event_data": {"res": {"changed": True}}},
        {"event": "verbose"},
    ],
)
def test_what_says_nothing_is_no_change(event: Mapping[str, Any]) -> None:
    assert take(event)[0].changed == 0


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (failed(msg=" no water\n"), "Pump: no water"),
        (failed(msg="failed", stderr="stuck\n", stdout="much"), "Pump: failed\nstuck"),
        (failed(censored=CENSORED, msg="secret", stderr="secret"), f"Pump: {CENSORED}"),
        (failed(), "Pump: failed without a word"),
        (failed(event="runner_on_unreachable", msg="no Python"), "Pump: no Python"),
        (
            failed(msg="One or more items failed", results=[{"msg": "fine"}, {"failed": True, "msg": "stuck"}]),
            "Pump: stuck",
        ),
    ],
)
def test_a_failed_task_is_told_by_its_name_and_its_message(event: Mapping[str, Any], told: str) -> None:
    assert take(event)[0].describe_failure() == told


def test_a_failure_that_is_ignored_is_none() -> None:
    assert take(failed(ignore=True, msg="stuck"))[0].failures == []


def test_where_no_task_failed_the_end_of_what_was_printed_is_told() -> None:
    lines = [{"event": "verbose", "stdout": f"line {number}\r\n"} for number in range(30)]
    outcome, _, _ = take(*lines, {"event": "verbose", "stdout": " "})
    assert outcome.describe_failure().splitlines() == [f"line {number}" for number in range(10, 30)]


def test_an_end_without_a_word_is_told() -> None:
    assert take()[0].describe_failure() == "failed without a word"
