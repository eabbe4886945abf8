"""The model is asked through the environment's one address; whatever else comes back is told in a sentence."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from offline import completion
from offline.completion import Completion, CompletionFailed, ask
from tests.unit.offline.conftest import Site

PATH = "/v1/chat/completions"
KEY = "fg_key"
ANSWER = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": " Red, blue.\n"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 36, "completion_tokens": 5, "total_tokens": 41},
}


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the first refusal for the last."""
    monkeypatch.setattr(completion, "PATIENCE_SECONDS", -1)


def ask_for(site: Site, document: object) -> Completion:
    site.files[PATH] = json.dumps(document).encode()
    return ask(site.url, "smollm2-135m", KEY)


def fail(site: Site) -> str:
    with pytest.raises(CompletionFailed) as caught:
        ask(site.url, "smollm2-135m", KEY)
    return str(caught.value)


def test_an_answer_is_returned_with_its_tokens_and_the_name_of_the_request(site: Site) -> None:
    site.headers["x-request-id"] = "31e10610"
    assert ask_for(site, ANSWER) == Completion(" Red, blue.\n", "31e10610", 36, 5)


def test_the_key_pays_and_is_no_part_of_the_question(site: Site) -> None:
    ask_for(site, ANSWER)
    assert site.keys == [f"Bearer {KEY}"]
    assert KEY not in str(site.asked)


def test_what_is_not_ready_yet_is_asked_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "PATIENCE_SECONDS", 60)
    monkeypatch.setattr(completion, "PAUSE_SECONDS", 0.01)
    site.codes[PATH] = 503

    def get_ready() -> None:
        while len(site.asked) < 3:
            time.sleep(0.01)
        del site.codes[PATH]

    thread = threading.Thread(target=get_ready)
    thread.start()
    answer = ask_for(site, ANSWER)
    thread.join()
    assert answer.text == " Red, blue.\n"
    assert len(site.asked) > 3


def test_a_spent_wallet_is_told_with_the_command_that_credits_it(site: Site) -> None:
    site.files[PATH] = b'{"error": {"code": "insufficient_quota"}}'
    site.codes[PATH] = 402
    first, second = fail(site).splitlines()
    assert first == (
        "the wallet of account demo is spent: "
        "`source offline/activate`, then `python -m services.billing credit demo 5`"
    )
    assert second == f'{site.url}{PATH} answers 402: {{"error": {{"code": "insufficient_quota"}}}}'


def test_the_question_is_asked_of_the_named_model_and_its_answer_is_short_and_the_same_each_time(site: Site) -> None:
    ask_for(site, ANSWER)
    assert site.asked == [
        (
            PATH,
            {
                "model": "smollm2-135m",
                "messages": [{"role": "user", "content": "Name three primary colors."}],
                "max_tokens": 48,
                "temperature": 0,
            },
        )
    ]


@pytest.mark.parametrize(
    ("code", "body"), [(401, '{"error": "no such key"}'), (503, "no engine is ready"), (500, ""), (404, "x" * 900)]
)
def test_a_refusal_is_told_with_its_code_and_its_words(site: Site, code: int, body: str) -> None:
    site.files[PATH] = body.encode()
    site.codes[PATH] = code
    assert fail(site) == f"{site.url}{PATH} answers {code}: {body}"


def test_of_a_long_refusal_only_the_beginning_is_told(site: Site) -> None:
    site.files[PATH] = b"\xff" + b"x" * 5000
    site.codes[PATH] = 500
    assert fail(site) == f"{site.url}{PATH} answers 500: \N{REPLACEMENT CHARACTER}" + "x" * 999


def test_where_nothing_listens_there_is_no_answer(closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    with pytest.raises(CompletionFailed, match=f"^{url}{PATH} does not answer: .*refused"):
        ask(url, "smollm2-135m", KEY)


def test_an_answer_that_takes_too_long_is_none(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "ANSWER_SECONDS", 0.1)
    started = time.monotonic()
    with pytest.raises(CompletionFailed, match=r"does not answer: .*timed out"):
        ask(f"http://127.0.0.1:{listener.getsockname()[1]}", "smollm2-135m", KEY)
    assert time.monotonic() - started < 2


def test_an_answer_that_is_cut_off_is_none(site: Site) -> None:
    site.files[PATH] = json.dumps(ANSWER).encode()
    site.cut = True
    assert fail(site).startswith(f"{site.url}{PATH} does not answer: ")


def test_what_speaks_something_else_does_not_answer(listener: socket.socket) -> None:
    def speak() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.recv(10_000)

    thread = threading.Thread(target=speak)
    thread.start()
    with pytest.raises(CompletionFailed, match=f"{PATH} does not answer: SSH-2.0-OpenSSH"):
        ask(f"http://127.0.0.1:{listener.getsockname()[1]}", "smollm2-135m", KEY)
    thread.join()


@pytest.mark.parametrize("text", ["", "{", "<html>a proxy's page</html>", '"text"', "[]", "null", "3"])
def test_what_is_no_completion_is_told_as_it_is(site: Site, text: str) -> None:
    site.files[PATH] = text.encode()
    assert fail(site) == f"{site.url}{PATH} gave no completion but {text!r} (a string)"


@pytest.mark.parametrize(
    "part",
    [
        {"choices": []},
        {"choices": None},
        {"choices": [{"text": "of another API"}]},
        {"choices": [{"message": {}}]},
        {"usage": None},
        {"usage": {"prompt_tokens": 1}},
        {"usage": {"prompt_tokens": "many", "completion_tokens": 1}},
    ],
)
def test_half_a_completion_is_none(site: Site, part: dict[str, object]) -> None:
    with pytest.raises(CompletionFailed, match="gave no completion but "):
        ask_for(site, {**ANSWER, **part})


def test_no_proxy_is_asked_for_it(site: Site, closed_port: int) -> None:
    site.files[PATH] = json.dumps(ANSWER).encode()
    code = f"from offline.completion import ask; print(ask('{site.url}', 'm', 'k').output_tokens)"
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), f"http://127.0.0.1:{closed_port}")
    # A process of its own, for proxies are looked up as early as modules are imported.
    printed = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**os.environ, **proxies}, capture_output=True, text=True, check=True
    ).stdout
    assert printed == "5\n"
