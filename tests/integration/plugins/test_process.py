"""The life of a plugin process: how it begins and how it ends when nobody says goodbye."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from pulumi.runtime.proto import language_pb2_grpc

from .processes import BIN, is_alive, plugin_environment, run_plugin, wait_until
from .test_language_host import SLEEPING, STUBBORN, plugin_request

PLUGINS = ["pulumi-resource-aws", "pulumi-resource-kubernetes", "pulumi-language-python"]

# Starts a plugin with its output in a pipe, as the engine does, says what it started, and waits to be killed.
ENGINE = """
import signal, subprocess, sys
plugin = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)
print(plugin.pid, flush=True)
print(plugin.stdout.readline().strip(), flush=True)
signal.pause()
"""


@dataclass(frozen=True)
class Engine:
    """A parent of a plugin."""

    process: subprocess.Popen[str]
    plugin: int
    port: int


@contextmanager
def run_engine(name: str, folder: Path) -> Iterator[Engine]:
    """Start a parent that starts a plugin; kill both in the end."""
    command = [sys.executable, "-c", ENGINE, str(BIN / name), "127.0.0.1:1"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=plugin_environment(AWS_ENDPOINT_URL="http://127.0.0.1:1"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    plugin = 0
    with process, process.stdout:
        try:
            plugin = int(process.stdout.readline())
            yield Engine(process, plugin, int(process.stdout.readline()))
        finally:
            process.kill()
            if plugin and is_alive(plugin):
                os.kill(plugin, signal.SIGKILL)


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_ends_by_itself_when_its_engine_was_killed(name: str, tmp_path: Path) -> None:
    with run_engine(name, tmp_path) as engine:
        assert is_alive(engine.plugin)

        engine.process.kill()

        wait_until(lambda: not is_alive(engine.plugin), f"{name} ends")


@pytest.mark.parametrize("program", [SLEEPING, STUBBORN + SLEEPING], ids=["obedient", "stubborn"])
def test_a_language_host_whose_engine_was_killed_ends_its_children_too(tmp_path: Path, program: str) -> None:
    with (
        run_engine("pulumi-language-python", tmp_path) as engine,
        grpc.insecure_channel(f"127.0.0.1:{engine.port}") as channel,
    ):
        # The connection to the host outlives its parent, so it is not a hang-up that ends the child.
        responses = language_pb2_grpc.LanguageRuntimeStub(channel).RunPlugin(plugin_request(tmp_path, program))
        child = int(next(responses).stdout)
        assert is_alive(child)

        engine.process.kill()

        wait_until(lambda: not is_alive(engine.plugin), "the language host ends")
        wait_until(lambda: not is_alive(child), "the child ends")
        responses.cancel()


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_that_nobody_listens_to_from_the_start_ends(name: str, tmp_path: Path) -> None:
    """The engine may be killed before the plugin can see who its parent is."""
    read, write = os.pipe()
    os.close(read)
    with (tmp_path / "stderr").open("w") as errors:
        try:
            plugin = subprocess.Popen(
                [str(BIN / name), "127.0.0.1:1"], cwd=tmp_path, env=plugin_environment(), stdout=write, stderr=errors
            )
        finally:
            os.close(write)

        assert plugin.wait(60) == 0

    assert (tmp_path / "stderr").read_text() == ""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_plugin_leaves_without_a_traceback_while_it_is_still_starting(end: signal.Signals, tmp_path: Path) -> None:
    """^C reaches all processes of a terminal, whatever they are doing; importing Pulumi's SDK takes a second."""
    with (tmp_path / "stderr").open("w") as errors:
        plugin = subprocess.Popen(
            [str(BIN / "pulumi-resource-aws"), "127.0.0.1:1"],
            cwd=tmp_path,
            env=plugin_environment(),
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    maps = Path(f"/proc/{plugin.pid}/maps")
    # gRPC's library is loaded by the first of the long imports.
    wait_until(lambda: "cygrpc" in maps.read_text(), "the imports begin")
    plugin.send_signal(end)

    assert plugin.wait(60) == 0
    assert (tmp_path / "stderr").read_text() == ""


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_starts_in_a_folder_whose_modules_have_names_of_the_standard_library(
    name: str, tmp_path: Path
) -> None:
    for module in ("json", "signal", "types", "grpc", "offline"):
        (tmp_path / f"{module}.py").write_text("raise AssertionError('the program shadows a module')")

    with run_plugin(name, tmp_path, plugin_environment()) as plugin:
        assert plugin.interrupt() == 0


def test_a_plugin_says_what_to_do_outside_of_the_offline_tools(tmp_path: Path) -> None:
    environment = {name: value for name, value in plugin_environment().items() if name != "FAREGATE_PYTHON"}

    ended = subprocess.run(
        [str(BIN / "pulumi-resource-aws")], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert ended.returncode != 0
    assert "run 'source offline/activate' first" in ended.stderr
