"""The judge reads of the real ledger what was held, settled and moved, as the role that can do no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import boto3
import psycopg
import pytest
from botocore.stub import Stubber

from contract.outputs import Outputs
from loadtests.evidence.ledger import ROLE, Ledger, LedgerRow
from loadtests.evidence.missing import EvidenceMissing
from services.billing.ledger import Delivery, Hold, Question
from tests.integration.services.billing.books import MODEL, PASSWORD, Books, ask
from tests.unit.loadtests.samples import OUTPUTS
from tests.unit.offline.conftest import find_closed_port

Connect = Callable[..., Ledger]


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Return what AWS will answer whoever asks it for a secret."""
    client = boto3.client(
        "secretsmanager", region_name="us-east-1", aws_access_key_id="nobody", aws_secret_access_key="nothing"
    )
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    with Stubber(client) as stubber:
        yield stubber


def give_secret(secrets: Stubber, password: str = PASSWORD) -> None:
    secrets.add_response("get_secret_value", {"SecretString": password}, {"SecretId": "secret-reporter"})


@pytest.fixture
def connect(books: Books, secrets: Stubber) -> Iterator[Connect]:
    """Return a function that connects to the ledger of the test, with anything else in its outputs."""
    opened: list[Ledger] = []

    def connect_ledger(password: str = PASSWORD, **changes: Any) -> Ledger:
        give_secret(secrets, password)
        database = {"host": "127.0.0.1", "port": books.container.port, "name": books.database, "secret": "owner"}
        ledger = Ledger(Outputs.model_validate({**OUTPUTS, "billing_database": {**database, **changes}}))
        opened.append(ledger)
        return ledger

    yield connect_ledger
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(connect: Connect) -> Ledger:
    return connect()


@pytest.fixture
def begun(books: Books, ledger: Ledger) -> datetime:
    """Return when the run began: account `demo` has a balance and a price, and asked nothing yet."""
    books.publish()
    books.open_account(usd_nano=1_000_000)
    return ledger.wait_until_quiet(0)


def admit(books: Books, question: Question, lease_seconds: float = 60) -> Hold:
    hold = books.admit(question, lease_seconds).hold
    assert hold
    return hold


def read_one(ledger: Ledger, begun: datetime, request_id: UUID) -> LedgerRow:
    [row] = ledger.list_requests(begun)
    assert row.request_id == str(request_id)
    return row


def test_a_request_that_was_admitted_is_open(books: Books, ledger: Ledger, begun: datetime) -> None:
    question = ask(inputs=12, least=1, most=100)
    admit(books, question)
    assert read_one(ledger, begun, question.request_id) == LedgerRow(
        request_id=str(question.request_id),
        account="demo",
        model=MODEL,
        state="open",
        price_version=1,
        held_input_tokens=12,
        held_output_tokens=100,
        input_tokens=None,
        cached_input_tokens=None,
        output_tokens=None,
        engine_output_tokens=None,
        charge=None,
        shortfall=None,
        charged=0,
    )


def test_a_request_that_was_settled_says_what_was_charged_moved_and_sent(
    books: Books, ledger: Ledger, begun: datetime
) -> None:
    question = ask(inputs=12, most=100)
    hold = admit(books, question)
    books.settle(Delivery(hold.id, 10, 2, 20, 23))
    row = read_one(ledger, begun, question.request_id)
    due = 10 * 100 + 2 * 50 + 20 * 200
    assert row.state == "settled"
    assert (row.input_tokens, row.cached_input_tokens, row.output_tokens) == (10, 2, 20)
    assert (row.engine_output_tokens, row.charge, row.shortfall, row.charged) == (23, due, 0, due)
    assert books.wallet() == (1_000_000 - due, 0)


def test_a_request_whose_gateway_did_not_tell_the_engine_s_count_says_nothing_of_it(
    books: Books, ledger: Ledger, begun: datetime
) -> None:
    question = ask(inputs=12, most=100)
    hold = admit(books, question)
    books.query("select billing.settle(%s, 10, 2, 20)", hold.id)
    row = read_one(ledger, begun, question.request_id)
    assert (row.output_tokens, row.engine_output_tokens) == (20, None)


def test_a_request_of_which_nothing_was_delivered_moved_nothing(books: Books, ledger: Ledger, begun: datetime) -> None:
    question = ask()
    books.settle(Delivery(admit(books, question).id))
    row = read_one(ledger, begun, question.request_id)
    assert (row.state, row.output_tokens, row.engine_output_tokens) == ("settled", 0, 0)
    assert (row.charge, row.charged) == (0, 0)


def test_a_request_whose_lease_ended_moved_nothing(books: Books, ledger: Ledger, begun: datetime) -> None:
    question = ask()
    hold = admit(books, question)
    books.query("update billing.holds set lease_until = now() - interval '1 second' where id = %s", hold.id)
    books.query("update billing.lease_clock set ticked_at = now() + interval '1 hour'")
    books.expire()
    row = read_one(ledger, begun, question.request_id)
    assert (row.state, row.charge, row.charged, row.output_tokens) == ("expired", None, 0, None)


def test_each_request_has_what_was_moved_for_it_alone(books: Books, ledger: Ledger, begun: datetime) -> None:
    for tokens in (1, 2, 3):
        books.settle(Delivery(admit(books, ask()).id, 0, 0, tokens, tokens))
    assert sorted(row.charged for row in ledger.list_requests(begun)) == [200, 400, 600]


def test_requests_of_others_are_listed_too(books: Books, ledger: Ledger, begun: datetime) -> None:
    books.open_account("neighbour", usd_nano=1_000_000, key="key of neighbour")
    admit(books, ask())
    admit(books, ask(key="key of neighbour"))
    assert sorted(row.account for row in ledger.list_requests(begun)) == ["demo", "neighbour"]


def test_what_was_asked_before_a_run_is_none_of_it(books: Books, ledger: Ledger, begun: datetime) -> None:
    books.settle(Delivery(admit(books, ask()).id, 1, 0, 1, 1))
    assert len(ledger.list_requests(begun)) == 1
    assert ledger.list_requests(ledger.wait_until_quiet(0)) == []


def test_a_wait_ends_once_everything_is_settled(
    books: Books, ledger: Ledger, begun: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = admit(books, ask())
    waited: list[float] = []

    def settle_meanwhile(seconds: float) -> None:
        waited.append(seconds)
        books.settle(Delivery(hold.id, 1, 0, 1, 1))

    monkeypatch.setattr(time, "sleep", settle_meanwhile)
    assert ledger.wait_until_quiet() > begun
    assert len(waited) == 1
    assert [row.state for row in ledger.list_requests(begun)] == ["settled"]


@pytest.mark.usefixtures("begun")
def test_a_wait_gives_up_and_names_what_is_open(books: Books, ledger: Ledger) -> None:
    question = ask()
    admit(books, question)
    with pytest.raises(EvidenceMissing) as missing:
        ledger.wait_until_quiet(0)
    assert str(missing.value) == (
        f"the ledger at 127.0.0.1:{books.container.port}: 1 request(s) not settled after 0 s, {question.request_id} "
        "among them; a run needs an environment that serves nobody else"
    )


def test_the_books_of_a_ledger_that_is_right_have_no_problem(books: Books, ledger: Ledger, begun: datetime) -> None:
    assert ledger.list_requests(begun) == []
    books.settle(Delivery(admit(books, ask()).id, 1, 0, 1, 1))
    assert ledger.list_problems() == []


@pytest.mark.usefixtures("begun")
def test_a_problem_in_the_books_is_told_in_words(books: Books, ledger: Ledger) -> None:
    [(name, columns)] = books.query(
        "select 'wallets', string_agg(column_name, ',' order by ordinal_position) from information_schema.columns "
        "where table_schema = 'reports' and table_name = 'problems'"
    )
    assert (name, columns) == ("wallets", "rule,subject,expected,found")
    books.query("update billing.wallets set balance = balance + 1")
    problems = ledger.list_problems()
    assert problems
    assert all(": expected " in problem and ", found " in problem for problem in problems)
    assert any("demo" in problem for problem in problems)


def test_the_judge_can_change_nothing(books: Books, ledger: Ledger) -> None:
    assert ledger.list_problems() == []
    with books.connect(ROLE.removeprefix("billing_")) as reporter, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reporter.execute("select balance from billing.wallets")


# ---- what is missing


def test_a_wrong_password_is_told_without_it(books: Books, connect: Connect) -> None:
    with pytest.raises(EvidenceMissing) as missing:
        connect("a wrong one")
    assert str(missing.value).startswith(f"the ledger at 127.0.0.1:{books.container.port}: ")
    assert "password authentication failed" in str(missing.value)
    assert "a wrong one" not in str(missing.value)


def test_a_ledger_that_is_not_there_is_named(connect: Connect) -> None:
    port = find_closed_port()
    with pytest.raises(EvidenceMissing) as missing:
        connect(port=port)
    assert str(missing.value).startswith(f"the ledger at 127.0.0.1:{port}: ")
    assert PASSWORD not in str(missing.value)


def test_a_database_without_the_ledger_is_told(connect: Connect) -> None:
    with pytest.raises(EvidenceMissing, match=r"the ledger at .*reports"):
        connect(name="postgres").list_problems()


def test_a_ledger_that_goes_away_amid_a_run_is_told(books: Books, ledger: Ledger, begun: datetime) -> None:
    books.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", ROLE)
    with pytest.raises(EvidenceMissing, match="the ledger at 127"):
        ledger.list_requests(begun)


def test_a_secret_that_is_not_there_is_named(secrets: Stubber) -> None:
    secrets.add_client_error("get_secret_value", "ResourceNotFoundException", "it is not there")
    with pytest.raises(EvidenceMissing) as missing:
        Ledger(Outputs.model_validate(OUTPUTS))
    assert str(missing.value).startswith("the secret secret-reporter, which leads to the ledger: ")
    assert "it is not there" in str(missing.value)
