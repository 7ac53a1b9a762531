"""A camera that drips ends after a time for the whole picture, not only after a silence."""

from __future__ import annotations

import itertools
from http.client import HTTPResponse
from typing import cast

import pytest

from edge_agent.cameras import snapshot


class Dripping:
    """Sends a byte each time that it is read, without end."""

    def read1(self, _: int) -> bytes:
        return b"\xff"


class Whole:
    """Sends a picture in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def read1(self, _: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


def test_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count(1_000)
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))
    with pytest.raises(TimeoutError, match="not whole after 60 s"):
        snapshot._read_whole(cast(HTTPResponse, Dripping()), 1_060.0)


def test_what_comes_in_pieces_is_put_together_and_a_stream_is_cut() -> None:
    assert snapshot._read_whole(cast(HTTPResponse, Whole([b"ab", b"c"])), float("inf")) == b"abc"
    stream = Whole([bytes(1_000_000)] * 20)
    assert snapshot.LARGEST < len(snapshot._read_whole(cast(HTTPResponse, stream), float("inf"))) < 14_000_000
