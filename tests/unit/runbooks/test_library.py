"""All pages are read, and the mistakes of all of them are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.problems import ContractError
from runbooks.library import choose_page, read_pages
from runbooks.parsing import PagesUnusable

from .scene import VERIFY, make_repository, write_page


def test_pages_are_read_in_order_by_the_names_of_their_alerts(tmp_path: Path) -> None:
    repository = make_repository(tmp_path, Storm=write_page("Storm"), Flood=write_page("Flood"))
    (repository.pages / "notes.txt").write_text("no page")

    pages = read_pages(repository)

    assert [(name, page.name) for name, page in pages.items()] == [("Flood", "Flood"), ("Storm", "Storm")]


def test_mistakes_of_all_pages_are_told_each_with_its_page(tmp_path: Path) -> None:
    broken = write_page("Flood", verification=VERIFY.replace("none", "no"))
    repository = make_repository(tmp_path, Flood=broken, Storm=write_page("Strom"))
    (repository.pages / "Fire.md").write_bytes(b"# Fire \xff")
    (repository.pages / "Quake.md").mkdir()

    with pytest.raises(PagesUnusable) as caught:
        read_pages(repository)

    told = str(caught.value).splitlines()
    assert told[0] == "runbooks/pages/Fire.md: given the byte 0xff at offset 7; allowed: text in UTF-8"
    assert told[1].startswith("runbooks/pages/Flood.md: step 4 (line ")
    assert told[2] == "runbooks/pages/Quake.md: given nothing; allowed: a readable file (Is a directory)"
    assert told[3].startswith("runbooks/pages/Storm.md: line 1: given `# Strom`")


@pytest.mark.parametrize(
    ("alert", "given", "hint"),
    [("Storm", "'Storm' (a string)", ""), ("", "nothing", ""), ("Flod", "'Flod' (a string)", " (did you mean Flood?)")],
)
def test_an_alert_without_a_page_is_refused_with_the_pages_that_there_are(
    tmp_path: Path, alert: str, given: str, hint: str
) -> None:
    pages = read_pages(make_repository(tmp_path, Fire=write_page("Fire"), Flood=write_page("Flood")))

    assert choose_page(pages, "Fire") is pages["Fire"]
    with pytest.raises(ContractError) as caught:
        choose_page(pages, alert)
    assert str(caught.value) == f"ALERT: given {given}; allowed: one of Fire, Flood{hint}"
