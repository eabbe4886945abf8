from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.identity import clean_client_id, hash_key, make_request_id
from services.gateway.refusals import Refused


def test_a_key_becomes_its_hash() -> None:
    assert hash_key("Bearer sk-1") == hashlib.sha256(b"sk-1").digest()


@given(st.none() | st.text())
def test_any_header_is_hashed_or_refused_and_never_repeated(header: str | None) -> None:
    try:
        judged = str(len(hash_key(header)))
    except Refused as refused:
        judged = f"{refused.status} {refused.message}"

    assert judged in (
        "32",
        "401 No API key was given; allowed: a header Authorization: Bearer KEY",
        "401 The Authorization header can't be read; allowed: Bearer KEY",
    )


@given(st.text())
def test_a_client_s_id_is_one_short_word(header: str) -> None:
    cleaned = clean_client_id(header)

    assert cleaned is None if header == "" else cleaned is not None and 0 < len(cleaned) <= 64
    assert cleaned is None or (cleaned.isascii() and cleaned.isprintable() and " " not in cleaned)


@pytest.mark.parametrize("header", [None, ""])
def test_there_may_be_none(header: str | None) -> None:
    assert clean_client_id(header) is None


def test_no_two_requests_have_the_same_name() -> None:
    assert len({make_request_id() for _ in range(1000)}) == 1000
