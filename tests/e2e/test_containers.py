"""The containers of an instance: what runs, how it is confined, and that whatever is killed comes back."""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from offline.podman import is_alive
from offline.tools import open_podman

from .conftest import Environment, run, wait_until

ENGINES = ("engine-smollm2-135m-1", "engine-smollm2-135m-2")
GATEWAYS = ("gateway-1", "gateway-2")
PARTS = {"alertmanager-1", "database-1", *ENGINES, *GATEWAYS, "load-balancer-1", "prometheus-1", "simulation"}
MODEL = "smollm2-135m"
SITE = "ansible-playbook playbooks/site.yml"


def test_up_ends_with_the_model_s_answer(environment: Environment) -> None:
    assert "Name three primary colors." in environment.first_up
    assert "red" in environment.first_up.lower()
    assert set(environment.containers()) == PARTS


def test_the_one_address_leads_to_the_model_and_counts_tokens(environment: Environment) -> None:
    answer = _complete(environment, max_tokens=7, ignore_eos=True)

    assert answer["model"] == MODEL
    assert answer["usage"]["completion_tokens"] == 7
    assert answer["usage"]["total_tokens"] == 7 + answer["usage"]["prompt_tokens"]


def test_both_engines_take_part(environment: Environment) -> None:
    before = {engine: environment.count_output_tokens(engine) for engine in ENGINES}

    for _ in range(8):
        _complete(environment, max_tokens=4, ignore_eos=True)

    grown = {engine: environment.count_output_tokens(engine) - before[engine] for engine in ENGINES}
    assert sum(grown.values()) == 32
    assert min(grown.values()) > 0


def test_containers_are_confined_and_only_what_must_listens_on_loopback(environment: Environment) -> None:
    published = {}
    for part, container in environment.containers().items():
        [found] = json.loads(environment.podman("container", "inspect", container.name))
        [process] = environment.podman("top", container.name, "huser").splitlines()[1:2]
        assert process == "999", part
        assert found["HostConfig"]["ReadonlyRootfs"], part
        assert found["EffectiveCaps"] in (None, []), part
        assert "no-new-privileges" in found["HostConfig"]["SecurityOpt"], part
        assert found["HostConfig"]["Memory"] > 0, part
        bindings = [binding for bound in found["NetworkSettings"]["Ports"].values() for binding in bound or []]
        assert {binding["HostIp"] for binding in bindings} <= {"127.0.0.1"}, part
        published[part] = [int(binding["HostPort"]) for binding in bindings]

    ports = environment.instance.ports
    assert published == {
        "alertmanager-1": [ports.alerts],
        "database-1": [ports.database],
        "engine-smollm2-135m-1": [],
        "engine-smollm2-135m-2": [],
        "gateway-1": [],
        "gateway-2": [],
        "load-balancer-1": [ports.gateway],
        "prometheus-1": [ports.metrics],
        "simulation": [ports.simulation],
    }


def test_everything_is_labelled_with_its_instance_and_purpose(environment: Environment) -> None:
    for kind in ("container", "volume", "network"):
        command = [kind, "ls", "--format", "{{.Name}}" if kind != "container" else "{{.Names}}"]
        ours = ["--filter", f"label=faregate.instance={environment.name}"]
        listed = environment.podman(*command, *ours).split()
        assert listed
        assert set(listed) <= set(environment.podman(*command, "--filter", "label=faregate.purpose=test").split())
        assert all(name.startswith(f"faregate-{environment.name}") for name in listed)


def test_the_database_is_reached_with_a_password_from_the_secrets_and_not_as_superuser(
    environment: Environment,
) -> None:
    with environment.connect("billing_owner") as connection:
        [row] = connection.execute("select current_user, current_setting('server_version_num')::int / 10000").fetchall()

    assert row == ("billing_owner", 18)
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
        environment.connect("postgres", "x")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        environment.connect("billing_owner", "x")


def test_what_is_killed_stopped_or_removed_comes_back_and_the_rest_stays(environment: Environment) -> None:
    before = environment.containers()
    with environment.connect("billing_owner") as connection:
        connection.execute("create table kept (amount bigint)")
        connection.execute("insert into kept values (42)")
    environment.kill(ENGINES[0])
    answers = [_complete(environment, max_tokens=2)["usage"]["completion_tokens"] for _ in range(4)]
    environment.kill("database-1")
    environment.podman("stop", "--time", "0", before["load-balancer-1"].name)

    status = environment.make("status", check=False)
    environment.shell(SITE)

    after = environment.containers()
    assert answers == [2, 2, 2, 2], "the other engine answers meanwhile"
    assert status.returncode != 0
    assert status.stdout.count("is dead: run `make up`") == 3
    kept = {"alertmanager-1", ENGINES[1], *GATEWAYS, "prometheus-1", "simulation"}
    assert {part for part in PARTS if after[part].id == before[part].id} == kept
    with environment.connect("billing_owner") as connection:
        assert connection.execute("select amount from kept").fetchall() == [(42,)]
        connection.execute("drop table kept")
    environment.make("status")


def test_engines_and_gateways_are_replaced_without_a_request_that_fails(environment: Environment) -> None:
    before = environment.containers()
    stop = threading.Event()
    answers: list[int] = []

    def ask() -> None:
        while not stop.is_set():
            answers.append(_complete(environment, max_tokens=24, ignore_eos=True)["usage"]["completion_tokens"])

    with ThreadPoolExecutor() as pool:
        customers = [pool.submit(ask) for _ in range(2)]
        try:
            environment.shell(f"{SITE} -e engine_slots=3 -e gateway_slice_tokens=16")
            after = environment.containers()
            environment.shell(SITE)
        finally:
            stop.set()
        errors = [error for customer in customers if (error := customer.exception())]

    # It logs what went wrong, and nothing else.
    assert not errors, f"{errors}\n{environment.podman('logs', after['load-balancer-1'].name)}"
    assert {part for part in PARTS if after[part].id != before[part].id} == {*ENGINES, *GATEWAYS}
    assert set(answers) == {24}


def test_after_the_machine_went_down_and_an_up_was_killed_everything_comes_back_with_what_it_kept(
    environment: Environment,
) -> None:
    with environment.connect("billing_owner") as connection:
        connection.execute("create table survivor ()")
    for part in PARTS:
        environment.kill(part)
    dead = environment.containers()
    assert not any(is_alive(container) for container in dead.values())
    process = environment.begin("up")
    wait_until(lambda: _list_ids(environment).get(ENGINES[0], dead[ENGINES[0]].id) != dead[ENGINES[0]].id)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)

    environment.make("up")

    assert set(environment.containers()) == PARTS
    assert all(is_alive(container) for container in environment.containers().values())
    with environment.connect("billing_owner") as connection:
        connection.execute("drop table survivor")
    environment.make("status")


def test_an_engine_refuses_a_corrupted_artifact_by_name_and_the_playbook_heals_the_store(
    environment: Environment,
) -> None:
    [listed] = environment.client("s3").list_objects_v2(Bucket=_bucket(environment))["Contents"]
    environment.client("s3").put_object(Bucket=_bucket(environment), Key=listed["Key"], Body=b"\0" * listed["Size"])

    refused = environment.shell(_start_engine_anew(environment), check=False)
    environment.shell(SITE)
    head = environment.client("s3").head_object(Bucket=_bucket(environment), Key=listed["Key"])
    body = environment.client("s3").get_object(Bucket=_bucket(environment), Key=listed["Key"])["Body"].read(4)

    assert refused.returncode == 1
    assert "smollm2-135m-instruct-q4-1" in refused.stderr
    assert "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (head["ContentLength"], body) == (listed["Size"], b"GGUF")


def test_logs_show_every_container(environment: Environment) -> None:
    printed = environment.make("logs").stdout

    assert [f"--- faregate-{environment.name}-{part}" in printed for part in PARTS] == [True] * len(PARTS)
    assert "database system is ready to accept connections" in printed


def test_down_keeps_the_ledger_and_another_s_container_and_the_next_up_finds_it(
    environment: Environment, stranger: str
) -> None:
    with environment.connect("billing_owner") as connection:
        connection.execute("create table kept ()")

    printed = environment.make("down").stdout
    left = open_podman().volumes(environment.name)
    environment.make("up")
    with environment.connect("billing_owner") as connection:
        found = connection.execute("select to_regclass('kept') is not null").fetchone()
        connection.execute("drop table kept")

    assert "the ledger is kept" in printed
    assert left == [f"faregate-{environment.name}-ledger"]
    assert found == (True,)
    assert stranger in run(["podman", "ps", "--format", "{{.Names}}"]).stdout.split()


def _list_ids(environment: Environment) -> dict[str, str]:
    return {part: container.id for part, container in environment.containers().items()}


def _complete(environment: Environment, **options: Any) -> Any:
    url = f"http://127.0.0.1:{environment.instance.ports.gateway}/v1/chat/completions"
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Say hello."}], **options}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {environment.home.read_demo_key()}"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _bucket(environment: Environment) -> str:
    return environment.outputs().model_store.removeprefix("s3://")


def _start_engine_anew(environment: Environment) -> str:
    """Return the command that runs an engine as it runs already, but with an empty cache."""
    container = environment.containers()[ENGINES[0]]
    [found] = json.loads(environment.podman("container", "inspect", container.name))
    variables = [f"--env={pair}" for pair in found["Config"]["Env"] if pair.startswith(("ENGINE_", "AWS_"))]
    options = [f"--network=faregate-{environment.name}", "--read-only", "--volume=/var/cache/faregate", *variables]
    return f"podman run --rm {' '.join(options)} {container.image}"


@pytest.fixture
def stranger(environment: Environment) -> Iterator[str]:
    """A container that runs and is not this project's, with a name like ours."""
    name = f"faregate-{environment.name}-stranger"
    image = environment.containers()["simulation"].image
    environment.podman("run", "--detach", "--name", name, "--init", "--entrypoint", "sleep", image, "600")
    yield name
    environment.podman("rm", "--force", "--time", "0", name)
