"""The judge reads of the real ledger what was held, settled and moved, as the role that can do no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import boto3
import psycopg
import pytest
from botocore.client import BaseClient
from botocore.stub import Stubber

from contract.outputs import Outputs
from loadtests.evidence.ledger import ROLE, Ledger, LedgerRow
from loadtests.evidence.missing import EvidenceMissing
from services.billing.ledger import Delivery, Hold
from tests.integration.services.billing.books import PASSWORD, Books
from tests.integration.services.billing.customers import Customer, Gateway, make_customer
from tests.unit.offline.conftest import find_closed_port
from tests.unit.outputs import OUTPUTS

Connect = Callable[..., Ledger]
BALANCE = 1_000


@pytest.fixture(scope="module")
def client() -> BaseClient:
    client: BaseClient = boto3.client(
        "secretsmanager", region_name="us-east-1", aws_access_key_id="nobody", aws_secret_access_key="nothing"
    )
    return client


@pytest.fixture
def secrets(client: BaseClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Return what AWS will answer whoever asks it for a secret."""
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    with Stubber(client) as stubber:
        yield stubber


@pytest.fixture
def connect(common: Books, secrets: Stubber) -> Iterator[Connect]:
    """Return a function that connects to the ledger that tests share, or with anything else in the outputs."""
    opened: list[Ledger] = []

    def connect_ledger(password: str = PASSWORD, **changes: Any) -> Ledger:
        secrets.add_response("get_secret_value", {"SecretString": password}, {"SecretId": "secret-reporter"})
        database = {"host": "127.0.0.1", "port": common.container.port, "name": common.database, "secret": "owner"}
        ledger = Ledger(Outputs.model_validate({**OUTPUTS, "billing_database": {**database, **changes}}))
        opened.append(ledger)
        return ledger

    yield connect_ledger
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(connect: Connect) -> Ledger:
    return connect()


@dataclass(frozen=True)
class Run:
    """A customer's requests of one run, whose input tokens cost one nano-dollar and whose output tokens two."""

    customer: Customer
    ledger: Ledger
    begun: datetime

    def hold(self, inputs: int = 10, most: int = 100) -> tuple[str, Hold]:
        """Be admitted; return what the request is called, and its hold."""
        question = self.customer.ask(inputs=inputs, most=most)
        hold = self.customer.gateway.admit(question).hold
        assert hold
        return str(question.request_id), hold

    def settle(self, hold: Hold, inputs: int = 0, cached: int = 0, outputs: int = 0, sent: int = 0) -> None:
        self.customer.gateway.settle(Delivery(hold.id, inputs, cached, outputs, sent))

    def read_one(self, request_id: str) -> LedgerRow:
        [row] = self.ledger.list_requests(self.begun)
        assert row.request_id == request_id
        return row


@pytest.fixture
def run(gateway: Gateway, ledger: Ledger) -> Iterator[Run]:
    """Return a run that has begun, and leave nothing open after it."""
    yield Run(make_customer(gateway, BALANCE), ledger, ledger.wait_until_quiet(0))
    for (hold_id,) in gateway.query("select id from billing.holds where state = 'open'"):
        gateway.settle(Delivery(hold_id))
    assert gateway.problems == []


# ---- requests


def test_a_request_that_was_admitted_is_open(run: Run) -> None:
    request_id, _ = run.hold(inputs=12, most=100)
    assert run.read_one(request_id) == LedgerRow(
        request_id=request_id,
        account=run.customer.account,
        model=run.customer.model,
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


def test_a_request_that_was_settled_says_what_was_charged_moved_and_sent(run: Run) -> None:
    request_id, hold = run.hold(inputs=12, most=100)
    run.settle(hold, inputs=10, cached=2, outputs=20, sent=23)
    row = run.read_one(request_id)
    assert row.state == "settled"
    assert (row.input_tokens, row.cached_input_tokens, row.output_tokens) == (10, 2, 20)
    assert (row.engine_output_tokens, row.charge, row.shortfall, row.charged) == (23, 52, 0, 52)
    assert run.customer.wallet == (BALANCE - 52, 0)


def test_a_request_whose_gateway_did_not_tell_the_engine_s_count_says_nothing_of_it(run: Run) -> None:
    request_id, hold = run.hold()
    run.customer.gateway.settle_as_before(Delivery(hold.id, 10, 0, 20))
    row = run.read_one(request_id)
    assert (row.output_tokens, row.engine_output_tokens) == (20, None)


def test_a_request_of_which_nothing_was_delivered_moved_nothing(run: Run) -> None:
    request_id, hold = run.hold()
    run.settle(hold)
    row = run.read_one(request_id)
    assert (row.state, row.output_tokens, row.engine_output_tokens) == ("settled", 0, 0)
    assert (row.charge, row.charged) == (0, 0)


def test_a_request_whose_lease_ended_moved_nothing(run: Run) -> None:
    request_id, hold = run.hold()
    run.customer.end_lease(hold)
    row = run.read_one(request_id)
    assert (row.state, row.charge, row.charged, row.output_tokens) == ("expired", None, 0, None)


def test_a_request_that_was_extended_holds_what_it_may_cost_in_the_end(run: Run) -> None:
    request_id, hold = run.hold(most=10)
    assert run.customer.gateway.extend(hold.id, 25)
    run.settle(hold, inputs=10, outputs=20, sent=20)
    row = run.read_one(request_id)
    assert (row.output_tokens, row.charge, row.charged) == (20, 50, 50)


def test_each_request_has_what_was_moved_for_it_alone(run: Run) -> None:
    charged = {}
    for tokens in (1, 2, 3):
        request_id, hold = run.hold()
        run.settle(hold, outputs=tokens, sent=tokens)
        charged[request_id] = 2 * tokens
    assert {row.request_id: row.charged for row in run.ledger.list_requests(run.begun)} == charged


def test_requests_of_others_are_listed_too(run: Run) -> None:
    neighbour = replace(run, customer=make_customer(run.customer.gateway, BALANCE))
    mine, _ = run.hold()
    theirs, _ = neighbour.hold()
    assert {row.request_id: row.account for row in run.ledger.list_requests(run.begun)} == {
        mine: run.customer.account,
        theirs: neighbour.customer.account,
    }


def test_what_was_asked_before_a_run_is_none_of_it(run: Run) -> None:
    _, hold = run.hold()
    run.settle(hold)
    assert len(run.ledger.list_requests(run.begun)) == 1
    assert run.ledger.list_requests(run.ledger.wait_until_quiet(0)) == []


# ---- waiting


def test_a_wait_ends_once_everything_is_settled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    request_id, hold = run.hold()
    waited: list[float] = []

    def settle_meanwhile(seconds: float) -> None:
        waited.append(seconds)
        run.settle(hold)

    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", settle_meanwhile)
        assert run.ledger.wait_until_quiet() > run.begun
    assert len(waited) == 1
    assert run.read_one(request_id).state == "settled"


def test_a_wait_gives_up_and_names_what_is_open(run: Run) -> None:
    request_id, _ = run.hold()
    with pytest.raises(EvidenceMissing) as missing:
        run.ledger.wait_until_quiet(0)
    assert str(missing.value) == (
        f"the ledger at 127.0.0.1:{run.customer.books.container.port}: 1 request(s) not settled after 0 s, "
        f"{request_id} among them; a run needs an environment that serves nobody else"
    )


# ---- the books


def test_the_books_of_a_ledger_that_is_right_have_no_problem(run: Run) -> None:
    _, hold = run.hold()
    run.settle(hold, inputs=1, outputs=1, sent=1)
    assert run.ledger.list_problems() == []


def test_a_problem_in_the_books_is_told_in_words(books: Books, connect: Connect) -> None:
    books.open_account(usd_nano=BALANCE)
    books.query("update billing.wallets set balance = balance + 1")
    problems = connect(name=books.database).list_problems()
    assert problems
    for problem in problems:
        assert ": expected " in problem
        assert ", found " in problem
    assert any("demo" in problem for problem in problems)


def test_the_judge_s_role_can_change_nothing(common: Books) -> None:
    with common.connect(ROLE.removeprefix("billing_")) as judge, pytest.raises(psycopg.errors.InsufficientPrivilege):
        judge.execute("update billing.wallets set balance = 0")


# ---- what is missing


def test_a_wrong_password_is_told_without_it(common: Books, connect: Connect) -> None:
    with pytest.raises(EvidenceMissing) as missing:
        connect("a wrong one")
    assert str(missing.value).startswith(f"the ledger at 127.0.0.1:{common.container.port}: ")
    assert "password authentication failed" in str(missing.value)
    assert "a wrong one" not in str(missing.value)


def test_a_ledger_that_is_not_there_is_named(connect: Connect) -> None:
    port = find_closed_port()
    with pytest.raises(EvidenceMissing) as missing:
        connect("its password", port=port)
    assert str(missing.value).startswith(f"the ledger at 127.0.0.1:{port}: ")
    assert "its password" not in str(missing.value)


def test_a_database_without_the_ledger_is_told(connect: Connect) -> None:
    with pytest.raises(EvidenceMissing, match=r"the ledger at .*reports"):
        connect(name="postgres").list_problems()


def test_a_ledger_that_goes_away_amid_a_run_is_told(run: Run) -> None:
    run.customer.gateway.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", ROLE)
    with pytest.raises(EvidenceMissing, match=r"the ledger at 127\.0\.0\.1:"):
        run.ledger.list_requests(run.begun)


def test_a_secret_that_is_not_there_is_named(secrets: Stubber) -> None:
    secrets.add_client_error("get_secret_value", "ResourceNotFoundException", "it is not there")
    with pytest.raises(EvidenceMissing) as missing:
        Ledger(Outputs.model_validate(OUTPUTS))
    assert str(missing.value).startswith("the secret secret-reporter, which leads to the ledger: ")
    assert "it is not there" in str(missing.value)
