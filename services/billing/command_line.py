"""The command line of `services.billing`: which command, with which arguments, and the exit code."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from contract.documents import CATALOG
from contract.money import LARGEST, format_usd, parse_usd
from contract.problems import ContractError, describe_given
from services.billing import commands
from services.billing.display import Shown, complain, display
from services.billing.failures import Refused

Run = Callable[[argparse.Namespace], Shown]


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code. A user's mistake is a sentence, never a traceback."""
    options = _parse(arguments)
    try:
        shown = options.run(options)
    except (ContractError, Refused) as error:
        complain(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        complain("interrupted; run the same command again")
        return 130
    display(shown, as_json=options.json)
    return 0 if shown.good else 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="services.billing", description="Administer accounts, keys and the ledger.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        parent: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: Run
    ) -> argparse.ArgumentParser:
        text = (run.__doc__ or "").strip()
        subparser = parent.add_parser(name, help=text, description=text)
        subparser.add_argument("--json", action="store_true", help="print JSON; amounts are nano-dollars (1e-9 USD)")
        subparser.set_defaults(run=run)
        return subparser

    def group(name: str, text: str) -> argparse._SubParsersAction[argparse.ArgumentParser]:
        return subparsers.add_parser(name, help=text, description=text).add_subparsers(required=True, metavar="COMMAND")

    account = group("account", "Who pays.")
    opened = add(account, "open", commands.open_account)
    opened.add_argument("account", type=_name, metavar="ACCOUNT")
    opened.add_argument("--credit", type=_usd, metavar="USD", help="credit it, once")
    opened.add_argument(
        "--key-file", type=Path, help="file that keeps the key named first; a lost one is made anew, and revoked"
    )

    key = group("key", "What customers prove themselves with.")
    added = add(key, "add", commands.add_key)
    added.add_argument("--file", type=Path, help="file that keeps the key; one that is there already is used")
    added.add_argument("--replace", action="store_true", help="revoke another key of this name")
    for subparser in (added, add(key, "revoke", commands.revoke_key)):
        subparser.add_argument("account", type=_name, metavar="ACCOUNT")
        subparser.add_argument("name", type=_name, metavar="NAME")
    add(key, "list", commands.list_keys).add_argument("account", nargs="?", type=_name, metavar="ACCOUNT")

    credit = add(subparsers, "credit", commands.credit_account)
    credit.add_argument("account", type=_name, metavar="ACCOUNT")
    credit.add_argument("amount", type=_usd, metavar="USD", help="a decimal of at most 9 decimals, such as 5 or 0.05")
    credit.add_argument(
        "--reference", type=_reference, help="names the payment, which is credited once (default: a new one each time)"
    )
    add(subparsers, "balance", commands.show_balance).add_argument("account", nargs="?", type=_name, metavar="ACCOUNT")
    shown = add(subparsers, "show", commands.show_one_request)
    shown.add_argument("request_id", type=_request_id, metavar="REQUEST_ID", help="an answer's header x-request-id")
    add(subparsers, "prove", commands.prove_books)
    published = add(subparsers, "publish", commands.publish_prices)
    published.add_argument("--catalog", type=Path, default=CATALOG, help="the catalog (default: %(default)s)")
    return parser.parse_args(arguments)


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", text):
        allowed = "1 to 63 lower-case letters, digits and hyphens that start with a letter or digit"
        raise argparse.ArgumentTypeError(f"given {describe_given(text)}; allowed: {allowed}")
    return text


def _usd(text: str) -> int:
    try:
        amount = parse_usd(text)
    except ValueError:
        amount = 0
    if amount == 0:
        allowed = f"a decimal above zero of at most 9 decimals, such as 5 or 0.05, up to {format_usd(LARGEST)}"
        raise argparse.ArgumentTypeError(f"given {describe_given(text)}; allowed: {allowed}")
    return amount


def _reference(text: str) -> str:
    if not 0 < len(text) <= 200:
        raise argparse.ArgumentTypeError(f"given {len(text)} characters; allowed: 1 to 200")
    return text


def _request_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"given {describe_given(text)}; allowed: a UUID") from None
