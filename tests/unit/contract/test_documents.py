"""Documents are read strictly; whatever is wrong with a file is an error that names it, never a traceback."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.documents import read_catalog, read_instance, read_outputs, read_slos
from contract.notation import parse_json, parse_yaml
from contract.problems import ContractError

CATALOG_KEYS = "artifacts, tiers, plans, models"


def refusal(read: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(ContractError) as caught:
        read(*arguments)
    return str(caught.value)


def test_the_shipped_catalog_sells_smollm2_at_the_documented_prices() -> None:
    catalog = read_catalog()
    model = catalog.models["smollm2-135m"]
    artifact = catalog.artifacts[model.artifact]
    assert artifact.sha256 == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert artifact.bytes == 98_362_432
    assert set(catalog.tiers) == {"premium", "standard", "batch"}
    assert {name: plan.tier for name, plan in catalog.plans.items()} == {
        "pay-as-you-go": "standard",
        "premium": "premium",
        "batch": "batch",
    }
    assert [price.usd_per_million for price in model.prices] == [
        {"input_tokens": 100_000_000, "cached_input_tokens": 50_000_000, "output_tokens": 200_000_000}
    ]


def test_the_shipped_slos_are_promised_by_the_gateway() -> None:
    assert {name: (slo.service, str(slo.objective)) for name, slo in read_slos().slos.items()} == {
        "gateway-availability": ("gateway", "99.9"),
        "gateway-first-token": ("gateway", "99"),
    }


def test_every_document_is_read_from_a_file(
    tmp_path: Path, catalog_data: dict[str, Any], slos_data: dict[str, Any], instance_data: dict[str, Any]
) -> None:
    path = tmp_path / "document"
    path.write_text(yaml.safe_dump(catalog_data))
    assert list(read_catalog(path).models) == ["tiny"]
    path.write_text(yaml.safe_dump(slos_data))
    assert list(read_slos(path).slos) == ["gateway-availability", "gateway-first-token"]
    path.write_text(json.dumps(instance_data))
    assert read_instance(path).ports.gateway == 8080


def test_outputs_are_read_as_pulumi_prints_them(outputs_data: dict[str, Any]) -> None:
    assert read_outputs(json.loads(json.dumps(outputs_data))).environment == "prod"


def test_a_mistake_in_outputs_names_them_or_what_the_caller_calls_them(outputs_data: dict[str, Any]) -> None:
    outputs_data["account"] = 12345678901
    problem = "account: given 12345678901 (an integer); allowed: the 12 digits of an AWS account, quoted"
    assert refusal(read_outputs, outputs_data) == f"outputs: {problem}"
    assert refusal(read_outputs, outputs_data, "stack dev") == f"stack dev: {problem}"


def test_a_mistake_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "slo.yaml"
    path.write_text("slos: 3")
    assert refusal(read_slos, path) == f"{path}: slos: given 3 (an integer); allowed: a mapping of length at least 1"


def test_a_file_of_this_repository_is_named_from_its_root(repository: Path) -> None:
    assert refusal(read_catalog, repository / "stacks" / "none.yaml") == (
        "stacks/none.yaml: given nothing; allowed: a readable file (No such file or directory)"
    )


@pytest.mark.parametrize("read", [read_catalog, read_slos, read_instance])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    missing = tmp_path / "none"
    assert refusal(read, missing) == f"{missing}: given nothing; allowed: a readable file (No such file or directory)"
    assert refusal(read, tmp_path) == f"{tmp_path}: given nothing; allowed: a readable file (Is a directory)"


@pytest.mark.parametrize("read", [read_catalog, read_slos, read_instance])
def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "document"
    path.write_bytes(b"abc\xff")
    assert refusal(read, path) == f"{path}: given the byte 0xff at offset 3; allowed: text in UTF-8"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "given nothing (an empty document); allowed: a mapping"),
        ("# only a comment\n", "given nothing (an empty document); allowed: a mapping"),
        ("null", f"given null; allowed: a mapping with the keys {CATALOG_KEYS}"),
        ("[1]", f"given [1] (a list); allowed: a mapping with the keys {CATALOG_KEYS}"),
        (
            "tiers:\n  a: b: c\n",
            "line 2, column 7: given text that is not YAML (mapping values are not allowed here); allowed: YAML",
        ),
        (
            "tiers: [1\n",
            (
                "line 2, column 1: given text that is not YAML (expected ',' or ']', but got '<stream end>'); "
                "allowed: YAML"
            ),
        ),
        (
            "a: 1\n---\nb: 2\n",
            "line 2, column 1: given text that is not YAML (but found another document); allowed: YAML",
        ),
        ("a: *b\n", "line 1, column 4: given text that is not YAML (found undefined alias 'b'); allowed: YAML"),
        (
            "a: 1\nb: x\x07y\n",
            "line 2, column 5: given text that is not YAML (special characters are not allowed); allowed: YAML",
        ),
        (
            "tiers: 1\nplans: 2\ntiers: 3\n",
            "tiers: given the key on line 1 and again on line 3; allowed: each key once",
        ),
        (
            "models:\n  tiny:\n    prices:\n    - version: 1\n      'version': 2\n",
            "models.tiny.prices[0].version: given the key on line 4 and again on line 5; allowed: each key once",
        ),
        ("tiers:\n  1: a\n", "tiers: given the key 1 (an integer) on line 2; allowed: string keys"),
        ("? [a]\n: b\n", "given the key ['a'] (a list) on line 1; allowed: string keys"),
        (
            "tiers: !!python/object/apply:os.system [ls]\n",
            "tiers: given the tag tag:yaml.org,2002:python/object/apply:os.system; allowed: a value without a tag",
        ),
        ("tiers: !!int x\n", "tiers: given the tag tag:yaml.org,2002:int; allowed: a value without a tag"),
        ("tiers: !!set {a}\n", "tiers: given the tag tag:yaml.org,2002:set; allowed: a value without a tag"),
        ("&a [*a]\n", "given a document that nests too deeply; allowed: a few levels, none of which contains itself"),
        (
            "[" * 5000 + "]" * 5000,
            "given a document that nests too deeply; allowed: a few levels, none of which contains itself",
        ),
    ],
)
def test_text_that_is_no_usable_yaml_is_refused_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(text)
    assert refusal(read_catalog, path) == f"{path}: {problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1, column 1: given text that is not JSON (Expecting value); allowed: JSON"),
        (
            '{\n  "name": local}',
            "line 2, column 11: given text that is not JSON (Expecting value); allowed: JSON",
        ),
        ('{"name": "a", "name": "b"}', "name: given the key twice; allowed: each key once"),
        ('{"ports": {"gateway": 1, "gateway": 2}}', "gateway: given the key twice; allowed: each key once"),
        ("[]", "given [] (a list); allowed: a mapping with the keys name, purpose, ports, manifests"),
        (
            "[" * 100_000,
            "given a document that nests too deeply; allowed: a few levels, none of which contains itself",
        ),
    ],
)
def test_text_that_is_no_usable_json_is_refused_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "instance.json"
    path.write_text(text)
    assert refusal(read_instance, path) == f"{path}: {problem}"


def test_an_integer_too_long_for_python_is_refused_by_its_field(tmp_path: Path, instance_data: dict[str, Any]) -> None:
    path = tmp_path / "instance.json"
    path.write_text(json.dumps(instance_data).replace("15432", "9" * 5000))
    assert refusal(read_instance, path) == (
        f"{path}: ports.database: given inf (a float); allowed: an integer from 1 to 65535"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("no", "no"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-17", -17),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1.5", 1.5),
        ("-1e3", -1000.0),
        (".5", ".5"),
        ("9" * 100, int("9" * 100)),
        ("9" * 5000, float("inf")),
        ("'1'", "1"),
        ('"true"', "true"),
        ("''", ""),
        ("|\n  1\n", "1\n"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("0.1.2", "0.1.2"),
        ("[1, a, {b: c}]", [1, "a", {"b": "c"}]),
        ("{<<: {b: c}}", {"<<": {"b": "c"}}),
    ],
)
def test_yaml_is_read_as_the_json_it_stands_for(text: str, value: object) -> None:
    parsed = parse_yaml(f"key: {text}", "doc")
    assert parsed == {"key": value}
    assert isinstance(parsed, dict)
    assert type(parsed["key"]) is type(value)


def test_an_anchor_may_be_used_twice() -> None:
    assert parse_yaml("a: &x [1]\nb: *x\n", "doc") == {"a": [1], "b": [1]}


def test_json_is_read_as_it_is() -> None:
    assert parse_json('{"a": [1, -2, 1.5, "x", true, null]}', "doc") == {"a": [1, -2, 1.5, "x", True, None]}
