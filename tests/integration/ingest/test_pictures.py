"""Pictures of cameras: stored once, in the books, acknowledged, refused where they make no sense."""

import time
from collections.abc import Iterator

import psycopg
import pytest

from quantrac.mqtt import Outcome
from quantrac.private_services.mosquitto import PrivateMosquitto
from tests.integration.ingest.conftest import Edge, RunningIngest, eventually
from tests.integration.ingest.test_path import message

JPEG = bytes.fromhex("ffd8ffe000104a464946") + bytes(range(256)) * 700 + bytes.fromhex("ffd9")
TOPIC = "quantrac/v1/st-test/image"
T = int(time.time() * 1000) - 60_000


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


@pytest.mark.parametrize(
    ("said", "jpeg", "reason", "epoch"),
    [
        ({}, b"GIF89a", "not_jpeg", "cam1"),
        ({"camera": None}, JPEG, "bad_properties", "cam1"),
        ({"cause": "x" * 201}, JPEG, "bad_properties", "cam1"),
        ({"t": "soon"}, JPEG, "bad_properties", "cam1"),
        ({"t": 1}, JPEG, "before_service", "cam1"),
        ({"t": T + 10**9}, JPEG, "in_the_future", "cam1"),
        ({"seq": 0}, JPEG, "bad_properties", ""),
        ({"seq": None}, JPEG, "bad_properties", ""),
        ({"epoch": None}, JPEG, "bad_properties", ""),
    ],
)
def test_what_makes_no_sense_is_a_dead_letter_with_its_beginning(
    edge: Edge, network: psycopg.Connection, said: dict[str, object], jpeg: bytes, reason: str, epoch: str
) -> None:
    show(edge, jpeg, **said)
    letters = "select reason, payload, length from v_dead_letter"
    eventually(lambda: network.execute(letters).fetchall() == [(reason, jpeg[:65_536], len(jpeg))])
    row = network.execute("select epoch, dead, rejected, received, new from v_ledger").fetchone()
    assert row == (epoch, int(epoch != ""), 1, 1, 0)


def test_pictures_wait_at_the_broker_while_ingest_is_away(
    edge: Edge, network: psycopg.Connection, ingest: RunningIngest
) -> None:
    ingest.kill()
    for seq in range(1, 11):
        show(edge, JPEG + b"%d" % seq, seq=seq, t=T + seq)
    ingest.start()
    eventually(lambda: book(network) == (10, 0, 10, 10, 0, 0, 0))
    assert network.execute("select count(*), sum(length) from v_image").fetchone() == (10, 10 * len(JPEG) + 11)


@pytest.fixture
def stranger(broker: PrivateMosquitto, ingest: RunningIngest) -> Iterator[Edge]:
    edge = Edge(broker, "st-tran-de")
    yield edge
    edge.session.stop()


def test_a_picture_of_an_unknown_station_is_a_dead_letter(stranger: Edge, network: psycopg.Connection) -> None:
    stranger.session.publish(
        "quantrac/v1/st-tran-de/image", JPEG,
        user_properties=[("epoch", "cam1"), ("seq", "1"), ("t", str(T)), ("camera", "gate"), ("cause", "motion")],
    )  # fmt: skip
    eventually(lambda: network.execute("select reason, seq from v_dead_letter").fetchall() == [("unknown_station", 1)])
