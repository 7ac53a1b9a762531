"""Ranges of seq, what an ack says of them, and stretches of health."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.books.acks import Acknowledger, settled
from ingest.books.healthy_times import HealthStretch, continued
from ingest.books.literals import multiranges, ranges
from quantrac.mqtt import QueueFullError
from quantrac.telemetry.wire import Ack


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 200)), max_size=80))
def test_multiranges_hold_exactly_their_numbers(pairs: list[tuple[int, int]]) -> None:
    key, seq = (np.array([pair[at] for pair in pairs], np.int64) for at in (0, 1))
    literals = multiranges(key, seq, 3)
    assert len(literals) == 3
    for number, literal in enumerate(literals):
        inclusive = [tuple(map(int, part.split(","))) for part in literal.strip("{[]}").split("],[") if part]
        held = sorted({n for k, n in pairs if k == number})
        assert [n for low, high in inclusive for n in range(low, high + 1)] == held
        assert all(after[0] > before[1] + 1 for before, after in itertools.pairwise(inclusive))


@pytest.mark.parametrize(
    ("literal", "expected"),
    [("{}", []), ("{[1,2)}", [(1, 1)]), ("{[1,4),[7,9)}", [(1, 3), (7, 8)])],
)
def test_the_database_s_canonical_form_is_read(literal: str, expected: list[tuple[int, int]]) -> None:
    assert ranges(literal) == expected


@given(st.integers(0, 60), st.integers(1, 5))
def test_an_ack_never_calls_settled_what_is_missing(holes: int, most: int) -> None:
    missing = [(10 * n + 1, 10 * n + 3) for n in range(1, holes + 1)]
    ack = settled(10 * holes + 9, missing, most)
    assert len(ack.missing) <= most
    gone = {seq for low, high in missing for seq in range(low, high + 1)}
    said = set(range(1, ack.upto + 1)) - {s for low, high in ack.missing for s in range(low, high + 1)}
    assert not said & gone
    assert ack.upto == 10 * holes + 9 or len(ack.missing) == most


def test_acks_of_a_station_are_a_second_apart_but_a_birth_is_answered_at_once() -> None:
    acks = Acknowledger(lambda *_: None)
    acks.note({"st-a": 1, "st-b": 1})
    assert acks.due(100.0) == ["st-a", "st-b"]
    acks._publish({}, ["st-a"], 100.0)
    acks.note({"st-a": 2})
    assert acks.due(100.9) == ["st-b"]
    assert acks.due(101.0) == ["st-a", "st-b"]
    acks.note({"st-a": 3}, at_once=["st-a"])
    assert acks.due(100.5) == ["st-a", "st-b"]


def test_acks_that_the_session_has_no_room_for_follow_in_the_next_round() -> None:
    """At the start each of some 10,000 stations may have a book, and the session takes no more at once."""
    published: list[str] = []

    def publish(_topic: str, _payload: bytes, station: str) -> None:
        if len(published) == 2:
            raise QueueFullError("10000 messages wait to be published")
        published.append(station)

    stations = ["st-a", "st-b", "st-c", "st-d"]
    acks, every = Acknowledger(publish), {station: Ack(1, {}) for station in stations}
    acks._publish(every, stations, 100.0)
    assert (published, acks.due(100.0)) == (["st-a", "st-b"], ["st-c", "st-d"])
    published.clear()
    acks._publish(every, acks.due(100.2), 100.2)
    assert (published, acks.due(200.0)) == (["st-c", "st-d"], [])


T = datetime(2026, 11, 24, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


def test_health_goes_on_in_one_stretch_and_a_silence_of_ingest_is_an_unhealthy_one() -> None:
    newest = HealthStretch(T, after(10), healthy=True)
    assert continued(newest, after(15), True) == [HealthStretch(T, after(15), True)]
    assert continued(newest, after(15), False) == [HealthStretch(after(10), after(15), False)], (
        "not later than it began"
    )
    assert continued(newest._replace(healthy=False), after(15), True) == [
        HealthStretch(T, after(15), False),
        HealthStretch(after(15), after(15), True),
    ]
    assert continued(newest, after(60), True) == [
        HealthStretch(after(10), after(60), False),
        HealthStretch(after(60), after(60), True),
    ]
    assert continued(newest._replace(healthy=False), after(60), False) == [HealthStretch(T, after(60), False)]
    assert continued(newest, after(5), True) == []
    assert continued(None, T, True) == [HealthStretch(T, T, True)]
