"""Each misfit of the wire is told apart, kept as a dead letter, and never blocks what follows it (docs/wire.md)."""

import json
import time

import psycopg

from quantrac.mqtt import Outcome
from quantrac.telemetry import topics, wire
from tests.fixtures.stations import add_channel, add_station
from tests.fixtures.timing import eventually
from tests.integration.ingest.conftest import Edge, RunningIngest
from tests.integration.ingest.test_path import T, message

GOOD = '["ph",7.5,"ok"]'


def envelope(seq: int, readings: str, **more: object) -> bytes:
    extra = "".join(f',"{key}":{json.dumps(value)}' for key, value in more.items())
    return f'{{"epoch":"e1","seq":{seq},"t":{T + seq * 1000},"r":[{readings}]{extra}}}'.encode()


BAD_ENVELOPES = {
    "not_json": b"hello",
    "not_utf8": b'{"epoch":"e1","seq":1,"t":1,"r":[["\xff",1,"ok"]]}',
    "not_an_object": b"[1,2]",
    "no_epoch": b'{"seq":1,"t":1790000000000,"r":[["ph",7,"ok"]]}',
    "no_seq": b'{"epoch":"e1","t":1790000000000,"r":[["ph",7,"ok"]]}',
    "bad_time": b'{"epoch":"e1","seq":1,"t":"now","r":[["ph",7,"ok"]]}',
    "bad_readings": b'{"epoch":"e1","seq":1,"t":1790000000000,"r":7}',
    "empty": b'{"epoch":"e1","seq":1,"t":1790000000000,"r":[]}',
    "in_the_future": b'{"epoch":"e1","seq":1,"t":4000000000000,"r":[["ph",7,"ok"]]}',
    "before_service": b'{"epoch":"e1","seq":1,"t":1000,"r":[["ph",7,"ok"]]}',
}
BAD_READINGS = {
    "unknown_channel": '["nonsense",1,"ok"]',
    "wrong_type": '["do","6.5","ok"]',
    "not_finite": '["do",NaN,"ok"]',
    "unknown_state": '["do",6.5,"fine"]',
    "value_with_comm": '["do",6.5,"comm"]',
    "null_with_ok": '["do",null,"ok"]',
    "channel_twice": '["ph",8.5,"ok"]',
}


def test_each_bad_envelope_is_a_dead_letter_and_the_next_message_is_stored(
    edge: Edge, network: psycopg.Connection
) -> None:
    for number, sent in enumerate(BAD_ENVELOPES.values()):
        edge.send(sent)
        edge.send(message(number + 2))
        eventually(lambda: network.execute("select count(*) from v_reading").fetchone() == (number + 1,))
    rows = network.execute("select reason, status, count, payload, length, topic from v_dead_letter").fetchall()
    topic = "quantrac/v1/st-test/readings"
    assert sorted(rows) == sorted((reason, "open", 1, sent, len(sent), topic) for reason, sent in BAD_ENVELOPES.items())
    many = len(BAD_ENVELOPES)
    sums = network.execute("select sum(received), sum(new), sum(rejected) from v_ledger").fetchone()
    assert sums == (2 * many, many, many)


def test_each_bad_reading_is_refused_alone(edge: Edge, network: psycopg.Connection) -> None:
    for seq, bad in enumerate(BAD_READINGS.values(), 1):
        edge.send(envelope(seq, f"{GOOD},{bad}"))
    many = len(BAD_READINGS)
    kept = "select channel, value, count(*) from v_reading group by channel, value"
    eventually(lambda: network.execute(kept).fetchall() == [("st-test/ph", 7.5, many)])
    rows = network.execute("select seq, reason, status, detail from v_dead_letter order by seq").fetchall()
    found = [
        (seq, reason, status, [(each["place"], each["reason"]) for each in detail["refused"]])
        for seq, reason, status, detail in rows
    ]
    assert found == [(seq, reason, "partial", [("r[1]", reason)]) for seq, reason in enumerate(BAD_READINGS, 1)]
    book = "select highest_seq, stored, dead, missing, received, new, rejected from v_ledger"
    assert network.execute(book).fetchall() == [(many, many, 0, 0, many, many, 0)]


def test_a_message_of_bad_readings_only_is_dead(edge: Edge, network: psycopg.Connection) -> None:
    edge.send(envelope(1, '["nonsense",1,"ok"]'))
    edge.send(message(2))
    book = "select highest_seq, stored, dead, missing, received, new, rejected from v_ledger"
    eventually(lambda: network.execute(book).fetchall() == [(2, 1, 1, 0, 2, 1, 1)])
    assert network.execute("select reason, status from v_dead_letter").fetchall() == [("unknown_channel", "open")]
    (detail,) = network.execute("select detail from v_dead_letter").fetchone() or ({},)
    assert detail["refused"][0]["found"] == "nonsense: value 1.0, ok"
    eventually(lambda: edge.upto("e1") == 2)
    assert edge.acks[-1].epochs["e1"].missing == []


def test_a_bad_line_of_a_bundle_is_a_dead_letter_of_its_own(edge: Edge, network: psycopg.Connection) -> None:
    lines = [envelope(1, GOOD), b"{broken", envelope(3, '["do",1e400,"ok"]'), envelope(4, '["do",5,"ok"]')]
    edge.send(b"\n".join(lines), "backfill")
    eventually(lambda: network.execute("select count(*) from v_reading").fetchone() == (2,))
    letters = network.execute("select reason, status, payload from v_dead_letter order by reason").fetchall()
    assert letters == [("not_finite", "open", lines[2]), ("not_json", "open", lines[1])]
    books = network.execute("select epoch, stored, dead, missing, received, new, rejected from v_ledger order by epoch")
    assert books.fetchall() == [("", 0, 0, 0, 1, 0, 1), ("e1", 2, 1, 1, 3, 2, 1)]


def test_an_event_is_on_record_and_a_message_may_hold_nothing_else(edge: Edge, network: psycopg.Connection) -> None:
    edge.send(envelope(1, "", e=[["restart", None, "boot 17", T - 29_000]]))
    eventually(lambda: network.execute("select count(*) from v_event").fetchone() == (1,))
    shown = network.execute("select station, device, kind, detail from v_event").fetchone()
    assert shown == ("st-test", None, "restart", "boot 17")
    assert network.execute("select stored, new, rejected from v_ledger").fetchone() == (1, 1, 0)


def configured(conn: psycopg.Connection, station: str) -> None:
    """Append to the feed as `stations apply` does."""
    conn.execute(
        "insert into change (station, channels, from_t, to_t, rows, cause)"
        " values (%s, '{}', now(), now(), 0, 'configuration')",
        [station],
    )
    conn.execute("notify quantrac_change")


def test_an_unknown_station_is_a_dead_letter_until_it_is_configured(
    stranger: Edge, network: psycopg.Connection
) -> None:
    birth = wire.Birth(epoch="e1", epochs={}, t=T, agent="1", config="x", channels=[])
    stranger.session.publish(topics.topic("st-tran-de", "birth"), wire.encode(birth), retain=True)
    stranger.send(b'{"online":true,"t":1,"epoch":"e1","epochs":{}}', "status")
    stranger.send(message(1))
    letters = "select reason, topic, epoch, seq from v_dead_letter order by topic"
    eventually(lambda: network.execute(letters).fetchall() == [
        ("unknown_station", topics.topic("st-tran-de", "birth"), None, None),
        ("unknown_station", topics.topic("st-tran-de", "readings"), "e1", 1),
        ("unknown_station", topics.topic("st-tran-de", "status"), None, None),
    ])  # fmt: skip
    add_station(network, "st-tran-de")
    add_channel(network, "st-tran-de", "do")
    configured(network, "st-tran-de")
    stranger.send(message(2))
    eventually(lambda: network.execute("select channel from v_reading").fetchall() == [("st-tran-de/do",)])


def test_a_payload_cannot_speak_for_another_station(edge: Edge, network: psycopg.Connection) -> None:
    edge.session.publish(topics.topic("st-my-thanh", "readings"), envelope(1, GOOD))
    eventually(lambda: [each.outcome for each in edge.settled] == [Outcome.REFUSED])
    eventually(lambda: edge.session.generation == 2)  # Mosquitto ends a connection that has no right to publish
    edge.send(envelope(2, GOOD, station="st-my-thanh"))
    eventually(lambda: network.execute("select channel from v_reading").fetchall() == [("st-test/ph",)])


def test_a_message_that_the_database_refuses_is_singled_out(
    edge: Edge, network: psycopg.Connection, ingest: RunningIngest
) -> None:
    """A check of the database that ours do not know of must not stop what stands in the same batch."""
    network.execute("alter table station_event add constraint no_doors check (kind <> 'door')")
    edge.send(envelope(1, GOOD))
    edge.send(envelope(2, '["do",5,"ok"]', e=[["door", None, "open", T]]))
    edge.send(envelope(3, '["salinity",5,"ok"]'))
    eventually(lambda: network.execute("select count(*) from v_reading").fetchone() == (2,))
    assert network.execute("select reason from v_dead_letter").fetchall() == [("refused_by_database",)]
    time.sleep(0.3)
    assert network.execute("select sum(received), sum(new), sum(rejected) from v_ledger").fetchone() == (3, 2, 1)
