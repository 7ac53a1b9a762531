"""What comes of messages that would stop ingest for good if one of them could: they come again after every restart."""

import random
import string
import threading
from collections.abc import Iterator

import psycopg
import pytest

from ingest.books.receipt import Receipt
from ingest.storing.writer import Writer
from quantrac.database.pool import connect
from quantrac.mqtt.delivery import Delivery
from quantrac.telemetry import wire
from tests.integration.ingest.test_path import T, message
from tests.integration.ingest.test_pictures import JPEG

LONG = "".join(random.Random(4).choices(string.ascii_letters, k=60_000))
"""As long as MQTT lets a topic be, and nothing that an index could compress (it takes 2,704 bytes a key)."""
RECEIVED_US = (T + 86_400_000) * 1000
TAKEN_FROM_A_CAMERA = (("epoch", "cam1"), ("seq", "1"), ("t", str(T)), ("camera", "pond"), ("cause", "hourly"))


def receipt(topic: str, payload: bytes, properties: tuple[tuple[str, str], ...] = ()) -> Receipt:
    return Receipt(Delivery(topic, payload, 1, 1, False, False, len(payload), None, properties), RECEIVED_US)


@pytest.fixture
def writer(database: str, network: psycopg.Connection) -> Iterator[Writer]:
    made = Writer(lambda: connect(database, "test"), lambda: None, threading.Event())
    yield made
    made.tenure.close()


def good(seq: int) -> Receipt:
    return receipt("quantrac/v1/st-test/readings", wire.encode(message(seq)))


@pytest.mark.parametrize("kind", ["readings", "backfill", "birth", "status"])
def test_a_topic_of_any_length_is_a_dead_letter(writer: Writer, network: psycopg.Connection, kind: str) -> None:
    topic = f"quantrac/v1/{LONG}/{kind}"
    stored = writer.write([good(1), receipt(topic, b'{"epoch":"e1","seq":1,"t":1,"r":[["ph",7,"ok"]]}'), good(2)])
    assert (sum(each.new for each in stored), sum(each.rejected for each in stored)) == (2, 1)
    letters = network.execute("select reason, length(topic), length(station) from dead_letter").fetchall()
    assert all(length == 500 and name <= 255 for _, length, name in letters)


def test_what_an_unknown_station_says_each_minute_is_one_dead_letter_with_a_count(
    writer: Writer, network: psycopg.Connection
) -> None:
    """Each status differs from the last, and the first is kept; after it was discarded, the next one is."""
    topic = "quantrac/v1/st-new/status"
    said = [receipt(topic, b'{"online":true,"t":%d}' % t) for t in range(1, 6)]
    writer.write(said[:2])
    writer.write(said[2:4])
    letters = "select station, reason, status, count from v_dead_letter order by dead_letter_id"
    assert network.execute(letters).fetchall() == [("st-new", "unknown_station", "open", 4)]
    network.execute("update dead_letter set status = 'discarded'")
    writer.write(said[4:])
    assert network.execute(letters).fetchall() == [
        ("st-new", "unknown_station", "discarded", 4),
        ("st-new", "unknown_station", "open", 1),
    ]
    assert network.execute("select received, rejected from v_ledger").fetchall() == [(5, 5)]


def test_control_characters_of_a_topic_reach_no_terminal(writer: Writer, network: psycopg.Connection) -> None:
    writer.write([receipt("quantrac/v1/st-\x1b[2J\n/readings", b"{}")])
    kept = network.execute("select station, topic from dead_letter").fetchall()
    assert kept == [("st-\\x1b[2J\\n", "quantrac/v1/st-\\x1b[2J\\n/readings")]


def test_a_picture_under_a_topic_of_any_length_is_a_dead_letter(writer: Writer, network: psycopg.Connection) -> None:
    outcome = writer.write_picture(receipt(f"quantrac/v1/{LONG}/image", JPEG, TAKEN_FROM_A_CAMERA))
    assert outcome.outcome == "rejected"
    assert network.execute("select reason from dead_letter").fetchall() == [("unknown_station",)]


def test_what_is_beyond_a_limit_of_the_database_is_singled_out(writer: Writer, network: psycopg.Connection) -> None:
    """An index that somebody adds refuses with class 54 (program limit exceeded) what the table alone would take."""
    network.execute("create index on station_event (detail)")
    detail = "".join(map(chr, random.Random(4).choices(range(0x4E00, 0x9FA5), k=wire.MAX_TEXT)))
    event = b'{"epoch":"e1","seq":2,"t":%d,"r":[],"e":[["door",null,"%s",%d]]}' % (T, detail.encode(), T)
    stored = writer.write([good(1), receipt("quantrac/v1/st-test/readings", event), good(3)])
    assert (sum(each.new for each in stored), sum(each.rejected for each in stored)) == (2, 1)
    assert network.execute("select reason from dead_letter").fetchall() == [("refused_by_database",)]


def test_a_picture_that_the_database_refuses_is_a_dead_letter(writer: Writer, network: psycopg.Connection) -> None:
    network.execute("alter table image add constraint no_ponds check (camera <> 'pond')")
    outcome = writer.write_picture(receipt("quantrac/v1/st-test/image", JPEG, TAKEN_FROM_A_CAMERA))
    assert outcome.outcome == "rejected"
    assert network.execute("select reason, length from dead_letter").fetchall() == [("refused_by_database", len(JPEG))]


def test_equal_lines_of_a_bundle_are_one_dead_letter_with_a_count(writer: Writer, network: psycopg.Connection) -> None:
    """One publish holds up to 32,000 lines; as many updates of one row took 20 s."""
    for times in (1, 2):
        writer.write([receipt("quantrac/v1/st-test/backfill", b"\n".join([b"{"] * 2_000))])
        assert network.execute("select reason, count from dead_letter").fetchall() == [("not_json", times * 2_000)]
    assert network.execute("select received, rejected from v_ledger").fetchall() == [(4_000, 4_000)]


def test_a_picture_that_was_cut_is_said_to_be_too_large(writer: Writer, network: psycopg.Connection) -> None:
    """Its user properties are cut away with the rest; that they lack is not what is wrong."""
    whole = receipt("quantrac/v1/st-test/image", JPEG)
    writer.write_picture(whole._replace(delivery=whole.delivery._replace(length=5_000_000, sha256=b"x" * 32)))
    assert network.execute("select reason, length from dead_letter").fetchall() == [("too_large", 5_000_000)]
