"""Which alerts fire is asked of an Alertmanager; whatever else answers is told as a sentence."""

from __future__ import annotations

import http.server
import json
from urllib.parse import urlsplit

import pytest

from offline.alerts import AlertsUnknown, list_firing
from tests.loopback import serve

NOBODY = 1
"""A port at which nothing listens."""


def answer_with(status: int, body: str, asked: list[str]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def ask(status: int, body: str) -> list[str]:
    asked: list[str] = []
    with serve(answer_with(status, body, asked)) as url:
        firing = list_firing(urlsplit(url).port or 0)
    assert [urlsplit(path).path for path in asked] == ["/api/v2/alerts"]
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
