"""`make down`, `make clean` and the sweep after tests remove what they name, and a ledger only where that was said."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from offline import container_tools, screen
from offline.instance import find_home, make_instance
from offline.locks import hold
from tests.unit.offline.commands.conftest import Run, Simulation, list_tree
from tests.unit.offline.conftest import FakePodman, Machine

THINGS = ("containers", "networks", "volumes", "secrets")


def fill(fake: FakePodman, instance: str = "blue", purpose: str = "test", *, ledger: bool = False) -> None:
    """Add something of each kind, as an instance makes it."""
    fake.add("containers", f"faregate-{instance}-gateway-1", instance, purpose)
    fake.add("networks", f"faregate-{instance}", instance, purpose)
    fake.add("volumes", f"faregate-{instance}-{'ledger' if ledger else 'metrics'}", instance, purpose)
    fake.add("secrets", f"faregate-{instance}-gateway-1", instance, purpose)


def list_things(fake: FakePodman) -> list[str]:
    return [name for kind in THINGS for name in fake.names(kind)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], list[str]]:
    """Return a function that lets the user answer from now on, and returns the list of what is asked."""

    def answer(answered: bool) -> list[str]:
        questions: list[str] = []

        def confirm(question: str) -> bool:
            questions.append(question)
            return answered

        monkeypatch.setattr("offline.commands.confirm", confirm)
        return questions

    return answer


# ---- down


def test_down_removes_the_instance_and_keeps_images_and_cache(run: Run, machine: Machine, fake: FakePodman) -> None:
    run("up")
    run("up", instance="green")
    fill(fake)
    fake.add("images", "localhost/faregate/gateway:1")
    cache = list_tree(machine.cache)
    code, printed, complaints = run("down")
    assert (code, complaints) == (0, "")
    assert printed.splitlines() == [
        f"instance blue is gone; images and the cache in {machine.cache}/faregate are kept (see `make clean`)"
    ]
    assert not any("-blue" in name for name in list_things(fake))
    assert fake.names("images") == ["localhost/faregate/gateway:1"]
    assert not find_home("blue").folder.exists()
    assert find_home("green").exists
    assert list_tree(machine.cache) == cache


def test_down_before_any_up_succeeds_and_says_so(run: Run, machine: Machine, fake: FakePodman) -> None:
    fill(fake, "green")
    assert run("down") == (0, "instance blue does not exist: nothing to do\n", "")
    assert fake.asked == []
    assert list_tree(machine.state) == ["faregate", "faregate/.locks", "faregate/.locks/blue"]


def test_down_twice_succeeds(run: Run) -> None:
    run("up")
    assert [run("down")[0], run("down")[0]] == [0, 0]


def test_down_removes_a_folder_that_an_interruption_left_without_a_record(run: Run) -> None:
    find_home("blue").folder.mkdir(parents=True)
    assert run("down")[0] == 0
    assert not find_home("blue").folder.exists()


@pytest.mark.parametrize("kind", THINGS)
def test_down_removes_what_is_there_though_the_folder_is_gone(run: Run, fake: FakePodman, kind: str) -> None:
    fake.add(kind, "faregate-blue-x")
    code, printed, _ = run("down")
    assert code == 0
    assert printed.startswith("instance blue is gone; ")
    assert fake.names(kind) == []


def test_down_needs_no_podman_where_there_is_none(run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    make_instance("blue", "test")
    lose_podman(machine, monkeypatch)
    assert run("down")[0] == 0
    assert not find_home("blue").folder.exists()


def lose_podman(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no podman on this machine."""
    (machine.programs / "podman").unlink()
    monkeypatch.setenv("PATH", str(machine.programs))
    monkeypatch.setattr(container_tools, "ADMINISTRATION", ())


def test_a_podman_that_fails_is_told_and_nothing_is_forgotten(run: Run, machine: Machine) -> None:
    make_instance("blue", "test")
    machine.install("podman", "echo broken >&2; exit 125")
    code, printed, complaints = run("down")
    assert (code, printed) == (1, "")
    assert complaints.startswith("error: podman ps ")
    assert complaints.endswith("\nbroken\n")
    assert find_home("blue").exists


# ---- the ledger


def test_a_ledger_is_kept_where_nobody_can_be_asked(run: Run, fake: FakePodman) -> None:
    make_instance("blue", "test")
    fill(fake)
    fill(fake, ledger=True)
    code, printed, complaints = run("down")
    assert (code, complaints) == (0, "")
    first, second = printed.splitlines()
    assert first.startswith("instance blue is gone; ")
    assert second == (
        "the ledger is kept, for the next `make up` of this instance: volume faregate-blue-ledger; "
        "`make down YES=1` removes it"
    )
    assert list_things(fake) == ["faregate-blue-ledger"]
    assert not find_home("blue").folder.exists()


def test_a_ledger_is_removed_without_asking_where_that_was_said_before(
    run: Run, fake: FakePodman, asked: Callable[[bool], list[str]]
) -> None:
    questions = asked(False)
    fill(fake, ledger=True)
    code, printed, _ = run("down", "--yes")
    assert code == 0
    assert "kept, for" not in printed
    assert questions == []
    assert list_things(fake) == []


@pytest.mark.parametrize("answer", [True, False])
def test_whoever_can_be_asked_decides_on_the_ledger(
    run: Run, fake: FakePodman, asked: Callable[[bool], list[str]], answer: bool
) -> None:
    questions = asked(answer)
    fill(fake, ledger=True)
    code, printed, _ = run("down")
    assert code == 0
    assert questions == ["Volume faregate-blue-ledger holds a ledger: balances and every charge. Remove it for good?"]
    assert list_things(fake) == ([] if answer else ["faregate-blue-ledger"])
    assert ("the ledger is kept" in printed) is not answer


def test_nobody_is_asked_where_there_is_no_ledger(
    run: Run, fake: FakePodman, asked: Callable[[bool], list[str]]
) -> None:
    questions = asked(False)
    fill(fake)
    fill(fake, "green", ledger=True)
    assert run("down")[0] == 0
    assert questions == []
    assert "faregate-green-ledger" in list_things(fake)


def test_a_ledger_that_was_kept_can_be_removed_later(run: Run, fake: FakePodman) -> None:
    fill(fake, ledger=True)
    run("down")
    assert list_things(fake) == ["faregate-blue-ledger"]
    assert run("down", "--yes")[0] == 0
    assert list_things(fake) == []


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a person who types a line before this process."""

    def show(typed: str) -> None:
        def read(*_: object) -> str:
            if not typed:
                raise EOFError
            return typed

        for stream in (sys.stdin, sys.stdout):
            monkeypatch.setattr(stream, "isatty", lambda: True)
        monkeypatch.setattr("builtins.input", read)

    return show


@pytest.mark.parametrize(("typed", "answer"), [("y", True), ("n", False), ("", False)])
def test_a_person_is_asked_at_a_terminal_and_an_end_of_input_is_a_no(
    terminal: Callable[[str], None], capsys: pytest.CaptureFixture[str], typed: str, answer: bool
) -> None:
    terminal(typed)
    assert screen.confirm("Remove [it]?") is answer
    assert capsys.readouterr().out.startswith("Remove [it]? ")


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_nobody_is_asked_where_one_end_is_no_terminal(
    terminal: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    terminal("y")
    monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: False)
    assert screen.confirm("Remove it?") is False


# ---- clean


def test_clean_removes_the_instance_the_images_and_the_cache(run: Run, machine: Machine, fake: FakePodman) -> None:
    run("up")
    fill(fake)
    for name, owner in (("localhost/faregate/gateway:1", "x"), ("localhost/faregate/base:1", "x"), ("others", None)):
        fake.add("images", name, owner)
    (machine.cache / "other").mkdir()
    code, printed, complaints = run("clean")
    assert (code, complaints) == (0, "")
    assert printed.splitlines()[-1] == f"{machine.cache}/faregate is gone"
    assert not find_home("blue").folder.exists()
    assert list_things(fake) == []
    assert fake.names("images") == ["others"]
    assert list_tree(machine.cache) == ["other"]


def test_clean_before_any_up_succeeds(run: Run) -> None:
    assert run("clean")[0] == 0


def test_clean_succeeds_on_a_machine_without_podman(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_podman(machine, monkeypatch)
    (machine.cache / "faregate").mkdir(parents=True)
    code, _, complaints = run("clean")
    assert (code, complaints) == (0, "")
    assert not (machine.cache / "faregate").exists()


@pytest.mark.parametrize("options", [[], ["--yes"]])
def test_clean_keeps_a_ledger_unless_it_was_said(run: Run, fake: FakePodman, options: list[str]) -> None:
    fill(fake, ledger=True)
    assert run("clean", *options)[0] == 0
    assert list_things(fake) == ([] if options else ["faregate-blue-ledger"])


def test_clean_refuses_while_other_instances_use_the_cache(run: Run, machine: Machine, fake: FakePodman) -> None:
    for name in ("blue", "green"):
        make_instance(name, "test")
    fill(fake, "red")  # of which no folder is left
    fake.add("images", "localhost/faregate/gateway:1")
    (machine.cache / "faregate").mkdir(parents=True)
    assert run("clean") == (
        1,
        "",
        "error: other instances use the images and the cache: green, red; first: make down INSTANCE=green\n",
    )
    assert find_home("blue").exists
    assert (machine.cache / "faregate").exists()
    assert fake.names("images") == ["localhost/faregate/gateway:1"]
    assert fake.asked == []


# ---- sweep


def test_sweep_removes_what_tests_left_and_nothing_else(run: Run, fake: FakePodman) -> None:
    make_instance("left", "test")
    make_instance("mine", "user")
    make_instance("damaged", "test")
    find_home("damaged").record.write_text("{")
    fill(fake, "left", "test", ledger=True)
    fill(fake, "lost", "test")  # of which no folder is left
    fill(fake, "mine", "user", ledger=True)
    mine = [name for name in list_things(fake) if "-mine" in name]
    assert run("sweep") == (0, "2 instance(s) of tests removed\n", "")
    assert not find_home("left").folder.exists()
    assert find_home("mine").exists
    assert find_home("damaged").exists, "it does not say whose it is"
    assert list_things(fake) == mine


def test_sweep_of_nothing_succeeds_without_podman_too(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("sweep") == (0, "0 instance(s) of tests removed\n", "")
    lose_podman(machine, monkeypatch)
    make_instance("left", "test")
    assert run("sweep") == (0, "1 instance(s) of tests removed\n", "")


def test_sweep_leaves_an_instance_alone_that_a_command_is_changing(run: Run) -> None:
    make_instance("left", "test")
    with hold(find_home("left").lock):
        code, _, complaints = run("sweep")
    assert (code, complaints) == (1, "error: another command is changing instance left: wait for it\n")
    assert find_home("left").exists


# ---- one command at a time


@pytest.mark.parametrize("command", ["up", "down", "clean"])
def test_a_second_command_at_the_same_time_is_refused(
    run: Run, command: str, simulated: Simulation, fake: FakePodman
) -> None:
    make_instance("blue", "test")
    fill(fake)
    fake.add("images", "localhost/faregate/gateway:1")
    before = list_tree(find_home("blue").folder)
    with hold(find_home("blue").lock):
        code, _, complaints = run(command)
    assert (code, complaints) == (1, "error: another command is changing instance blue: wait for it\n")
    assert list_tree(find_home("blue").folder) == before
    assert (simulated.asked, fake.asked) == ([], [])


@pytest.mark.parametrize("command", ["status", "doctor", "environment", "logs"])
def test_a_command_that_only_looks_is_never_refused_for_another(run: Run, command: str) -> None:
    run("up")
    with hold(find_home("blue").lock):
        assert run(command)[0] == 0


def test_commands_on_two_instances_are_not_in_each_others_way(run: Run) -> None:
    with hold(find_home("green").lock):
        assert run("up")[0] == 0
