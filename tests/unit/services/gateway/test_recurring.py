from __future__ import annotations

import asyncio
import json

import pytest

from services.billing.ledger import LedgerAway
from services.gateway.recurring import Duty


def test_the_log_says_when_a_duty_begins_to_fail_and_when_it_works_again(capsys: pytest.CaptureFixture[str]) -> None:
    failures: list[Exception | None] = [None, LedgerAway("gone"), LedgerAway("gone"), RuntimeError("odd"), None, None]

    async def act() -> None:
        failure = failures.pop(0)
        if failure is not None:
            raise failure

    duty = Duty("renewal", act)
    done = [asyncio.run(duty.attempt()) for _ in range(6)]

    assert done == [True, False, False, False, True, True]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line["duty"]) for line in lines] == [
        ("ledger_away", "renewal"),
        ("duty_failed", "renewal"),
        ("duty_works_again", "renewal"),
    ]
