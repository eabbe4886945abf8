"""A verdict is told to people and to programs: all of it, and as text, whatever a service sent."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from loadtests.evidence.engines import EngineCounts
from loadtests.records import Outcome
from loadtests.report.page import write_page
from loadtests.report.screen import MOST_APART, MOST_DETAILS, show_verdict
from loadtests.report.summary import summarise
from loadtests.report.tables import APART_HEAD, COUNTS_HEAD, list_apart, list_counts
from loadtests.verdict.verdict import Verdict
from tests.unit.loadtests.samples import (
    CHECKS,
    ERRORS,
    OTHERS,
    WHOLE,
    Sample,
    list_failed,
    make_apart,
    make_expired_row,
    make_nameless,
    make_refused,
    make_settings,
    make_slos,
    make_whole,
)

EVIL = "<script>alert(1)</script> [/red] [bold]"

LEFT = make_apart("left", came=5, charged=6, sent=8)
ALL_SENT = make_apart("all", came=6, charged=6, sent=6)
GIVEN_AWAY = replace(make_apart("away", Outcome.BROKEN), row=make_expired_row("away"))
GOOD = Sample([make_whole("one", 10), make_whole("two", 20), LEFT, ALL_SENT, GIVEN_AWAY, make_refused("refused")])
BAD = Sample([make_whole("one").charge(11), make_apart(EVIL, Outcome.CUT, came=1), make_nameless().see(reason=EVIL)])
NOTHING = Sample([], baseline=[], counts=EngineCounts(0, 0, 0, engines=0, lost=[]))


class Page(HTMLParser):
    """What a page holds: its elements, and its text outside of plots."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.words: list[str] = []
        self.feed(path.read_text())
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def draw(verdict: Verdict, folder: Path) -> Page:
    path = folder / "page.html"
    write_page(verdict, "20260101-local-smoke", path)
    return Page(path)


# ---- tables


def test_the_three_counts_are_summed_of_whole_answers_and_of_others() -> None:
    assert len(COUNTS_HEAD) == 6
    assert list_counts(GOOD.judge()) == [
        # five of the baseline, of 10 tokens each
        ("whole answers", "7", "80", "80", "80", "0.0000384"),
        ("others", "4", "16", "14", "12", "0.0000088"),
    ]


def test_each_request_that_ended_early_is_told_apart() -> None:
    rows = [dict(zip(APART_HEAD, row, strict=True)) for row in list_apart(GOOD.judge())]
    assert [row["request"] for row in rows] == ["left", "all", "away", "refused"]
    assert [row["outcome"] for row in rows] == ["left", "left", "broken", "refused"]
    assert [(row["client"], row["engine"], row["ledger"]) for row in rows] == [
        ("5", "8", "6"),
        ("6", "6", "6"),
        ("5", "-", "-"),
        ("0", "-", "-"),
    ]
    assert [row["what became of it"] for row in rows] == [
        "1 under way to the client, 2 sent, not paid",
        "all that the engine sent came",
        "given away: its gateway ended, and its hold went back with its lease",
        "never admitted",
    ]


# ---- the page


@pytest.mark.parametrize(("sample", "word"), [(GOOD, "pass"), (BAD, "FAIL")])
def test_the_page_holds_the_verdict_and_every_check(sample: Sample, word: str, tmp_path: Path) -> None:
    verdict = sample.judge()
    page = draw(verdict, tmp_path)
    assert f"{word} 20260101-local-smoke" in page.text
    for check in verdict.checks:
        told = f"{'pass' if check.passed else 'FAIL'} {check.name} {check.found} {check.allowed}"
        assert " ".join(told.split()) in page.text
    assert [check.name for check in verdict.checks] == CHECKS


def test_the_page_holds_every_wrong_thing_and_every_request_apart(tmp_path: Path) -> None:
    verdict = BAD.judge()
    page = draw(verdict, tmp_path)
    details = [detail for check in verdict.checks for detail in check.details]
    assert len(details) > 2
    for text in [*details, *(cell for row in list_apart(verdict) for cell in row)]:
        assert text in page.text


def test_the_page_holds_the_counts(tmp_path: Path) -> None:
    verdict = GOOD.judge()
    page = draw(verdict, tmp_path)
    for row in list_counts(verdict):
        assert " ".join(row) in page.text


def test_what_a_service_sent_is_text_on_the_page(tmp_path: Path) -> None:
    page = draw(BAD.judge(make_settings(make_slos("99"))), tmp_path)
    assert EVIL in page.text
    assert "script" not in page.elements


def test_the_page_needs_no_other_file(tmp_path: Path) -> None:
    page = draw(GOOD.judge(), tmp_path)
    text = (tmp_path / "page.html").read_text()
    assert page.elements.count("svg") == 3
    assert not {"link", "img", "script", "iframe"} & set(page.elements)
    assert re.findall(r'(?:src|href)="(?!#)([^"]*)"', text) == []
    assert "<?xml" not in text


def test_a_run_without_requests_is_drawn_too(tmp_path: Path) -> None:
    page = draw(NOTHING.judge(), tmp_path)
    assert page.elements.count("svg") == 3
    assert "no answer is whole: nothing was counted" in page.text


def test_a_run_without_a_first_token_is_drawn_too(tmp_path: Path) -> None:
    requests = [make_nameless(), make_refused("refused")]
    assert draw(Sample(requests, baseline=[]).judge(), tmp_path).elements.count("svg") == 3


def test_a_run_is_drawn_whatever_way_its_requests_ended(tmp_path: Path) -> None:
    requests = [make_whole("one"), *(make_apart(outcome, outcome) for outcome in Outcome if outcome != "finished")]
    page = draw(Sample(requests).judge(), tmp_path)
    assert page.elements.count("svg") == 3


# ---- programs


@pytest.mark.parametrize("sample", [GOOD, BAD, NOTHING])
def test_the_summary_says_all_that_was_judged_as_json(sample: Sample) -> None:
    verdict = sample.judge()
    summary = summarise(verdict)
    assert json.loads(json.dumps(summary)) == summary
    assert summary["passed"] is verdict.passed
    assert [check["name"] for check in summary["checks"] if not check["passed"]] == list_failed(verdict)
    assert [check["details"] for check in summary["checks"]] == [list(check.details) for check in verdict.checks]
    assert [tuple(row.values()) for row in summary["counts"]] == list_counts(verdict)
    assert [tuple(row.values()) for row in summary["apart"]] == list_apart(verdict)


# ---- the terminal


def test_the_terminal_shows_the_verdict_and_where_the_page_is(capsys: pytest.CaptureFixture[str]) -> None:
    show_verdict(GOOD.judge(), Path("results/page.html"))
    printed = capsys.readouterr().out
    assert printed.endswith("verdict: pass; page: results/page.html\n")
    assert "FAIL" not in printed
    for name in CHECKS:
        assert name in printed


def test_the_terminal_shows_what_a_service_sent_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = BAD.judge(make_settings(make_slos("99")))
    assert list_failed(verdict) == [ERRORS, WHOLE, OTHERS]
    show_verdict(verdict, Path("page.html"))
    printed = capsys.readouterr().out
    assert f"{ERRORS}: 1 x unreached: {EVIL} (no request id)" in printed
    assert "[/red] [bold]" in " ".join(printed.split("verdict:")[0].split())
    assert "verdict: FAIL" in printed


def test_the_terminal_shows_the_first_wrong_things_and_how_many_more_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = Sample([make_whole(f"w{number}").charge(11) for number in range(MOST_DETAILS + 3)])
    show_verdict(wrong.judge(), Path("page.html"))
    printed = capsys.readouterr().out
    assert printed.count("the ledger 11 output tokens") == MOST_DETAILS
    assert "3 more on the page" in printed


def test_the_terminal_shows_the_first_requests_apart_and_how_many_more_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sample = Sample([make_whole("one"), *(make_apart(f"left-{n}", Outcome.LEFT) for n in range(MOST_APART + 2))])
    show_verdict(sample.judge(), Path("page.html"))
    printed = capsys.readouterr().out
    assert [name for n in range(MOST_APART + 2) if (name := f"left-{n} ") in printed] == [
        f"left-{n} " for n in range(MOST_APART)
    ]
    assert "such requests: 2 more on the page" in printed
