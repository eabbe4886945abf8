"""`StreamingCustomer`: asks one question after another, reads the answers as streams, and goes away amid some of them.

What is asked, how long answers may get and where the customer goes away comes from a seed: every run asks the same.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

import gevent
from locust import task
from locust.contrib.fasthttp import FastHttpUser, ResponseContextManager
from locust.env import Environment

from loadtests.recorder import Recorder
from loadtests.records import Outcome, Record
from loadtests.users.prompts import PROMPTS
from loadtests.users.reading import Reading, read_answer

CHAT = "/v1/chat/completions"
FEWEST_TOKENS, MOST_TOKENS = 8, 48
"""What an answer may be limited to."""
LEAVES_ONE_IN = 6
PATIENCE_SECONDS = 60
"""Longest wait for a connection, and for whatever comes next on it."""
PAUSE_SECONDS = 1.0
"""How long a customer that got no answer waits before it asks the next question."""
_OK = 200


@dataclass(frozen=True)
class Question:
    """What is asked, and how much of the answer is read."""

    prompt: str
    most_output_tokens: int
    leaves_after: int | None
    """Tokens after which the customer goes away; absent where the answer is read to its end."""


def draw_questions(random: Random) -> Iterator[Question]:
    """Return one question after another, without end."""
    while True:
        most = random.randint(FEWEST_TOKENS, MOST_TOKENS)
        leaves = random.randrange(LEAVES_ONE_IN) == 0
        yield Question(random.choice(PROMPTS), most, random.randrange(1, most) if leaves else None)


class StreamingCustomer(FastHttpUser):
    """One customer, who has one question at a time."""

    network_timeout = PATIENCE_SECONDS
    connection_timeout = PATIENCE_SECONDS
    insecure = False

    model: ClassVar[str]
    key: ClassVar[str]
    seed: ClassVar[int]
    recorder: ClassVar[Recorder]
    _numbers: ClassVar[Iterator[int]] = itertools.count()

    @classmethod
    def prepare(cls, model: str, key: str, seed: int, recorder: Recorder) -> None:
        """Say what all customers ask, who pays, and where what they see is kept."""
        cls.model, cls.key, cls.seed, cls.recorder = model, key, seed, recorder

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # Every customer has questions of its own, in whichever process it is.
        process = getattr(environment.runner, "worker_index", 0)
        seed = f"{self.seed} {process} {next(self._numbers)}"
        self._questions = draw_questions(Random(seed))  # noqa: S311  # not for secrets

    @task
    def ask(self) -> None:
        """Ask the next question, and record what came of it."""
        question = next(self._questions)
        reading, request_id, status = Reading(), None, None
        begun, started = time.time(), time.perf_counter()
        try:
            with self._send(question) as response:
                status = response.status_code or None
                request_id = response.headers.get("x-request-id") if response.headers else None
                if status == _OK:
                    read_answer(response.stream, question.leaves_after, reading)
                    response.stream.release()
                else:
                    reading.outcome = Outcome.REFUSED if status else Outcome.UNREACHED
                    reading.reason = _describe_failure(response)
                _report(response, reading, time.perf_counter() - started)
        finally:
            first_token = None if reading.first_token is None else reading.first_token - started
            self.recorder.add(
                Record(
                    model=self.model,
                    begun=begun,
                    seconds=time.perf_counter() - started,
                    outcome=reading.outcome,
                    most_output_tokens=question.most_output_tokens,
                    request_id=request_id,
                    status=status,
                    first_token_seconds=first_token,
                    output_tokens=reading.stream.output_tokens,
                    countable=reading.stream.countable,
                    told=reading.stream.told,
                    reason=reading.reason,
                )
            )
        if first_token is not None:
            self._show_first_token(first_token)
        if reading.outcome in (Outcome.REFUSED, Outcome.UNREACHED):
            gevent.sleep(PAUSE_SECONDS)

    def _send(self, question: Question) -> ResponseContextManager:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": question.prompt}],
            "max_tokens": question.most_output_tokens,
            "temperature": 0,
            "stream": True,
            "logprobs": True,
            "top_logprobs": 1,
        }
        headers = {"Authorization": f"Bearer {self.key}", "Accept-Encoding": "identity"}
        return self.client.post(CHAT, json=body, headers=headers, stream=True, catch_response=True)

    def _show_first_token(self, seconds: float) -> None:
        """Give Locust's own tables the time until the first token, which they have no place for otherwise."""
        self.environment.events.request.fire(
            request_type="first token",
            name=CHAT,
            response_time=1000 * seconds,
            response_length=0,
            exception=None,
            context={},
        )


def _report(response: ResponseContextManager, reading: Reading, seconds: float) -> None:
    """Have Locust count the whole stream, not its headers alone."""
    response.request_meta["response_time"] = 1000 * seconds
    if reading.outcome.is_failure:
        response.failure(f"{reading.outcome}: {reading.reason}")
    else:
        response.success()


def _describe_failure(response: ResponseContextManager) -> str:
    """Return what the service says in OpenAI's format, or what kept it from saying anything."""
    try:
        error = json.loads(response.text or "")["error"]
        return f"{response.status_code} {error.get('code') or error.get('type')}: {error['message']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        failure = getattr(response, "error", None)
        return f"{response.status_code or 'no answer'} {failure!r}"
