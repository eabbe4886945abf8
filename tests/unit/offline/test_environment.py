"""The variables of an instance lead to its simulation, and nothing of the ambient environment leads elsewhere."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.instance import Instance, InstancePorts
from offline.cache import cache_folder
from offline.container_tools import ADMINISTRATION, config_path
from offline.environment import (
    PASSPHRASE,
    POSTGRES,
    REPOSITORY,
    apply,
    compose,
    for_containers,
    for_customers,
    to_shell,
)
from offline.instance import Home
from offline.pulumi_cli import Cli

HOME = Home(Path("/state/faregate/blue"))
INSTANCE = Instance(
    name="blue",
    purpose="test",
    ports=InstancePorts(gateway=20001, database=20002, metrics=20003, alerts=20004, simulation=20005),
    manifests=HOME.manifests,
)
CLI = Cli(Path("/opt/pulumi/bin/pulumi"), "PATH")
AMBIENT_SECRET = "what-the-user-had"

# Names as they may stand in an environment, above all those that lead to an account.
NAMES = st.one_of(
    st.tuples(st.sampled_from(["AWS_", "PULUMI_", "FAREGATE_", "OPENAI_", "PG"]), st.text(max_size=12)).map("".join),
    st.sampled_from(
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_CONFIG_FILE",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3",
            "AWS_PROFILE",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "FAREGATE_PREVIEW",
            "KUBECONFIG",
            "PULUMI_ACCESS_TOKEN",
            "PULUMI_BACKEND_URL",
            "PULUMI_STACK",
        ]
    ),
).filter(lambda name: "=" not in name and "\0" not in name)

# Values that an environment can hold, with what shells treat in their own way.
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    st.sampled_from(
        [
            "",
            " ",
            "two words",
            "it's",
            '"',
            "a\nb\n",
            "$(touch /tmp/x)",
            "`id`",
            "$HOME",
            "\\",
            "!!",
            "-n",
            "*",
            "~",
            "a;b",
        ]
    ),
)


def compose_with(ambient: Mapping[str, str]) -> dict[str, str | None]:
    return compose(HOME, INSTANCE, CLI, "eu-central-1", ambient)


def environment_with(ambient: Mapping[str, str]) -> dict[str, str]:
    return apply(compose_with(ambient), ambient)


@given(st.dictionaries(NAMES, st.just(AMBIENT_SECRET)))
def test_nothing_that_leads_to_an_account_survives(ambient: dict[str, str]) -> None:
    composed = compose_with(ambient)
    assert set(ambient) <= set(composed), "each is unset or overridden"
    assert AMBIENT_SECRET not in composed.values()
    assert AMBIENT_SECRET not in apply(composed, ambient).values()
    assert apply(composed, ambient) == environment_with({}), "whatever was there, the tools see the same"


def test_everything_else_of_the_ambient_environment_stays() -> None:
    ambient = {"LANG": "C.UTF-8", "HOME": "/root", "SSH_AUTH_SOCK": "/run/agent", "AWSOME": "yes"}
    prepared = environment_with(ambient)
    assert {name: prepared[name] for name in ambient} == ambient


def test_the_tools_are_led_to_the_instances_own_simulation_and_state() -> None:
    prepared = environment_with({})
    assert prepared["AWS_ENDPOINT_URL"] == "http://127.0.0.1:20005"
    assert prepared["AWS_REGION"] == prepared["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert prepared["PULUMI_BACKEND_URL"] == "file:///state/faregate/blue/pulumi"
    assert prepared["PULUMI_HOME"] == "/state/faregate/blue/pulumi-home"
    assert prepared["FAREGATE_INSTANCE"] == "/state/faregate/blue/instance.json"
    assert prepared["INSTANCE"] == "blue"


def test_no_profile_and_no_metadata_service_is_asked_for_credentials() -> None:
    prepared = environment_with({"AWS_PROFILE": "prod"})
    assert "AWS_PROFILE" not in prepared
    assert prepared["AWS_CONFIG_FILE"] == prepared["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert prepared["AWS_EC2_METADATA_DISABLED"] == "true"


def test_the_only_credentials_are_words_that_open_nothing() -> None:
    prepared = environment_with({"AWS_SESSION_TOKEN": AMBIENT_SECRET, "PULUMI_ACCESS_TOKEN": AMBIENT_SECRET})
    credentials = {
        name: value
        for name, value in prepared.items()
        if any(word in name for word in ("KEY", "TOKEN", "SECRET", "PASS", "CREDENTIALS"))
    }
    assert credentials == {
        "AWS_ACCESS_KEY_ID": "simulation",
        "AWS_SECRET_ACCESS_KEY": "simulation",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
    }


def test_our_own_tools_come_first_on_path_and_the_clis_folder_hides_none_of_them() -> None:
    assert environment_with({"PATH": "/usr/local/bin:/usr/bin"})["PATH"].split(os.pathsep) == [
        str(REPOSITORY / "offline" / "bin"),
        str(Path(sys.executable).parent),
        "/opt/pulumi/bin",
        "/usr/local/bin",
        "/usr/bin",
        *("/usr/local/sbin", "/usr/sbin", "/sbin"),
        POSTGRES,
    ], "podman's helpers are root's programs, and psql is whatever this machine has"


def test_folders_of_roots_programs_that_path_names_stay_where_they_are() -> None:
    path = environment_with({"PATH": "/sbin:/usr/bin:/usr/sbin"})["PATH"]
    assert path.split(os.pathsep)[3:] == ["/sbin", "/usr/bin", "/usr/sbin", "/usr/local/sbin", POSTGRES]


def test_a_path_is_made_where_there_was_none() -> None:
    assert environment_with({})["PATH"].endswith(os.pathsep.join(["", os.defpath, *ADMINISTRATION, POSTGRES]))


def test_clients_of_postgres_are_led_to_the_instances_ledger_and_nowhere_else() -> None:
    prepared = environment_with({"PGHOST": "elsewhere", "PGPASSWORD": AMBIENT_SECRET, "PGSERVICE": "mine"})
    assert {name: value for name, value in prepared.items() if name.startswith("PG")} == {
        "PGSERVICEFILE": str(HOME.services),
    }


def test_openais_clients_are_customers_of_the_instance(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.demo_key.parent.mkdir()
    home.demo_key.write_text("fg_key\n")
    assert for_customers(home, INSTANCE) == {
        "OPENAI_BASE_URL": "http://127.0.0.1:20001/v1",
        "OPENAI_API_KEY": "fg_key",
    }


def test_a_users_own_key_is_not_sent_to_an_instance_that_has_none_yet(tmp_path: Path) -> None:
    assert for_customers(Home(tmp_path), INSTANCE)["OPENAI_API_KEY"] is None
    assert environment_with({"OPENAI_API_KEY": AMBIENT_SECRET}).keys().isdisjoint({"OPENAI_API_KEY"})


def test_podman_is_led_to_this_machines_containers_with_our_settings() -> None:
    ambient = {
        "CONTAINERS_CONF": "/etc/mine.conf",
        "CONTAINER_HOST": "ssh://elsewhere",
        "CONTAINER_CONNECTION": "elsewhere",
        "LANG": "C",
    }
    assert for_containers(ambient) == {
        "CONTAINERS_CONF": str(config_path()),
        "CONTAINER_HOST": None,
        "CONTAINER_CONNECTION": None,
    }
    prepared = environment_with(ambient)
    assert prepared["CONTAINERS_CONF"] == str(config_path())
    assert prepared["LANG"] == "C"
    assert prepared.keys().isdisjoint({"CONTAINER_HOST", "CONTAINER_CONNECTION"})


def test_what_is_not_there_is_not_unset() -> None:
    assert for_containers({}) == {"CONTAINERS_CONF": str(config_path())}
    assert None not in compose_with({}).values()


def test_the_tools_are_led_to_the_cache_of_this_machine() -> None:
    assert environment_with({"FAREGATE_CACHE": "/elsewhere"})["FAREGATE_CACHE"] == str(cache_folder())


def test_an_empty_item_of_path_which_means_any_current_folder_is_dropped() -> None:
    assert "" not in environment_with({"PATH": "/usr/bin::/bin:"})["PATH"].split(os.pathsep)


@given(st.lists(st.sampled_from(["/usr/bin", "/bin", "/opt/pulumi/bin", str(Path(sys.executable).parent)])))
def test_applying_twice_changes_nothing(folders: list[str]) -> None:
    once = environment_with({"PATH": os.pathsep.join(["/bin", *folders]), "NO_PROXY": "example.com"})
    assert environment_with(once) == once
    items = once["PATH"].split(os.pathsep)
    assert len(items) == len(set(items))


@pytest.mark.parametrize(
    ("ambient", "direct"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "a.example"}, "127.0.0.1,localhost,a.example"),
        ({"no_proxy": "b.example,localhost"}, "127.0.0.1,localhost,b.example"),
        ({"NO_PROXY": "a.example", "no_proxy": "b.example"}, "127.0.0.1,localhost,a.example,b.example"),
    ],
)
def test_no_proxy_is_asked_for_this_machine(ambient: dict[str, str], direct: str) -> None:
    prepared = environment_with({"HTTP_PROXY": "http://proxy:3128", **ambient})
    assert prepared["NO_PROXY"] == prepared["no_proxy"] == direct
    assert prepared["HTTP_PROXY"] == "http://proxy:3128"


# Prints name, NUL, value, NUL for each variable that is set, and the name, NUL, `unset`, NUL for each other.
EVALUATE = r"""
_faregate_set() { printf 'set %s\0%s\0' "$1" "$2"; }
_faregate_unset() { printf 'unset %s\0\0' "$1"; }
eval "$(cat)"
"""


def evaluate(lines: str) -> dict[str, str | None]:
    """Return what bash understood."""
    answer = subprocess.run(
        ["bash", "-u", "-c", EVALUATE], input=lines.encode(), capture_output=True, check=True, env={"PATH": os.defpath}
    )
    assert answer.stderr == b""
    items = answer.stdout.decode().split("\0")[:-1]
    return {
        words.partition(" ")[2]: value if words.startswith("set ") else None
        for words, value in zip(items[::2], items[1::2], strict=True)
    }


@settings(max_examples=60)
@given(st.dictionaries(st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True), st.none() | VALUES))
def test_a_shell_understands_every_value_as_it_is(variables: dict[str, str | None]) -> None:
    assert evaluate(to_shell(variables)) == variables


@given(NAMES)
def test_a_name_that_no_variable_of_a_shell_can_have_is_never_evaluated(name: str) -> None:
    words = [shlex.split(line)[1] for line in to_shell({name: None, "GOOD": "x"}).splitlines()]
    assert words in ([name, "GOOD"], ["GOOD"])
    assert (name in words) == (name.isascii() and name.isidentifier())
