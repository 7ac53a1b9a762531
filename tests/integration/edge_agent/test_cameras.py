"""Cameras end to end: a login, a picture in the database, and readings that never wait for pictures."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from edge_agent import desk
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.cameras.album import Album
from edge_agent.cameras.snapshot import HttpSnapshot, Login, NoPicture
from edge_agent.records import Event
from quantrac.config.stations import Station
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry.wire import decode_message, lines_of
from simulators.camera import Scheme, SimulatedCamera
from simulators.jpeg import size_of
from tests.integration.edge_agent.agent import STATION, Numbers, Running, settings
from tests.integration.edge_agent.listener import Listener
from tests.integration.ingest.conftest import RunningIngest, add_channel, add_station, eventually


@pytest.mark.parametrize("scheme", ["none", "basic", "digest", "digest-sha256"])
def test_a_snapshot_in_the_size_that_is_asked_for_with_any_login(scheme: Scheme) -> None:
    with SimulatedCamera(scheme, "tram", "m@t:khau") as camera:
        for _ in range(2):
            jpeg = HttpSnapshot(Login("tram", "m@t:khau"))(f"{camera.url}?width=320&height=240")
            assert size_of(jpeg) == (320, 240)


def test_what_goes_wrong_says_what_to_do() -> None:
    with SimulatedCamera("digest", "tram", "right") as camera:
        with pytest.raises(NoPicture, match=r"401.*QUANTRAC_CAMERA_LOGIN"):
            HttpSnapshot(Login("tram", "wrong"))(camera.url)
        url = camera.url
    with pytest.raises(NoPicture, match="refused"):
        HttpSnapshot()(url)


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as made:
        add_station(made, STATION)
        add_channel(made, STATION, "do")
        yield made


def with_camera(broker: PrivateMosquitto, state: Path, url: str, more: str = "") -> None:
    """Give the station of `agent.settings` a camera that takes a picture each second."""
    config = settings(broker.url(STATION), state).config
    file = config / "stations" / f"{STATION}.yaml"
    file.write_text(
        f'{file.read_text()}cameras: {{river: {{url: "{url}", every: 1s, width: 160, height: 120{more}}}}}\n'
    )


class DoorOpens(Numbers):
    """Numbered records of a station whose door opens."""

    def __call__(self, station: Station, *, around: Surroundings, **more: Any) -> None:
        around.on_event(Event("door", "io", "open", time.time_ns() // 1_000_000))
        super().__call__(station, around=around, **more)


def test_pictures_arrive_in_the_database_and_leave_the_album(
    broker: PrivateMosquitto,
    database: str,
    conn: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QUANTRAC_CAMERA_LOGIN", "tram:m@t")
    ingest = RunningIngest(database, broker, tmp_path / "ingest.log")
    ingest.start()
    with SimulatedCamera("digest-sha256", "tram", "m@t") as camera:
        with_camera(broker, tmp_path / "state", camera.url, more=", on_alarm: true")
        agent = Running(broker.url(STATION), tmp_path / "state", DoorOpens(0.1))
        query = "select camera, cause, bytes from v_image where station = %s order by time"
        eventually(lambda: len(conn.execute(query, [STATION]).fetchall()) >= 2)
        told = desk.ask(agent.folder, {"do": "picture", "camera": "river"}, 20)
        with pytest.raises(desk.DeskRefused, match="no camera 'gate'; it has: river"):
            desk.ask(agent.folder, {"do": "picture", "camera": "gate"}, 20)
        eventually(lambda: "asked" in {cause for _, cause, _ in conn.execute(query, [STATION]).fetchall()})
        agent.end()
    pictures = conn.execute(query, [STATION]).fetchall()
    assert {(name, cause) for name, cause, _ in pictures} == {("river", why) for why in ("scheduled", "door", "asked")}
    assert {size_of(bytes(jpeg)) for _, _, jpeg in pictures} == {(160, 90)}, "the camera sends 1920 x 1080"
    (asked,) = [jpeg for _, cause, jpeg in pictures if cause == "asked"]
    assert (told["camera"], told["bytes"]) == ("river", len(asked))
    album = Album(tmp_path / "state" / STATION)
    assert album.last - len([*album.held()]) >= 2, "settled pictures are gone"
    album.close()
    ingest.stop()


def test_readings_do_not_wait_for_a_backlog_of_pictures(broker: PrivateMosquitto, tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / STATION).mkdir(parents=True)
    album = Album(state / STATION)
    for n in range(200):  # 30 MB
        album.put(time.time_ns() // 1_000_000 - n, "river", "scheduled", b"\xff\xd8\xff" + bytes(150_000) + b"\xff\xd9")
    album.close()
    with SimulatedCamera() as camera, Listener(broker.url("ingest"), STATION, ("readings", "image")) as listener:
        with_camera(broker, state, camera.url)
        agent = Running(broker.url(STATION), state, Numbers(0.02))
        agent.wait_made(400)
        agent.end()
    late = sorted(
        at_ms - decode_message(line).t
        for kind, at_ms, payload in listener.heard
        if kind == "readings"
        for line in lines_of(payload)
    )
    pictures = sum(kind == "image" for kind, _, _ in listener.heard)
    assert len(late) >= 300
    assert pictures >= 10
    assert late[int(len(late) * 0.99)] < 500, late[-10:]
