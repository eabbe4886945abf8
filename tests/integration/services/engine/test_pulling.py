from __future__ import annotations

import signal
from pathlib import Path

from offline.ports import choose_port

from .conftest import SMALL, ModelStore, Start
from .relay import run_relay

MEGABYTE = 1_000_000


def list_files(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*") if path.is_file())


def test_a_corrupted_object_is_refused_by_name_and_not_kept(store: ModelStore, start: Start, cache: Path) -> None:
    store.put("corrupted/tiny.gguf", SMALL[:-1] + b"x")
    expected = store.describe("corrupted/tiny.gguf", SMALL, cache)

    with start(expected) as engine:
        assert engine.wait() == 1
        (line,) = engine.complained.splitlines()

    assert line.startswith(
        "engine: artifact tiny is refused: s3://models/corrupted/tiny.gguf should have "
        f"SHA-256 {expected['ENGINE_ARTIFACT_SHA256']}, has "
    )
    assert list_files(cache) == []


def test_an_object_of_another_size_is_refused_by_name(store: ModelStore, start: Start, cache: Path) -> None:
    store.put("short/tiny.gguf", b"short")

    with start(store.describe("short/tiny.gguf", SMALL, cache)) as engine:
        assert engine.wait() == 1
        assert engine.complained == (
            "engine: artifact tiny is refused: s3://models/short/tiny.gguf should have 5120000 bytes, has 5 bytes\n"
        )

    assert list_files(cache) == []


def test_what_the_store_does_not_have_is_one_sentence(start: Start, tiny: dict[str, str]) -> None:
    with (
        start({**tiny, "ENGINE_ARTIFACT_URL": "s3://models/absent.gguf"}) as no_object,
        start({**tiny, "ENGINE_ARTIFACT_URL": "s3://absent/absent.gguf"}) as no_bucket,
    ):
        assert (no_object.wait(), no_bucket.wait()) == (1, 1)
        assert no_object.complained == (
            "engine: artifact tiny can't be pulled from s3://models/absent.gguf: the model store has no such object\n"
        )
        assert no_bucket.complained == (
            "engine: artifact tiny can't be pulled from s3://absent/absent.gguf: the model store has no bucket absent\n"
        )


def test_a_store_that_is_down_is_one_sentence(start: Start, tiny: dict[str, str]) -> None:
    with start({**tiny, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{choose_port(())}"}) as engine:
        assert engine.wait() == 1
        (line,) = engine.complained.splitlines()

    assert line.startswith(
        "engine: artifact tiny can't be pulled from s3://models/tiny/tiny.gguf: the model store can't be"
    )


def test_wrong_settings_are_all_named(start: Start, tiny: dict[str, str]) -> None:
    del tiny["ENGINE_MODEL"]
    with start({**tiny, "ENGINE_SLOTS": "many"}) as engine:
        assert engine.wait() == 1
        assert engine.complained == (
            "engine: ENGINE_MODEL: given nothing; allowed: a name of letters, digits and . _ / - (required)\n"
            "engine: ENGINE_SLOTS: given 'many'; allowed: an integer from 1 to 256\n"
        )


def test_a_damaged_cache_heals(start: Start, tiny: dict[str, str], cache: Path) -> None:
    file = cache / tiny["ENGINE_ARTIFACT_SHA256"] / "tiny.gguf"
    file.parent.mkdir(parents=True)
    file.write_bytes(SMALL[:-1] + b"x")

    with start(tiny) as engine:
        assert engine.wait() == 1  # llama.cpp can't load it
        assert "engine: artifact tiny is damaged in the cache; it is pulled anew" in engine.said
        assert "engine: llama.cpp can't serve artifact tiny" in engine.complained

    assert file.read_bytes() == SMALL


def test_engines_that_start_together_pull_once(
    store: ModelStore, start: Start, tiny: dict[str, str], cache: Path
) -> None:
    with run_relay(store.port, free_bytes=MEGABYTE) as relay:
        through = {**tiny, "AWS_ENDPOINT_URL": relay.endpoint}
        with start(through) as first:
            first.wait_until_it_says("pulling tiny")
            with start(through) as second:
                second.wait_until_it_says("waiting for another engine that pulls tiny")
                relay.release()
                first.wait_until_it_says("loading tiny")
                second.wait_until_it_says("artifact tiny was pulled by another engine")
                second.wait_until_it_says("loading tiny")

        assert relay.gets == 1
    assert list_files(cache) == ["tiny.gguf"]


def test_a_pull_that_was_killed_frees_the_way_and_leaves_nothing(
    store: ModelStore, start: Start, tiny: dict[str, str], cache: Path
) -> None:
    with run_relay(store.port, free_bytes=MEGABYTE) as relay:
        through = {**tiny, "AWS_ENDPOINT_URL": relay.endpoint}
        with start(through) as killed:
            killed.wait_until_it_says("pulling tiny")
            with start(through) as waiting:
                waiting.wait_until_it_says("waiting for another engine that pulls tiny")
                assert list_files(cache) == [".tiny.gguf.part"]
                killed.signal(signal.SIGKILL)
                waiting.wait_until_it_says("pulling tiny, 5 MB")
                relay.release()
                waiting.wait_until_it_says("pulled tiny in")
                waiting.wait()

    assert list_files(cache) == ["tiny.gguf"]
    assert (cache / tiny["ENGINE_ARTIFACT_SHA256"] / "tiny.gguf").read_bytes() == SMALL


def test_a_pull_that_is_stopped_leaves_nothing(
    store: ModelStore, start: Start, tiny: dict[str, str], cache: Path
) -> None:
    with (
        run_relay(store.port, free_bytes=MEGABYTE) as relay,
        start({**tiny, "AWS_ENDPOINT_URL": relay.endpoint}) as engine,
    ):
        assert relay.reached.wait(60)
        engine.wait_until_it_says("pulling tiny")
        engine.signal(signal.SIGTERM)

        assert engine.wait() == 0
        assert engine.complained == ""

    assert list_files(cache) == []


def test_a_pull_goes_on_after_its_connection_broke(
    store: ModelStore, start: Start, tiny: dict[str, str], cache: Path
) -> None:
    with (
        run_relay(store.port, free_bytes=2 * MEGABYTE, cuts=1) as relay,
        start({**tiny, "AWS_ENDPOINT_URL": relay.endpoint}) as engine,
    ):
        engine.wait_until_it_says("pulled tiny in")
        engine.wait()

    assert relay.gets == 2
    assert (cache / tiny["ENGINE_ARTIFACT_SHA256"] / "tiny.gguf").read_bytes() == SMALL
