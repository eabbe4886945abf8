"""`make load` on the real chain: its verdict is what three independent counts say."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.documents import CATALOG
from offline.ports import choose_port

from .conftest import REPOSITORY, Environment, wait_until
from .verdicts import LATENCY, read_page, read_verdict

MODEL = "smollm2-135m"


def test_smoke_passes_where_client_engines_and_ledger_counted_the_same(
    environment: Environment, tmp_path: Path
) -> None:
    ended = environment.make("load", f"RESULTS={tmp_path}", check=False)

    verdict, page = read_verdict(tmp_path), read_page(tmp_path)
    failed = [check for check in verdict["checks"] if not check["passed"] and check["name"] != LATENCY]
    assert failed == []
    assert len(verdict["checks"]) == 8
    assert ended.returncode == (0 if verdict["passed"] else 2), "make says 2 for every command that fails"
    whole, others = verdict["counts"]
    assert int(whole["number"]) > 0
    assert whole["client"] == whole["engine"] == whole["ledger"]
    assert len(verdict["apart"]) == int(others["number"]) > 0, "some customers go away amid their answer"
    assert {request["outcome"] for request in verdict["apart"]} == {"left"}
    for request in verdict["apart"]:
        assert int(request["client"]) <= int(request["ledger"]) <= int(request["engine"])
        assert request["request"] in page
    assert f"verdict: {'pass' if verdict['passed'] else 'FAIL'}" in ended.stdout
    assert page.count("<svg") == 3
    assert environment.home.read_demo_key() not in ended.stdout + ended.stderr + page


def test_a_gateway_that_counts_one_token_too_many_fails_the_verdict(environment: Environment, tmp_path: Path) -> None:
    with _run_overcounting_gateway(environment, tmp_path) as url:
        # The records of workers reach the verdict, too.
        ended = environment.shell(f"locust --host {url} --processes 2", check=False, RESULTS=str(tmp_path))

    assert ended.returncode == 1, ended.stdout + ended.stderr
    verdict = read_verdict(tmp_path)
    failed = {check["name"]: check for check in verdict["checks"] if not check["passed"]}
    assert set(failed) - {LATENCY} == {"tokens of whole answers", "the engines' own totals"}
    wrong = failed["tokens of whole answers"]["details"]
    assert wrong
    for problem in wrong:
        client, engine, ledger = (int(word) for word in problem.replace(",", " ").split()[1:] if word.isdigit())
        assert engine == client + 1
        assert ledger in (client, client + 1), "where the answer is as long as was asked for, the hold ends, too"
    assert wrong[0] in ended.stdout


@contextmanager
def _run_overcounting_gateway(environment: Environment, folder: Path) -> Iterator[str]:
    """Run a gateway beside the instance's own, with its engines and its ledger; return its address."""
    database = environment.outputs().billing_database
    port = choose_port(())
    engines = ",".join(f"{environment.find_address(f'engine-{MODEL}-{number}')}:8000" for number in (1, 2))
    given = {
        "PATH": os.environ["PATH"],
        "GATEWAY_CATALOG": str(CATALOG),
        "GATEWAY_ADDRESS": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "GATEWAY_OPERATIONS_PORT": str(choose_port((port,))),
        "GATEWAY_ENGINE_HOSTS": f"{MODEL}={engines}",
        "GATEWAY_LEDGER_HOST": database.host,
        "GATEWAY_LEDGER_PORT": str(database.port),
        "GATEWAY_LEDGER_NAME": database.name,
        "GATEWAY_LEDGER_PASSWORD_FILE": str(environment.home.folder / "secrets" / "billing_database_gateway"),
    }
    script = Path(__file__).with_name("overcounting_gateway.py")
    with (folder / "gateway.log").open("w") as log:
        process = subprocess.Popen([sys.executable, script], cwd=REPOSITORY, env=given, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: _is_ready(url) or process.poll() is not None)
            assert process.poll() is None, (folder / "gateway.log").read_text()
            yield url
        finally:
            process.terminate()
            process.wait(60)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False
