"""Cameras end to end: a login, a picture in the database, and readings that never wait for pictures."""

import socket
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent import desk
from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.cameras.picture_spool import FILE, PictureSpool
from edge_agent.cameras.snapshot import HttpSnapshot, Login, NoPicture
from edge_agent.readings.records import StationEvent
from quantrac.config.stations import Station
from quantrac.database.pool import Connection
from quantrac.mqtt import Delivery, MqttAddress, Session, Subscription
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry.topics import TopicKind, parse, topic
from quantrac.telemetry.wire import decode_message, lines_of
from simulators.cameras.camera import Scheme, SimulatedCamera, size_of
from tests.fixtures.timing import eventually
from tests.integration.edge_agent.agent import STATION, Numbers, Running, settings

TRIES = 3


@pytest.mark.parametrize("scheme", ["none", "basic", "digest", "digest-sha256"])
def test_a_snapshot_in_the_size_that_is_asked_for_with_any_login(scheme: Scheme) -> None:
    with SimulatedCamera(scheme, "tram", "m@t:khau") as camera:
        for _ in range(2):
            jpeg = HttpSnapshot(Login("tram", "m@t:khau"))(f"{camera.url}?width=320&height=240")
            assert size_of(jpeg) == (320, 240)


def test_what_goes_wrong_says_what_to_do() -> None:
    with (
        SimulatedCamera("digest", "tram", "right") as camera,
        pytest.raises(NoPicture, match=r"401.*QUANTRAC_CAMERA_LOGIN"),
    ):
        HttpSnapshot(Login("tram", "wrong"))(camera.url)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # nobody else can listen there
        for query in ("pwd=geheim", "pwd=geheim x"):  # some cameras want their password so
            with pytest.raises(NoPicture, match=r"refused|without blanks") as refused:
                HttpSnapshot()(f"http://127.0.0.1:{nobody.getsockname()[1]}/?{query}")
            assert "geheim" not in str(refused.value)


def with_camera(broker: PrivateMosquitto, state: Path, url: str, more: str = "") -> None:
    """Give the station of `agent.settings` a camera that takes a picture each second."""
    config = settings(broker.url(STATION), state).config
    file = config / "stations" / f"{STATION}.yaml"
    file.write_text(
        f'{file.read_text()}cameras: {{river: {{url: "{url}", every: 1s, width: 160, height: 120{more}}}}}\n'
    )


class DoorOpens(Numbers):
    """Numbered records of a station whose door opens."""

    def __call__(self, station: Station, around: Surroundings, stop: threading.Event, link: FieldLink) -> None:
        assert around.on_event is not None
        around.on_event(StationEvent("door", "io", "open", time.time_ns() // 1_000_000))
        super().__call__(station, around, stop, link)


def settled(folder: Path) -> int:
    """How many pictures have been taken and are not in the spool any more."""
    with closing(sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True)) as spool:
        (last,) = spool.execute("SELECT seq FROM sqlite_sequence WHERE name = 'picture'").fetchone()
        (held,) = spool.execute("SELECT count(*) FROM picture").fetchone()
    return int(last) - int(held)


@pytest.mark.usefixtures("ingest")
def test_pictures_arrive_in_the_database_and_leave_the_album(
    broker: PrivateMosquitto, conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTRAC_CAMERA_LOGIN", "tram:m@t")
    query = "select camera, cause, bytes from v_image where station = %s order by time"

    def causes() -> set[str]:
        return {cause for _, cause, _ in conn.execute(query, [STATION]).fetchall()}

    with SimulatedCamera("digest-sha256", "tram", "m@t") as camera:
        with_camera(broker, tmp_path / "state", camera.url, more=", on_alarm: true")
        with Running(broker.url(STATION), tmp_path / "state", DoorOpens(0.1)) as agent:
            eventually(lambda: causes() >= {"scheduled", "door"})
            told = desk.ask(agent.folder, {"do": "picture", "camera": "river"}, 60)
            with pytest.raises(desk.AgentRefused, match="no camera 'gate'; it has: river"):
                desk.ask(agent.folder, {"do": "picture", "camera": "gate"}, 60)
            eventually(lambda: "asked" in causes())
            eventually(lambda: settled(tmp_path / "state" / STATION) >= 2)
    pictures = conn.execute(query, [STATION]).fetchall()
    found = {(name, cause) for name, cause, _ in pictures}
    assert found - {("river", "alarm")} == {("river", why) for why in ("scheduled", "door", "asked")}
    assert {size_of(bytes(jpeg)) for _, _, jpeg in pictures} == {(160, 90)}, "the camera sends 1920 x 1080"
    (asked,) = [jpeg for _, cause, jpeg in pictures if cause == "asked"]
    assert (told["camera"], told["bytes"]) == ("river", len(asked))


@pytest.mark.timed
def test_readings_do_not_wait_for_a_backlog_of_pictures(broker: PrivateMosquitto, tmp_path: Path) -> None:
    """99 of 100 readings are there within half a second; measured again where the machine stood still."""
    figures: list[float] = []
    while len(figures) < TRIES and not any(p99_ms < 500 for p99_ms in figures):
        figures.append(lateness_beside_a_backlog(broker, tmp_path / f"state-{len(figures)}"))
    assert any(p99_ms < 500 for p99_ms in figures), figures


def lateness_beside_a_backlog(broker: PrivateMosquitto, state: Path) -> int:
    """How late the latest of 99 of 100 readings came, ms, while pictures went out, too."""
    (state / STATION).mkdir(parents=True)
    spool = PictureSpool(state / STATION)
    for n in range(100):  # 15 MB
        spool.put(time.time_ns() // 1_000_000 - n, "river", "scheduled", b"\xff\xd8\xff" + bytes(150_000) + b"\xff\xd9")
    spool.close()
    late: list[int] = []
    pictures: list[bytes] = []

    def hear(delivery: Delivery) -> None:
        if parse(delivery.topic).kind == "image":
            pictures.append(delivery.payload)
        else:
            now_ms = time.time_ns() // 1_000_000
            late.extend(now_ms - decode_message(line).t for line in lines_of(delivery.payload))
        session.acknowledge([(delivery.generation, delivery.mid)])

    kinds: tuple[TopicKind, ...] = ("readings", "image")
    session = Session(
        MqttAddress.parse(broker.url("ingest")), "listener", expiry_s=60, receive_maximum=1000,
        subscriptions=[Subscription(topic(STATION, kind)) for kind in kinds], on_message=hear,
    )  # fmt: skip
    session.start()
    assert session.wait_subscribed(60)
    with SimulatedCamera() as camera:
        with_camera(broker, state, camera.url)
        with Running(broker.url(STATION), state, Numbers(0.02)):
            eventually(lambda: len(late) >= 200 and len(pictures) >= 6)
    session.stop()
    late.sort()
    return late[int(len(late) * 0.99)]
