"""Prometheus on the environment's `metrics_url`: it reads every part, and tells what the parts tell themselves."""

from __future__ import annotations

import json
import time
import urllib.request
from urllib.parse import urlencode, urlsplit

import psutil

from offline.completion import ask

from .conftest import Environment

MODEL = "smollm2-135m"
ENGINES = ("engine-smollm2-135m-1", "engine-smollm2-135m-2")
PATIENCE_SECONDS = 60
"""Replicas are looked for and read every few seconds."""

Sample = tuple[str, str, float]
"""Job, model, and the value of one time series."""


def test_every_part_is_read_and_only_this_machine_is_answered(environment: Environment) -> None:
    url = environment.outputs().metrics_url
    others = [("gateway", "", 1.0), ("gateway", "", 1.0), ("load-balancer", "", 1.0), ("prometheus", "", 1.0)]

    _await(url, "up", [("alertmanager", "", 1.0), *(("engine", MODEL, 1.0) for _ in ENGINES), *others])

    jobs = {job for job, _, _ in _read(url, '{__name__=~".+",job!=""}')}
    assert jobs == {"alertmanager", "engine", "gateway", "load-balancer", "prometheus"}
    where = urlsplit(url)
    sockets = [found for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    assert where.hostname == "127.0.0.1"
    assert [found.laddr.ip for found in sockets if found.laddr and found.laddr.port == where.port] == ["127.0.0.1"]


def test_engines_have_put_out_as_many_tokens_as_they_say_themselves(environment: Environment) -> None:
    outputs = environment.outputs()
    answer = ask(outputs.gateway_url, MODEL, environment.home.read_demo_key())

    counts = sorted(environment.count_output_tokens(engine) for engine in ENGINES)

    assert sum(counts) >= answer.output_tokens > 0
    _await(outputs.metrics_url, "llamacpp:tokens_predicted_total", [("engine", MODEL, count) for count in counts])


def _await(url: str, series: str, wanted: list[Sample]) -> None:
    """Wait until Prometheus has read what is wanted, which one of its next readings must bring about."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := _read(url, series)) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    assert found == wanted


def _read(url: str, series: str) -> list[Sample]:
    """Return, in order, what Prometheus read just now: of a part that went down with it, it else tells for minutes."""
    query = urlencode({"query": f"last_over_time({series}[15s])"})
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=10) as answer:
        found = json.load(answer)["data"]["result"]
    return sorted(
        (sample["metric"].get("job", ""), sample["metric"].get("model", ""), float(sample["value"][1]))
        for sample in found
    )
