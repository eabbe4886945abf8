"""What every model of the contract shares: strictness, and the types of names and numbers that several of them use.

The words of a pattern are kept as `patternErrorMessage`: YAML editors show it in place of the regular expression, and
`contract.problems` says with it what is allowed.
"""

from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

Item = TypeVar("Item")


class Model(BaseModel):
    """A frozen record that refuses unknown keys and never converts one type into another (true is not 1, "1" is not 1).

    The docstring below a field is its description in the JSON Schema.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def matching(pattern: str, words: str) -> Any:
    """Return the field constraint "matches `pattern`", explained to people as `words` (what is allowed, as a noun)."""
    return Field(pattern=pattern, json_schema_extra={"patternErrorMessage": words})


_MOMENT_WORDS = "a date and time with its zone, such as 2026-01-01T00:00:00Z"


def _read_moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(_MOMENT_WORDS) from None


def _require_zone(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(_MOMENT_WORDS)
    return moment


def _check_port(url: str) -> str:
    try:
        port = urlsplit(url).port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("a URL whose port is from 1 to 65535")
    return url


Items = Annotated[tuple[Item, ...], Field(strict=False)]
"""A list, kept as a tuple. Lax, because YAML and JSON spell a tuple as a list; the items themselves stay strict."""

Text = Annotated[str, matching(r"\S", "a text that is not blank")]

Count = Annotated[int, Field(ge=1)]

Name = Annotated[
    str,
    matching(
        r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$",
        "a name of 1 to 40 lower-case letters, digits and inner hyphens that starts with a letter",
    ),
]
"""A slug. With a suffix such as a version it still fits one DNS label (63 characters)."""

Port = Annotated[int, Field(ge=1, le=65535)]

Account = Annotated[str, matching(r"^[0-9]{12}$", "the 12 digits of an AWS account, quoted")]

Sha256 = Annotated[str, matching(r"^[0-9a-f]{64}$", "the 64 lower-case hexadecimal digits of a SHA-256")]

Host = Annotated[
    str,
    matching(r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$", "a host name or an IPv4 address, without a port"),
]

Url = Annotated[
    str,
    matching(
        r"^https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]+)?(/[^\s?#]*)?$",
        "an http:// or https:// URL without user, query or fragment",
    ),
    AfterValidator(_check_port),
]
"""Kept as text: what the program exported is what a client is given, character for character."""

Moment = Annotated[
    datetime,
    BeforeValidator(_read_moment),
    AfterValidator(_require_zone),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment that means the same everywhere: a datetime with a zone, read from ISO 8601 text."""
