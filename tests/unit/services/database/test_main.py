"""The entry point: what it is asked for, and how it says no."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.database.__main__ import main


@pytest.fixture(autouse=True)
def _keep_signals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Give pytest its own handlers back."""
    monkeypatch.setenv("DATABASE_FOLDER", str(tmp_path / "volume"))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["prob"]) == 1

    assert capsys.readouterr().err == "database: unknown arguments: prob; allowed: none, or probe\n"
    assert not (tmp_path / "volume").exists()


def test_a_wrong_setting_is_told_as_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PORT", "none")

    assert main([]) == 1
    assert capsys.readouterr().err == "database: DATABASE_PORT: given none; allowed: 1 to 65535\n"


def test_a_volume_that_can_not_be_written_is_told_as_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "volume").touch()

    assert main([]) == 1
    assert capsys.readouterr().err.startswith("database: [Errno 17] File exists")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_server_runs_ends_the_process(number: signal.Signals) -> None:
    main(["prob"])

    with pytest.raises(SystemExit) as ended:
        os.kill(os.getpid(), number)
    assert ended.value.code == 128 + number
