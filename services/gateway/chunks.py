"""Reads an engine's stream: its chunks, each with the tokens that there are once it is delivered."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import aiohttp

from services.gateway import sse
from services.gateway.answers import has_words
from services.gateway.counts import Counts, CountsBroken, read_timings, read_usage
from services.gateway.engines import EngineBroken, translate_failures


@dataclass(frozen=True)
class Chunk:
    """A part of a stream."""

    data: dict[str, object]
    counts: Counts
    """Of the whole request, this part included."""


async def read_chunks(answer: aiohttp.ClientResponse) -> AsyncGenerator[Chunk, None]:
    """Return the chunks of a stream that ends as it should.

    A part that says no counts and brings no words, such as the one with the reason of the end, waits for the next
    counts: tokens that no word came of, such as the one that ends the answer, are delivered with it.

    Raises:
        EngineBroken: the stream broke off, is no stream of chunks, or words come without counts.
    """
    parser = sse.Parser()
    counts: Counts | None = None
    waiting: list[dict[str, object]] = []
    async for piece in _read_pieces(answer):
        for text in _parse(parser, piece):
            if text == sse.DONE:
                for data in waiting:
                    if counts is None:
                        raise EngineBroken("does not count tokens in its stream")
                    yield Chunk(data, counts)
                return
            data = _read_chunk(text)
            waiting.append(data)
            found = _read_counts(data)
            if found is None:
                continue
            if counts is not None and found.output_tokens < counts.output_tokens:
                raise EngineBroken("counts fewer tokens than before")
            counts = found
            for earlier in waiting:
                yield Chunk(earlier, counts)
            waiting = []
    raise EngineBroken("ended its stream too early")


async def _read_pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    while True:
        with translate_failures():
            piece = await answer.content.readany()
        if not piece:
            return
        yield piece


def _parse(parser: sse.Parser, piece: bytes) -> list[str]:
    try:
        return list(parser.feed(piece))
    except (sse.EventTooLong, UnicodeDecodeError) as error:
        raise EngineBroken(f"sent no events: {type(error).__name__}") from error


def _read_chunk(text: str) -> dict[str, object]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise EngineBroken("sent an event that is no JSON") from None
    if not isinstance(data, dict):
        raise EngineBroken("sent an event that is no JSON object")
    if "error" in data:
        raise EngineBroken("sent an error in its stream")
    return data


def _read_counts(data: dict[str, object]) -> Counts | None:
    try:
        counts = read_timings(data) or read_usage(data)
    except CountsBroken as broken:
        raise EngineBroken(f"counts badly: {broken}") from broken
    if counts is None and has_words(data):
        raise EngineBroken("does not count tokens in its stream")
    return counts
