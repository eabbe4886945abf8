"""The admin command's commands: each does one thing and returns what is shown of it."""

from __future__ import annotations

import argparse
from uuid import uuid4

from contract.money import format_usd
from services.billing import administration, reports
from services.billing.display import Shown, show_accounts, show_keys, show_proof, show_request
from services.billing.keys import hash_key, keep_key, make_key
from services.billing.price_list import read_price_list


def publish_prices(options: argparse.Namespace) -> Shown:
    """Publish the catalog's prices: those that are new; one that changed without a new version is refused."""
    prices = read_price_list(options.catalog)
    new = administration.publish(prices)
    lines = [f"published: {price.model}, version {price.version}, from {price.effective_from}" for price in new]
    published = [{"model": price.model, "version": price.version} for price in new]
    return Shown(
        {"changed": bool(new), "published": published}, "\n".join(lines) or f"{len(prices)} price(s), as before"
    )


def open_account(options: argparse.Namespace) -> Shown:
    """Make an account, with a first credit and a first key where that is asked for; what is there stays."""
    account = options.account
    done = {"account": administration.open_account(account)}
    if options.credit is not None:
        done["credit"] = administration.credit(account, options.credit, f"first credit of {account}").credited
    if options.key_file:
        key_hash = hash_key(keep_key(options.key_file))
        done["key"] = administration.add_key(account, "first", key_hash, replace=True)
    lines = [f"{what}: {'new' if is_new else 'as before'}" for what, is_new in done.items()]
    return Shown({"account": account, "changed": any(done.values()), "new": done}, "\n".join(lines))


def show_balance(options: argparse.Namespace) -> Shown:
    """Show the wallet of an account, or of every one: balance, what is held of it, and what is left to spend."""
    return show_accounts(reports.list_accounts(options.account))


def add_key(options: argparse.Namespace) -> Shown:
    """Make a key. It is printed once and nobody can read it again, or kept in a file that only its owner reads."""
    key = keep_key(options.file) if options.file else make_key()
    new = administration.add_key(options.account, options.name, hash_key(key), replace=options.replace)
    document = {"changed": new, "account": options.account, "key": options.name}
    if options.file:
        text = f"key {options.name} of account {options.account} {'added' if new else 'exists'}: {options.file}"
        return Shown({**document, "file": str(options.file)}, text)
    return Shown({**document, "secret": key}, key)


def revoke_key(options: argparse.Namespace) -> Shown:
    """Refuse a key from now on; requests that it made already go on."""
    changed = administration.revoke_key(options.account, options.name)
    text = f"key {options.name} of account {options.account} {'revoked' if changed else 'was revoked before'}"
    return Shown({"changed": changed, "account": options.account, "key": options.name}, text)


def list_keys(options: argparse.Namespace) -> Shown:
    """List the names of keys: of one account, or of every one."""
    return show_keys(reports.list_keys(options.account))


def credit_account(options: argparse.Namespace) -> Shown:
    """Add a payment to an account's wallet, once for each reference."""
    done = administration.credit(options.account, options.amount, options.reference or f"manual {uuid4()}")
    what = "credited" if done.credited else f"{options.reference} was credited before"
    return Shown(
        {"changed": done.credited, "transaction_id": done.transaction_id, "balance": done.balance},
        f"{what}: transaction {done.transaction_id}, balance {format_usd(done.balance)} USD",
    )


def show_one_request(options: argparse.Namespace) -> Shown:
    """Show what became of a request: hold, extensions, settlement, entries and price."""
    return show_request(reports.find_request(options.request_id))


def prove_books(_options: argparse.Namespace) -> Shown:
    """Prove the books: every rule that the ledger must keep; fails where anything does not add up."""
    return show_proof(reports.prove())
