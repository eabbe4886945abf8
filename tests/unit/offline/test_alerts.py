"""Which alerts fire is asked of an Alertmanager; whatever else answers is told as a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from offline.alerts import AlertsUnknown, list_firing
from tests.loopback import answer

NOBODY = 1
"""A port at which nothing listens."""


def ask(status: int, body: str) -> list[str]:
    asked: list[str] = []

    def reply(path: str, _: Mapping[str, list[str]]) -> tuple[int, bytes]:
        asked.append(path)
        return status, body.encode()

    with answer(reply) as url:
        firing = list_firing(urlsplit(url).port or 0)
    assert asked == ["/api/v2/alerts"]
    return firing


def test_each_alert_that_fires_is_named_once_in_order() -> None:
    alerts = [{"labels": {"alertname": name, "model": name}} for name in ("B", "A", "B")]

    assert ask(200, json.dumps(alerts)) == ["A", "B"]
    assert ask(200, "[]") == []


@pytest.mark.parametrize("body", ["", "<html>", "{}x", '[{"labels": {}}]', '["a"]', "7"])
def test_what_is_no_alertmanager_is_told_so(body: str) -> None:
    with pytest.raises(AlertsUnknown, match=r"^what answers at 127\.0\.0\.1:\d+ is no Alertmanager$"):
        ask(200, body)


def test_one_that_refuses_is_told_with_what_it_said() -> None:
    with pytest.raises(AlertsUnknown, match=r"does not answer: HTTP Error 503"):
        ask(503, "")


def test_one_that_is_away_is_told_so() -> None:
    with pytest.raises(AlertsUnknown, match=r"^Alertmanager at 127\.0\.0\.1:1 does not answer: "):
        list_firing(NOBODY)
