"""The catalog refuses what cannot be sold, field by field, and knows which price is in force."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel

from contract.catalog import Catalog, TemplateOverhead
from contract.money import Unit

Explain = Callable[[type[BaseModel], object], list[str]]

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = datetime(2026, 5, 31, 22, tzinfo=UTC)
NAME = "a name of 1 to 40 lower-case letters, digits and inner hyphens that starts with a letter"
USD = (
    'USD as a quoted decimal of at most 9 decimals such as "0.05", without sign or exponent '
    "(quote it: a float loses money)"
)
PRICE = "models.tiny.prices[0]"
SERVING = "models.tiny.serving[0]"
ARTIFACT = "artifacts.tiny-q4"


def put(data: Any, path: str, value: object) -> None:
    """Set the value at a path such as `models.tiny.prices[0].version`."""
    *steps, last = path.replace("[", ".").replace("]", "").split(".")
    for step in steps:
        data = data[int(step) if isinstance(data, list) else step]
    data[int(last) if isinstance(data, list) else last] = value


def test_a_valid_catalog_is_read_into_nano_dollars_moments_and_units(catalog_data: dict[str, Any]) -> None:
    catalog = Catalog.model_validate(catalog_data)
    first, second = catalog.models["tiny"].prices
    assert first.usd_per_million == {Unit.INPUT_TOKENS: 100_000_000, Unit.OUTPUT_TOKENS: 200_000_000}
    assert first.effective_from == FIRST
    assert second.effective_from == SECOND
    assert catalog.models["tiny"].serving[1].unit is Unit.OUTPUT_TOKENS
    assert catalog.tiers["premium"].weight == 8


def test_a_catalog_survives_being_written_and_read(catalog_data: dict[str, Any]) -> None:
    catalog = Catalog.model_validate(catalog_data)
    assert Catalog.model_validate(catalog.model_dump()) == catalog
    assert Catalog.model_validate_json(catalog.model_dump_json()) == catalog
    assert '"output_tokens":"0.20"' in catalog.model_dump_json()


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (f"{PRICE}.usd_per_million.input_tokens", 0.05, f"given 0.05 (a float); allowed: {USD}"),
        (f"{PRICE}.usd_per_million.input_tokens", 1, f"given 1 (an integer); allowed: {USD}"),
        (f"{PRICE}.usd_per_million.input_tokens", "-1", f"given '-1' (a string); allowed: {USD}"),
        (
            f"{PRICE}.usd_per_million.tokens",
            "1",
            (
                "given 'tokens' (a string); allowed: one of input_tokens, cached_input_tokens, output_tokens, images, "
                "seconds, requests"
            ),
        ),
        (f"{PRICE}.usd_per_million", {}, "given {} (a mapping); allowed: a mapping of length at least 1"),
        (f"{PRICE}.version", 0, "given 0 (an integer); allowed: an integer of at least 1"),
        (f"{PRICE}.version", True, "given true (a boolean); allowed: an integer of at least 1"),
        (
            f"{PRICE}.effective_from",
            "2026-01-01T00:00:00",
            (
                "given '2026-01-01T00:00:00' (a string); "
                "allowed: a date and time with its zone, such as 2026-01-01T00:00:00Z"
            ),
        ),
        (
            f"{PRICE}.effective_from",
            "yesterday",
            "given 'yesterday' (a string); allowed: a date and time with its zone, such as 2026-01-01T00:00:00Z",
        ),
        (
            f"{PRICE}.effective_from",
            1767225600,
            "given 1767225600 (an integer); allowed: a date and time with its zone, such as 2026-01-01T00:00:00Z",
        ),
        ("models.tiny.prices", [], "given [] (a list); allowed: a list of length at least 1"),
        ("models.tiny.serving", [], "given [] (a list); allowed: a list of length at least 1"),
        ("models.tiny.engine", "sglang", "given 'sglang' (a string); allowed: one of llama.cpp, vllm"),
        ("models.tiny.max_output_tokens", "8", "given '8' (a string); allowed: an integer of at least 1"),
        ("models.tiny.description", " ", "given ' ' (a string); allowed: a text that is not blank"),
        (
            "models.tiny.prise",
            [],
            (
                "given an unknown key; allowed: one of description, artifact, engine, max_output_tokens, serving, "
                "prices (did you mean prices?)"
            ),
        ),
        (f"{SERVING}.accelerator", "NVIDIA", f"given 'NVIDIA' (a string); allowed: {NAME}"),
        (f"{SERVING}.replicas_per_node", 0, "given 0 (an integer); allowed: an integer of at least 1"),
        (f"{SERVING}.per_second", 99.5, "given 99.5 (a float); allowed: an integer of at least 1"),
        (
            f"{SERVING}.unit",
            "tokens",
            (
                "given 'tokens' (a string); allowed: one of input_tokens, cached_input_tokens, output_tokens, images, "
                "seconds, requests"
            ),
        ),
        (
            f"{SERVING}.source",
            "measured: ",
            'given \'measured: \' (a string); allowed: "measured: " and how, or "stated: " and why',
        ),
        (
            f"{SERVING}.source",
            "heard: somewhere",
            'given \'heard: somewhere\' (a string); allowed: "measured: " and how, or "stated: " and why',
        ),
        (
            f"{ARTIFACT}.sha256",
            "AB" * 32,
            f"given '{'AB' * 32}' (a string); allowed: the 64 lower-case hexadecimal digits of a SHA-256",
        ),
        (
            f"{ARTIFACT}.sha256",
            "a" * 63,
            f"given '{'a' * 63}' (a string); allowed: the 64 lower-case hexadecimal digits of a SHA-256",
        ),
        (
            f"{ARTIFACT}.sha256",
            "a" * 65,
            f"given '{'a' * 65}' (a string); allowed: the 64 lower-case hexadecimal digits of a SHA-256",
        ),
        (
            f"{ARTIFACT}.sha256",
            f"x{'a' * 64}",
            f"given 'x{'a' * 64}' (a string); allowed: the 64 lower-case hexadecimal digits of a SHA-256",
        ),
        (f"{ARTIFACT}.bytes", 0, "given 0 (an integer); allowed: an integer of at least 1"),
        (f"{ARTIFACT}.context_length", 0, "given 0 (an integer); allowed: an integer of at least 1"),
        (f"{ARTIFACT}.license", "", "given '' (a string); allowed: a text that is not blank"),
        (f"{ARTIFACT}.file", "a/b", "given 'a/b' (a string); allowed: a file name without a folder"),
        (f"{ARTIFACT}.source.path", "a b", "given 'a b' (a string); allowed: a relative path without spaces"),
        (
            f"{SERVING}.source",
            "not measured: x",
            'given \'not measured: x\' (a string); allowed: "measured: " and how, or "stated: " and why',
        ),
        (f"{ARTIFACT}.file", "../a", "given '../a' (a string); allowed: a file name without a folder"),
        (f"{ARTIFACT}.source.path", "/a", "given '/a' (a string); allowed: a relative path without spaces"),
        (f"{ARTIFACT}.source.package", "", "given '' (a string); allowed: a text that is not blank"),
        (f"{ARTIFACT}.source.version", 1.0, "given 1.0 (a float); allowed: a text that is not blank"),
        (f"{ARTIFACT}.template_overhead.per_request", -1, "given -1 (an integer); allowed: an integer of at least 0"),
        (f"{ARTIFACT}.template_overhead.per_message", -1, "given -1 (an integer); allowed: an integer of at least 0"),
        ("tiers.gold", {"weight": 1}, "given 'gold' (a string); allowed: one of premium, standard, batch"),
        ("tiers.premium.weight", 0, "given 0 (an integer); allowed: an integer of at least 1"),
        ("tiers.premium.weight", 0.5, "given 0.5 (a float); allowed: an integer of at least 1"),
        ("plans.basic.tier", "gold", "given 'gold' (a string); allowed: one of premium, standard, batch"),
        ("plans.basic.tier", "batch", "given 'batch' (a string); allowed: one of premium, standard"),
        (
            "plans.basic.limits.requests_per_minute",
            0,
            "given 0 (an integer); allowed: an integer of at least 1",
        ),
        ("plans.basic.limits.tokens_per_minute", 0, "given 0 (an integer); allowed: an integer of at least 1"),
        ("plans.basic.limits.concurrent_requests", 0, "given 0 (an integer); allowed: an integer of at least 1"),
        ("models.tiny.artifact", "Tiny", f"given 'Tiny' (a string); allowed: {NAME}"),
        (
            "models.tiny.artifact",
            "tiny-q5",
            "given 'tiny-q5' (a string); allowed: one of tiny-q4, tiny-q8 (did you mean tiny-q8?)",
        ),
        (
            "models.tiny.max_output_tokens",
            4097,
            "given 4097 (an integer); allowed: at most 4096, the context length of its artifact",
        ),
        (
            "models.tiny.prices[1].version",
            1,
            "given 1 (an integer); allowed: more than 1, the version before",
        ),
        (
            "models.tiny.prices[1].effective_from",
            "2026-01-01T01:00:00+01:00",
            "given 2026-01-01T01:00:00+01:00; allowed: later than 2026-01-01T00:00:00+00:00, the version before",
        ),
        (
            "models.tiny.serving[1].accelerator",
            "nvidia-l4",
            "given 'nvidia-l4' (a string); allowed: each accelerator once",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_its_field(
    catalog_data: dict[str, Any], explain: Explain, path: str, value: object, problem: str
) -> None:
    put(catalog_data, path, value)
    assert explain(Catalog, catalog_data) == [f"doc: {path}: {problem}"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("artifacts", "a mapping"),
        ("tiers", "a mapping"),
        ("plans", "a mapping"),
        ("models", "a mapping"),
        ("models.tiny.prices", "a list of length at least 1"),
        ("models.tiny.serving", "a list of length at least 1"),
        ("plans.basic.limits", "a mapping with the keys requests_per_minute, tokens_per_minute, concurrent_requests"),
        ("artifacts.tiny-q4.template_overhead", "a mapping with the keys per_request, per_message"),
    ],
)
def test_what_is_missing_is_refused_by_its_field(
    catalog_data: dict[str, Any], explain: Explain, path: str, allowed: str
) -> None:
    *steps, last = path.split(".")
    inner = catalog_data
    for step in steps:
        inner = inner[step]
    del inner[last]
    assert explain(Catalog, catalog_data) == [f"doc: {path}: given nothing; allowed: {allowed} (required)"]


@pytest.mark.parametrize("section", ["artifacts", "plans", "models"])
@pytest.mark.parametrize("name", ["Tiny", "1st", "a_b", "a.b", "a-", "a" * 41, ""])
def test_a_name_is_a_slug(catalog_data: dict[str, Any], explain: Explain, section: str, name: str) -> None:
    catalog_data[section][name] = next(iter(catalog_data[section].values()))
    assert explain(Catalog, catalog_data) == [f"doc: {section}.{name}: given {name!r} (a string); allowed: {NAME}"]


def test_the_longest_name_has_forty_characters(catalog_data: dict[str, Any]) -> None:
    catalog_data["models"]["a" * 40] = catalog_data["models"]["tiny"]
    assert "a" * 40 in Catalog.model_validate(catalog_data).models


@pytest.mark.parametrize(
    ("priced", "missing"),
    [
        (["input_tokens"], ["output_tokens"]),
        (["output_tokens", "images"], ["input_tokens"]),
        (["cached_input_tokens"], ["input_tokens", "output_tokens"]),
    ],
)
def test_a_model_billed_by_the_token_prices_input_and_output(
    catalog_data: dict[str, Any], explain: Explain, priced: list[str], missing: list[str]
) -> None:
    put(catalog_data, "models.tiny.prices[1].usd_per_million", dict.fromkeys(priced, "1"))
    assert explain(Catalog, catalog_data) == [
        f"doc: models.tiny.prices[1].usd_per_million.{unit}: given nothing; "
        "allowed: a price: a model billed by the token prices input_tokens and output_tokens"
        for unit in missing
    ]


def test_a_model_billed_by_the_image_needs_no_token_price(catalog_data: dict[str, Any], explain: Explain) -> None:
    put(catalog_data, "models.tiny.prices[1].usd_per_million", {"images": "1"})
    assert explain(Catalog, catalog_data) == []


def test_every_mistake_between_fields_is_said_at_once(catalog_data: dict[str, Any], explain: Explain) -> None:
    put(catalog_data, "plans.basic.tier", "batch")
    put(catalog_data, "models.tiny.artifact", "none")
    assert [line.split(": given")[0] for line in explain(Catalog, catalog_data)] == [
        "doc: plans.basic.tier",
        "doc: models.tiny.artifact",
    ]


def test_an_answer_may_be_as_long_as_the_context(catalog_data: dict[str, Any]) -> None:
    catalog = Catalog.model_validate(catalog_data)
    assert catalog.models["tiny"].max_output_tokens == catalog.artifacts["tiny-q4"].context_length


@pytest.mark.parametrize(
    ("moment", "version"),
    [
        (FIRST - timedelta(microseconds=1), None),
        (FIRST, 1),
        (SECOND - timedelta(microseconds=1), 1),
        (SECOND, 2),
        (SECOND.astimezone(timezone(timedelta(hours=-9))), 2),
        (SECOND + timedelta(days=9999), 2),
    ],
)
def test_a_price_is_in_force_from_its_first_moment_until_the_next_version(
    catalog_data: dict[str, Any], moment: datetime, version: int | None
) -> None:
    price = Catalog.model_validate(catalog_data).price_at("tiny", moment)
    assert (price and price.version) == version


def test_an_unknown_model_has_no_price(catalog_data: dict[str, Any]) -> None:
    with pytest.raises(KeyError, match="huge"):
        Catalog.model_validate(catalog_data).price_at("huge", FIRST)


def test_the_template_adds_tokens_to_the_request_and_to_each_message() -> None:
    overhead = TemplateOverhead(per_request=25, per_message=5)
    assert [overhead.count(messages) for messages in (0, 1, 10)] == [25, 30, 75]
