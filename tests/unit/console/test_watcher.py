"""The watcher at its end."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from dashboards.console import watcher
from dashboards.console.hub import Hub
from tests.fixtures.timing import PATIENCE_S


def test_a_database_that_says_nothing_holds_the_end_up_for_no_longer_than_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watcher, "END_S", 0.05)
    release, stop = threading.Event(), threading.Event()
    one = watcher.Watcher("postgresql://nowhere", Hub(), lambda: datetime.now(UTC), stop)
    monkeypatch.setattr(one, "_watch", lambda: release.wait(PATIENCE_S))
    one.start()
    stop.set()
    waiting = threading.Thread(target=one.join, daemon=True)
    waiting.start()
    waiting.join(PATIENCE_S / 2)
    is_over = not waiting.is_alive()
    release.set()
    assert is_over, "it waited for the thread"
