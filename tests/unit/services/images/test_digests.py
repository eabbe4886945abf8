"""A digest tells any two sets of parts apart, and nothing else."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from services.images.digests import digest

PARTS = st.dictionaries(st.text(max_size=4), st.binary(max_size=6), max_size=4)


@given(PARTS, PARTS)
def test_two_sets_of_parts_share_a_digest_only_if_they_are_equal(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    assert (digest(one) == digest(other)) == (one == other)


@given(PARTS.filter(bool), st.data())
def test_any_changed_byte_changes_the_digest(parts: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(parts)))
    content = data.draw(st.binary(max_size=6).filter(lambda drawn: drawn != parts[name]))

    assert digest({**parts, name: content}) != digest(parts)


@given(st.text(max_size=3), st.binary(max_size=3), st.text(min_size=1, max_size=3))
def test_bytes_that_move_between_a_name_and_its_content_change_the_digest(
    name: str, content: bytes, moved: str
) -> None:
    assert digest({name + moved: content}) != digest({name: moved.encode() + content})


@given(PARTS)
def test_the_order_of_parts_does_not_matter(parts: dict[str, bytes]) -> None:
    assert digest(dict(reversed(parts.items()))) == digest(parts)


def test_a_digest_is_twelve_hexadecimal_digits_that_never_change() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", digest({}))
    assert digest({"a": b"b"}) == "3c9d591045bc"
