"""The rule files as the console has them in memory."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dashboards.console import limit_lines
from dashboards.console.limit_lines import RuleBook


def test_collections_of_garbage_leave_out_the_network_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """To look through it took 0.1 s and more, in which no page was answered."""
    book, stop, did = RuleBook(Path("nowhere"), None), threading.Event(), list[str]()
    networks: list[Any] = [None, "first", "first", "second"]

    def look(_: datetime) -> None:
        network = networks.pop(0)
        book._library = None if network is None else SimpleNamespace(network=network)  # type: ignore[assignment]
        did.append(f"look {network}")
        if not networks:
            stop.set()

    fakes = {name: lambda name=name: did.append(name) for name in ("unfreeze", "collect", "freeze")}
    monkeypatch.setattr(limit_lines, "gc", SimpleNamespace(**fakes))
    monkeypatch.setattr(limit_lines, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(book, "look", look)
    book.follow(lambda: datetime(2026, 11, 24, tzinfo=UTC), stop)
    frozen = ["unfreeze", "collect", "freeze"]
    assert did == ["look None", "look first", *frozen, "look first", "look second", *frozen]
