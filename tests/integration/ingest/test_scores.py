"""How good tests are, read from the verdicts and findings on record."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ingest.quality.verdicts import NothingReviewed, ReviewedRange, configured_tests, counted
from quantrac.quality.scores import CountedReadings

DAY = datetime(2026, 5, 2, 17, tzinfo=UTC)
"""Where 3 May begins in Viet Nam; a reading at this very time is of the day before."""
WHOLE = ReviewedRange(DAY - timedelta(days=30), DAY + timedelta(days=30))


@pytest.fixture
def reviewed(network: psycopg.Connection) -> psycopg.Connection:
    """Six readings of a day that nobody signed, one of a minute before the next day, three of that day."""
    (do,) = network.execute("select channel_id from channel where channel = 'st-test/do'").fetchone() or (0,)
    network.execute("update channel set history_tests = '{spike}' where channel_id = %s", [do])
    for hours in range(-5, 4):
        _store(network, do, hours)
    network.execute("update reading set tests = 8 where channel_id = %s and time = %s", [do, DAY])
    # Two verdicts, the newer counts; one that was taken back; a good one that a test blames.
    _flag(network, do, -5, [(None, 1), (None, 4), ("spike", 3)])
    _flag(network, do, -4, [(None, 4), (None, None)])
    _flag(network, do, -3, [(None, 1), ("spike", 4)])
    _flag(network, do, -2, [(None, 3), ("spike", 3), ("spike", 1)])
    _flag(network, do, 0, [(None, 4)])
    _flag(network, do, 1, [("spike", 3)])
    network.execute("update reading set state = 6 where channel_id = %s and time = %s", [do, DAY + timedelta(hours=2)])
    network.execute(
        "insert into sign_off (channel_id, day, from_t, to_t, content, person, at, approved_by, approved_at)"
        " values (%s, '2026-05-03', %s, %s, '{}', 'lan', now(), 'lan', now())",
        [do, DAY, DAY + timedelta(days=1)],
    )
    return network


def _store(conn: psycopg.Connection, channel: int, hours: int) -> None:
    conn.execute("insert into reading values (%s, %s, 5.0, 0, 0, now())", [channel, DAY + timedelta(hours=hours)])


def _flag(conn: psycopg.Connection, channel: int, hours: int, said: Iterable[tuple[str | None, int | None]]) -> None:
    for test, flag in said:
        conn.execute(
            'insert into reading_flag (channel_id, time, test, flag, "by", at) values (%s, %s, %s, %s, %s, now())',
            [channel, DAY + timedelta(hours=hours), test, flag, "quality" if test else "lan"],
        )


def as_set(found: list[CountedReadings]) -> set[tuple[bool, frozenset[str], int]]:
    assert {one.parameter for one in found} == {"do"}
    return {one[1:] for one in found}


def test_newest_verdicts_and_signed_days_are_what_tests_are_held_against(reviewed: psycopg.Connection) -> None:
    said = {
        (True, frozenset({"spike"}), 1),  # -5 h: rejected at last, and found
        (False, frozenset({"spike"}), 2),  # -3 h: good, yet blamed; 1 h: the signed day says nothing against it
        (True, frozenset(), 1),  # -2 h: rejected; the spike was withdrawn
        (True, frozenset({"expect"}), 1),  # 0 h: the end of the day before
        (False, frozenset(), 1),  # 3 h; the value of 2 h is one that the device itself calls faulty
    }
    assert as_set(counted(reviewed, WHOLE)) == said
    with_rest = as_set(counted(reviewed, WHOLE, rest_is_good=True))
    assert with_rest == (said - {(False, frozenset(), 1)}) | {(False, frozenset(), 3)}
    assert configured_tests(reviewed, WHOLE)["do"] == {"range", "plausible", "expect", "spike"}


def test_what_nobody_has_reviewed_says_nothing_of_tests(reviewed: psycopg.Connection) -> None:
    for of in (WHOLE._replace(parameters=["ph"]), WHOLE._replace(stations=["st-my-thanh"])):
        with pytest.raises(NothingReviewed, match="review some"):
            counted(reviewed, of)
