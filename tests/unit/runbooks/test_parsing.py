"""A page is read as it stands, and each mistake in it is told by its place and its name."""

from __future__ import annotations

import pytest

from runbooks.page import Page, Playbook, Query, Question, Verify
from runbooks.parsing import PagesUnusable, parse_page

from .scene import PLAYBOOK, QUERY, QUESTION, VERIFY, write_page

SOURCE = "runbooks/pages/Flood.md"


def parse(text: str) -> Page:
    return parse_page(text, "Flood", SOURCE, ["drain.yml", "pump.yml"])


def refuse(text: str) -> list[str]:
    """Return the mistakes, without the name of the page that each must begin with."""
    with pytest.raises(PagesUnusable) as caught:
        parse(text)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{SOURCE}: ") for line in lines)
    return [line.removeprefix(f"{SOURCE}: ") for line in lines]


def block(kind: str, content: str) -> str:
    return f"```{kind}\n{content}\n```\n"


# ---- what is read


def test_sections_and_steps_are_read_in_their_order() -> None:
    page = parse(write_page(diagnosis=f"Look.\n\n{QUERY}\nThink.\n"))

    assert page.name == "Flood"
    assert [(section.name, list(section.blocks)) for section in page.sections] == [
        ("Meaning", ["There is water. Too much of it."]),
        ("Impact", ["Feet get wet."]),
        ("Diagnosis", ["Look.", Query(title="Water", expr="water"), "Think."]),
        ("Mitigation", [Question(ask="Pump?"), Playbook(playbook="pump.yml")]),
        ("Verification", [Verify(title="Dry", expr="water > 1", wanted="none", within_seconds=1)]),
    ]
    assert page.count_steps() == 4


@pytest.mark.parametrize(
    ("meaning", "summary"),
    [
        ("One. Two.", "One."),
        ("Is it? It is.", "Is it?"),
        ("Of 99.9 % and\n`code` and *stress*. Two.", "Of 99.9 % and code and stress."),
        ("no end", "no end"),
        ("- a list\n\nThen a paragraph. Two.", "a list"),
    ],
)
def test_the_summary_is_the_first_sentence_as_plain_text(meaning: str, summary: str) -> None:
    assert parse(write_page(meaning=f"{meaning}\n")).summary == summary


def test_columns_are_read() -> None:
    text = block("yaml query", "title: Water\nexpr: water\ncolumns: [__name__, pool]")
    [step] = parse(write_page(diagnosis=text)).sections[2].blocks
    assert step == Query(title="Water", expr="water", columns=("__name__", "pool"))


@pytest.mark.parametrize("other", ["```sh\npump --now\n```", "### Where\n\nHere.", "> quoted\n\n1. one\n2. two"])
def test_other_markdown_is_prose(other: str) -> None:
    assert parse(write_page(diagnosis=f"{other}\n\n{QUERY}")).sections[2].blocks[0] == other


def test_a_step_may_be_written_with_tildes_and_more_spaces() -> None:
    text = QUERY.replace("```yaml query", "~~~~  yaml   query").replace("```", "~~~~")
    assert parse(write_page(diagnosis=text)).count_steps() == 4


# ---- headings


@pytest.mark.parametrize("name", ["Meaning", "Impact", "Diagnosis", "Mitigation", "Verification"])
def test_a_missing_section_is_named(name: str) -> None:
    head, _, rest = write_page(diagnosis="", mitigation="").partition(f"## {name}\n")
    _, _, tail = rest.partition("\n## ")
    told = refuse(head + (f"## {tail}" if tail else ""))
    assert told[0] == f"given nothing; allowed: `## {name}` (required)"


def test_the_title_is_the_alert() -> None:
    title, meaning = "# Flood", "## Meaning"
    allowed = (
        f"one of {title}, {meaning}, ## Impact, ## Diagnosis, ## Mitigation, ## Verification (did you mean {title}?)"
    )
    assert refuse(write_page("Floot")) == [
        f"line 1: given `# Floot`; allowed: {allowed}",
        "given nothing; allowed: `# Flood` (required)",
    ]


def test_a_section_of_another_name_is_refused() -> None:
    told = refuse(write_page().replace("## Impact", "## Impacts"))
    assert told[0].startswith("line 7: given `## Impacts`; allowed: one of # Flood, ## Meaning")
    assert told[0].endswith("(did you mean ## Impact?)")
    assert told[1] == "given nothing; allowed: `## Impact` (required)"


def test_a_section_that_stands_twice_is_refused() -> None:
    assert refuse(write_page(impact="Wet.\n\n## Meaning\n\nMore.\n")) == [
        "line 11: given `## Meaning` again; allowed: each heading once"
    ]


def test_sections_in_another_order_are_refused() -> None:
    text = write_page().replace("Impact", "X").replace("Meaning", "Impact").replace("X", "Meaning")
    assert refuse(text) == [
        (
            "line 7: given `## Meaning` after `## Impact`; allowed: # Flood, ## Meaning, ## Impact, ## Diagnosis, "
            "## Mitigation, ## Verification in this order"
        )
    ]


def test_text_outside_of_sections_is_refused() -> None:
    told = refuse(f"Hello.\n\n{write_page()}".replace("# Flood\n", "# Flood\n\nHello again.\n"))
    allowed = "text outside of a section; allowed: no text before `## Meaning` but the title"
    assert told == [f"line 1: given {allowed}", f"line 5: given {allowed}"]


@pytest.mark.parametrize("name", ["Meaning", "Impact"])
def test_meaning_and_impact_are_said(name: str) -> None:
    assert refuse(write_page(**{name.lower(): "\n"})) == [f"## {name}: given nothing; allowed: at least one sentence"]


def test_a_page_without_anything_misses_every_heading() -> None:
    assert len(refuse("")) == 6


# ---- steps


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            block("yaml", "a: 1"),
            "given a block `yaml`; allowed: one of yaml query, yaml question, yaml playbook, yaml verify",
        ),
        (
            block("yaml quesiton", "ask: x"),
            (
                "given a block `yaml quesiton`; allowed: one of yaml query, yaml question, yaml playbook, yaml verify "
                "(did you mean yaml question?)"
            ),
        ),
        (block("yaml query", ""), "given nothing (an empty document); allowed: a mapping"),
        (block("yaml query", "title: a"), "expr: given nothing; allowed: a text that is not blank (required)"),
        (
            block("yaml query", "title: ' '\nexpr: a"),
            "title: given ' ' (a string); allowed: a text that is not blank",
        ),
        (
            block("yaml query", "title: a\nexpr: a\nexprs: b"),
            "exprs: given an unknown key; allowed: one of title, expr, columns (did you mean expr?)",
        ),
        (
            block("yaml query", "title: a\nexpr: a\ntitle: b"),
            "title: given the key on line 14 and again on line 16; allowed: each key once",
        ),
        (
            block("yaml query", "title: a\nexpr: a\ncolumns: [a b]"),
            "columns[0]: given 'a b' (a string); allowed: the name of a label of Prometheus",
        ),
        (block("yaml question", "ask: 3"), "ask: given 3 (an integer); allowed: a text that is not blank"),
        (
            f"- list\n\n  {QUESTION.replace(chr(10), chr(10) + '  ')}",
            "given a step in a list or a quotation; allowed: steps by themselves",
        ),
        (
            QUESTION + PLAYBOOK,
            "given a step playbook in `## Diagnosis`; allowed: query, question",
        ),
        (VERIFY, "given a step verify in `## Diagnosis`; allowed: query, question"),
    ],
)
def test_a_step_that_cannot_be_read_is_told_by_its_number_and_line(text: str, told: str) -> None:
    mistakes = refuse(write_page(diagnosis=text))
    assert len(mistakes) == 1
    where, _, rest = mistakes[0].partition("): ")
    assert where.startswith("step ")
    assert rest == told


def test_steps_are_counted_over_the_page_and_lines_from_its_beginning() -> None:
    broken = block("yaml verify", "title: Dry\nexpr: a: b\n")
    text = write_page(verification=broken)
    line = text.splitlines().index("```yaml verify") + 1
    [told] = refuse(text)
    assert told.startswith(f"step 4 (line {line}): line {line + 2}, column 8: given text that is not YAML (")
    assert told.endswith("); allowed: YAML")


@pytest.mark.parametrize("section", ["meaning", "impact"])
def test_meaning_and_impact_have_no_steps(section: str) -> None:
    [told] = refuse(write_page(**{section: f"Text.\n\n{QUERY}"}))
    assert told.endswith(f"given a step query in `## {section.capitalize()}`; allowed: steps from `## Diagnosis` on")


def test_a_step_before_every_section_is_refused() -> None:
    text = write_page().replace("# Flood\n", f"# Flood\n\n{QUERY}")
    assert refuse(text) == [
        "step 1 (line 3): given a step query outside of a section; allowed: steps from `## Diagnosis` on"
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("none", "all"), "wanted: given 'all' (a string); allowed: one of none, some"),
        (("seconds: 1", "seconds: 0"), "within_seconds: given 0 (an integer); allowed: an integer from 1 to 3600"),
        (
            ("seconds: 1", "seconds: 3601"),
            "within_seconds: given 3601 (an integer); allowed: an integer from 1 to 3600",
        ),
        (
            ("seconds: 1", "seconds: soon"),
            "within_seconds: given 'soon' (a string); allowed: an integer from 1 to 3600",
        ),
    ],
)
def test_a_verification_says_what_is_wanted_and_by_when(change: tuple[str, str], told: str) -> None:
    [mistake] = refuse(write_page(verification=VERIFY.replace(*change)))
    assert mistake.partition("): ")[2] == told


@pytest.mark.parametrize("seconds", [1, 3600])
def test_a_verification_may_wait_from_a_second_to_an_hour(seconds: int) -> None:
    assert parse(write_page(verification=VERIFY.replace("seconds: 1", f"seconds: {seconds}"))).count_steps() == 4


def test_a_page_without_verification_could_not_say_healed() -> None:
    assert refuse(write_page(verification=QUERY)) == ["## Verification: given no step verify; allowed: at least one"]


# ---- changing steps


def test_a_playbook_must_exist() -> None:
    [told] = refuse(write_page(mitigation=QUESTION + PLAYBOOK.replace("pump", "bump")))
    assert told.endswith(
        "playbook: given 'bump.yml' (a string); allowed: one of drain.yml, pump.yml (did you mean pump.yml?)"
    )


@pytest.mark.parametrize(
    ("mitigation", "given"),
    [
        (PLAYBOOK, "a step query before it"),
        (QUESTION + QUERY + PLAYBOOK, "a step query before it"),
        (QUESTION + PLAYBOOK + PLAYBOOK, "a step playbook before it"),
    ],
)
def test_a_playbook_needs_a_question_right_before_it(mitigation: str, given: str) -> None:
    [told] = refuse(write_page(mitigation=mitigation))
    assert told.endswith(f": playbook: given {given}; allowed: a question right before each playbook")


def test_a_playbook_without_any_step_before_it_is_refused() -> None:
    [told] = refuse(write_page(diagnosis="Look.\n", mitigation=PLAYBOOK))
    assert told.endswith(
        "playbook: given no step that can be read before it; allowed: a question right before each playbook"
    )


def test_prose_may_stand_between_question_and_playbook() -> None:
    assert parse(write_page(mitigation=f"{QUESTION}\nThen:\n\n{PLAYBOOK}")).count_steps() == 4


def test_every_mistake_is_told_at_once() -> None:
    told = refuse(
        write_page(meaning="", diagnosis=QUERY.replace("title", "name"), verification=VERIFY.replace("none", "no"))
    )
    assert len(told) == 4, "two of the query, one of the verification, one of the meaning"
