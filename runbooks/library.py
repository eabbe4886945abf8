"""All pages of a repository, each named as its alert."""

from __future__ import annotations

from collections.abc import Mapping

from contract.documents import read_text
from contract.problems import NOTHING, ContractError, Problem, describe_given, list_allowed
from runbooks.page import Page
from runbooks.parsing import PagesUnusable, parse_page
from runbooks.repository import Repository


def read_pages(repository: Repository) -> Mapping[str, Page]:
    """Return every page by the name of its alert, in order.

    Raises:
        PagesUnusable: with every mistake of every page.
    """
    playbooks = repository.list_playbooks()
    pages: dict[str, Page] = {}
    errors: list[ContractError] = []
    for path in sorted(repository.pages.glob("*.md")):
        source = repository.name(path)
        try:
            pages[path.stem] = parse_page(read_text(path, source), path.stem, source, playbooks)
        except PagesUnusable as error:
            errors += error.errors
        except ContractError as error:
            errors.append(error)
    if errors:
        raise PagesUnusable(errors)
    return pages


def choose_page(pages: Mapping[str, Page], alert: str) -> Page:
    """Return the page of an alert; ContractError, with the pages that there are, if it has none."""
    if alert not in pages:
        given = describe_given(alert) if alert else NOTHING
        raise ContractError("ALERT", [Problem("", given, list_allowed(pages, alert))])
    return pages[alert]
