"""The overview that the status desk judges, read from the views of a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from quantrac.database.beat import Beat
from quantrac.desks.overview import Stranger, look
from quantrac.desks.status import status
from tests.integration.database.conftest import NOON, World, add_channel

SERVICES = ("ingest",)


def test_an_empty_network_is_seen_as_it_is(world: World) -> None:
    now = world.one("select now()")
    overview = look(world.conn, now)
    assert [(one.station, one.online, one.newest) for one in overview.stations] == [("st-test", False, None)]
    assert (overview.workers, overview.books, overview.alarms, overview.dead_letters) == ([], [], [], 0)
    assert not status(world.conn, SERVICES, now).well


def test_a_live_network_is_seen_with_its_books_and_late_channels(world: World) -> None:
    now = world.one("select now()")
    late = add_channel(world.conn, "late")
    world.reading(now - timedelta(seconds=30))
    world.conn.execute("insert into latest values (%s, %s, 1, 0, 0, %s)", [late, now - timedelta(seconds=191), now])
    Beat(world.conn, "ingest", "box:1", now).beat(now, backlog_lag_s=0.5)
    world.conn.execute(
        """insert into ledger (station, epoch, highest_arrived, stored, received, new, last_seen_at)
           values ('st-test', 'e1', 3, '{[1,4)}', 3, 3, %s)""",
        [now],
    )
    world.conn.execute("insert into ingest_health values (%s, %s, false)", [now - timedelta(hours=25), now])
    world.conn.execute("insert into consumer (consumer, position, moved_at) values ('quality', 0, now())")
    verdict = status(world.conn, SERVICES, now)
    (station,) = verdict.overview.stations
    assert (station.online, station.newest, station.channels, station.stale) == (
        True, now - timedelta(seconds=30), 2, ("st-test/late",),
    )  # fmt: skip
    assert verdict.overview.total.stored == 3
    assert verdict.overview.unhealthy_s == 86400
    assert [one.backlog_lag_s for one in verdict.overview.workers] == [0.5]
    assert [finding.about for finding in verdict.findings] == ["station st-test"]


def test_alarms_messages_and_dead_letters_are_counted(world: World) -> None:
    now = world.one("select now()")
    world.conn.execute(
        """insert into alarm (rule, level, station, severity, state, raised_at, late)
           values ('do-low', 'act', 'st-test', 'high', 'unacknowledged', now(), false),
                  ('shelved', 'act', 'st-test', 'high', 'shelved', now(), false),
                  ('old', 'act', 'st-test', 'high', 'unacknowledged', now(), true)"""
    )
    world.conn.execute("insert into contact (name, email) values ('An', 'an@example.org')")
    world.conn.execute(
        """insert into notification (contact_id, medium, purpose, status, body, queued_at)
           select contact_id, 'email', 'raised', status, '', now() - ago
           from contact, (values ('queued', interval '6 min'), ('queued', '1 min'), ('failed', '1 h'),
                                 ('failed', '25 h'), ('sent', '1 h')) as one (status, ago)"""
    )
    world.conn.execute(
        """insert into notification (alarm_id, contact_id, medium, purpose, status, body, queued_at)
           select alarm_id, contact_id, 'email', purpose, 'queued', '', now() - interval '1 h'
           from alarm, contact, unnest(array['raised', 'cleared']) purpose where rule = 'shelved'"""
    )
    world.conn.execute(
        """insert into dead_letter
             (first_received_at, received_at, topic, station, payload, length, sha256, reason, status, count)
           select %(now)s - ago, %(now)s, status, 'st-new', '', 0, sha256(status::bytea), reason, status, 2
           from unnest(array['open', 'partial', 'replayed', 'discarded']) status,
                (values ('not_json', interval '1 h'), ('unknown_station', '2 h')) as one (reason, ago)""",
        {"now": now},
    )
    overview = look(world.conn, now)
    assert overview.strangers == [Stranger("st-new", 4, now - timedelta(hours=2), now)]
    assert [alarm.rule for alarm in overview.alarms] == ["do-low", "shelved"]
    assert overview.stuck_messages == 2, "what calls to a shelved alarm waits for its end; an all-clear does not"
    assert (overview.failed_messages, overview.dead_letters) == (1, 8)


def test_the_last_calibration_on_record_says_when_the_next_is_due(world: World) -> None:
    day = timedelta(days=1)
    devices: dict[str, Any] = {name: {"calibration": {"every_ms": 30 * 86_400_000}} for name in ("sonde", "dust")}
    devices["gauge"] = {"calibration": None}
    world.conn.execute("update station set config = %s", [Jsonb({"devices": devices})])
    assert [(one.device, one.due_at) for one in look(world.conn, NOON).calibrations] == [
        ("dust", None),
        ("sonde", None),
    ]
    for seq, (kind, device, at) in enumerate(
        [("restart", None, NOON - 90 * day), ("calibration", "sonde", NOON - 40 * day), ("door", "io", NOON)], 1
    ):
        row = ["st-test", seq, at, device, kind]
        world.conn.execute("insert into station_event values (%s, 'e1', %s, 0, %s, %s, %s, '', now())", row)
    dust, sonde = look(world.conn, NOON).calibrations
    assert (dust.device, dust.last_at, dust.due_at) == ("dust", None, NOON - 60 * day)
    assert (sonde.last_at, sonde.due_at, sonde.every_s) == (NOON - 40 * day, NOON - 10 * day, 30 * 86_400)
    whole = ["st-test", NOON - day]
    world.conn.execute("insert into station_event values (%s, 'e1', 9, 0, %s, null, 'calibration', '', now())", whole)
    assert {one.due_at for one in look(world.conn, NOON).calibrations} == {NOON + 29 * day}, (
        "of the whole station: of each device"
    )


def test_who_may_only_read_the_views_sees_the_whole_picture(world: World) -> None:
    with world.conn.transaction():
        world.conn.execute("set local role quantrac_reader")
        assert look(world.conn, NOON).now == NOON
