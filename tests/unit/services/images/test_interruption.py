"""Builds do not meet, and one that is told to end takes its tools with it and leaves nothing half made."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.unit.services.images.conftest import Clone, is_running, wait_until


def interrupt(clone: Clone, process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Interrupt a build once its tool hangs; return what it said."""
    with process:
        clone.await_file("started")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert out == ""
    assert "Traceback" not in err
    return err.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_build_ends_its_tools_and_leaves_nothing(clone: Clone, number: signal.Signals) -> None:
    clone.let("hang-mmdebstrap")

    said = interrupt(clone, clone.start("build", "meter"), number)

    assert said == "interrupted; run the same command again to go on"
    child = int((clone.fake / "child").read_text())
    wait_until(lambda: not is_running(child))
    assert clone.read_calls("podman", "import") == []
    assert list(clone.temporary.iterdir()) == []


def test_an_interrupted_build_can_be_run_again(clone: Clone) -> None:
    clone.let("hang-uv")
    interrupt(clone, clone.start("build", "meter"), signal.SIGINT)
    (clone.fake / "hang-uv").unlink()

    assert len(clone.build("meter")[1]) == 2  # the base was whole


def test_only_the_containers_of_an_interrupted_build_are_removed(clone: Clone) -> None:
    base = clone.build("balancer")[1][0]
    (clone.root / "services" / "images" / "balancer.Containerfile").write_text("FROM changed\n")
    (clone.fake / "containers").write_text(f"aaa Storage {base}\nbbb running {base}\nccc Storage localhost/other:1\n")
    clone.let("hang-build")

    interrupt(clone, clone.start("build", "balancer"), signal.SIGINT)

    assert clone.read_calls("podman", "rm") == [["podman", "rm", "--force", "--ignore", "aaa"]]


def test_a_signal_that_the_caller_ignores_stays_ignored(clone: Clone) -> None:
    clone.let("hang-uv")
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = clone.start("build", "meter")  # as nohup would
    finally:
        signal.signal(signal.SIGHUP, former)
    clone.await_file("started")
    process.send_signal(signal.SIGHUP)

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    interrupt(clone, process, signal.SIGTERM)


def test_a_second_build_waits_for_the_first_and_makes_nothing_twice(clone: Clone) -> None:
    clone.let("hang-mmdebstrap")
    with clone.start("build", "meter") as first:
        clone.await_file("started")
        with clone.start("build", "meter") as second:
            assert second.stderr is not None
            assert second.stderr.readline() == "waiting for another build of images\n"
            (clone.fake / "hang-mmdebstrap").unlink()
            first.kill()  # its lock ends with it, however it ends
            first.wait()
            out, _ = second.communicate(timeout=20)
    assert second.returncode == 0
    assert out.count("packages-meter:") == 1


def test_builds_at_the_same_time_make_each_image_once(clone: Clone) -> None:
    builds = [clone.start("build") for _ in range(3)]
    for build in builds:
        with build:
            build.communicate(timeout=60)
        assert build.returncode == 0

    made = [call[-1] for call in clone.read_calls("podman", "import")]
    made += [option for call in clone.read_calls("podman", "build") for option in call if option.startswith("--tag=")]
    assert len(made) == len(set(made)) == 5
