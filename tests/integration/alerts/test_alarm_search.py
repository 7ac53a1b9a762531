"""The search for alarms: every page follows the one before, each filter finds its own, and indexes carry them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.alarm_search import STATES, AlarmQuery, alarm_page, statement
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from tests.integration.alerts.centre import START, STATION, add_channel, add_network

FILLED = """
insert into alarm (rule, level, station, channel_id, severity, state, raised_at, cleared_at, texts)
select case when n % 10 = 0 then 'door-open' else 'do-low' end, 'act', %(station)s,
       case when n % 10 <> 0 then %(channel)s end, (array['low', 'medium', 'high', 'critical'])[1 + n % 4],
       case when n > 40 then case when n % 3 = 0 then 'returned' else 'cleared' end
            when n % 4 = 0 then 'shelved' else 'unacknowledged' end,
       %(start)s - (n / 3) * interval '1 hour', case when n > 40 then %(start)s end,
       jsonb_build_object('title', jsonb_build_object('vi', case when n % 10 = 0 then 'Cửa mở' else 'Oxy thấp' end))
from generate_series(1, 400) n
"""


@pytest.fixture
def filled(conn: Connection) -> Connection:
    """400 alarms, three of each hour; the newest 40 stand."""
    channel = add_network(conn)
    add_channel(conn, "ph")
    conn.execute("drop index alarm_standing")  # many of one subject stand, for brevity
    conn.execute(FILLED.replace(" % ", " %% "), {"station": STATION, "channel": channel, "start": START})
    return conn


def walked(conn: Connection, query: AlarmQuery, most: int) -> list[int]:
    """Return the alarms of all pages."""
    found: list[int] = []
    while True:
        page = alarm_page(conn, query, most, found[-1] if found else None)
        found += [row.alarm_id for row in page.rows]
        if not page.has_more:
            return found
        assert len(page.rows) == most


def test_pages_follow_one_another_without_gap_or_repeat_the_worst_that_stand_first(filled: Connection) -> None:
    rank = {severity.word: severity.value for severity in Severity}
    everything = {row[0]: row[1:] for row in filled.execute("select alarm_id, severity, state, raised_at from alarm")}
    for state, stands in (
        ("all", False),
        ("past", False),
        ("returned", False),
        ("standing", True),
        ("unanswered", True),
    ):
        found = walked(filled, AlarmQuery(state), 37)
        assert len(found) == len(set(found)) == len(alarm_page(filled, AlarmQuery(state), 1000).rows), state

        def key(number: int, stands: bool = stands) -> tuple[object, ...]:
            severity, is_in, raised_at = everything[number]
            worst = (rank[severity], is_in == "unacknowledged") if stands else ()
            return *worst, raised_at, number

        assert found == sorted(found, key=key, reverse=True), state
    assert len(walked(filled, AlarmQuery("all"), 37)) == 400
    assert alarm_page(filled, AlarmQuery(), 5, after=10**9).rows == alarm_page(filled, AlarmQuery(), 5).rows


def test_each_filter_finds_its_own_and_words_need_no_diacritics(filled: Connection) -> None:
    def count(state: str = "all", **asked: object) -> int:
        return len(alarm_page(filled, AlarmQuery(state, **asked), 1000).rows)  # type: ignore[arg-type]

    assert {state: count(state) for state in STATES} == {
        "standing": 40, "unanswered": 30, "acknowledged": 0, "shelved": 10, "out of service": 0,
        "suppressed by design": 0, "past": 360, "returned": 120, "false": 0, "late": 0, "all": 400,
    }  # fmt: skip
    hour = timedelta(hours=1)
    for asked, expected in (
        ({"severity": "critical"}, 100), ({"station": STATION}, 400), ({"station": "st-x"}, 0),
        ({"parameter": "do"}, 360), ({"parameter": "ph"}, 0), ({"since": START - hour, "until": START}, 3),
        ({"until": START - 100 * hour}, 98),
        ({"text": "OXY"}, 360), ({"text": "cua"}, 40), ({"text": "oxy my thanh"}, 360), ({"text": "oxy cua"}, 0),
        ({"text": "hoa tan"}, 360), ({"text": "khong co"}, 0), ({"text": "17"}, 1), ({"text": "9" * 30}, 0),
        ({"text": "' or true --"}, 0), ({"within": frozenset({STATION})}, 400), ({"within": frozenset()}, 0),
    ):  # fmt: skip
        assert count(**asked) == expected, asked


def test_a_page_reads_the_rows_that_it_shows_and_not_a_year(filled: Connection) -> None:
    """Measured with 365,000 alarms: docs/benchmarks.md. Here the plan: an index gives the order, nothing is sorted."""
    filled.execute("analyze alarm")
    for query, after, index in (
        (AlarmQuery("past"), None, "alarm_raised"),
        (AlarmQuery("past"), 200, "alarm_raised"),
        (AlarmQuery("past", station="st-x"), 200, "alarm_station"),
    ):
        sql, values = statement(filled, query, 50, after)
        with filled.transaction(force_rollback=True):
            filled.execute("set local enable_seqscan = off")
            filled.execute("set local enable_sort = off")
            plan = "\n".join(line for (line,) in filled.execute(f"explain {sql}", values))
        page = plan.partition("CTE page")[2].partition("CTE Scan on page")[0]
        assert f"Index Scan Backward using {index} on alarm" in page, plan
        assert "Sort" not in page, plan
        assert ("Index Cond" in page) == (after is not None), plan
