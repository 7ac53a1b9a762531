"""Cameras end to end: a login, a picture in the database, and readings that never wait for pictures."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from edge_agent.cameras.album import Album
from edge_agent.cameras.snapshot import HttpSnapshot, Login, NoPicture
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry.wire import decode_message, lines_of
from simulators.camera import Scheme, SimulatedCamera
from simulators.jpeg import size_of
from tests.integration.edge_agent.agent import STATION, Numbers, Running, settings
from tests.integration.edge_agent.listener import Listener
from tests.integration.ingest.conftest import RunningIngest, add_channel, add_station, eventually


@pytest.mark.parametrize("scheme", ["none", "basic", "digest"])
def test_a_snapshot_in_the_size_that_is_asked_for_with_any_login(scheme: Scheme) -> None:
    with SimulatedCamera(scheme, "tram", "m@t:khau") as camera:
        for _ in range(2):
            jpeg = HttpSnapshot(Login("tram", "m@t:khau"))(f"{camera.url}?width=320&height=240", 100_000)
            assert size_of(jpeg) == (320, 240)


def test_what_goes_wrong_says_what_to_do() -> None:
    with SimulatedCamera("digest", "tram", "right") as camera:
        with pytest.raises(NoPicture, match=r"401.*QUANTRAC_CAMERA_LOGIN"):
            HttpSnapshot(Login("tram", "wrong"))(camera.url, 10_000)
        with pytest.raises(NoPicture, match=r"larger than 9 kB; ask the camera for a smaller one"):
            HttpSnapshot(Login("tram", "right"))(camera.url, 9_999)
        url = camera.url
    with pytest.raises(NoPicture, match="refused"):
        HttpSnapshot()(url, 10_000)


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as made:
        add_station(made, STATION)
        add_channel(made, STATION, "do")
        yield made


def with_camera(broker: PrivateMosquitto, state: Path, url: str) -> None:
    """Give the station of `agent.settings` a camera that takes a picture each second."""
    config = settings(broker.url(STATION), state).config
    file = config / "stations" / f"{STATION}.yaml"
    text = (
        f'cameras: {{river: {{url: "{url}?width={{width}}&height={{height}}", every: 1s, width: 160, height: 120}}}}\n'
    )
    file.write_text(file.read_text() + text)


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
    with SimulatedCamera("digest", "tram", "m@t") as camera:
        with_camera(broker, tmp_path / "state", camera.url)
        agent = Running(broker.url(STATION), tmp_path / "state", Numbers(0.1))
        query = "select camera, cause, bytes from v_image where station = %s order by time"
        eventually(lambda: len(conn.execute(query, [STATION]).fetchall()) >= 3)
        agent.end()
    pictures = conn.execute(query, [STATION]).fetchall()
    assert {(name, cause) for name, cause, _ in pictures} == {("river", "scheduled")}
    assert {size_of(bytes(jpeg)) for _, _, jpeg in pictures} == {(160, 120)}
    assert all("width=160&height=120" in path for path in camera.asked)
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
