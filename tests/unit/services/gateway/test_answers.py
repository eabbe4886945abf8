from __future__ import annotations

from services.gateway.answers import end_early, has_choices, has_words, present, report_usage

CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 5,
    "model": "/models/x.gguf",
    "system_fingerprint": "b1",
    "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}],
    "timings": {"predicted_n": 1},
    "usage": {"completion_tokens": 1},
    "__verbose": {"prompt": "all of it"},
}


def test_customers_read_the_model_s_name_and_nothing_internal() -> None:
    assert present(CHUNK, "tiny") == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "tiny",
        "system_fingerprint": "b1",
        "choices": CHUNK["choices"],
    }


def test_an_early_end_is_told_by_its_reason_and_by_who_ended_it() -> None:
    assert end_early(CHUNK, "tiny", "wallet") == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "tiny",
        "system_fingerprint": "b1",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}],
        "faregate": {"ended_by": "wallet"},
    }


def test_the_usage_comes_with_its_receipt_and_without_a_choice() -> None:
    reported = report_usage(CHUNK, "tiny", {"total_tokens": 3}, {"charge_usd": "0.00"})

    assert (reported["choices"], reported["usage"]) == ([], {"total_tokens": 3})
    assert reported["faregate"] == {"charge_usd": "0.00"}


def test_words_are_content_and_tools_and_reasons_but_neither_role_nor_end() -> None:
    def ask(**delta: object) -> bool:
        return has_words({"choices": [{"delta": delta}]})

    assert ask(content="a")
    assert ask(role="assistant", reasoning_content="hm")
    assert ask(tool_calls=[{}])
    assert not ask()
    assert not ask(role="assistant", content="")
    assert not ask(role="assistant", content=None)
    nothing: list[object] = [[], None, [3], [{}]]
    for choices in nothing:
        assert not has_words({"choices": choices})
    assert not has_words({})
    assert has_choices(CHUNK)
    assert not has_choices({"choices": []})
