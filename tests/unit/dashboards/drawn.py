"""A page as whoever opens it has it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from contract.documents import read_slos
from dashboards.panels import list_rows

ROWS = list_rows(read_slos())
PANELS = [panel for row in ROWS for panel in row.panels]


class Page(HTMLParser):
    """What a page holds: its elements with their attributes, and the text of each panel."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.panels: dict[str, str] = {}
        self._tag, self._words = "", [""]
        self.source = path.read_text()
        self.feed(self.source)
        self.close()
        for section in self._words[1:]:
            [title] = [panel.title for panel in PANELS if section.startswith(f"{panel.title} ")]
            self.panels[title] = section

    @property
    def head(self) -> str:
        """The text before the first panel."""
        return self._words[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.elements.append(tag)
        self.attributes.update(attrs)
        if tag == "section":
            self._words.append("")

    def handle_data(self, data: str) -> None:
        if self._tag != "style":
            self._words[-1] = " ".join(f"{self._words[-1]} {data}".split())


def find_page(folder: Path) -> Page:
    [path] = folder.glob("*/*")
    assert re.fullmatch(r"\d{8}-\d{6}-[a-z]+-dashboard", path.parent.name)
    assert path.name == "page.html"
    return Page(path)
