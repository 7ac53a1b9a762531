"""What tests say of a reading that raises an alarm although they suspect it: a rule may use such readings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from quantrac.database.pool import Connection
from quantrac.telemetry.quality import StatelessTest
from quantrac.telemetry.words import Words

SAID: Final = """
select tests, words, words_en from reading_words(%s, %s, %s, null) where verdict is distinct from 1
"""
SUSPECT: Final = Words("nghi ngờ", "suspect")
BY_LIMIT: Final = {
    StatelessTest.RANGE.word: Words("ngoài khoảng đo của thiết bị", "out of what the instrument can measure"),
    StatelessTest.PLAUSIBLE.word: Words("khó có trong tự nhiên", "beyond what nature does"),
    StatelessTest.EXPECT.word: Words("ngoài khoảng thường gặp ở đây", "beyond what is expected here"),
}
"""Tests of the reading alone, whose findings have no words of their own."""


def suspicion_of(conn: Connection, channel: str, time: datetime) -> Words | None:
    """Return what is said against the reading of this time; None: nothing, or a person calls it good."""
    found = conn.execute(SAID, [channel, time - timedelta(milliseconds=1), time]).fetchone()
    return None if found is None else suspicion(*found)


def suspicion(tests: Iterable[str], words: str | None, words_en: str | None) -> Words:
    """Return that a reading is suspect, and why. Pure."""
    by_limit = [BY_LIMIT[test] for test in tests if test in BY_LIMIT]
    vi = "; ".join([*(one.vi for one in by_limit), *filter(None, [words])])
    en = "; ".join([*(one.en for one in by_limit), *filter(None, [words_en])])
    return Words(f"{SUSPECT.vi} ({vi})" if vi else SUSPECT.vi, f"{SUSPECT.en} ({en})" if en else SUSPECT.en)
