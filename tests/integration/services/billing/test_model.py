"""The ledger against a few lines of Python that say what it should do, step by step, in any order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contract.money import Unit, charge, hold
from services.billing.ledger import Admission, Delivery, Question, Settlement, Verdict

from .books import Books, ask, hash_key
from .customers import MILLION, Gateway, never_silent, open_gateway

A_DAY = 86_400

names = count()


@dataclass
class Price:
    version: int
    inputs: int
    cached: int | None
    outputs: int

    @property
    def dearer(self) -> int:
        return max(self.inputs, self.cached or 0)

    def hold(self, inputs: int, outputs: int) -> int:
        return hold(
            {Unit.INPUT_TOKENS: inputs, Unit.OUTPUT_TOKENS: outputs},
            {Unit.INPUT_TOKENS: self.dearer, Unit.OUTPUT_TOKENS: self.outputs},
        )

    def charge(self, delivery: Delivery) -> int:
        return charge(
            {
                Unit.INPUT_TOKENS: delivery.input_tokens,
                Unit.CACHED_INPUT_TOKENS: delivery.cached_input_tokens,
                Unit.OUTPUT_TOKENS: delivery.output_tokens,
            },
            {
                Unit.INPUT_TOKENS: self.inputs,
                Unit.CACHED_INPUT_TOKENS: self.inputs if self.cached is None else self.cached,
                Unit.OUTPUT_TOKENS: self.outputs,
            },
        )

    def affordable(self, inputs: int, most: int, available: int) -> int:
        """Return the most output tokens whose hold fits, by trying."""
        return next((tokens for tokens in range(most, -1, -1) if self.hold(inputs, tokens) <= available), -1)


@dataclass
class Wallet:
    name: str
    balance: int = 0
    holds: list[Held] = field(default_factory=list)

    @property
    def held(self) -> int:
        return sum(one.amount for one in self.holds if one.state == "open")

    @property
    def available(self) -> int:
        return self.balance - self.held


@dataclass
class Held:
    id: int
    wallet: Wallet
    question: Question
    price: Price
    output_tokens: int
    state: str = "open"
    lease_ended: bool = False
    settlement: Settlement | None = None
    engine_output_tokens: int | None = None

    @property
    def amount(self) -> int:
        return self.price.hold(self.question.input_tokens, self.output_tokens)


@dataclass
class Key:
    wallet: Wallet
    name: str
    text: str
    revoked: bool = False


class Machine(RuleBasedStateMachine):
    """Does things to a ledger and to the model of it, and compares what both answer."""

    keys = Bundle("keys")
    holds = Bundle("holds")

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self.gateway, self.superuser, self.admin = gateway, gateway.superuser, gateway.admin
        self.model = f"model-{next(names)}"
        self.wallets: list[Wallet] = []
        self.prices: list[Price] = []
        self.references: dict[str, tuple[Wallet, int]] = {}
        # What earlier runs left open is none of this one's.
        self.superuser.execute("update billing.holds set lease_until = 'infinity' where state = 'open'")

    @initialize(target=keys, balance=st.integers(50, 400))
    def begin(self, balance: int) -> Any:
        self.publish(1 * MILLION, None, 2 * MILLION)
        first, second = self.open_account(), self.open_account()
        self.credit(first, balance)
        return multiple(first, second)

    def open_account(self) -> Key:
        wallet = Wallet(f"account-{next(names)}")
        assert self.administer("select billing.open_account(%s)", wallet.name) is True
        assert self.administer("select billing.open_account(%s)", wallet.name) is False
        self.wallets.append(wallet)
        return self.add_key(wallet)

    def add_key(self, wallet: Wallet) -> Key:
        key = Key(wallet, f"key-{next(names)}", f"secret {next(names)}")
        for new in (True, False):
            add = "select billing.add_key(%s, %s, %s)"
            assert self.administer(add, wallet.name, key.name, hash_key(key.text)) is new
        return key

    @rule(target=keys, key=keys)
    def get_another_key(self, key: Key) -> Key:
        return self.add_key(key.wallet)

    @rule(key=keys)
    def revoke(self, key: Key) -> None:
        revoke = "select billing.revoke_key(%s, %s)"
        assert self.administer(revoke, key.wallet.name, key.name) is not key.revoked
        key.revoked = True

    @precondition(lambda self: len(self.prices) < 4)
    @rule(
        inputs=st.sampled_from([0, 1, 333_333, 1_000_000, 2_500_000]),
        cached=st.sampled_from([None, 0, 500_000, 3_000_000]),
        outputs=st.sampled_from([0, 1, 500_000, 1_000_000, 3_000_000]),
    )
    def publish(self, inputs: int, cached: int | None, outputs: int) -> None:
        price = Price(len(self.prices) + 1, inputs, cached, outputs)
        for new in (True, False):
            statement = (
                "select billing.publish_price(%s, %s, timestamptz '2026-01-01' + %s * interval '1 day', %s, %s, %s)"
            )
            arguments = self.model, price.version, price.version, inputs, cached, outputs
            assert self.administer(statement, *arguments) is new
        self.prices.append(price)

    @rule(key=keys, amount=st.integers(1, 200))
    def credit(self, key: Key, amount: int) -> None:
        reference = f"invoice {next(names)}"
        self.references[reference] = key.wallet, amount
        assert self.give(reference) == (True, key.wallet.balance + amount)
        key.wallet.balance += amount

    @precondition(lambda self: self.references)
    @rule(number=st.integers(0, 100))
    def credit_again(self, number: int) -> None:
        reference = [*self.references][number % len(self.references)]
        assert self.give(reference) == (False, self.references[reference][0].balance)

    @rule(
        target=holds,
        key=keys,
        inputs=st.integers(0, 40),
        least=st.integers(1, 5),
        more=st.sampled_from([0, 5, 40, 300]),
    )
    def admit(self, key: Key, inputs: int, least: int, more: int) -> Any:
        question = ask(key=key.text, model=self.model, inputs=inputs, least=least, most=least + more)
        price, wallet = self.prices[-1], key.wallet
        covered = price.affordable(inputs, least + more, wallet.available)
        admission = self.gateway.admit(question)
        if key.revoked:
            assert admission == Admission(Verdict.REVOKED_KEY)
            return multiple()
        if covered < least:
            assert admission == Admission(Verdict.INSUFFICIENT_FUNDS)
            return multiple()
        assert admission.verdict is Verdict.ADMITTED
        assert admission.hold
        one = Held(admission.hold.id, wallet, question, price, covered)
        wallet.holds.append(one)
        self.compare(one, admission)
        return one

    @rule(one=holds)
    def admit_again(self, one: Held) -> None:
        key_revoked = self.superuser.execute(
            "select revoked_at is not null from billing.keys where hash = %s", (one.question.key_hash,)
        ).fetchone()
        assert key_revoked
        if one.state == "open" and not key_revoked[0]:
            self.compare(one, self.gateway.admit(one.question))

    def compare(self, one: Held, admission: Admission) -> None:
        assert admission.hold
        assert (admission.hold.id, admission.hold.account) == (one.id, one.wallet.name)
        assert admission.hold.price_version == one.price.version
        assert (admission.hold.output_tokens, admission.hold.amount) == (one.output_tokens, one.amount)

    @rule(one=holds, tokens=st.integers(0, 60))
    def extend(self, one: Held, tokens: int) -> None:
        more = replace(one, output_tokens=tokens)
        covered = one.state == "open" and (
            tokens <= one.output_tokens or more.amount - one.amount <= one.wallet.available
        )
        assert self.gateway.extend(one.id, tokens) is covered
        if covered and tokens > one.output_tokens:
            one.output_tokens, one.lease_ended = tokens, False
        assert self.gateway.extend(one.id, tokens) is covered

    @rule(
        one=holds,
        inputs=st.integers(0, 50),
        cached=st.integers(0, 20),
        outputs=st.integers(0, 80),
        undelivered=st.none() | st.integers(0, 20),
    )
    def settle(self, one: Held, inputs: int, cached: int, outputs: int, undelivered: int | None) -> None:
        delivery = Delivery(one.id, inputs, cached, outputs, outputs + (undelivered or 0))
        settle = self.gateway.settle_as_before if undelivered is None else self.gateway.settle
        settlement = settle(delivery)
        if one.settlement:
            assert settlement == one.settlement
            return
        due = one.price.charge(delivery)
        late = one.state == "expired"
        charged = min(due, one.amount, one.wallet.available) if late else min(due, one.amount)
        assert (settlement.charge, settlement.shortfall) == (charged, due - charged)
        assert (settlement.transaction_id is None) == (charged == 0)
        if not late and inputs + cached <= one.question.input_tokens and outputs <= one.output_tokens:
            assert settlement.shortfall == 0
        one.wallet.balance -= charged
        one.state, one.settlement = "settled", settlement
        one.engine_output_tokens = None if undelivered is None else delivery.engine_output_tokens
        assert self.gateway.settle(delivery) == settlement
        assert self.gateway.settle_as_before(delivery) == settlement

    @rule(one=holds)
    def end_lease(self, one: Held) -> None:
        self.superuser.execute(
            "update billing.holds set lease_until = now() - interval '1 second' where id = %s", (one.id,)
        )
        one.lease_ended = True

    @rule(ones=st.lists(holds, max_size=4))
    def renew(self, ones: list[Held]) -> None:
        self.gateway.renew(*(one.id for one in ones))
        for one in ones:
            one.lease_ended = one.lease_ended and one.state != "open"

    @rule()
    def expire(self) -> None:
        never_silent(self.gateway)
        ended = [one for one in self.all_holds() if one.state == "open" and one.lease_ended]
        assert self.gateway.expire() == len(ended)
        for one in ended:
            one.state = "expired"
        assert self.gateway.expire() == 0

    @rule()
    def expire_after_a_silence(self) -> None:
        self.superuser.execute("update billing.lease_clock set ticked_at = clock_timestamp() - interval '2 days'")
        assert self.gateway.expire() == 0
        for one in self.all_holds():
            one.lease_ended = one.lease_ended and one.state != "open"
        assert self.gateway.expire() == 0

    @invariant()
    def wallets_are_as_they_should_be(self) -> None:
        found = self.superuser.execute(
            "select account, balance, held, available from reports.accounts where account = any(%s)",
            ([wallet.name for wallet in self.wallets],),
        ).fetchall()
        assert sorted(found) == sorted(
            (wallet.name, wallet.balance, wallet.held, wallet.available) for wallet in self.wallets
        )
        assert all(available >= 0 for _, _, _, available in found)

    @invariant()
    def holds_are_as_they_should_be(self) -> None:
        found = self.superuser.execute(
            "select hold_id, state, held_amount, lease_until < now(), engine_output_tokens from reports.requests "
            "where model = %s order by hold_id",
            (self.model,),
        ).fetchall()
        holds = sorted(self.all_holds(), key=lambda one: one.id)
        assert found == [(one.id, one.state, one.amount, one.lease_ended, one.engine_output_tokens) for one in holds]

    @invariant()
    def the_books_are_right(self) -> None:
        assert self.superuser.execute("select * from reports.problems").fetchall() == []

    def all_holds(self) -> list[Held]:
        return [one for wallet in self.wallets for one in wallet.holds]

    def give(self, reference: str) -> tuple[Any, ...]:
        wallet, amount = self.references[reference]
        credit = "select credited, balance from billing.credit(%s, %s, %s)"
        row: tuple[Any, ...] | None = self.admin.execute(credit, (wallet.name, amount, reference)).fetchone()
        assert row
        return row

    def administer(self, statement: str, *arguments: object) -> Any:
        row = self.admin.execute(statement, arguments).fetchone()
        assert row
        return row[0]


def test_the_ledger_does_what_its_model_says_in_any_order(books: Books) -> None:
    with open_gateway(books, A_DAY) as gateway:
        run_state_machine_as_test(
            cast("type[Machine]", lambda: Machine(gateway)),
            settings=settings(
                max_examples=20,
                stateful_step_count=30,
                deadline=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
                # Looking for fewer steps takes longer than a test may; thirty can be read.
                phases=[Phase.explicit, Phase.reuse, Phase.generate],
            ),
        )
