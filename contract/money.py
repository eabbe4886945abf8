"""Money: integer nano-dollars (1e-9 USD) that fit a Postgres bigint. No float, ever.

A price is an integer number of nano-dollars per 1,000,000 units. People write it as USD per 1,000,000 units, a quoted
decimal.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

NANO_PER_USD = 1_000_000_000
PRICED_UNITS = 1_000_000
"""How many units a price is for."""
LARGEST = 2**63 - 1
"""The most nano-dollars an amount may be: Postgres keeps amounts as bigint."""

_DECIMALS = 9
_PATTERN = rf"^(0|[1-9][0-9]{{0,9}})(\.[0-9]{{1,{_DECIMALS}}})?$"
_WORDS = (
    'USD as a quoted decimal of at most 9 decimals such as "0.05", without sign or exponent '
    "(quote it: a float loses money)"
)


class Unit(StrEnum):
    """What is counted and charged."""

    INPUT_TOKENS = "input_tokens"
    CACHED_INPUT_TOKENS = "cached_input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    IMAGES = "images"
    SECONDS = "seconds"
    REQUESTS = "requests"


def parse_usd(text: str) -> int:
    """Return the nano-dollars of a decimal number of USD such as "0.05", exactly.

    Raises:
        ValueError: not a non-negative decimal of at most 9 decimals, or more than a bigint holds.
    """
    if not re.fullmatch(_PATTERN, text):
        raise ValueError(_WORDS)
    whole, _, fraction = text.partition(".")
    nano = int(whole) * NANO_PER_USD + int(fraction.ljust(_DECIMALS, "0"))
    if nano > LARGEST:
        raise ValueError(f"at most {format_usd(LARGEST)} USD")
    return nano


def format_usd(nano: int) -> str:
    """Return nano-dollars as a decimal number of USD, exactly, with two decimals or as many more as it needs."""
    whole, fraction = divmod(abs(nano), NANO_PER_USD)
    decimals = f"{fraction:0{_DECIMALS}d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano < 0 else ''}{whole}.{decimals}"


def charge(quantities: Mapping[Unit, int], prices: Mapping[Unit, int]) -> int:
    """Return what a request costs, in nano-dollars: the sum over its units, rounded once, half up.

    Args:
        quantities: how many of each unit were delivered.
        prices: nano-dollars per 1,000,000 of each unit.

    Raises:
        ValueError: a negative quantity or price, or units that have no price (they are never free by accident).
    """
    return (_cost(quantities, prices) + PRICED_UNITS // 2) // PRICED_UNITS


def hold(quantities: Mapping[Unit, int], prices: Mapping[Unit, int]) -> int:
    """Return what must be held for a request, in nano-dollars: as `charge`, but rounded up, so never less."""
    return -(-_cost(quantities, prices) // PRICED_UNITS)


def _cost(quantities: Mapping[Unit, int], prices: Mapping[Unit, int]) -> int:
    """Return the exact cost in millionths of a nano-dollar."""
    for unit, price in prices.items():
        if price < 0:
            raise ValueError(f"{unit}: a price is never negative, but {price} was given")
    for unit, quantity in quantities.items():
        if quantity < 0:
            raise ValueError(f"{unit}: a quantity is never negative, but {quantity} was given")
        if quantity and unit not in prices:
            raise ValueError(f"{unit}: {quantity} were given, but they have no price")
    return sum(quantity * prices[unit] for unit, quantity in quantities.items() if quantity)


def _read_usd(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError(_WORDS)
    return parse_usd(value)


Usd = Annotated[
    int,
    BeforeValidator(_read_usd),
    PlainSerializer(format_usd, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "patternErrorMessage": _WORDS}),
]
"""Nano-dollars, written in documents as a quoted decimal number of USD."""
