"""The admin command, as people and playbooks run it."""

from __future__ import annotations

import stat
from pathlib import Path
from uuid import uuid4

import pytest

from services.billing.ledger import Delivery, Verdict

from .books import MODEL, Books, ask

FIVE_USD = 5_000_000_000


def test_a_new_customer_is_set_up_and_served(books: Books) -> None:
    assert books.read("publish")["published"] == [{"model": MODEL, "version": 1}]
    assert books.launch("account", "open", "acme").stdout == "account: new\n"
    assert books.read("credit", "acme", "5", "--reference", "invoice 1")["balance"] == FIVE_USD
    key = books.run("key", "add", "acme", "laptop").stdout.strip()
    admission = books.admit(ask(key=key))
    assert admission.verdict is Verdict.ADMITTED
    assert admission.hold
    assert admission.hold.account == "acme"


def test_each_command_run_again_changes_nothing(books: Books, tmp_path: Path) -> None:
    commands = (
        ("publish",),
        ("account", "open", "acme"),
        ("credit", "acme", "5", "--reference", "invoice 1"),
        ("key", "add", "acme", "laptop", "--file", str(tmp_path / "key")),
        ("key", "revoke", "acme", "laptop"),
    )
    for command in commands[:4]:
        assert books.read(*command)["changed"] is True, command
    for command in commands[:4]:
        assert books.read(*command)["changed"] is False, command
    assert books.read(*commands[4])["changed"] is True
    assert books.read(*commands[4])["changed"] is False
    assert books.wallet("acme") == (FIVE_USD, 0)
    assert books.problems == []


def test_an_account_is_opened_with_a_credit_and_a_key_once(books: Books, tmp_path: Path) -> None:
    books.publish()
    opened = ("account", "open", "acme", "--credit", "5", "--key-file", str(tmp_path / "key"))
    assert books.read(*opened)["new"] == {"account": True, "credit": True, "key": True}
    assert books.read(*opened) == {
        "account": "acme",
        "changed": False,
        "new": {"account": False, "credit": False, "key": False},
    }
    (lost := tmp_path / "key").rename(tmp_path / "lost")
    assert books.read(*opened)["new"] == {"account": False, "credit": False, "key": True}
    assert books.wallet("acme") == (FIVE_USD, 0)
    assert books.admit(ask(key=lost.read_text().strip())).verdict is Verdict.ADMITTED
    assert books.admit(ask(key=(tmp_path / "lost").read_text().strip())).verdict is Verdict.REVOKED_KEY


def test_a_key_is_kept_in_a_file_that_only_its_owner_reads(books: Books, tmp_path: Path) -> None:
    books.publish()
    books.open_account(usd_nano=FIVE_USD)
    file = tmp_path / "key"
    ended = books.run("key", "add", "demo", "laptop", "--file", str(file))
    key = file.read_text().strip()
    assert key not in ended.stdout + ended.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.glob(".key*")) == []
    assert books.admit(ask(key=key)).verdict is Verdict.ADMITTED


def test_a_file_that_holds_no_key_stays_as_it_is_and_is_not_repeated(books: Books, tmp_path: Path) -> None:
    books.open_account()
    file = tmp_path / "key"
    file.write_text("somebody's diary\n")
    ended = books.run("key", "add", "demo", "laptop", "--file", str(file))
    assert ended.returncode == 1
    assert "holds no key" in ended.stderr
    assert "diary" not in ended.stderr
    assert file.read_text() == "somebody's diary\n"
    assert [key["key"] for key in books.read("key", "list", "demo")] == ["first"]


def test_a_revoked_key_is_refused_from_then_on(books: Books) -> None:
    books.publish()
    books.open_account(usd_nano=FIVE_USD)
    books.run("key", "revoke", "demo", "first")
    assert books.admit(ask()).verdict is Verdict.REVOKED_KEY
    assert books.read("key", "list", "demo")[0]["revoked_at"]
    ended = books.run("key", "revoke", "demo", "second")
    assert (ended.returncode, ended.stderr.strip()) == (1, "error: account demo has no key named second")


def test_a_key_is_replaced_only_where_that_is_asked_for(books: Books) -> None:
    books.publish()
    books.open_account(usd_nano=FIVE_USD)
    ended = books.run("key", "add", "demo", "first")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "account demo has another key named first" in ended.stderr
    key = books.run("key", "add", "demo", "first", "--replace").stdout.strip()
    assert books.admit(ask()).verdict is Verdict.REVOKED_KEY
    assert books.admit(ask(key=key)).verdict is Verdict.ADMITTED
    assert [row["revoked_at"] is None for row in books.read("key", "list", "demo")] == [False, True]


def test_the_name_of_a_revoked_key_is_free_again(books: Books) -> None:
    books.publish()
    books.open_account(usd_nano=FIVE_USD)
    books.run("key", "revoke", "demo", "first")
    key = books.run("key", "add", "demo", "first").stdout.strip()
    assert books.admit(ask(key=key)).verdict is Verdict.ADMITTED


def test_no_command_shows_a_key_or_its_hash(books: Books) -> None:
    books.open_account(key="fg_secret")
    shown = books.run("key", "list").stdout + books.run("key", "list", "--json").stdout
    assert "first" in shown
    assert "fg_secret" not in shown
    assert "hash" not in shown


def test_a_request_is_shown_with_all_that_became_of_it(books: Books) -> None:
    books.publish()
    books.open_account(usd_nano=FIVE_USD)
    question = ask(inputs=10, least=100, most=100)
    hold = books.admit(question).hold
    assert hold
    assert books.extend(hold.id, 300)
    books.settle(Delivery(hold.id, 7, 2, 250, 253))

    shown = books.read("show", str(question.request_id))
    charge = 7 * 100 + 2 * 50 + 250 * 200
    assert shown["request"] | {"account": "demo", "state": "settled", "charge": charge} == shown["request"]
    assert shown["request"]["held_amount"] == 10 * 100 + 300 * 200
    assert (shown["request"]["output_tokens"], shown["request"]["engine_output_tokens"]) == (250, 253)
    assert [(row["output_tokens"], row["added_amount"]) for row in shown["extensions"]] == [(300, 200 * 200)]
    assert [(row["book"], row["amount"], row["balance_after"]) for row in shown["entries"]] == [
        ("wallet", -charge, FIVE_USD - charge),
        ("revenue", charge, None),
    ]
    assert shown["price"]["version"] == 1

    table = books.run("show", str(question.request_id)).stdout
    for words in ("settled", "7 input tokens, 2 cached input tokens, 250 output tokens", "0.0000508 USD", "4.9999492"):
        assert words in table
    (counted,) = (line for line in table.splitlines() if "counted by the engine" in line)
    assert "253 output tokens" in counted


def test_a_request_whose_gateway_told_no_count_of_the_engine_is_shown_so(books: Books) -> None:
    books.publish()
    books.open_account(usd_nano=FIVE_USD)
    question = ask()
    hold = books.admit(question).hold
    assert hold
    with books.connect("gateway") as gateway_of_before:
        gateway_of_before.execute("select * from billing.settle(%s, 10, 0, 20)", (hold.id,))

    assert books.read("show", str(question.request_id))["request"]["engine_output_tokens"] is None
    table = books.run("show", str(question.request_id)).stdout
    (counted,) = (line for line in table.splitlines() if "counted by the engine" in line)
    assert "not told by its gateway" in counted


def test_a_request_in_flight_is_shown_as_not_settled_yet(books: Books) -> None:
    books.publish()
    books.open_account(usd_nano=FIVE_USD)
    question = ask()
    books.admit(question)
    assert "not settled yet" in books.run("show", str(question.request_id)).stdout


def test_the_books_are_proven_and_what_is_wrong_fails_by_name(books: Books) -> None:
    books.publish()
    books.open_account(usd_nano=FIVE_USD)
    hold = books.admit(ask()).hold
    assert hold
    books.settle(Delivery(hold.id, 10, 0, 100, 100))
    proof = books.read("prove")
    assert proof["proven"] is True
    assert sum(book["amount"] for book in proof["books"]) == 0
    assert {book["book"]: book["amount"] for book in proof["books"]}["revenue"] == 10 * 100 + 100 * 200
    assert "The books are right" in books.run("prove").stdout

    books.query("update billing.wallets set balance = balance + 1")
    ended = books.run("prove")
    assert ended.returncode == 1
    assert "account demo" in ended.stdout
    assert books.run("prove", "--json").returncode == 1


def test_the_books_are_proven_where_all_wallets_together_hold_more_than_a_bigint(books: Books) -> None:
    for account in ("a", "b"):
        books.open_account(account, usd_nano=9 * 10**18, key=account)
    assert {book["book"]: book["amount"] for book in books.read("prove")["books"]}["wallet"] == 18 * 10**18


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("account", "open", "Acme!"), 2, "given 'Acme!'"),
        (("credit", "demo", "-5"), 2, "allowed: a decimal above zero"),
        (("credit", "demo", "0"), 2, "allowed: a decimal above zero"),
        (("credit", "demo", "0.0000000001"), 2, "at most 9 decimals"),
        (("credit", "nobody", "5"), 1, "error: no account named nobody"),
        (("balance", "nobody"), 1, "error: no account named nobody"),
        (("key", "add", "nobody", "laptop"), 1, "error: no account named nobody"),
        (("show", "abc"), 2, "allowed: a UUID"),
        (("show", str(uuid4())), 1, "was admitted"),
        (("publish", "--catalog", "/nowhere"), 1, "/nowhere: given nothing; allowed: a readable file"),
        (("nothing",), 2, "invalid choice: 'nothing'"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(books: Books, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    ended = books.run(*arguments)
    assert ended.returncode == code
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_reference_names_one_payment(books: Books) -> None:
    books.open_account()
    books.run("credit", "demo", "5", "--reference", "invoice 1")
    ended = books.run("credit", "demo", "6", "--reference", "invoice 1")
    assert ended.returncode == 1
    assert "invoice 1" in ended.stderr
    assert books.wallet() == (FIVE_USD, 0)


def test_a_price_that_changed_without_a_new_version_is_refused(books: Books, tmp_path: Path) -> None:
    catalog = Path("stacks/catalog.yaml").read_text()
    assert books.read("publish")["changed"] is True
    changed = tmp_path / "catalog.yaml"
    changed.write_text(catalog.replace('output_tokens: "0.20"', 'output_tokens: "0.30"'))
    ended = books.run("publish", "--catalog", str(changed))
    assert ended.returncode == 1
    assert f"version 1 of the price of {MODEL} is published and differs" in ended.stderr
    assert books.one("select output_tokens from reports.prices") == 200_000_000


def test_without_a_ledger_every_command_says_so(books: Books) -> None:
    books.services.write_text(books.services.read_text().replace(f"port={books.container.port}", "port=1"))
    for command in (("balance",), ("credit", "demo", "5"), ("prove",)):
        ended = books.run(*command)
        assert ended.returncode == 1
        assert ended.stderr.startswith("error: the ledger, as billing_")
        assert "source offline/activate" in ended.stderr
    migrated = books.migrate()
    assert migrated.returncode != 0
    assert "the ledger, as billing_owner" in migrated.stdout + migrated.stderr
    assert "Traceback" not in migrated.stdout + migrated.stderr


def test_a_database_without_the_schema_is_told_in_a_sentence(empty: Books) -> None:
    ended = empty.run("balance")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "reports.accounts" in ended.stderr


def test_migrating_says_what_it_did_and_once_more_does_nothing(empty: Books) -> None:
    assert "migrated: 0001" in empty.migrate().stdout
    again = empty.migrate()
    assert (again.returncode, again.stdout) == (0, "")
    assert empty.problems == []
