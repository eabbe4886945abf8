from __future__ import annotations

import pytest

from .processes import Engine

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Say hello."}]


def count_prompt(engine: Engine, messages: object) -> int:
    """Return the tokens of a prompt as the model's own template and tokenizer make them."""
    _, rendered = engine.post("/apply-template", {"messages": messages})
    _, tokenized = engine.post("/tokenize", {"content": rendered["prompt"], "parse_special": True})
    return len(tokenized["tokens"])


def test_a_chat_is_answered_and_its_tokens_are_counted(engine: Engine) -> None:
    status, answer = engine.post(CHAT, {"messages": HELLO, "max_tokens": 8, "ignore_eos": True})

    assert status == 200
    assert answer["model"] == "smollm2-135m"
    assert answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 8
    assert answer["usage"]["prompt_tokens"] == count_prompt(engine, HELLO)


def test_a_stream_counts_its_tokens_in_every_chunk(engine: Engine) -> None:
    events = list(
        engine.stream(
            CHAT,
            {
                "messages": [{"role": "user", "content": "Write three emoji."}],
                "max_tokens": 24,
                "ignore_eos": True,
                "timings_per_token": True,
                "stream_options": {"include_usage": True},
            },
        )
    )

    contents = [event for event in events if event["choices"] and event["choices"][0]["delta"].get("content")]
    counts = [event["timings"]["predicted_n"] for event in contents]
    assert len(counts) > 1
    assert counts == sorted(set(counts))
    assert counts[-1] <= 24
    assert events[-1]["usage"]["completion_tokens"] == 24
    assert events[-1]["timings"]["predicted_n"] == 24


def test_the_model_bears_the_name_that_customers_use(engine: Engine) -> None:
    assert '"id":"smollm2-135m"' in engine.get("/v1/models")[1]


def test_metrics_are_served(engine: Engine) -> None:
    status, text = engine.get("/metrics")

    assert status == 200
    assert "llamacpp:requests_processing 0" in text


def test_a_request_uses_no_more_than_the_context_length(engine: Engine) -> None:
    long = {"messages": [{"role": "user", "content": "word " * 1000}]}

    status, answer = engine.post(CHAT, long)

    assert status == 400
    assert answer["error"]["n_ctx"] == 1000


@pytest.mark.parametrize("path", ["/slots", "/"])
def test_neither_slots_nor_a_page_are_served(path: str, engine: Engine) -> None:
    assert engine.get(path)[0] in (404, 501)


def test_nothing_of_a_request_is_logged(engine: Engine) -> None:
    secret = "xylophone"
    chat = [{"role": "user", "content": f"Repeat: {secret}"}]
    requests: list[tuple[str, object, int]] = [
        (CHAT, {"messages": chat, "max_tokens": 4}, 200),
        (CHAT, '{"messages": "' + secret, 400),
        (CHAT, {"messages": [{"role": secret, "content": {secret: 1}}]}, 400),
        (CHAT, {"messages": chat, "tools": [{secret: 1}]}, 500),
        (CHAT, {"messages": [{"role": "user", "content": f"{secret} " * 1000}]}, 400),
        ("/v1/completions", {"prompt": secret, "grammar": f"{secret} ::= x"}, 400),
    ]

    assert [engine.post(path, body)[0] for path, body, _ in requests] == [status for *_, status in requests]

    engine.wait_until_it_says("serving smollm2-135m")
    assert secret not in engine.said + engine.complained
    assert engine.complained == ""
    assert engine.said.splitlines()[-1] == (
        f"engine: serving smollm2-135m on 127.0.0.1 port {engine.port}: slots 2, context 1000 tokens, threads 1"
    )
