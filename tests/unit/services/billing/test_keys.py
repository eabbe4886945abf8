"""Keys and the files that keep them."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

import pytest

from services.billing.failures import Refused
from services.billing.keys import hash_key, keep_key, make_key


def test_a_key_has_256_random_bits_behind_its_prefix() -> None:
    first, second = make_key(), make_key()
    assert first != second
    assert re.fullmatch(r"fg_[A-Za-z0-9_-]{43}", first)


def test_what_is_stored_is_the_sha256_of_the_whole_key() -> None:
    assert hash_key("fg_abc") == hashlib.sha256(b"fg_abc").digest()


def test_a_kept_key_is_the_same_every_time(tmp_path: Path) -> None:
    file = tmp_path / "key"
    key = keep_key(file)
    assert keep_key(file) == key == file.read_text().strip()


def test_the_file_is_its_owners_only_whatever_the_umask_is(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        keep_key(tmp_path / "key")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"fg_short", b"x" * 46, b"\xff\xfe", b"fg_" + b"a" * 43 + b" and more"])
def test_another_files_content_is_refused_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(Refused) as refused:
        keep_key(file)
    assert str(file) in str(refused.value)
    assert "a" * 43 not in str(refused.value)
    assert file.read_bytes() == content


def test_a_place_without_a_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^given .*/nowhere/key; allowed"):
        keep_key(tmp_path / "nowhere" / "key")
