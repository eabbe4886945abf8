"""A changing step is asked about: at a terminal, ahead by --yes, or not done."""

from __future__ import annotations

import pytest

from runbooks.repository import Repository
from tests.unit.runbooks import fake_prometheus
from tests.unit.runbooks.scene import make_repository, write_page

from .engineer import Engineer

PUMPS = """
    - name: Start the pump
      ansible.builtin.file:
        path: "{{ playbook_dir }}/pumped"
        state: touch
        mode: "600"
"""
QUESTION = "Pump?"


@pytest.fixture
def repository(engineer: Engineer) -> Repository:
    return make_repository(engineer.root, PUMPS)


def is_pumped(repository: Repository) -> bool:
    return (repository.playbooks / "pumped").exists()


def test_yes_is_answered_ahead(engineer: Engineer, repository: Repository) -> None:
    ended = engineer.run("Flood", "--yes")
    assert (ended.code, ended.last) == (0, "Flood: healed; 1 changed")
    assert is_pumped(repository)


def test_without_a_terminal_nothing_is_changed(engineer: Engineer, repository: Repository) -> None:
    ended = engineer.run("Flood")
    assert ended.code == 1
    assert "YES=1" in ended.last
    assert ended.last.endswith("nothing was changed")
    assert not is_pumped(repository)


@pytest.mark.parametrize("answer", ["y\n", "maybe\ny\n"])
def test_a_terminal_is_asked_and_may_say_yes(engineer: Engineer, repository: Repository, answer: str) -> None:
    ended = engineer.run_in_terminal(QUESTION, answer, "Flood")
    assert ended.code == 0, ended.text
    assert "Flood: healed; 1 changed" in ended.text
    assert is_pumped(repository)


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"])
def test_no_and_nothing_and_the_end_of_input_are_no(engineer: Engineer, repository: Repository, answer: str) -> None:
    ended = engineer.run_in_terminal(QUESTION, answer, "Flood")
    assert ended.code == 1
    assert "Flood: not healed: the answer was no; nothing was changed" in ended.text
    assert not is_pumped(repository)


def test_a_terminal_is_not_asked_where_yes_is_answered_ahead(engineer: Engineer, repository: Repository) -> None:
    ended = engineer.run_in_terminal("never asked", "n\n", "Flood", "--yes")
    assert ended.code == 0
    assert is_pumped(repository)


def test_pages_mistakes_are_told_before_anything_is_asked(
    engineer: Engineer, repository: Repository, prometheus: fake_prometheus.Prometheus
) -> None:
    (repository.pages / "Storm.md").write_text(write_page("Strom"))
    ended = engineer.run("Flood", "--yes")
    assert ended.code == 1
    assert ended.text.startswith("error: runbooks/pages/Storm.md: line 1: given `# Strom`")
    assert not is_pumped(repository)
    assert prometheus.asked == []
    assert not (engineer.root.parent / "programs" / "asked").exists()
