"""Both books, the acks drawn from them, and what moves between their columns."""

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import pytest

from ingest.desk import LetterClosedError, ReplayError, replay
from quantrac.desks import books
from quantrac.telemetry import wire
from quantrac.telemetry.wire import Birth, Held, Status
from tests.fixtures.stations import add_channel
from tests.fixtures.timing import eventually
from tests.integration.ingest.conftest import Edge, RunningIngest
from tests.integration.ingest.test_misfits import configured
from tests.integration.ingest.test_path import T, message

BOOK = (
    "select highest_seq, stored, dead, lost, missing, received, new, duplicate, rejected, conflict from v_ledger"
    " where station = 'st-test' and epoch = 'e1'"
)


def book(conn: psycopg.Connection) -> dict[str, int]:
    cursor = conn.execute(BOOK)
    row = cursor.fetchone()
    return dict(zip([column.name for column in cursor.description or ()], row or [0] * 10, strict=True))


def test_a_message_that_comes_twice_is_a_duplicate_and_changes_nothing(edge: Edge, network: psycopg.Connection) -> None:
    for _ in range(2):
        edge.send(message(1, ("do", 6.5, "ok"), ("ph", None, "fault")))
    edge.send(message(2))
    eventually(lambda: book(network)["received"] == 3)
    assert book(network) == {
        "highest_seq": 2, "stored": 2, "dead": 0, "lost": 0, "missing": 0,
        "received": 3, "new": 2, "duplicate": 1, "rejected": 0, "conflict": 0,
    }  # fmt: skip
    assert network.execute("select count(*) from v_reading").fetchone() == (3,)
    assert network.execute("select sum(rows) from change where cause = 'reading'").fetchone() == (3,)


def test_of_two_values_for_one_key_the_first_stays_and_the_other_is_kept(
    edge: Edge, network: psycopg.Connection
) -> None:
    """A cloned card repeats seqs with new data: the key decides, never the seq."""
    edge.send(message(1, ("do", 6.5, "ok"), ("ph", 7.0, "ok"), t=T))
    edge.send(message(1, ("do", 4.1, "ok"), ("salinity", 12.0, "ok"), t=T))
    edge.send(message(2, ("do", 4.1, "ok"), t=T))
    eventually(lambda: book(network)["received"] == 3)
    rows = network.execute("select channel, value from v_reading order by channel").fetchall()
    assert rows == [("st-test/do", 6.5), ("st-test/ph", 7.0), ("st-test/salinity", 12.0)]
    conflicts = network.execute("select value, epoch, seq, count from conflict").fetchall()
    assert conflicts == [(4.1, "e1", 1, 2)]
    (shown,) = books.conflicts(network)
    assert (shown.channel, shown.kept_value, shown.value, shown.count) == ("st-test/do", 6.5, 4.1, 2)
    counted = book(network)
    assert (counted["new"], counted["duplicate"], counted["conflict"], counted["stored"]) == (2, 1, 2, 2)


def test_a_hole_is_missing_in_ledger_and_ack_until_it_is_filled(edge: Edge, network: psycopg.Connection) -> None:
    for seq in (1, 2, 5, 6, 9):
        edge.send(message(seq))
    eventually(lambda: edge.upto("e1") == 9)
    assert edge.acks[-1].epochs["e1"].missing == [(3, 4), (7, 8)]
    assert book(network)["missing"] == 4
    for seq in (3, 4, 7, 8):
        edge.send(message(seq), "backfill")
    eventually(lambda: edge.acks[-1].epochs["e1"].missing == [])
    assert book(network)["missing"] == 0


def status(first: int, last: int, refused: Sequence[int | tuple[int, int]] = ()) -> bytes:
    return wire.encode(Status(True, T, "e1", {"e1": Held(first, last, refused)}))


def test_what_the_spool_dropped_is_lost_and_what_the_edge_gave_up_is_dead(
    edge: Edge, network: psycopg.Connection
) -> None:
    for seq in (1, 6):
        edge.send(message(seq))
    edge.send(status(4, 6, refused=[(5, 5)]), "status")
    eventually(lambda: book(network)["lost"] == 2)
    assert book(network) == {
        "highest_seq": 6, "stored": 2, "dead": 1, "lost": 2, "missing": 1,
        "received": 2, "new": 2, "duplicate": 0, "rejected": 0, "conflict": 0,
    }  # fmt: skip
    eventually(lambda: edge.acks and edge.acks[-1].epochs["e1"].missing == [(4, 4)])
    edge.send(message(3))  # late recovery moves lost to stored
    eventually(lambda: book(network)["lost"] == 1)
    assert book(network)["stored"] == 3


def test_a_reported_tail_is_missing_after_a_minute_and_asked_for_by_itself(
    edge: Edge, network: psycopg.Connection
) -> None:
    edge.send(message(1))
    edge.send(status(1, 4), "status")
    eventually(lambda: network.execute("select last from ledger where epoch = 'e1'").fetchone() == (4,))
    assert book(network)["missing"] == 0
    network.execute("alter table ledger disable trigger user")
    network.execute("update ledger set tail_since = tail_since - interval '61 seconds'")
    network.execute("alter table ledger enable trigger user")
    assert (book(network)["highest_seq"], book(network)["missing"], book(network)["lost"]) == (4, 3, 0)
    eventually(lambda: edge.upto("e1") == 4)
    assert edge.acks[-1].epochs["e1"].missing == [(2, 4)]


def test_a_birth_is_answered_at_once_and_tells_the_running_configuration(
    edge: Edge, network: psycopg.Connection
) -> None:
    birth = Birth("e1", {"e1": Held(1, 0)}, T, "quantrac 0.1", "abc123", [])
    edge.send(wire.encode(birth), "birth")
    eventually(lambda: edge.acks and "e1" in edge.acks[-1].epochs)
    assert edge.acks[-1].epochs["e1"].upto == 0
    found = network.execute("select online, config_reported from v_station where station = 'st-test'").fetchone()
    assert found == (True, "abc123")


def test_a_will_is_no_sign_of_life(edge: Edge, network: psycopg.Connection) -> None:
    edge.send(status(1, 0), "status")
    online = "select online from v_station where station = 'st-test'"
    eventually(lambda: network.execute(online).fetchone() == (True,))
    edge.send(b'{"online":false,"t":1}', "status")
    eventually(lambda: network.execute(online).fetchone() == (False,))


def test_acks_are_published_again_when_ingest_starts(
    edge: Edge, network: psycopg.Connection, ingest: RunningIngest
) -> None:
    edge.send(message(1))
    eventually(lambda: edge.upto("e1") == 1)
    ingest.kill()
    before = len(edge.acks)
    ingest.start()
    eventually(lambda: len(edge.acks) > before)
    assert edge.upto("e1") == 1


def test_a_replayed_dead_letter_moves_from_dead_to_stored(edge: Edge, network: psycopg.Connection) -> None:
    now = datetime.now(UTC)
    edge.send(message(1, ("nitrate", 1.5, "ok")))
    eventually(lambda: book(network)["dead"] == 1)
    (number,) = network.execute("select dead_letter_id from v_dead_letter").fetchone() or (0,)
    with pytest.raises(ReplayError, match="unknown_channel"):
        replay(network, number, "lan", now)
    add_channel(network, "st-test", "nitrate")
    configured(network, "st-test")
    assert replay(network, number, "lan", now).readings == 1
    counted = book(network)
    assert (counted["dead"], counted["stored"], counted["missing"]) == (0, 1, 0)
    assert (counted["received"], counted["new"], counted["duplicate"], counted["rejected"]) == (1, 0, 0, 1)
    assert network.execute("select channel, value from v_reading").fetchall() == [("st-test/nitrate", 1.5)]
    assert network.execute("select status, closed_by from v_dead_letter").fetchall() == [("replayed", "lan")]
    assert network.execute("select person, action from audit").fetchall() == [("lan", "replay")]
    with pytest.raises(LetterClosedError, match=r"is replayed already \(by lan\)"):
        replay(network, number, "lan", now)


def test_a_partial_dead_letter_is_replayed_for_what_was_refused(edge: Edge, network: psycopg.Connection) -> None:
    edge.send(message(1, ("do", 6.0, "ok"), ("nitrate", 1.5, "ok")))
    eventually(lambda: book(network)["stored"] == 1)
    (number,) = network.execute("select dead_letter_id from v_dead_letter").fetchone() or (0,)
    add_channel(network, "st-test", "nitrate")
    assert replay(network, number, "lan", datetime.now(UTC)).readings == 1
    assert network.execute("select count(*) from v_reading").fetchone() == (2,)
    assert network.execute("select count(*) from conflict").fetchone() == (0,)


def test_what_a_replay_leaves_is_partial_and_names_only_what_is_refused_still(
    edge: Edge, network: psycopg.Connection
) -> None:
    edge.send(message(1, ("cod", 6.0, "ok"), ("nitrate", 1.5, "ok")))
    eventually(lambda: network.execute("select status from v_dead_letter").fetchall() == [("open",)])
    (number,) = network.execute("select dead_letter_id from v_dead_letter").fetchone() or (0,)
    add_channel(network, "st-test", "nitrate")
    replayed = replay(network, number, "lan", datetime.now(UTC))
    assert (replayed.readings, replayed.still_refused) == (1, 1)
    status, detail = network.execute("select status, detail from v_dead_letter").fetchone() or ("", {})
    assert (status, [each["place"] for each in detail["refused"]]) == ("partial", ["r[0]"])
    add_channel(network, "st-test", "cod")
    assert replay(network, number, "lan", datetime.now(UTC)).readings == 1
    assert network.execute("select status from v_dead_letter").fetchall() == [("replayed",)]
