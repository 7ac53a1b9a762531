"""The centre's clock was ahead and is put right: rows with times of the future do not block what follows."""

from datetime import UTC, datetime, timedelta

import psycopg

from ingest.books import healthy_times

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def heard(conn: psycopg.Connection, at: datetime) -> None:
    """What ingest writes, by its clock, when a station's status has come."""
    conn.execute(
        "insert into ledger (station, epoch, last_seen_at, reported_at) values ('st-test', 'e1', %(at)s, %(at)s)"
        " on conflict (station, epoch) do update set last_seen_at = %(at)s, reported_at = %(at)s",
        {"at": at},
    )
    conn.execute("update station set status_online = true, status_at = %s where station = 'st-test'", [at])


def stretches(conn: psycopg.Connection) -> list[tuple[datetime, datetime, bool]]:
    return conn.execute("select from_t, to_t, healthy from v_ingest_health order by from_t").fetchall()


def test_a_clock_that_was_a_day_ahead_leaves_no_station_online_and_the_record_goes_on(
    network: psycopg.Connection,
) -> None:
    network.execute("set role quantrac_ingest")
    seconds = timedelta(seconds=1)
    healthy_times.record(network, NOW - 20 * seconds, healthy=True)
    healthy_times.record(network, NOW - 10 * seconds, healthy=True)
    for later in (0, 5):
        healthy_times.record(network, NOW + DAY + later * seconds, healthy=True)
    heard(network, NOW + DAY + 5 * seconds)
    for later in (0, 5, 10):
        healthy_times.record(network, NOW + later * seconds, healthy=True)
    assert stretches(network) == [
        (NOW - 20 * seconds, NOW - 10 * seconds, True),
        (NOW - 10 * seconds, NOW + 5 * seconds, False),
        (NOW + 5 * seconds, NOW + 10 * seconds, True),
    ]
    assert network.execute("select last_seen_at, reported_at from ledger").fetchall() == [(NOW, NOW)]
    assert network.execute("select status_at from station where station = 'st-test'").fetchone() == (NOW,)


def test_a_clock_that_is_set_back_by_seconds_is_waited_for(network: psycopg.Connection) -> None:
    seconds = timedelta(seconds=1)
    healthy_times.record(network, NOW, healthy=True)
    healthy_times.record(network, NOW + 10 * seconds, healthy=True)
    heard(network, NOW + 10 * seconds)
    healthy_times.record(network, NOW + 2 * seconds, healthy=True)
    assert stretches(network) == [(NOW, NOW + 10 * seconds, True)]
    assert network.execute("select last_seen_at from ledger").fetchall() == [(NOW + 10 * seconds,)]
