"""The real podman: containers are found, known to be dead or alive, and removed, whatever was killed."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from offline.container_names import name_network, name_volume
from offline.container_tools import extend_path
from offline.podman import Container, NotOurs, Podman, PodmanFailed, is_alive
from tests.integration.plugins.processes import wait_until

from .conftest import Scene


def list_processes(container: str) -> list[str]:
    """Return the processes of a container, by its id, and its monitor."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
            cgroup = (process / "cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if container in cgroup or (words[0].endswith("conmon") and container in words):
            found.append(process.name)
    return found


def end_hard(*processes: int) -> None:
    for process in processes:
        os.kill(process, signal.SIGKILL)


# ---- alive and dead


def test_a_container_lives_until_it_is_removed_and_leaves_no_process(scene: Scene) -> None:
    container = scene.run()
    assert is_alive(container)
    assert (container.name, container.image) == (scene.name, scene.image)
    assert container.labels.items() >= scene.labels.items()
    assert abs(container.created.timestamp() - time.time()) < 60
    scene.podman.remove_container(scene.name, 0)
    assert not is_alive(container)
    assert scene.podman.containers(scene.instance) == []
    wait_until(lambda: not list_processes(container.id), "its processes end")


def test_another_process_that_got_its_process_id_is_not_the_container(scene: Scene) -> None:
    container = scene.run()
    assert not is_alive(dataclasses.replace(container, pid=os.getpid()))
    assert is_alive(container)


def test_a_container_that_ended_by_itself_is_dead(scene: Scene) -> None:
    container = scene.run("/bin/sh", "-c", "exit 3")
    wait_until(lambda: not is_alive(container), "it ends")
    wait_until(lambda: scene.podman.containers(scene.instance)[0].pid == 0, "podman notices")
    scene.podman.remove_container(scene.name)


def end_process(_scene: Scene, container: Container) -> None:
    end_hard(container.pid)


def end_process_and_monitor(scene: Scene, container: Container) -> None:
    end_hard(scene.find_monitor(container), container.pid)


@pytest.mark.parametrize("end", [end_process, end_process_and_monitor])
def test_a_container_that_was_killed_is_dead_and_is_run_anew(
    scene: Scene, end: Callable[[Scene, Container], None]
) -> None:
    killed = scene.run()
    end(scene, killed)
    wait_until(lambda: not is_alive(killed), "it dies")
    assert not any(is_alive(container) for container in scene.podman.containers(scene.instance))
    assert is_alive(scene.run())


def test_podman_believes_in_a_dead_container_where_nobody_watched_it_die(scene: Scene) -> None:
    container = scene.run()
    end_process_and_monitor(scene, container)
    wait_until(lambda: not is_alive(container), "it dies")
    assert scene.ask("inspect", "--format", "{{.State.Status}}", scene.name) == "running", "is_alive is needed no more"
    scene.podman.remove_container(scene.name)
    assert scene.podman.containers(scene.instance) == []


def test_a_container_whose_monitor_was_killed_lives_and_can_be_removed(scene: Scene) -> None:
    container = scene.run()
    end_hard(scene.find_monitor(container))
    assert is_alive(container)
    scene.podman.remove_container(scene.name, 0)
    assert not is_alive(container)


def test_what_waited_to_be_started_when_podman_was_killed_is_ended_with_the_container(
    scene: Scene, tmp_path: Path
) -> None:
    made, killed, runtime = tmp_path / "made", tmp_path / "killed", tmp_path / "runc"
    # A runc that takes its time: podman is killed before it learns which process was made.
    runtime.write_text(
        f'#!/bin/sh\n{find_runc()} "$@" || exit\n'
        f'case " $* " in *" create "*) : > {made}; until [ -e {killed} ]; do sleep 0.05; done ;; esac\n'
    )
    runtime.chmod(0o755)
    config = tmp_path / "containers.conf"
    written = Path(scene.environment["CONTAINERS_CONF"]).read_text()
    config.write_text(f'{written}\n[engine.runtimes]\nrunc = ["{runtime}"]\n')

    with start_podman(scene, {**scene.environment, "CONTAINERS_CONF": str(config)}) as process:
        wait_until(made.exists, "the container is made")
        process.kill()
    killed.touch()
    (cut_off,) = scene.podman.containers(scene.instance)
    assert not is_alive(cut_off)
    assert len(list_processes(cut_off.id)) == 2, "the monitor, and the process that waits"
    scene.podman.remove_container(scene.name)
    assert scene.podman.containers(scene.instance) == []
    wait_until(lambda: not list_processes(cut_off.id), "its processes end")


def find_runc() -> str:
    found = shutil.which("runc", path=extend_path(os.environ["PATH"]))
    assert found
    return found


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.2])
def test_whenever_podman_is_killed_nothing_is_in_the_way_of_another_run(scene: Scene, seconds: float) -> None:
    with start_podman(scene, scene.environment) as process:
        time.sleep(seconds)
        process.kill()
    assert is_alive(scene.run())


def start_podman(scene: Scene, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start to run the scene's container, and do not wait for that."""
    labels = [f"--label={name}={value}" for name, value in scene.labels.items()]
    return subprocess.Popen(
        ["podman", "run", "--detach", f"--name={scene.name}", *labels, scene.image, "/bin/sleep", "1000"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


# ---- whose it is


def test_a_container_of_somebody_elses_is_left_alone(scene: Scene) -> None:
    scene.ask("create", f"--name={scene.name}", scene.image, "/bin/sleep", "1")
    try:
        with pytest.raises(NotOurs, match=f"container {scene.name} was not made by Faregate"):
            scene.run()
        with pytest.raises(NotOurs):
            scene.podman.remove_container(scene.name)
        assert scene.podman.containers(scene.instance) == []
    finally:
        scene.ask("rm", "--force", scene.name)


@pytest.mark.parametrize("kind", ["network", "volume"])
def test_a_network_and_a_volume_are_made_once_and_removed(scene: Scene, kind: str) -> None:
    name, make, names, remove = methods(scene, kind)
    assert make(name, scene.labels)
    assert not make(name, scene.labels)
    assert names(scene.instance) == [name]
    assert scene.instance in scene.podman.owners("test")
    assert scene.instance not in scene.podman.owners("user")
    remove(name)
    assert names(scene.instance) == []
    remove(name)


@pytest.mark.parametrize("kind", ["network", "volume"])
def test_a_network_and_a_volume_of_somebody_elses_are_refused_and_left_alone(scene: Scene, kind: str) -> None:
    name, make, names, remove = methods(scene, kind)
    scene.ask(kind, "create", name)
    try:
        with pytest.raises(NotOurs, match=f"{kind} {name} was not made by Faregate"):
            make(name, scene.labels)
        with pytest.raises(NotOurs):
            remove(name)
        assert names(scene.instance) == []
    finally:
        scene.ask(kind, "rm", name)


@pytest.mark.parametrize("kind", ["network", "volume"])
def test_a_network_and_a_volume_that_a_container_uses_stay(scene: Scene, kind: str) -> None:
    name, make, names, remove = methods(scene, kind)
    make(name, scene.labels)
    options = [f"--network={name}"] if kind == "network" else [f"--volume={name}:/data"]
    scene.podman.run(scene.name, scene.image, scene.labels, options, ["/bin/sleep", "1000"])
    with pytest.raises(PodmanFailed, match=f"^podman {kind} rm {name}\n"):
        remove(name)
    assert names(scene.instance) == [name]
    assert all(is_alive(container) for container in scene.podman.containers(scene.instance))


Methods = tuple[str, Callable[[str, dict[str, str]], bool], Callable[[str], list[str]], Callable[[str], None]]


def methods(scene: Scene, kind: str) -> Methods:
    podman = scene.podman
    if kind == "network":
        return name_network(scene.instance), podman.make_network, podman.networks, podman.remove_network
    return name_volume(scene.instance, "ledger"), podman.make_volume, podman.volumes, podman.remove_volume


# ---- images


def test_an_image_that_a_container_uses_stays(scene: Scene) -> None:
    container = scene.run()
    (used,) = [image for image in scene.podman.images() if scene.image in image.names]
    assert used.labels == {"faregate.image": "x"}
    with pytest.raises(PodmanFailed, match=r"^podman rmi --ignore "):
        scene.podman.remove_images([used])
    assert is_alive(container)


def test_images_are_removed_with_every_name_and_twice_is_no_error(scene: Scene) -> None:
    names = [f"localhost/faregate-{scene.instance}:{tag}" for tag in (1, 2)]
    scene.ask(
        "create", f"--name={scene.name}", *(f"--label={k}={v}" for k, v in scene.labels.items()), scene.image, "/show"
    )
    scene.ask("commit", "--quiet", scene.name, names[0])
    try:
        scene.ask("tag", *names)
        made = [image for image in scene.podman.images() if set(names) & set(image.names)]
        assert [set(image.names) for image in made] == [set(names)]
        scene.podman.remove_images(made)
        scene.podman.remove_images(made)
        assert not any(set(names) & set(image.names) for image in scene.podman.images())
    finally:
        scene.ask("rmi", "--ignore", *names)


def test_an_image_that_is_not_here_is_not_looked_for_elsewhere(scene: Scene) -> None:
    with pytest.raises(PodmanFailed, match="image not known"):
        scene.podman.run(scene.name, "localhost/faregate-none:1", scene.labels)


# ---- the configuration


def test_logs_are_the_last_lines_of_both_streams(scene: Scene) -> None:
    scene.run("/bin/sh", "-c", "echo one; echo two >&2; exec /bin/sleep 1000")
    wait_until(lambda: sorted(scene.podman.logs(scene.name, 5).split()) == ["one", "two"], "it prints two lines")
    assert len(scene.podman.logs(scene.name, 1).splitlines()) == 1


def test_a_line_that_was_written_in_two_parts_is_whole_in_the_log(scene: Scene) -> None:
    scene.run("/bin/sh", "-c", "printf 'in two '; /bin/sleep 0.3; echo parts; echo end; exec /bin/sleep 1000")
    wait_until(lambda: "end" in scene.podman.logs(scene.name, 5), "it prints two lines")
    assert scene.podman.logs(scene.name, 5).splitlines() == ["in two parts", "end"]


def test_a_container_gets_limits_that_this_machine_allows_and_no_proxy(scene: Scene) -> None:
    podman = Podman({**scene.environment, "http_proxy": "http://proxy.invalid"})
    podman.run(scene.name, scene.image, scene.labels, command=["/bin/sh", "/show"])
    wait_until(lambda: "proxy:" in podman.logs(scene.name, 30), "it prints its limits")
    lines = podman.logs(scene.name, 30).splitlines()
    limits = {line[:26].strip(): line.split()[-3:-1] for line in lines if line.startswith("Max ")}
    (soft, hard) = limits["Max open files"]
    assert soft == hard
    assert 0 < int(hard) <= 16384
    assert "proxy:" in lines, "a proxy of the machine's would come between containers"


def test_containers_start_where_the_hard_limits_are_low(scene: Scene, tmp_path: Path) -> None:
    code = (
        "import os, resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (9000, 9000))\n"
        "from offline import container_tools, podman\n"
        "environment = {**os.environ, 'CONTAINERS_CONF': str(container_tools.write_config())}\n"
        f"run = podman.Podman(environment).run\n"
        f"run({scene.name!r}, {scene.image!r}, {scene.labels!r}, (), ['/bin/sleep', '1000'])\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-P", "-c", code], env=environment, check=True)
    (container,) = scene.podman.containers(scene.instance)
    assert is_alive(container)


def test_podman_uses_what_works_without_systemd_and_says_nothing_of_cni(scene: Scene) -> None:
    told = subprocess.run(
        ["podman", "info", "--format", "{{.Host.OCIRuntime.Name}} {{.Host.CgroupManager}} {{.Host.NetworkBackend}}"],
        env=scene.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (told.stdout, told.stderr) == ("runc cgroupfs netavark\n", "")
