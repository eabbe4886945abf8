"""Every run of one seed asks the same."""

from __future__ import annotations

from itertools import count, islice
from random import Random
from types import SimpleNamespace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.runners import Runner

from loadtests.recorder import Recorder
from loadtests.users.prompts import PROMPTS
from loadtests.users.streaming import FEWEST_TOKENS, MOST_TOKENS, Question, StreamingCustomer, draw_questions

MANY = 300


def draw(seed: str, most: int = MANY) -> list[Question]:
    return list(islice(draw_questions(Random(seed)), most))  # noqa: S311  # not for secrets


@given(st.text())
def test_one_seed_asks_the_same_questions(seed: str) -> None:
    assert draw(seed, 10) == draw(seed, 10)


def test_another_seed_asks_others() -> None:
    assert draw("1 0") != draw("2 0")


def test_each_customer_of_a_run_asks_others() -> None:
    assert draw("1 0") != draw("1 1")


def test_everything_is_asked_and_some_customers_go_away() -> None:
    questions = draw("1 0")
    assert {question.prompt for question in questions} == set(PROMPTS)
    left = [question for question in questions if question.leaves_after is not None]
    assert 0 < len(left) < MANY / 2


@given(st.text())
def test_a_customer_leaves_before_the_answer_can_be_whole(seed: str) -> None:
    for question in draw(seed, 30):
        assert FEWEST_TOKENS <= question.most_output_tokens <= MOST_TOKENS
        assert question.leaves_after is None or 1 <= question.leaves_after < question.most_output_tokens


def test_prompts_ask_for_text_whose_tokens_a_client_can_count() -> None:
    assert all(prompt.isascii() for prompt in PROMPTS)
    assert len(set(PROMPTS)) == len(PROMPTS)


def test_customers_of_several_processes_ask_different_questions() -> None:
    asked = [_list_first_of_process(index) for index in (0, 1)]
    assert asked[0] != asked[1]
    assert asked[0] == _list_first_of_process(0)


def _list_first_of_process(index: int) -> list[Question]:
    class Customer(StreamingCustomer):
        host = "http://127.0.0.1:9"
        _numbers = count()

    Customer.prepare("tiny", "fg_key", 1, Recorder())
    environment = Environment()
    environment.runner = cast("Runner", SimpleNamespace(worker_index=index))
    return list(islice(Customer(environment)._questions, 5))
