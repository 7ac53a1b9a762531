"""SQL functions against their twins in quantrac.telemetry, over all inputs where that is possible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantrac.database.pool import Connection
from quantrac.telemetry.quality import StatelessTest, quality_of
from quantrac.telemetry.slots import bucket_end, bucket_start
from quantrac.telemetry.states import State

EARLY, LATE = datetime.fromisoformat("1960-01-01"), datetime.fromisoformat("2100-01-01")
ALL_TESTS = range(sum(StatelessTest) + 1)


def test_quality_is_the_same_in_sql_and_python_for_every_state_and_every_set_of_tests(conn: Connection) -> None:
    pairs = list(product(State, ALL_TESTS))
    found = conn.execute(
        """select quality_of(state, tests)
           from unnest(%s::int2[], %s::int2[]) with ordinality as t(state, tests, n) order by n""",
        [[int(state) for state, _ in pairs], [tests for _, tests in pairs]],
    ).fetchall()
    assert [quality for (quality,) in found] == [int(quality_of(state, StatelessTest(tests))) for state, tests in pairs]


def test_every_state_has_the_same_word(conn: Connection) -> None:
    words = [conn.execute("select state_word(%s::int2)", [int(state)]).fetchone() for state in State]
    assert words == [(state.word,) for state in State]


def test_every_set_of_tests_has_the_same_words(conn: Connection) -> None:
    for tests in ALL_TESTS:
        found = conn.execute("select test_words(%s::int2)", [tests]).fetchone()
        assert found == ([test.word for test in StatelessTest(tests)],)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    time=st.datetimes(EARLY, LATE, timezones=st.just(UTC)),
    width=st.sampled_from(
        [timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)]
    ),
    on_edge=st.booleans(),
)
def test_a_bucket_has_the_same_label(conn: Connection, time: datetime, width: timedelta, on_edge: bool) -> None:
    time = bucket_end(time, width) if on_edge else time
    found = conn.execute("select bucket_end(%s, %s)", [time, width]).fetchone()
    assert found == (bucket_end(time, width),)
    assert found is not None
    assert found[0] - width < time <= found[0]
    found = conn.execute("select bucket_start(%s, %s)", [time, width]).fetchone()
    assert found == (bucket_start(time, width),)
    assert found is not None
    assert found[0] < time <= found[0] + width


@pytest.mark.parametrize(
    ("contact", "shown"),
    [("+84912345678", "+84•••678"), ("nguyen.van.an@example.vn", "n•••@example.vn"), (None, None)],
)
def test_a_contact_is_masked(conn: Connection, contact: str | None, shown: str | None) -> None:
    assert conn.execute("select masked(%s)", [contact]).fetchone() == (shown,)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("550 5.1.1 <nguyen.an@example.vn>: no such user here", "550 5.1.1 <…@…>: no such user here"),
        ("eSMS: 103 balance too low", "eSMS: 103 balance too low"),
        ("+84912345678 refused; 0912 345 678, 0084-912-345-678 and 84912345678 too", "… refused; …, … and … too"),
        ("POST https://u:pw@hooks.example.vn:8443/secret/x?t=1: 502", "POST https://hooks.example.vn:8443/… 502"),
        ("discord://id/token at 2026-11-29 07:05:00", "discord://id/… at 2026-11-29 07:05:00"),
        (None, None),
    ],
)
def test_errors_show_no_address(conn: Connection, error: str | None, shown: str | None) -> None:
    assert conn.execute("select without_addresses(%s)", [error]).fetchone() == (shown,)


def test_readings_of_the_last_months_are_never_dropped(conn: Connection) -> None:
    with pytest.raises(Exception, match="last 90 days are never dropped"):
        conn.execute("select drop_readings_before(now() - interval '89 days')")
