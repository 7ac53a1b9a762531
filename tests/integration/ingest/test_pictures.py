"""Pictures of cameras: stored once, in the books, acknowledged, refused where they make no sense."""

import time
from datetime import UTC, datetime
from unittest.mock import Mock

import psycopg
import pytest

from ingest.books.receipt import Receipt
from ingest.desk import ReplayError, replay
from ingest.receiving.quotas import LEAST_PICTURE, LetterQuota, PictureQuota, QuotasInForce
from ingest.receiving.registry import Registry
from ingest.storing import pictures
from quantrac.mqtt import Delivery, Outcome
from tests.fixtures.stations import add_station
from tests.fixtures.timing import eventually
from tests.integration.ingest.conftest import Edge, RunningIngest
from tests.integration.ingest.test_path import message

JPEG = bytes.fromhex("ffd8ffe000104a464946") + bytes(range(256)) * 700 + bytes.fromhex("ffd9")
TOPIC = "quantrac/v1/st-test/image"
T = int(time.time() * 1000) - 60_000
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def show(edge: Edge, jpeg: bytes = JPEG, **said: object) -> None:
    """Publish a picture; `None` leaves a property out."""
    properties = {"epoch": "cam1", "seq": 1, "t": T, "camera": "pond", "cause": "hourly", **said}
    count = len(edge.settled)
    edge.session.publish(
        TOPIC, jpeg, user_properties=[(name, str(value)) for name, value in properties.items() if value is not None]
    )
    eventually(lambda: len(edge.settled) > count)
    assert edge.settled[-1].outcome is Outcome.DELIVERED


def book(conn: psycopg.Connection) -> tuple[int, ...]:
    row = conn.execute("select stored, dead, received, new, duplicate, rejected, conflict from v_ledger"
                       " where epoch = 'cam1'").fetchone()  # fmt: skip
    return row or ()


def test_a_picture_is_stored_whole_and_acknowledged_under_its_epoch(edge: Edge, network: psycopg.Connection) -> None:
    show(edge)
    eventually(lambda: book(network) == (1, 0, 1, 1, 0, 0, 0))
    rows = network.execute("select (extract(epoch from time) * 1000)::int8, station, camera, cause, bytes from v_image")
    assert rows.fetchall() == [(T, "st-test", "pond", "hourly", JPEG)]
    eventually(lambda: edge.upto("cam1") == 1)
    edge.send(message(1))
    eventually(lambda: edge.upto("e1") == 1 and edge.upto("cam1") == 1)


def test_the_same_picture_again_is_a_duplicate_and_another_one_is_kept_beside_it(
    edge: Edge, network: psycopg.Connection
) -> None:
    show(edge)
    show(edge)
    eventually(lambda: book(network) == (1, 0, 2, 1, 1, 0, 0))
    show(edge, JPEG + b"x", seq=2)
    eventually(lambda: book(network) == (2, 0, 3, 2, 1, 0, 1))
    assert network.execute("select count(*) from v_image").fetchone() == (2,)


SENSELESS: list[tuple[dict[str, object], bytes, str]] = [
    ({}, b"GIF89a", "not_jpeg"),
    ({"camera": None}, JPEG, "bad_properties"),
    ({"cause": "x" * 201}, JPEG, "bad_properties"),
    ({"t": "soon"}, JPEG, "bad_properties"),
    ({"t": 1}, JPEG, "before_service"),
    ({"t": T + 10**9}, JPEG, "in_the_future"),
    # of these three not even the place in the books is known
    ({"seq": 0}, JPEG, "bad_properties"),
    ({"seq": None}, JPEG, "bad_properties"),
    ({"epoch": None}, JPEG, "bad_properties"),
]


def test_what_makes_no_sense_is_a_dead_letter_with_its_beginning(edge: Edge, network: psycopg.Connection) -> None:
    expected = []
    letters = "select reason, payload, length, seq from v_dead_letter order by dead_letter_id"
    for number, (said, jpeg, reason) in enumerate(SENSELESS, 1):
        sent = jpeg + bytes([number])
        show(edge, sent, **{"seq": number, **said})
        expected.append((reason, sent[:65_536], len(sent), None if number > 6 else number))
        eventually(lambda: network.execute(letters).fetchall() == expected)
    rows = network.execute("select epoch, dead, rejected, received, new from v_ledger order by epoch").fetchall()
    assert rows == [("", 0, 3, 3, 0), ("cam1", 6, 6, 6, 0)]


def test_pictures_wait_at_the_broker_while_ingest_is_away(
    edge: Edge, network: psycopg.Connection, ingest: RunningIngest
) -> None:
    ingest.kill()
    for seq in range(1, 11):
        show(edge, JPEG + b"%d" % seq, seq=seq, t=T + seq)
    ingest.start()
    eventually(lambda: book(network) == (10, 0, 10, 10, 0, 0, 0))
    assert network.execute("select count(*), sum(length) from v_image").fetchone() == (10, 10 * len(JPEG) + 11)


def test_a_picture_of_an_unknown_station_is_kept_whole_and_replayed_once_the_station_is_known(
    stranger: Edge, network: psycopg.Connection
) -> None:
    stranger.session.publish(
        "quantrac/v1/st-tran-de/image", JPEG,
        user_properties=[("epoch", "cam1"), ("seq", "1"), ("t", str(T)), ("camera", "gate"), ("cause", "motion")],
    )  # fmt: skip
    eventually(lambda: network.execute("select reason, seq from v_dead_letter").fetchall() == [("unknown_station", 1)])
    ((number,),) = network.execute("select dead_letter_id from v_dead_letter").fetchall()
    with pytest.raises(ReplayError, match="refused still: unknown_station"):
        replay(network, number, "lan", NOW)
    add_station(network, "st-tran-de")
    assert replay(network, number, "lan", NOW, "station added").pictures == 1
    shown = network.execute("select station, camera, cause, bytes, epoch, seq from v_image").fetchall()
    assert shown == [("st-tran-de", "gate", "motion", JPEG, "cam1", 1)]
    assert book(network) == (1, 0, 1, 0, 0, 1, 0)  # stored now; in the book by arrival it stays rejected
    assert network.execute("select status, closed_by from v_dead_letter").fetchall() == [("replayed", "lan")]
    assert network.execute("select count(*) from dead_picture").fetchone() == (0,)


def test_of_a_picture_that_nothing_can_cure_only_the_beginning_is_kept(edge: Edge, network: psycopg.Connection) -> None:
    show(edge, JPEG, camera=None)
    eventually(lambda: network.execute("select count(*) from v_dead_letter").fetchone() == (1,))
    ((number,),) = network.execute("select dead_letter_id from v_dead_letter").fetchall()
    with pytest.raises(ReplayError, match="only the beginning was kept"):
        replay(network, number, "lan", NOW)


def test_of_pictures_a_station_has_so_many_bytes_a_day_and_what_is_beyond_is_put_off(
    network: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotas = QuotasInForce(pictures_mb=2.5 * len(JPEG) / 1e6)
    known, letters, most = Registry.of([("st-test", 0)], [], quotas=quotas), LetterQuota(), PictureQuota()
    morning = round(NOW.timestamp() * 1000)  # breaches are counted by the day

    def store(seq: int, jpeg: bytes, hours: int) -> str:
        said = (
            ("epoch", "cam1"),
            ("seq", str(seq)),
            ("t", str(morning + seq)),
            ("camera", "pond"),
            ("cause", "motion"),
        )
        delivery = Delivery(TOPIC, jpeg, 1, 1, False, False, len(jpeg), None, said)
        return pictures.store(
            network, Receipt(delivery, (morning + hours * 3_600_000) * 1000), known, letters, most
        ).outcome

    assert store(1, JPEG, 0) == "new"
    with monkeypatch.context() as broken:
        broken.setattr("ingest.books.ledger.book", Mock(side_effect=psycopg.OperationalError))
        with pytest.raises(psycopg.OperationalError):
            store(2, JPEG, 0)
    assert store(1, JPEG, 0) == "duplicate"
    assert [store(seq, JPEG, 0) for seq in (2, 3)] == ["new", "rejected"], "only what was stored is charged"
    assert store(3, JPEG, 6) == "new", "the station sent it again"
    assert [store(4, JPEG[:9], 6), store(5, JPEG, 6)] == ["new", "rejected"]
    assert network.execute("select station, kind, count, bytes, detail from v_breach").fetchall() == [
        ("st-test", "pictures", 2, 2 * len(JPEG), "camera pond")
    ]
    assert book(network) == (4, 0, 5, 4, 1, 0, 0)
    assert network.execute("select rejected from v_ledger where epoch = ''").fetchone() == (2,)
    for small in range(6, 20):
        store(small, JPEG[:9], 6)
    small_ones = len(JPEG) // 8 // LEAST_PICTURE
    assert network.execute("select count(*) from v_image").fetchone() == (3 + small_ones,), "they cost so much at least"


def test_refused_pictures_are_kept_whole_up_to_a_bound(
    network: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_REFUSED_BYTES", 2 * len(JPEG) + 100)
    properties = {"epoch": "cam1", "seq": "1", "t": str(T), "camera": "gate", "cause": "motion"}
    for number in range(4):
        jpeg = JPEG + bytes([number])
        delivery = Delivery("quantrac/v1/st-tran-de/image", jpeg, 1, 1, retain=False, dup=False, length=len(jpeg),
                            sha256=None, properties=tuple(properties.items()))  # fmt: skip
        pictures.store(network, Receipt(delivery, T * 1000), Registry.of([], []), LetterQuota(), PictureQuota())
    assert network.execute("select count(*) from v_dead_letter").fetchone() == (4,)
    assert network.execute("select count(*), sum(length(jpeg)) from dead_picture").fetchone() == (2, 2 * len(JPEG) + 2)
