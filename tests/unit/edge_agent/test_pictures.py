"""Pictures have a spool, an epoch and a slow lane of their own; each reaches the centre once it acknowledges."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path
from typing import cast

import pytest

from edge_agent.cameras.cameras import Cameras, NoPicturesYet, RunningCameras
from edge_agent.cameras.lane import PictureLane
from edge_agent.cameras.photographer import Departures, Photographer, Timetable
from edge_agent.cameras.picture_spool import FILE, PictureSpool
from edge_agent.cameras.snapshot import LARGEST, NoPicture, _read_whole, checked, scaled
from edge_agent.clocks.clock import Moment
from edge_agent.clocks.trust import ClockStamp
from edge_agent.readings.records import SlotRecord, StationEvent
from edge_agent.spooling.settlement import MOST_FAILURES, RESEND_AFTER_S
from edge_agent.spooling.spool_file import SpoolDamaged, SpoolUnwritable
from quantrac.config.stations import Camera
from quantrac.mqtt.delivery import Outcome, SettledPublish
from quantrac.telemetry import wire
from quantrac.telemetry.wire import Ack
from simulators.cameras.camera import grey_jpeg, size_of
from tests.fixtures.timing import eventually
from tests.unit.edge_agent.test_trial import record

T0 = 1_795_490_400_000
MINUTE = 60_000
JPEG = grey_jpeg(64, 48, lambda x, y: x + y)


def take(spool: PictureSpool, count: int = 1) -> None:
    """Store pictures of T0, T0 + 1 …"""
    for n in range(count):
        spool.put(T0 + n, "river", "scheduled", JPEG)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[PictureSpool]:
    made = PictureSpool(tmp_path)
    yield made
    made.close()


class Line:
    """A lane over a transport that a test answers for, and a clock."""

    def __init__(self, spool: PictureSpool) -> None:
        self.sent: list[tuple[int, dict[str, str], bytes]] = []
        self.now = Moment(1000.0, T0)
        self.spool = spool
        self.lane = PictureLane("st-test", spool, self)
        self.lane.connected = True

    def publish(
        self, topic: str, payload: bytes, tag: object = None, *, user_properties: list[tuple[str, str]]
    ) -> None:
        assert topic == "quantrac/v1/st-test/image"
        assert isinstance(tag, int)
        self.sent.append((tag, dict(user_properties), payload))

    def seqs(self) -> list[int]:
        return [seq for seq, _, _ in self.sent]

    def turn(self, after_s: float = 0.0) -> None:
        self.now = Moment(self.now.s + after_s, self.now.ms + round(after_s * 1000))
        self.lane.turn(self.now)

    def answer(self, outcome: Outcome = Outcome.DELIVERED, reason: int = 0) -> None:
        self.lane.answered(SettledPublish(self.sent[-1][0], outcome, reason), self.now)

    def ack(self, upto: int, missing: list[tuple[int, int]] | None = None, epoch: str | None = None) -> None:
        said = Ack(self.now.ms, {epoch or self.spool.epoch: wire.Settled(upto, missing or [])})
        self.lane.heard(said, self.now)


def test_a_picture_says_its_epoch_seq_time_camera_and_cause(spool: PictureSpool) -> None:
    spool.put(T0 - 5, "river", "door", JPEG)
    line = Line(spool)
    line.turn()
    said = {"epoch": spool.epoch, "seq": "1", "t": str(T0 - 5), "camera": "river", "cause": "door"}
    assert line.sent == [(1, said, JPEG)]


def test_one_at_a_time_oldest_first_and_a_rest_as_long_as_it_took(spool: PictureSpool) -> None:
    take(spool, 3)
    line = Line(spool)
    line.turn()
    line.turn(8)
    assert line.seqs() == [1], "the first has no answer yet"
    line.answer()
    line.turn(7.9)
    assert line.seqs() == [1], "it took eight seconds"
    line.turn(0.2)
    assert line.seqs() == [1, 2]


def test_only_the_centre_s_ack_empties_the_album(spool: PictureSpool) -> None:
    take(spool, 3)
    line = Line(spool)
    for _ in range(3):
        line.turn(1)
        line.answer()
    assert spool.held().count() == 3
    line.ack(3, [(2, 2)])
    assert [*spool.held()] == [(2, 2)]
    line.turn(RESEND_AFTER_S + 1)
    line.ack(3, [(2, 2)])  # newer than the PUBACK, and still without it
    line.turn(1)
    assert line.seqs() == [1, 2, 3, 2]
    line.answer()
    line.ack(3)
    assert not len(spool.held())
    assert spool.last == 3


def test_a_connection_that_ends_under_a_picture_costs_nothing(spool: PictureSpool) -> None:
    take(spool)
    line = Line(spool)
    line.turn()
    line.lane.connected = False
    line.answer(Outcome.UNKNOWN)
    line.turn(5)
    line.lane.connected = True
    line.turn(5)
    assert line.seqs() == [1, 1]


def test_what_the_broker_refuses_is_given_up_and_said_in_the_status_until_it_is_booked(
    spool: PictureSpool,
) -> None:
    take(spool, 2)
    line = Line(spool)
    line.turn()
    line.answer(Outcome.REFUSED, 0x95)
    line.turn(1)
    assert line.seqs() == [1, 2]
    (held,) = line.lane.said().values()
    assert (held.first, held.last, held.refused) == (2, 2, [1])
    line.ack(1)
    assert [h.refused for h in line.lane.said().values()] == [[]]


def test_five_losses_give_a_picture_up(spool: PictureSpool) -> None:
    take(spool)
    line = Line(spool)
    for _ in range(MOST_FAILURES):
        line.turn(1)
        line.answer()
        line.turn(RESEND_AFTER_S + 1)
        line.ack(1, [(1, 1)])
    line.turn(1000)
    assert line.seqs() == [1] * MOST_FAILURES
    assert spool.refused() == [1]


def test_numbers_go_on_after_a_restart_and_what_waited_is_sent(tmp_path: Path) -> None:
    first = PictureSpool(tmp_path)
    take(first, 2)
    line = Line(first)
    line.turn()
    line.answer()
    line.ack(1)
    first.close()
    second = PictureSpool(tmp_path)
    assert second.epoch == first.epoch
    assert second.put(T0, "river", "scheduled", JPEG) == 3
    line = Line(second)
    line.turn()
    assert line.seqs() == [2]
    second.close()


def test_a_restored_card_begins_a_new_epoch_and_says_its_pictures_again(spool: PictureSpool) -> None:
    take(spool, 2)
    line, old = Line(spool), spool.epoch
    line.ack(1)
    line.ack(7, epoch=old)
    assert spool.epoch != old
    assert (spool.last, [*spool.held()]) == (1, [(1, 1)])
    line.turn(1)
    assert line.sent[-1][1]["epoch"] == spool.epoch


def test_the_album_is_bounded_and_drops_the_oldest(tmp_path: Path) -> None:
    spool = PictureSpool(tmp_path, most_bytes=3 * len(JPEG))
    take(spool, 5)
    assert [*spool.held()] == [(3, 5)]
    line = Line(spool)
    assert [h.first for h in line.lane.said().values()] == [3]
    line.turn()
    assert line.seqs() == [3]
    spool.close()


def test_a_damaged_album_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    spool = PictureSpool(tmp_path)
    assert spool.put(T0, "river", "scheduled", JPEG) == 1
    assert [path.name.startswith(f"{FILE}.damaged-") for path in tmp_path.glob("*damaged*")] == [True]
    spool.close()


def test_an_album_damaged_while_it_is_used_keeps_what_can_be_read_and_the_centre_hears_of_the_rest(
    tmp_path: Path,
) -> None:
    spool = PictureSpool(tmp_path)
    large = JPEG + b"x" * 20_000
    for n in range(40):
        spool.put(T0 + n, "river", "scheduled", large)
    old = spool.epoch
    line = Line(spool)
    line.ack(5)
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (tmp_path / FILE).open("r+b") as file:
        file.seek((tmp_path / FILE).stat().st_size // 2)
        file.write(bytes(4096 * 12))
    spool._db.close()
    spool._open()
    with pytest.raises(SpoolDamaged):
        [spool.read(seq) for seq in range(6, 41)]
    line.lane.renew("test")
    saved = spool.held().count()
    assert 28 <= saved < 35
    assert spool.epoch != old
    for _ in range(saved):
        line.turn(1)
        line.answer()
    times = [int(said["t"]) for _, said, _ in line.sent]
    assert len(set(times)) == saved
    assert set(times) <= set(range(T0 + 5, T0 + 40))
    assert line.lane.said() == {old: wire.Held(41, 40), spool.epoch: wire.Held(1, saved)}
    spool.close()
    assert old in line.lane.said(), "the readings' status does not fail for it"


def test_damage_of_a_spool_that_shows_at_the_start_ends_nobody(tmp_path: Path) -> None:
    spool = PictureSpool(tmp_path)
    take(spool)
    (page,) = spool._db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'picture'").fetchone()
    old = spool.epoch
    spool.close()
    with (tmp_path / FILE).open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    spool = PictureSpool(tmp_path)
    line = Line(spool)
    assert spool.put(T0 + 1, "river", "scheduled", JPEG) == 1
    assert line.lane.said() == {old: wire.Held(2, 1), spool.epoch: wire.Held(1, 1)}
    spool.close()


def test_cameras_of_a_full_disk_begin_when_it_has_room() -> None:
    tries: list[int] = []
    ended: list[str] = []
    seen: list[SlotRecord] = []

    def run(closing: ExitStack) -> RunningCameras:
        tries.append(len(tries))
        if len(tries) < 3:
            raise SpoolUnwritable("database or disk is full")
        closing.callback(ended.append, "ended")
        return RunningCameras(
            lambda: {"cafe": wire.Held(1, 1)}, lambda _: None, seen.append, lambda *_: {"taken": True}
        )

    cameras = Cameras(run, try_again_s=0.1)
    with ExitStack() as closing:
        closing.callback(cameras.stop)
        cameras.start()
        look = cameras.looked(lambda _: None)
        look(SlotRecord(T0, ()))
        assert cameras.said() == {}
        with pytest.raises(NoPicturesYet, match="no room"):
            cameras.photograph("river", "asked")
        eventually(cameras.said)
        assert cameras.photograph("river", "asked") == {"taken": True}
        look(SlotRecord(T0 + 1, ()))
    assert (len(tries), ended, seen) == (3, ["ended"], [SlotRecord(T0 + 1, ())])


def camera(every_minutes: int, on_alarm: bool = True) -> Camera:
    every_ms = every_minutes * MINUTE
    return Camera(url="http://c/", every_ms=every_ms, on_alarm=on_alarm, max_kb=100, width=64, height=48)


def test_pictures_are_due_on_the_wall_clock_and_missed_ones_are_not_made_up_for() -> None:
    table = Timetable({"river": camera(15), "yard": camera(60)}, T0)  # 03:20
    found = [(minute, table.due(T0 + minute * MINUTE)) for minute in range(60)]
    assert [(minute, names) for minute, names in found if names] == [
        (10, ["river"]), (25, ["river"]), (40, ["river", "yard"]), (55, ["river"]),
    ]  # fmt: skip
    assert table.due(T0 + 1001 * MINUTE) == []  # the clock was set, or the box slept
    assert table.due(T0 + 1015 * MINUTE) == ["river"]


def test_a_door_the_mains_and_maintenance_make_a_picture_at_most_one_a_minute_each() -> None:
    table = Timetable({"river": camera(15), "quiet": camera(15, on_alarm=False)}, T0)
    assert table.asked(StationEvent("door", "io", "open", T0)) == ["river"]
    assert table.asked(StationEvent("door", "io", "open", T0 + 30_000)) == []
    assert table.asked(StationEvent("mains", "io", "off", T0 + 30_000)) == ["river"]
    assert table.asked(StationEvent("maintenance", None, "on, maint for 30 min", T0)) == ["river"]
    assert table.asked(StationEvent("door", "io", "closed", T0 + 90_000)) == []
    assert table.asked(StationEvent("door", "io", "open", T0 + 90_000)) == ["river"]


def test_only_a_whole_jpeg_is_taken() -> None:
    assert size_of(checked("u", JPEG)) == (64, 48)
    stream = JPEG + bytes(LARGEST)
    for wrong, why in ((stream, "a video stream"), (b"<html>", "expected a JPEG"), (JPEG[: len(JPEG) // 2], "middle")):
        with pytest.raises(NoPicture, match=why):
            checked("u", wrong)


def test_a_larger_picture_is_scaled_to_fit_and_keeps_its_shape() -> None:
    large = grey_jpeg(1920, 1080, lambda x, y: (x * 7 + y * 13) % 200)
    assert size_of(scaled(large, 640, 480, 150_000)) == (640, 360)
    assert size_of(scaled(large, 4000, 480, 150_000)) == (853, 480)


def test_a_picture_that_fits_is_sent_as_the_camera_made_it() -> None:
    assert scaled(JPEG, 64, 48, len(JPEG)) is JPEG
    assert scaled(JPEG, 640, 480, 150_000) is JPEG, "it is never enlarged"


def test_a_picture_becomes_small_enough_or_the_reason_is_said() -> None:
    noise = grey_jpeg(1600, 1200, lambda x, y: (x * x * 31 + y * y * 17) % 251)
    best = scaled(noise, 800, 600, 10**6)
    small = scaled(noise, 800, 600, len(best) - 1)
    assert len(small) < len(best)
    assert size_of(small) == (800, 600), "at a lower quality, not in another size"
    with pytest.raises(NoPicture, match="quality 40: lower width and height, or raise max_kb"):
        scaled(noise, 800, 600, 2_000)
    with pytest.raises(NoPicture, match="cannot be scaled"):
        scaled(b"\xff\xd8\xff" + bytes(5_000) + b"\xff\xd9", 64, 48, 1_000)


class Dripping:
    """Sends a byte each time that it is read, without end."""

    def read1(self, _: int) -> bytes:
        return b"\xff"


class Whole:
    """Sends a picture in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def read1(self, _: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


def test_a_camera_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count(1_000)
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))
    with pytest.raises(TimeoutError, match="not whole after 60 s"):
        _read_whole(cast(HTTPResponse, Dripping()), 1_060.0)


def test_a_snapshot_that_comes_in_pieces_is_put_together_and_a_stream_is_cut() -> None:
    assert _read_whole(cast(HTTPResponse, Whole([b"ab", b"c"])), float("inf")) == b"abc"
    stream = Whole([bytes(1_000_000)] * 20)
    assert LARGEST < len(_read_whole(cast(HTTPResponse, stream), float("inf"))) < 14_000_000


def test_a_channel_that_leaves_its_expected_range_is_an_alarm_once() -> None:
    departures = Departures({"do": (4.0, 12.0)})
    values = [5.0, 3.9, 2.0, None, 3.0, 4.1, 3.9, 4.1]
    found = [departures.of(record(T0 + n * MINUTE, do=v, ph=99.0)) for n, v in enumerate(values)]
    assert found == [[], ["do"], [], [], [], [], [], []], "back and out again within half an hour is the same alarm"
    later = T0 + 40 * MINUTE
    assert departures.of(record(later, do=13.0)) == ["do"]


class Shutter:
    """A camera that gives what it is told to, or fails."""

    def __init__(self) -> None:
        self.reply: bytes | Exception = JPEG

    def __call__(self, url: str) -> bytes:
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def test_who_asks_for_a_picture_hears_what_came_of_it_and_a_fault_ends_nothing(spool: PictureSpool) -> None:
    shutter, trusted = Shutter(), True
    photographer = Photographer(
        {"river": camera(15)}, spool, shutter, lambda: T0, lambda: ClockStamp(0, trusted), lambda: None,
        Departures({"do": (4.0, 12.0)}),
    )  # fmt: skip
    photographer.start()
    assert photographer.ask("river", "asked") == {"camera": "river", "t": T0, "bytes": len(JPEG), "seq": 1}
    with pytest.raises(NoPicture, match="no camera 'gate'; it has: river"):
        photographer.ask("gate", "asked")
    for fault in (NoPicture("http://c/: the camera answered 503"), RuntimeError("nobody foresaw this")):
        shutter.reply = fault
        with pytest.raises(type(fault), match=str(fault)):
            photographer.ask("river", "asked")
    shutter.reply, trusted = JPEG, False
    with pytest.raises(NoPicture, match="clock is not believed"):
        photographer.ask("river", "asked")
    trusted = True
    photographer.look(record(T0, do=3.0))
    photographer.stop()
    causes = [found.cause for seq in (1, 2) if (found := spool.read(seq)) is not None]
    assert causes == ["asked", "alarm"]
