"""Programs run by the language host, and what their users see of a mistake. The engine is a fake one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from .engine import FakeEngine, run_fake_engine
from .processes import is_alive, plugin_environment, run_plugin, wait_until
from .test_language_host import LANGUAGE_PLUGIN, make_info


@pytest.fixture(scope="module")
def module_engine() -> Iterator[FakeEngine]:
    with run_fake_engine() as engine:
        yield engine


@pytest.fixture
def engine(module_engine: FakeEngine) -> FakeEngine:
    module_engine.errors.clear()
    module_engine.outputs.clear()
    return module_engine


@pytest.fixture(scope="module")
def host(
    module_engine: FakeEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[language_pb2_grpc.LanguageRuntimeStub]:
    folder = tmp_path_factory.mktemp("language")
    with (
        run_plugin(LANGUAGE_PLUGIN, folder, plugin_environment(), module_engine.address) as plugin,
        grpc.insecure_channel(plugin.address) as channel,
    ):
        yield language_pb2_grpc.LanguageRuntimeStub(channel)


def make_request(engine: FakeEngine, folder: Path, program: str | None, **config: str) -> language_pb2.RunRequest:
    if program is not None:
        (folder / "__main__.py").write_text(program)
    return language_pb2.RunRequest(
        project="faregate",
        stack="local",
        organization="organization",
        pwd=str(folder),
        info=make_info(folder),
        config={"faregate:cloud": "simulated", **{f"faregate:{name}": value for name, value in config.items()}},
        configSecretKeys=["faregate:password"],
        monitor_address=engine.address,
        parallel=4,
        args=["an", "argument"],
    )


def test_a_program_runs_in_its_folder_with_its_configuration_and_exports(
    host: language_pb2_grpc.LanguageRuntimeStub, engine: FakeEngine, tmp_path: Path
) -> None:
    (tmp_path / "neighbour.py").write_text("GREETING = 'hello'")
    program = """
import os, sys, pulumi, neighbour
config = pulumi.Config()
pulumi.export("greeting", neighbour.GREETING)
pulumi.export("size", config.require_int("size"))
pulumi.export("stack", f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}")
pulumi.export("arguments", sys.argv[1:])
pulumi.export("folder", os.getcwd())
pulumi.export("secrets", [name for name in ("size", "password") if pulumi.runtime.is_config_secret(f"faregate:{name}")])
pulumi.export("preview", pulumi.runtime.is_dry_run())
"""

    answer = host.Run(make_request(engine, tmp_path, program, size="3", password="hunter2"), timeout=60)

    assert (answer.error, answer.bail, engine.errors) == ("", False, [])
    assert engine.outputs == {
        "greeting": "hello",
        "size": 3,
        "stack": "organization/faregate/local",
        "arguments": ["an", "argument"],
        "folder": str(tmp_path),
        "secrets": ["password"],
        "preview": False,
    }


def test_an_exception_is_shown_from_the_program_s_own_first_line_on(
    host: language_pb2_grpc.LanguageRuntimeStub, engine: FakeEngine, tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text("def fail():\n    raise ValueError('no such zone')\n")

    answer = host.Run(make_request(engine, tmp_path, "import helper\nhelper.fail()\n"), timeout=60)

    assert (answer.error, answer.bail) == ("", True)
    [shown] = engine.errors
    lines = shown.splitlines()
    assert lines[:2] == ["Program failed with an unhandled exception:", "Traceback (most recent call last):"]
    assert lines[2] == f'  File "{tmp_path}/__main__.py", line 2, in <module>'
    assert lines[-1] == "ValueError: no such zone"
    assert "runpy" not in shown


@pytest.mark.parametrize(
    ("program", "errors"),
    [
        ("import pulumi\nraise pulumi.RunError('the setting is wrong')", ["the setting is wrong"]),
        ("import sys\nsys.exit('the setting is wrong')", ["the setting is wrong"]),
        (None, ["no __main__.py in {folder}"]),
    ],
    ids=["run-error", "exit-with-words", "no-program"],
)
def test_an_error_in_words_is_shown_once_and_without_a_traceback(
    host: language_pb2_grpc.LanguageRuntimeStub,
    engine: FakeEngine,
    tmp_path: Path,
    program: str | None,
    errors: list[str],
) -> None:
    answer = host.Run(make_request(engine, tmp_path, program), timeout=60)

    assert (answer.error, answer.bail) == ("", True)
    assert engine.errors == [error.format(folder=tmp_path) for error in errors]


@pytest.mark.parametrize(("code", "error"), [(0, ""), (7, "Program exited with non-zero exit code: 7")])
def test_an_exit_code_that_nobody_explained_is_reported(
    host: language_pb2_grpc.LanguageRuntimeStub, engine: FakeEngine, tmp_path: Path, code: int, error: str
) -> None:
    answer = host.Run(make_request(engine, tmp_path, f"import sys\nsys.exit({code})"), timeout=60)

    assert (answer.error, answer.bail, engine.errors) == (error, False, [])


def test_the_configuration_is_no_argument_that_other_users_can_list(
    host: language_pb2_grpc.LanguageRuntimeStub, engine: FakeEngine, tmp_path: Path
) -> None:
    program = "import pathlib, pulumi\npulumi.export('command', pathlib.Path('/proc/self/cmdline').read_text())"

    host.Run(make_request(engine, tmp_path, program, password="hunter2"), timeout=60)

    assert "offline.language.program" in engine.outputs["command"]
    assert "hunter2" not in json.dumps(engine.outputs)


def test_a_program_ends_when_the_engine_hangs_up(
    host: language_pb2_grpc.LanguageRuntimeStub, engine: FakeEngine, tmp_path: Path
) -> None:
    program = "import os, pathlib, time\npathlib.Path('pid').write_text(f'{os.getpid()} ')\nwhile True: time.sleep(60)"
    # grpc-stubs knows no calls in the background of a unary method.
    call: Any = host.Run.future(make_request(engine, tmp_path, program))
    started = tmp_path / "pid"
    wait_until(lambda: started.exists() and started.read_text().endswith(" "), "the program runs")
    pid = int(started.read_text())
    assert is_alive(pid)

    ended = threading.Event()
    call.add_done_callback(lambda _: ended.set())
    call.cancel()

    wait_until(lambda: not is_alive(pid), "the program ends")
    assert ended.wait(60)
