"""A customer of Locust's asks over HTTP, reads streams, and records each request once, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import repeat
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust.env import Environment

from loadtests.recorder import Recorder
from loadtests.records import Outcome, Record, Told
from loadtests.users import streaming
from loadtests.users.reading import Lines, Reading, read_answer
from loadtests.users.streaming import CHAT, Question, StreamingCustomer
from tests.unit.loadtests.chunks import DONE, write_answer, write_chunk, write_event, write_words
from tests.unit.offline.conftest import find_closed_port

from .scripted_gateway import Answer, ScriptedGateway, run_gateway

PATIENCE_SECONDS = 60
"""Longest wait for what should be there at once: a loaded machine must not fail a test."""
QUESTION = Question("Why is the sky blue?", 20, None)

Fired = list[dict[str, Any]]


@pytest.fixture(scope="module")
def running() -> Iterator[ScriptedGateway]:
    with run_gateway() as gateway:
        yield gateway


@pytest.fixture
def gateway(running: ScriptedGateway) -> ScriptedGateway:
    running.answers, running.asked, running.headers = [], [], []
    running.left.clear()
    return running


class Customers:
    """Customers of one run, what they recorded, and what Locust heard of them."""

    def __init__(self, url: str) -> None:
        self.recorder = Recorder()
        self.fired: Fired = []

        class Customer(StreamingCustomer):
            host = url

        Customer.prepare("tiny", "fg_key", 7, self.recorder)
        self._kind = Customer
        self._made: list[StreamingCustomer] = []
        self.environment = Environment()
        self.environment.events.request.add_listener(self._note)

    def make(self, question: Question | None = None) -> StreamingCustomer:
        """Return a customer, who has one question only if one is given."""
        customer = self._kind(self.environment)
        if question is not None:
            customer._questions = repeat(question)
        self._made.append(customer)
        return customer

    def close(self) -> None:
        for customer in self._made:
            customer.client.client.close()

    @property
    def record(self) -> Record:
        [record] = self.recorder.records
        return record

    def _note(self, **fired: Any) -> None:
        self.fired.append(fired)


@pytest.fixture
def customers(gateway: ScriptedGateway) -> Iterator[Customers]:
    with closing(Customers(gateway.url)) as customers:
        yield customers


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return how long customers paused: they don't in tests."""
    pauses: list[float] = []
    monkeypatch.setattr(streaming, "gevent", SimpleNamespace(sleep=pauses.append))
    return pauses


@pytest.fixture
def ask(gateway: ScriptedGateway, customers: Customers) -> Callable[..., Record]:
    """Return a function that asks one question which gets a certain answer, and returns what was recorded."""

    def ask_one(*pieces: bytes, leaves_after: int | None = None, **answer: Any) -> Record:
        gateway.answers.append(Answer(list(pieces), **answer))
        customers.make(Question(QUESTION.prompt, QUESTION.most_output_tokens, leaves_after)).ask()
        return customers.record

    return ask_one


Ask = Callable[..., Record]


def test_a_whole_answer_is_recorded_with_its_count_its_receipt_and_its_name(ask: Ask) -> None:
    record = ask(write_answer(3))
    assert record.outcome is Outcome.FINISHED
    assert (record.output_tokens, record.countable, record.told) == (4, True, Told(30, 6, 4, 4_100))
    assert (record.request_id, record.status, record.reason) == ("request-1", 200, None)
    assert (record.model, record.most_output_tokens) == ("tiny", 20)
    assert record.first_token_seconds is not None
    assert 0 < record.first_token_seconds <= record.seconds


def test_a_question_asks_for_a_stream_with_the_probabilities_that_tokens_are_counted_by(
    ask: Ask, gateway: ScriptedGateway
) -> None:
    ask(write_answer(3))
    assert gateway.asked == [
        {
            "model": "tiny",
            "messages": [{"role": "user", "content": QUESTION.prompt}],
            "max_tokens": 20,
            "temperature": 0,
            "stream": True,
            "logprobs": True,
            "top_logprobs": 1,
        }
    ]
    [headers] = gateway.headers
    assert headers["Authorization"] == "Bearer fg_key"
    assert headers["Accept-Encoding"] == "identity"


def test_an_answer_that_comes_in_small_pieces_is_the_same(ask: Ask) -> None:
    data = write_answer(3)
    record = ask(*(data[place : place + 7] for place in range(0, len(data), 7)))
    assert (record.outcome, record.output_tokens) == (Outcome.FINISHED, 4)


def test_a_customer_who_leaves_closes_the_connection(ask: Ask, gateway: ScriptedGateway) -> None:
    record = ask(write_words(5), leaves_after=2, waits=True)
    assert (record.outcome, record.output_tokens, record.told) == (Outcome.LEFT, 2, None)
    assert gateway.left.wait(PATIENCE_SECONDS)


def test_a_customer_asks_again_on_the_same_connection_after_a_whole_answer(
    gateway: ScriptedGateway, customers: Customers
) -> None:
    gateway.answers = [Answer([write_answer(3)], request_id=f"request-{number}") for number in range(3)]
    customer = customers.make(QUESTION)
    for _ in range(3):
        customer.ask()
    assert [record.outcome for record in customers.recorder.records] == [Outcome.FINISHED] * 3
    assert [record.request_id for record in customers.recorder.records] == [f"request-{number}" for number in range(3)]


def test_a_stream_that_the_service_ends_early_is_cut(ask: Ask) -> None:
    record = ask(write_words(2), write_chunk(finish_reason="length", faregate={"ended_by": "balance"}), DONE)
    assert (record.outcome, record.reason, record.output_tokens) == (Outcome.CUT, "balance", 2)


def test_a_connection_that_ends_amid_an_answer_breaks_it(ask: Ask) -> None:
    record = ask(write_words(2), breaks=True)
    assert (record.outcome, record.output_tokens, record.request_id) == (Outcome.BROKEN, 2, "request-1")
    assert record.reason


@pytest.mark.parametrize("end", [b"", write_event({"error": {"message": "lost"}}), write_event({"choices": ["x"]})])
def test_an_answer_that_is_no_whole_stream_is_broken(ask: Ask, end: bytes) -> None:
    record = ask(write_words(2), *([end] if end else []))
    assert (record.outcome, record.output_tokens) == (Outcome.BROKEN, 2)
    assert (record.reason or "").startswith("StreamBroken: ")


def test_a_refusal_is_recorded_with_what_the_service_says(ask: Ask) -> None:
    record = ask(b'{"error": {"message": "no money", "code": "insufficient_quota", "type": "x"}}', status=429)
    assert (record.outcome, record.status, record.request_id) == (Outcome.REFUSED, 429, "request-1")
    assert record.reason == "429 insufficient_quota: no money"
    assert (record.output_tokens, record.first_token_seconds) == (0, None)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": "text"}', b'{"error": {}}'])
def test_a_refusal_in_another_language_is_recorded_too(ask: Ask, body: bytes) -> None:
    record = ask(body, status=502, request_id=None)
    assert (record.outcome, record.status, record.request_id) == (Outcome.REFUSED, 502, None)
    assert (record.reason or "").startswith("502 ")


def test_a_service_that_is_not_there_is_unreached() -> None:
    with closing(Customers(f"http://127.0.0.1:{find_closed_port()}")) as customers:
        customers.make(QUESTION).ask()
    record = customers.record
    assert (record.outcome, record.status, record.request_id) == (Outcome.UNREACHED, None, None)
    assert (record.reason or "").startswith("no answer ConnectionRefusedError")


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        pytest.param(Answer([b"{}"], status=503), True, id="refused"),
        pytest.param(Answer([write_answer(1)]), False, id="finished"),
        pytest.param(Answer([write_words(1)]), False, id="broken"),
    ],
)
def test_a_customer_who_got_no_answer_waits_before_they_ask_again(
    gateway: ScriptedGateway, customers: Customers, pauses: list[float], answer: Answer, waits: bool
) -> None:
    gateway.answers = [answer]
    customers.make(QUESTION).ask()
    assert pauses == ([streaming.PAUSE_SECONDS] if waits else [])


def test_a_customer_whom_the_end_of_a_run_takes_is_recorded_with_what_came(
    gateway: ScriptedGateway, customers: Customers, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings: list[Reading] = []

    def read_on(lines: Lines, leaves_after: int | None, reading: Reading) -> None:
        readings.append(reading)
        read_answer(lines, leaves_after, reading)

    monkeypatch.setattr(streaming, "read_answer", read_on)
    gateway.answers = [Answer([write_words(2)], waits=True)]
    asking = gevent.spawn(customers.make(QUESTION).ask)
    with gevent.Timeout(PATIENCE_SECONDS):
        while not readings or readings[0].stream.output_tokens < 2:
            gevent.sleep(0.005)
    asking.kill(timeout=PATIENCE_SECONDS)
    assert asking.ready()
    record = customers.record
    assert (record.outcome, record.request_id, record.output_tokens) == (Outcome.LEFT, "request-1", 2)


def test_a_customer_who_is_taken_before_anything_came_has_left_without_a_name(
    gateway: ScriptedGateway, customers: Customers
) -> None:
    gateway.answers = [Answer([], silent=True)]
    asking = gevent.spawn(customers.make(QUESTION).ask)
    with gevent.Timeout(PATIENCE_SECONDS):
        while not gateway.asked:
            gevent.sleep(0.005)
    asking.kill(timeout=PATIENCE_SECONDS)
    record = customers.record
    assert (record.outcome, record.request_id, record.status, record.output_tokens) == (Outcome.LEFT, None, None, 0)


def test_locust_counts_the_whole_stream_and_the_first_token(ask: Ask, customers: Customers) -> None:
    record = ask(write_answer(3))
    whole, first = customers.fired
    assert (whole["request_type"], whole["name"], whole["exception"]) == ("POST", CHAT, None)
    assert (first["request_type"], first["name"], first["exception"]) == ("first token", CHAT, None)
    assert record.first_token_seconds is not None
    assert first["response_time"] == pytest.approx(1000 * record.first_token_seconds)
    assert first["response_time"] <= whole["response_time"] <= 1000 * record.seconds


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        pytest.param(Answer([write_words(2)], breaks=True), "broken: ", id="broken"),
        pytest.param(Answer([b"{}"], status=503), "refused: 503 ", id="refused"),
        pytest.param(Answer([write_chunk("x", faregate={"ended_by": "drain"}), DONE]), "cut: drain", id="cut"),
    ],
)
def test_what_failed_is_a_failure_to_locust(
    gateway: ScriptedGateway, customers: Customers, answer: Answer, failure: str
) -> None:
    gateway.answers = [answer]
    customers.make(QUESTION).ask()
    assert str(customers.fired[0]["exception"]).startswith(failure)


def test_each_customer_has_questions_of_its_own(gateway: ScriptedGateway, customers: Customers) -> None:
    gateway.answers = [Answer([write_answer(1)]) for _ in range(8)]
    for customer in (customers.make(), customers.make()):
        for _ in range(4):
            customer.ask()
    first, second = gateway.asked[:4], gateway.asked[4:]
    assert first != second
