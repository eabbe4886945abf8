"""Filter `replicas`: what a workload's spec means, container by container."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .filters import load_filter

render_workloads = load_filter("replicas", "replicas")

LEAST: dict[str, Any] = {
    "name": "database",
    "image": "database",
    "version": "v1",
    "replicas": 1,
    "port": 5432,
    "probe": {"command": ["probe", "all"]},
    "memory_mib": 256,
    "start_seconds": 60,
    "stop_seconds": 30,
}

FULL: dict[str, Any] = {
    **LEAST,
    "alias": "ledger",
    "published": 15432,
    "model_store": True,
    "environment": {"A": "1", "B": "2"},
    "volumes": [{"name": "ledger", "path": "/var/lib/ledger"}],
    "sockets": "/run/postgresql",
    "secrets": [{"name": "password", "secret": "gateway"}],
    "files": [{"path": "/etc/one/config", "text": "one"}],
}

ARGUMENTS: dict[str, Any] = {
    "workload": FULL,
    "instance": {"name": "dev", "purpose": "user", "ports": {}},
    "image": "localhost/database:1",
    "folder": "/state/dev",
    "region": "eu-central-1",
    "making": "how",
    "secrets": {"gateway": "faregate-dev-gateway-1", "admin": "faregate-dev-admin-1"},
}


def render(changes: Mapping[str, Any] | None = None, **arguments: Any) -> list[dict[str, Any]]:
    """Return the replicas of the fullest spec with these fields changed; one that is None is left out."""
    workload = {**ARGUMENTS["workload"], **(changes or {})}
    given = {**ARGUMENTS, "workload": {name: value for name, value in workload.items() if value is not None}}
    return render_one(**{**given, **arguments})


def render_one(
    workload: Mapping[str, Any], image: str, secrets: Mapping[str, str], **arguments: Any
) -> list[dict[str, Any]]:
    """Return the replicas of the only workload."""
    name = workload["name"]
    rendered = render_workloads([workload], images={workload["image"]: image}, secrets={name: secrets}, **arguments)
    assert rendered.keys() == {name}
    return list(rendered[name])


def digest_of(replicas: list[dict[str, Any]]) -> str:
    (digest,) = {replica["labels"]["faregate.spec"] for replica in replicas}
    return str(digest)


def test_each_workload_has_its_own_image_secrets_and_name() -> None:
    images, secrets = {"database": "database:1", "web": "web:2"}, {"database": {}, "api": {"gateway": "s-1"}}
    api = {**LEAST, "name": "api", "image": "web", "secrets": FULL["secrets"]}
    common = {name: ARGUMENTS[name] for name in ("instance", "folder", "region", "making")}
    rendered = render_workloads([LEAST, api], images=images, secrets=secrets, **common)
    assert rendered == {
        "database": render_one(LEAST, "database:1", {}, **common),
        "api": render_one(api, "web:2", {"gateway": "s-1"}, **common),
    }


def test_the_least_spec_has_nothing_that_it_does_not_ask_for() -> None:
    (replica,) = render_one(**{**ARGUMENTS, "workload": LEAST})
    assert replica.pop("labels").keys() == {
        "faregate.instance",
        "faregate.purpose",
        "faregate.workload",
        "faregate.spec",
    }
    assert replica == {
        "name": "faregate-dev-database-1",
        "image": "localhost/database:1",
        "aliases": ["database", "database-v1"],
        "environment": {},
        "mounts": [],
        "files": [],
        "folders": [],
        "volumes": [],
        "secrets": [],
        "tmpfs": {},
        "publish": [],
        "probe": {"port": 5432, "command": ["probe", "all"]},
        "memory_mib": 256,
        "start_seconds": 60,
        "stop_seconds": 30,
    }


def test_labels_say_whose_a_replica_is() -> None:
    for instance in ({"name": "dev", "purpose": "user"}, {"name": "e2e", "purpose": "test"}):
        (replica,) = render(instance=instance)
        labels = dict(replica["labels"])
        assert len(labels.pop("faregate.spec")) == 64
        assert labels == {
            "faregate.instance": instance["name"],
            "faregate.purpose": instance["purpose"],
            "faregate.workload": "database",
        }


def test_replicas_are_numbered_from_one_and_differ_in_nothing_else() -> None:
    replicas = render({"replicas": 11})
    assert [replica["name"] for replica in replicas] == [f"faregate-dev-database-{number}" for number in range(1, 12)]
    assert all({**replica, "name": ""} == {**replicas[0], "name": ""} for replica in replicas)
    assert render({"replicas": 0}) == []


def test_replicas_are_found_by_the_workload_and_by_alias_and_version() -> None:
    assert render()[0]["aliases"] == ["database", "ledger-v1"]
    assert render({"alias": None, "version": "v2"})[0]["aliases"] == ["database", "database-v2"]


def test_mounts_are_the_instances_volumes_and_folders_and_only_files_are_read_only() -> None:
    (replica,) = render()
    assert replica["mounts"] == [
        "faregate-dev-ledger:/var/lib/ledger",
        "/state/dev/database:/run/postgresql",
        "/state/dev/files/database/etc/one/config:/etc/one/config:ro",
    ]
    assert replica["volumes"] == ["faregate-dev-ledger"]
    assert replica["folders"] == ["/state/dev/database"]
    assert replica["files"] == [
        {"source": "/state/dev/files/database/etc/one/config", "path": "/etc/one/config", "text": "one"}
    ]


def test_secrets_are_files_that_only_the_container_s_user_reads_in_a_folder_that_nobody_writes() -> None:
    secrets = [{"name": "password", "secret": "gateway"}, {"name": "other.key", "secret": "admin"}]
    (replica,) = render({"secrets": secrets})
    assert replica["secrets"] == [
        "faregate-dev-gateway-1,target=/run/secrets/password,uid=999,gid=999,mode=0400",
        "faregate-dev-admin-1,target=/run/secrets/other.key,uid=999,gid=999,mode=0400",
    ]
    assert replica["tmpfs"] == {"/run/secrets": "ro"}
    assert "secrets" not in str(replica["mounts"])


NAMES = st.sampled_from(["a", "b", "etc", "config"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))


@given(st.lists(PATHS, unique=True, max_size=5), st.lists(PATHS, unique=True, max_size=5))
def test_no_two_files_of_an_instance_lie_at_the_same_place(mine: list[str], others: list[str]) -> None:
    sources = [
        file["source"]
        for name, paths in (("database", mine), ("engine", others))
        for file in render({"name": name, "files": [{"path": path, "text": ""} for path in paths]})[0]["files"]
    ]
    assert len(set(sources)) == len(mine) + len(others)
    assert all(source.startswith("/state/dev/files/") for source in sources)


def test_a_port_is_published_on_this_machine_only() -> None:
    assert render()[0]["publish"] == ["127.0.0.1:15432:5432"]
    assert render({"published": None})[0]["publish"] == []


def test_a_probe_asks_the_workloads_port_unless_it_names_another() -> None:
    assert render({"probe": {"http": "/x"}})[0]["probe"] == {"port": 5432, "http": "/x"}
    assert render({"probe": {"http": "/x", "port": 1}})[0]["probe"] == {"port": 1, "http": "/x"}


def test_the_environment_holds_text_and_what_reads_the_model_store_where_that_is_asked_for() -> None:
    own = {"NUMBER": 7, "TEXT": "x"}
    assert render({"environment": own, "model_store": None})[0]["environment"] == {"NUMBER": "7", "TEXT": "x"}
    assert render({"environment": own, "model_store": False})[0]["environment"] == {"NUMBER": "7", "TEXT": "x"}
    assert render({"environment": own})[0]["environment"] == {
        "NUMBER": "7",
        "TEXT": "x",
        "AWS_ENDPOINT_URL": "http://simulation:5000",
        "AWS_ACCESS_KEY_ID": "simulation",
        "AWS_SECRET_ACCESS_KEY": "simulation",
        "AWS_REGION": "eu-central-1",
    }


# ---- the digest, by which a container is known to be another than the spec asks for

CHANGES: dict[str, Any] = {
    "alias": "another",
    "version": "v2",
    "port": 1,
    "published": 1,
    "probe": {"command": ["probe"]},
    "memory_mib": 257,
    "start_seconds": 61,
    "stop_seconds": 31,
    "model_store": False,
    "environment": {"A": "1", "B": "3"},
    "volumes": [{"name": "ledger", "path": "/elsewhere"}],
    "sockets": "/elsewhere",
    "secrets": [{"name": "password", "secret": "admin"}],
    "files": [{"path": "/etc/one/config", "text": "two"}],
}


def test_every_field_is_changed_by_one_of_these_tests() -> None:
    assert CHANGES.keys() | {"name", "image", "replicas"} == FULL.keys()


@pytest.mark.parametrize(
    "changed",
    [
        *({field: value} for field, value in CHANGES.items()),
        *({field: None} for field in FULL.keys() - LEAST.keys()),
        {"name": "another"},
        {"probe": {"command": ["probe all"]}},
        {"environment": {"A": "1"}},
        {"environment": {"A": "1", "B": "2", "C": ""}},
        {"volumes": [{"name": "another", "path": "/var/lib/ledger"}]},
        {"files": [{"path": "/etc/two/config", "text": "one"}]},
        {"secrets": [{"name": "another", "secret": "gateway"}]},
    ],
    ids=str,
)
def test_a_spec_that_differs_in_anything_has_another_digest(changed: dict[str, Any]) -> None:
    assert digest_of(render(changed)) != digest_of(render())


@pytest.mark.parametrize(
    "changed", [{"image": "localhost/database:2"}, {"region": "eu-west-1"}, {"making": "otherwise"}, {"folder": "/x"}]
)
def test_what_a_container_is_made_with_changes_the_digest_too(changed: dict[str, Any]) -> None:
    assert digest_of(render(**changed)) != digest_of(render())


def test_a_new_version_of_a_secret_changes_the_digest_of_whoever_reads_it_and_of_nobody_else() -> None:
    def digest(gateway: str, admin: str) -> str:
        return digest_of(render(secrets={"gateway": gateway, "admin": admin}))

    assert digest("1", "1") == digest("1", "2") != digest("2", "1")


def test_how_many_replicas_run_is_not_in_the_digest_of_one() -> None:
    assert digest_of(render({"replicas": 3})) == digest_of(render())


@given(st.permutations(list(FULL)), st.permutations(["A", "B"]))
def test_the_order_of_names_does_not_change_the_digest(fields: list[str], variables: list[str]) -> None:
    workload = {field: FULL[field] for field in fields}
    workload["environment"] = {name: FULL["environment"][name] for name in variables}
    workload["files"] = [dict(reversed(file.items())) for file in FULL["files"]]
    assert digest_of(render(workload=workload)) == digest_of(render())


TEXTS = st.text(max_size=3)


@given(st.dictionaries(TEXTS, TEXTS, max_size=3), st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_environments_have_the_same_digest_only_if_they_are_the_same(
    first: dict[str, str], second: dict[str, str]
) -> None:
    same = digest_of(render({"environment": first})) == digest_of(render({"environment": second}))
    assert same == (first == second)


def test_the_number_seven_and_the_text_7_are_the_same_to_a_container() -> None:
    assert digest_of(render({"environment": {"A": 7}})) == digest_of(render({"environment": {"A": "7"}}))


def test_instances_share_nothing() -> None:
    first, second = render()[0], render(instance={"name": "e2e", "purpose": "test"}, folder="/state/e2e")[0]
    for field in ("name", "volumes", "folders"):
        assert first[field] != second[field]
    assert not set(itertools.chain(first["mounts"])) & set(second["mounts"])
