"""The Python language host, driven as the engine drives it. Programs: `test_language_run.py`."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from .processes import is_alive, plugin_environment, run_plugin, wait_until

LANGUAGE_PLUGIN = "pulumi-language-python"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[language_pb2_grpc.LanguageRuntimeStub]:
    folder = tmp_path_factory.mktemp("language")
    with (
        run_plugin(LANGUAGE_PLUGIN, folder, plugin_environment(), "127.0.0.1:1") as plugin,
        grpc.insecure_channel(plugin.address) as channel,
    ):
        yield language_pb2_grpc.LanguageRuntimeStub(channel)


def make_info(folder: Path, **options: str) -> language_pb2.ProgramInfo:
    fields = struct_pb2.Struct()
    fields.update(options)
    return language_pb2.ProgramInfo(
        root_directory=str(folder), program_directory=str(folder), entry_point=".", options=fields
    )


def plugin_request(folder: Path, program: str, *arguments: str, **environment: str) -> language_pb2.RunPluginRequest:
    """Return the request to run a plugin whose program this is."""
    (folder / "__main__.py").write_text(program)
    return language_pb2.RunPluginRequest(
        pwd=str(folder),
        info=make_info(folder),
        kind="resource",
        name="tiny",
        args=arguments,
        env=[f"{name}={value}" for name, value in {**os.environ, **environment}.items()],
    )


def collect(responses: Any) -> tuple[bytes, bytes, list[int]]:
    """Return what came out of both streams, and the exit codes, of which there must be one, at the end."""
    streams: dict[str, bytes] = {"stdout": b"", "stderr": b""}
    codes: list[int] = []
    for response in responses:
        kind = response.WhichOneof("output")
        assert not codes, "the exit code comes last"
        if kind == "exitcode":
            codes.append(response.exitcode)
        else:
            streams[kind] += getattr(response, kind)
    return streams["stdout"], streams["stderr"], codes


def test_it_shakes_hands_and_says_which_sdk_it_runs(host: language_pb2_grpc.LanguageRuntimeStub) -> None:
    host.Handshake(language_pb2.LanguageHandshakeRequest(engine_address="127.0.0.1:1"))

    assert host.GetPluginInfo(empty_pb2.Empty()).version == metadata.version("pulumi")


def test_it_needs_no_packages_to_be_fetched(host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    info = make_info(tmp_path)

    packages = host.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=info))
    plugins = host.GetRequiredPlugins(language_pb2.GetRequiredPluginsRequest(info=info))

    assert (list(packages.packages), list(plugins.plugins)) == ([], [])


def test_it_lists_the_installed_packages(host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    request = language_pb2.GetProgramDependenciesRequest(info=make_info(tmp_path))

    found = {package.name: package.version for package in host.GetProgramDependencies(request).dependencies}

    assert found["pulumi"] == metadata.version("pulumi")
    assert found["pulumi_aws"] == metadata.version("pulumi_aws")


def test_it_runs_its_own_interpreter_unless_the_project_names_a_virtualenv(
    host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path
) -> None:
    named = tmp_path / "venv" / "bin" / "python"
    named.parent.mkdir(parents=True)
    named.touch()

    own = host.About(language_pb2.AboutRequest(info=make_info(tmp_path)))
    other = host.About(language_pb2.AboutRequest(info=make_info(tmp_path, virtualenv="venv")))

    assert (own.executable, own.version) == (sys.executable, platform.python_version())
    assert other.executable == str(named)


def test_a_virtualenv_that_is_not_there_is_named(host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        host.About(language_pb2.AboutRequest(info=make_info(tmp_path, virtualenv="nowhere")))

    assert raised.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    words = raised.value.details() or ""
    assert "names the virtualenv 'nowhere'" in words
    assert "run `make tools`" in words


def test_a_stack_of_a_real_account_is_refused_before_anything_runs(
    host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path
) -> None:
    (tmp_path / "__main__.py").write_text("open('ran', 'w')")
    request = language_pb2.RunRequest(
        project="faregate", stack="prod", pwd=str(tmp_path), info=make_info(tmp_path), config={"faregate:cloud": "aws"}
    )

    answer = host.Run(request)

    assert "stack prod belongs to a real account and the offline tools are active" in answer.error
    assert not (tmp_path / "ran").exists()


# ---- plugins written in Python ----------------------------------------------------------------------------------


def test_a_plugin_s_streams_and_exit_code_arrive(host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    program = "import os, sys; print('out', *sys.argv[1:], os.environ['NOTE']); sys.stderr.write('err'); sys.exit(3)"

    responses = host.RunPlugin(plugin_request(tmp_path, program, "one", "two words", NOTE="a=b"))

    assert collect(responses) == (b"out one two words a=b\n", b"err", [3])


def test_all_of_a_long_output_arrives_in_order(host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    program = "import sys\nfor i in range(50000): print(i, file=(sys.stdout, sys.stderr)[i % 2])"

    stdout, stderr, codes = collect(host.RunPlugin(plugin_request(tmp_path, program)))

    assert stdout.split() == [str(i).encode() for i in range(0, 50000, 2)]
    assert stderr.split() == [str(i).encode() for i in range(1, 50000, 2)]
    assert codes == [0]


def test_a_plugin_s_first_line_arrives_while_it_runs(
    host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path
) -> None:
    """The engine reads the port of a provider that goes on serving."""
    program = """
import pathlib, sys, time
sys.stdout.write("12345\\n")
while not pathlib.Path("go").exists():
    time.sleep(0.01)
"""

    responses = host.RunPlugin(plugin_request(tmp_path, program), timeout=60)
    first = next(responses)
    (tmp_path / "go").touch()

    assert first.stdout == b"12345\n"
    assert collect(responses) == (b"", b"", [0])


def test_an_analyzer_runs_as_a_policy_pack(host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    """`pulumi.policy` runs the pack's program with the engine's address."""
    request = plugin_request(tmp_path, "import sys\nprint('pack', __name__)\nsys.exit(3)", "127.0.0.1:1")
    request.kind = "analyzer"

    stdout, _stderr, codes = collect(host.RunPlugin(request))

    assert stdout == b"pack __main__\n"
    assert codes == [3]


STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
SLEEPING = "import os, time\nprint(os.getpid(), flush=True)\nwhile True: time.sleep(60)\n"


@pytest.mark.parametrize("program", [SLEEPING, STUBBORN + SLEEPING], ids=["obedient", "stubborn"])
def test_a_plugin_ends_when_the_engine_hangs_up(
    host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path, program: str
) -> None:
    responses = host.RunPlugin(plugin_request(tmp_path, program))
    pid = int(next(responses).stdout)
    assert is_alive(pid)

    responses.cancel()

    wait_until(lambda: not is_alive(pid), "the plugin ends")


def test_cancelling_ends_what_runs(host: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    responses = host.RunPlugin(plugin_request(tmp_path, SLEEPING), timeout=60)
    pid = int(next(responses).stdout)

    host.Cancel(empty_pb2.Empty())

    assert not is_alive(pid)
    assert collect(responses)[2] != [0]


def test_an_interrupted_host_ends_what_runs(tmp_path: Path) -> None:
    with (
        run_plugin(LANGUAGE_PLUGIN, tmp_path, plugin_environment()) as plugin,
        grpc.insecure_channel(plugin.address) as channel,
    ):
        responses = language_pb2_grpc.LanguageRuntimeStub(channel).RunPlugin(plugin_request(tmp_path, SLEEPING))
        pid = int(next(responses).stdout)
        rest = threading.Thread(target=_drain, args=(responses,))
        rest.start()

        assert plugin.interrupt() == 0

        rest.join()
        assert not is_alive(pid)


def _drain(responses: Any) -> None:
    with contextlib.suppress(grpc.RpcError):  # the host goes, which is what the test is about
        collect(responses)
