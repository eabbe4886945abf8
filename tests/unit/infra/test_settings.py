"""Every wrong setting is refused by its name, with what was given and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contract.problems import ContractError
from infra.settings import RETENTION_DAYS, parse_settings

SOURCE = "stacks/Pulumi.local.yaml"
SHIPPED: dict[str, Any] = yaml.safe_load((Path(__file__).parents[3] / SOURCE).read_text())["config"]

MISSING = object()
POOL = "faregate:gpu_pools"

USD = (
    'USD as a quoted decimal of at most 9 decimals such as "0.05", without sign or exponent '
    "(quote it: a float loses money)"
)
NAME = "a name of 1 to 40 lower-case letters, digits and inner hyphens that starts with a letter"
DATABASE_NAME = "a database name: 1 to 63 lower-case letters, digits and underscores that starts with a letter"
NETWORK = "a private IPv4 network with a prefix length of 16 to 20, like 10.40.0.0/16"
KUBERNETES = 'a Kubernetes minor version, quoted, like "1.33"'
POSTGRES = 'a version of Postgres 18, quoted, like "18.1"'
ACCOUNT = "the 12 digits of an AWS account, quoted"
REGION = "an AWS region, like eu-central-1"


def as_the_engine_gives_it(document: dict[str, Any]) -> dict[str, str]:
    """Return a configuration as the Pulumi engine hands it to the program: text as it is, everything else as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in document.items()}


def change(*path_and_value: Any) -> dict[str, str]:
    """Return the shipped configuration with one value changed, or taken out where it is MISSING."""
    document = json.loads(json.dumps(SHIPPED))
    *path, last, value = path_and_value
    inner = document
    for step in path:
        inner = inner[step]
    if value is MISSING:
        del inner[last]
    else:
        inner[last] = value
    return as_the_engine_gives_it(document)


def refusals(config: dict[str, str]) -> list[str]:
    """Return the lines that say what is wrong with a configuration."""
    with pytest.raises(ContractError) as caught:
        parse_settings(config, SOURCE)
    return str(caught.value).splitlines()


def test_the_shipped_configuration_is_read_with_its_types() -> None:
    settings = parse_settings(as_the_engine_gives_it(SHIPPED), SOURCE)
    assert (settings.cloud, settings.target, settings.account) == ("simulated", "podman", "123456789012")
    assert (settings.network.cidr, settings.network.zones) == ("10.40.0.0/16", 2)
    assert settings.gpu_pools[0].instance_types == ("g6.xlarge",)
    assert settings.gpu_pools[0].price_per_hour == 804_800_000, "nano-dollars"
    assert settings.deletion_protection is False


def test_structured_settings_arrive_as_json_text() -> None:
    config = as_the_engine_gives_it(SHIPPED)
    assert config["faregate:network"] == '{"cidr": "10.40.0.0/16", "zones": 2}'
    config["faregate:network"] = '\n {"zones": 3, "cidr": "10.0.0.0/16"}'.strip()
    assert parse_settings(config, SOURCE).network.zones == 3


def test_what_is_protected_stays_protected_unless_said_otherwise() -> None:
    assert parse_settings(change("faregate:deletion_protection", MISSING), SOURCE).deletion_protection is True


def test_settings_of_other_programs_are_none_of_ours() -> None:
    config = as_the_engine_gives_it(SHIPPED)
    others = {"aws:region": "{", "faregatex:cloud": "x", "pulumi:tags": "[]"}
    assert parse_settings(config | others, SOURCE) == parse_settings(config, SOURCE)


@pytest.mark.parametrize("key", [key for key in SHIPPED if key != "faregate:deletion_protection"])
def test_a_missing_setting_is_named(key: str) -> None:
    (line,) = refusals(change(key, MISSING))
    assert line.startswith(f"{SOURCE}: {key}: given nothing; allowed: ")
    assert line.endswith("(required)")


@pytest.mark.parametrize(
    ("section", "key"),
    [
        (section, key)
        for section, value in SHIPPED.items()
        if isinstance(value, dict | list)
        for key in (value if isinstance(value, dict) else value[0])
    ],
)
def test_a_missing_key_of_a_section_is_named(section: str, key: str) -> None:
    is_list = isinstance(SHIPPED[section], list)
    line = refusals(change(section, *([0] if is_list else []), key, MISSING))[0]
    assert line.startswith(f"{SOURCE}: {section}{'[0]' if is_list else ''}.{key}: given nothing; allowed: ")
    assert line.endswith("(required)")


@pytest.mark.parametrize(
    ("path", "value", "field", "allowed"),
    [
        (["faregate:cloud"], "aws", "cloud: given 'aws' (a string)", "simulated"),
        (["faregate:cloud"], True, "cloud: given true (a boolean)", "simulated"),
        (["faregate:target"], "kubernetes", "target: given 'kubernetes' (a string)", "podman"),
        (["faregate:account"], "12345", "account: given '12345' (a string)", ACCOUNT),
        (["faregate:account"], "12345678901x", "account: given '12345678901x' (a string)", ACCOUNT),
        (["faregate:region"], "Frankfurt", "region: given 'Frankfurt' (a string)", REGION),
        (["faregate:region"], "eu-central-11", "region: given 'eu-central-11' (a string)", REGION),
        (["faregate:region"], "eu-central-\u0661", "region: given 'eu-central-\u0661' (a string)", REGION),
        (
            ["faregate:network"],
            "10.40.0.0/16",
            "network: given '10.40.0.0/16' (a string)",
            "a mapping with the keys cidr, zones",
        ),
        (["faregate:network", "zones"], 1, "network.zones: given 1 (an integer)", "an integer from 2 to 3"),
        (["faregate:network", "zones"], 4, "network.zones: given 4 (an integer)", "an integer from 2 to 3"),
        (["faregate:network", "zones"], "2", "network.zones: given '2' (a string)", "an integer from 2 to 3"),
        (["faregate:network", "zones"], True, "network.zones: given true (a boolean)", "an integer from 2 to 3"),
        (["faregate:network", "zones"], 2.0, "network.zones: given 2.0 (a float)", "an integer from 2 to 3"),
        (["faregate:network", "zones"], None, "network.zones: given null", "an integer from 2 to 3"),
        (["faregate:network", "cidr"], 10, "network.cidr: given 10 (an integer)", "a string"),
        (["faregate:cluster", "version"], 1.33, "cluster.version: given 1.33 (a float)", KUBERNETES),
        (["faregate:cluster", "version"], "1.3", "cluster.version: given '1.3' (a string)", KUBERNETES),
        (["faregate:cluster", "version"], "v1.33", "cluster.version: given 'v1.33' (a string)", KUBERNETES),
        ([POOL], [], "gpu_pools: given [] (a list)", "a list of length at least 1"),
        ([POOL, 0, "name"], "A_1", "gpu_pools[0].name: given 'A_1' (a string)", NAME),
        ([POOL, 0, "accelerator"], "NVIDIA", "gpu_pools[0].accelerator: given 'NVIDIA' (a string)", NAME),
        (
            [POOL, 0, "accelerators_per_node"],
            0,
            "gpu_pools[0].accelerators_per_node: given 0 (an integer)",
            "an integer from 1 to 16",
        ),
        (
            [POOL, 0, "instance_types"],
            [],
            "gpu_pools[0].instance_types: given [] (a list)",
            "a list of length at least 1",
        ),
        (
            [POOL, 0, "instance_types", 0],
            "g6",
            "gpu_pools[0].instance_types[0]: given 'g6' (a string)",
            "an EC2 instance type, like g6.xlarge",
        ),
        (
            [POOL, 0, "capacity"],
            "reserved",
            "gpu_pools[0].capacity: given 'reserved' (a string)",
            "one of on_demand, spot",
        ),
        ([POOL, 0, "min_nodes"], -1, "gpu_pools[0].min_nodes: given -1 (an integer)", "an integer from 0 to 1000"),
        (
            [POOL, 0, "min_nodes"],
            3,
            "gpu_pools[0].min_nodes: given 3 (an integer)",
            "at most max_nodes, which is 2",
        ),
        ([POOL, 0, "max_nodes"], 0, "gpu_pools[0].max_nodes: given 0 (an integer)", "an integer from 1 to 1000"),
        ([POOL, 0, "max_nodes"], 1001, "gpu_pools[0].max_nodes: given 1001 (an integer)", "an integer from 1 to 1000"),
        ([POOL, 0, "disk_gib"], 19, "gpu_pools[0].disk_gib: given 19 (an integer)", "an integer from 20 to 16384"),
        ([POOL, 0, "price_per_hour"], 0.8048, "gpu_pools[0].price_per_hour: given 0.8048 (a float)", USD),
        ([POOL, 0, "price_per_hour"], 1, "gpu_pools[0].price_per_hour: given 1 (an integer)", USD),
        ([POOL, 0, "price_per_hour"], "-1", "gpu_pools[0].price_per_hour: given '-1' (a string)", USD),
        ([POOL, 0, "price_per_hour"], "1e3", "gpu_pools[0].price_per_hour: given '1e3' (a string)", USD),
        (
            ["faregate:database", "name"],
            "billing-db",
            "database.name: given 'billing-db' (a string)",
            DATABASE_NAME,
        ),
        (["faregate:database", "name"], "1st", "database.name: given '1st' (a string)", DATABASE_NAME),
        (
            ["faregate:database", "engine_version"],
            "17.4",
            "database.engine_version: given '17.4' (a string)",
            POSTGRES,
        ),
        (["faregate:database", "engine_version"], 18.1, "database.engine_version: given 18.1 (a float)", POSTGRES),
        (
            ["faregate:database", "instance_class"],
            "t4g.small",
            "database.instance_class: given 't4g.small' (a string)",
            "an RDS instance class, like db.t4g.small",
        ),
        (
            ["faregate:database", "storage_gib"],
            19,
            "database.storage_gib: given 19 (an integer)",
            "an integer from 20 to 65536",
        ),
        (
            ["faregate:database", "backup_days"],
            0,
            "database.backup_days: given 0 (an integer)",
            "an integer from 1 to 35",
        ),
        (
            ["faregate:database", "backup_days"],
            36,
            "database.backup_days: given 36 (an integer)",
            "an integer from 1 to 35",
        ),
        (
            ["faregate:database", "multi_zone"],
            "false",
            "database.multi_zone: given 'false' (a string)",
            "true or false",
        ),
        (["faregate:database", "multi_zone"], 0, "database.multi_zone: given 0 (an integer)", "true or false"),
        (
            ["faregate:load_balancer", "idle_timeout_seconds"],
            59,
            "load_balancer.idle_timeout_seconds: given 59 (an integer)",
            "an integer from 60 to 4000",
        ),
        (
            ["faregate:load_balancer", "idle_timeout_seconds"],
            4001,
            "load_balancer.idle_timeout_seconds: given 4001 (an integer)",
            "an integer from 60 to 4000",
        ),
        (
            ["faregate:logs", "retention_days"],
            2,
            "logs.retention_days: given 2 (an integer)",
            f"one of {', '.join(map(str, RETENTION_DAYS))} days",
        ),
        (["faregate:logs", "retention_days"], "7", "logs.retention_days: given '7' (a string)", "an integer"),
        (["faregate:quota", "pods"], 0, "quota.pods: given 0 (an integer)", "an integer from 1 to 10000"),
        (["faregate:quota", "gpus"], -1, "quota.gpus: given -1 (an integer)", "an integer from 0 to 10000"),
        (["faregate:quota", "gpus"], 1.5, "quota.gpus: given 1.5 (a float)", "an integer from 0 to 10000"),
        (["faregate:deletion_protection"], "yes", "deletion_protection: given 'yes' (a string)", "true or false"),
        (["faregate:deletion_protection"], 1, "deletion_protection: given '1' (a string)", "true or false"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else None,
)
def test_a_wrong_value_is_refused(path: list[Any], value: object, field: str, allowed: str) -> None:
    assert refusals(change(*path, value))[0] == f"{SOURCE}: faregate:{field}; allowed: {allowed}"


@pytest.mark.parametrize(
    ("cidr", "reason"),
    [
        ("10.40.0.1/16", " (10.40.0.1/16 has host bits set)"),
        ("10.40.0.0/33", " ('33' is not a valid netmask)"),
        ("10.40.0/16", " (Expected 4 octets in '10.40.0')"),
        ("fd00::/16", " (Expected 4 octets in 'fd00::')"),
        ("", " (Address cannot be empty)"),
        ("10.0.0.0/8", ""),
        ("10.0.0.0/15", ""),
        ("10.40.0.0/21", ""),
        ("10.40.0.0/28", ""),
        ("10.40.0.0", ""),
        ("8.8.0.0/16", ""),
        ("172.32.0.0/16", ""),
        ("100.64.0.0/16", ""),
        ("127.0.0.0/16", ""),
        ("169.254.0.0/16", ""),
        ("198.18.0.0/16", ""),
        ("240.0.0.0/16", ""),
        ("10.40.0.0/255.255.0.0", ""),
        ("10.40.0.0/016", ""),
    ],
)
def test_a_network_that_aws_or_the_subnets_cannot_use_is_refused(cidr: str, reason: str) -> None:
    assert refusals(change("faregate:network", "cidr", cidr)) == [
        f"{SOURCE}: faregate:network.cidr: given {cidr!r} (a string); allowed: {NETWORK}{reason}"
    ]


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.255.240.0/20", "172.16.0.0/16", "172.31.0.0/18", "192.168.0.0/16"])
def test_a_private_network_of_an_allowed_size_is_read_as_it_is(cidr: str) -> None:
    assert parse_settings(change("faregate:network", "cidr", cidr), SOURCE).network.cidr == cidr


def test_an_unknown_setting_is_refused_with_the_one_that_was_meant() -> None:
    (line,) = refusals(as_the_engine_gives_it(SHIPPED | {"faregate:regoin": "eu-central-1"}))
    assert line.startswith(f"{SOURCE}: faregate:regoin: given an unknown key; allowed: one of cloud, target, account, ")
    assert line.endswith(" (did you mean region?)")


def test_an_unknown_key_of_a_section_is_refused_with_the_one_that_was_meant() -> None:
    assert refusals(change("faregate:network", "zonse", 2)) == [
        f"{SOURCE}: faregate:network.zonse: given an unknown key; allowed: one of cidr, zones (did you mean zones?)"
    ]


def test_pools_of_the_same_name_are_refused_by_that_name() -> None:
    pool = SHIPPED[POOL][0]
    pools = [pool, {**pool, "name": "other"}, pool, {**pool, "name": "third"}, {**pool, "name": "other"}]
    assert refusals(change(POOL, pools)) == [
        f"{SOURCE}: {POOL}: given other, serving twice; allowed: pools of different names"
    ]


def test_every_problem_is_told_at_once() -> None:
    config = change("faregate:network", "zones", 9) | {"faregate:cloud": "aws", "faregate:quota": '{"pods": 0}'}
    assert [line.split(": ")[1] for line in refusals(config)] == [
        *("faregate:cloud", "faregate:network.zones", "faregate:quota.pods", "faregate:quota.gpus")
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "line 1, column 2: given text that is not JSON (Expecting property name enclosed in double quotes)"),
        ("[1", "line 1, column 3: given text that is not JSON (Expecting ',' delimiter)"),
        (
            "{'pods': 1}",
            "line 1, column 2: given text that is not JSON (Expecting property name enclosed in double quotes)",
        ),
        ('{"pods": 1, "pods": 2, "gpus": 1}', "pods: given the key twice"),
    ],
)
def test_malformed_json_is_refused_by_the_settings_name(text: str, problem: str) -> None:
    (line,) = refusals(as_the_engine_gives_it(SHIPPED | {"faregate:quota": text}))
    assert line.startswith(f"{SOURCE}: faregate:quota: {problem}; allowed: ")


def find_problems(config: dict[str, str]) -> list[str]:
    """Return what is wrong with a configuration, if anything is."""
    try:
        parse_settings(config, SOURCE)
    except ContractError as error:
        return str(error).splitlines()
    return []


@given(st.sampled_from(list(SHIPPED)), st.text() | st.text(st.sampled_from('{}[]",:0 a')))
def test_whatever_text_stands_there_the_only_complaint_names_the_setting(key: str, text: str) -> None:
    lines = find_problems(as_the_engine_gives_it(SHIPPED | {key: text}))
    assert [line for line in lines if not line.startswith(f"{SOURCE}: {key}")] == []
