"""Role `workload`: a container is exactly what its spec says, and a spec that can not be met is refused."""

from __future__ import annotations

import dataclasses
import shutil
import socket
from pathlib import Path
from typing import Any

from tests.integration.playbooks.play import REPOSITORY, Ended, Play

from .scene import Workload, address_of, get, get_from


def choose_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def listening_addresses(port: int) -> set[str]:
    """Return the addresses of this machine on which a TCP port is listened on, as the kernel writes them."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {local.split(":")[0] for _, local, _, state, *_ in rows if state == "0A" and local.endswith(f":{port:04X}")}


# ---- what a container is


def test_a_container_is_exactly_what_its_spec_says_and_a_second_run_changes_nothing(workload: Workload) -> None:
    port = choose_port()
    text = '{"looks": ["like", "JSON"]}'
    spec: dict[str, Any] = {
        "alias": f"{workload.name}-alias",
        "version": "v7",
        "published": port,
        "memory_mib": 77,
        "stop_seconds": 13,
        "environment": {"TEXT": "two words=\n$HOME", "NUMBER": 7},
        "model_store": True,
        "volumes": [{"name": f"{workload.name}-data", "path": "/data"}],
        "sockets": "/run/sockets",
        "files": [{"path": "/etc/one/config", "text": text}],
    }
    checked = workload.run("--check", **spec)

    assert checked.changed > 0
    assert workload.containers() == {}
    assert not workload.podman.exists("volume", f"{workload.prefix}-data")
    assert not (workload.folder / "files").exists()
    assert not (workload.folder / workload.name).exists()

    assert workload.run(**spec).changed > 0

    (container,) = workload.containers().values()
    labels = container["Config"]["Labels"]
    assert container["Name"] == f"{workload.prefix}-1"
    assert labels["faregate.instance"] == workload.machine.instance
    assert (labels["faregate.purpose"], labels["faregate.workload"]) == ("test", workload.name)
    assert container["Config"]["StopTimeout"] == 13
    assert container["HostConfig"]["Memory"] == 77 * 2**20
    assert container["HostConfig"]["LogConfig"]["Type"] == "k8s-file"
    assert container["HostConfig"]["LogConfig"]["Size"] == "10MB"
    assert container["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
    assert not container["HostConfig"]["Privileged"]

    inside = get(container)
    assert inside["user"] == [999, 999]
    assert inside["capabilities"], "it has none"
    assert inside["privileges"], "it gets no new ones"
    assert (
        inside["environment"].items()
        >= {
            "TEXT": "two words=\n$HOME",
            "NUMBER": "7",
            "AWS_ENDPOINT_URL": "http://simulation:5000",
            "AWS_REGION": "eu-central-1",
        }.items()
    )
    assert not {name for name in inside["environment"] if "proxy" in name.lower()}
    for path in ("/x", "/etc/x", "/serving.py"):
        assert get(container, f"/write{path}") == "OSError Read-only file system"
    assert get(container, "/read/etc/one/config") == text
    assert "Read-only" in get(container, "/write/etc/one/config")
    assert get(container, "/write/data/x") == "written"
    assert get(container, "/write/run/sockets/x") == "written"
    for name in (workload.name, f"{workload.name}-alias-v7"):
        assert get(container, f"/resolve/{name}") == [address_of(container)]

    sockets = workload.folder / workload.name
    assert (sockets / "x").read_text() == "written"
    assert (sockets.stat().st_uid, sockets.stat().st_gid, sockets.stat().st_mode & 0o7777) == (999, 999, 0o700)
    (volume,) = workload.podman.inspect("volume", f"{workload.prefix}-data")
    assert volume["Labels"] == workload.machine.labels
    assert get_from(f"127.0.0.1:{port}", "/health") == "health"
    assert listening_addresses(port) <= {"0100007F"}
    (bindings,) = container["HostConfig"]["PortBindings"].values()
    assert [binding["HostIp"] for binding in bindings] == ["127.0.0.1"]

    ids = workload.ids()
    assert workload.run(**spec).changed == 0
    assert upgrade(workload).run("--check", workload_spec=workload.spec(**spec)).changed > 0
    assert workload.ids() == ids


def upgrade(workload: Workload) -> Play:
    """Return the play with a role that makes containers otherwise."""
    roles = workload.folder / "upgraded"
    shutil.copytree(REPOSITORY / "playbooks" / "roles" / "workload", roles / "workload")
    with (roles / "workload" / "tasks" / "replace.yml").open("a") as tasks:
        tasks.write("# otherwise\n")
    play = workload.play()
    return dataclasses.replace(play, environment={**play.environment, "ANSIBLE_ROLES_PATH": str(roles)})


# ---- what is refused


def refuse(workload: Workload, *specs: dict[str, Any]) -> Ended:
    """Run the role with each of these specs; every one must be refused."""
    tasks = [
        {
            "block": [
                {"include_role": {"name": "workload"}, "vars": {"workload_spec": spec}},
                {"set_fact": {"accepted": number}},
            ],
            "rescue": [{"debug": {"msg": f"refused {number}: {{{{ ansible_failed_result.msg }}}}"}}],
        }
        for number, spec in enumerate(specs)
    ]
    check = {"assert": {"that": "accepted is not defined"}}
    ended = workload.run_tasks(*tasks, check)
    assert ended.code == 0, ended.printed
    return ended


def test_a_wrong_spec_is_refused_by_the_name_of_its_field_before_anything_changes(workload: Workload) -> None:
    required = ("name", "image", "version", "replicas", "port", "probe", "memory_mib", "start_seconds", "stop_seconds")
    specs: list[tuple[dict[str, Any], str]] = [
        *((workload.spec(**{name: None}), name) for name in required if name != "name"),
        (workload.spec(memory_mb=5), "memory_mb"),
        (workload.spec(replicas="two"), "replicas"),
        (workload.spec(probe={"port": 1}), "http, command"),
        (workload.spec(probe={"http": "/", "command": ["true"]}), "http|command"),
        (workload.spec(files=[{"path": "/x"}]), "text"),
        (workload.spec(volumes=[{"name": "x"}]), "path"),
        (workload.spec(secrets=[{"name": "x"}]), "secret"),
        (workload.spec(secrets=[{"name": "a/b", "secret": "x"}]), "x in a/b"),
        (workload.spec(secrets=[{"name": "a", "secret": "b-c"}]), "b-c in a"),
        (workload.spec(secrets=[{"name": "a", "secret": secret} for secret in "xy"]), "x in a"),
        (workload.spec(secrets=[{"name": "a", "secret": "nobodys"}]), "secret nobodys has no value"),
        (workload.spec(published=choose_port(), replicas=2), "published"),
    ]
    ended = refuse(workload, *(spec for spec, _ in specs))
    for number, (_, name) in enumerate(specs):
        _, _, said = ended.printed.partition(f"refused {number}: ")
        assert name in said.partition("TASK [")[0], f"{number}: {name}"
    assert workload.containers() == {}


def test_what_is_somebody_elses_is_refused_by_name_and_left_alone(workload: Workload) -> None:
    another = Workload(workload.machine, workload.folder)
    volume = f"{another.prefix}-data"
    foreign = [
        workload.podman.ask("create", f"--name={workload.prefix}-2", workload.machine.image),
        another.stand_in(f"{another.prefix}-1", instance="x0", workload=another.name),
    ]
    workload.podman.ask("volume", "create", volume)
    secret = f"faregate-{workload.machine.instance}-foreign-0123456789abcdef"
    workload.podman.ask("secret", "create", secret, __file__)
    kept_secret = workload.podman.inspect("secret", secret)
    try:
        volumes = [{"name": f"{another.name}-data", "path": "/data"}]
        secrets = [{"name": "password", "secret": "foreign"}]
        specs = (workload.spec(replicas=2), another.spec(), workload.spec(volumes=volumes))
        ended = refuse(workload, *specs, workload.spec(secrets=secrets))
        for text in (
            f"container named {workload.prefix}-2",
            f"container named {another.prefix}-1",
            f"volume named {volume}",
            f"secret named {secret}",
        ):
            assert f"a {text} exists that is not this instance's" in ended.printed
        assert {**workload.containers(), **another.containers()} == {}, "nothing was made before the refusal"
        assert all(workload.podman.exists("container", id_) for id_ in foreign)
        (kept,) = workload.podman.inspect("volume", volume)
        assert not kept["Labels"], "it is the one that was there"
        assert workload.podman.inspect("secret", secret) == kept_secret
    finally:
        workload.podman.ask("rm", "--force", *foreign)
        workload.podman.ask("volume", "rm", "--force", volume)
        workload.podman.ask("secret", "rm", secret)
