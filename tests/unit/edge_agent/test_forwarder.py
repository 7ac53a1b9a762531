"""From intake to spool to broker and back, over a fake session; the same promises over a real broker are in
tests/integration/edge_agent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.clocks.clock import Moment
from edge_agent.clocks.system_clock import SystemClock
from edge_agent.clocks.timekeeper import Timekeeper
from edge_agent.readings.records import SlotReading, SlotRecord
from edge_agent.sending.announcement import Identity
from edge_agent.sending.forwarder import FIRST_ACK_WAIT_S, GATHER_S, ROOM_EVERY_S, Forwarder
from edge_agent.sending.lanes import BACKFILL_WINDOW, LIVE_AGE_S, LIVE_MOST, WINDOW
from edge_agent.sending.presence import STATUS_EVERY_S
from edge_agent.slots.continuity import Continuity
from edge_agent.spooling.intake import Intake
from edge_agent.spooling.settlement import MOST_FAILURES, RESEND_AFTER_S
from edge_agent.spooling.spool import Spool, Spooled
from edge_agent.spooling.spool_file import SpoolUnwritable
from quantrac.config.stations import ClockPlan, SpoolPlan
from quantrac.mqtt.delivery import Outcome, SettledPublish
from quantrac.telemetry import wire
from quantrac.telemetry.states import State
from quantrac.telemetry.topics import parse
from quantrac.telemetry.wire import Ack, decode_birth, decode_message, decode_status, lines_of
from tests.unit.edge_agent.test_trial import STATION

START_MS = 1_795_490_400_000


class Session:
    """Takes publishes and answers them when told to, as a session does: each exactly once."""

    def __init__(self) -> None:
        self.open: list[tuple[str, bytes, object]] = []
        self.seen: list[tuple[str, bytes]] = []
        self.retained: dict[str, bytes] = {}

    def publish(self, topic: str, payload: bytes, tag: object = None, *, retain: bool = False) -> None:
        kind = parse(topic).kind
        self.open.append((kind, payload, tag))
        self.seen.append((kind, payload))
        if retain:
            self.retained[kind] = payload


class Station:
    """A forwarder with its surroundings and a clock that is moved by hand."""

    def __init__(self, folder: Path, rate: float = 500.0, continuity: Continuity | None = None) -> None:
        self.now = Moment(1000.0, START_MS)
        self.spool = Spool(folder, size_bytes=10**9, keep_ms=10**10, now_ms=START_MS)
        self.session = Session()
        self.intake = Intake()
        identity = Identity("st-test", "quantrac 0", "cafe", [])
        clock = Timekeeper(SystemClock(), ClockPlan(trust="date", not_before_ms=0))
        self.forwarder = Forwarder(
            self.spool,
            self.intake,
            self.session,
            identity,
            rate=rate,
            continuity=continuity or Continuity(),
            clock=clock,
        )
        self.made = 0
        self.arrived: set[tuple[str, int]] = set()

    def produce(self, count: int, width: int = 1) -> None:
        for _ in range(count):
            self.made += 1
            readings = tuple(SlotReading(f"c{i}", float(self.made), State.OK) for i in range(width))
            self.intake.offer(SlotRecord(START_MS + self.made, readings))
        self.turn()

    def turn(self, after_s: float = 0.0) -> None:
        """Let time pass, and then as much as records are gathered for."""
        for pause_s in (after_s, GATHER_S):
            self.now = Moment(self.now.s + pause_s, self.now.ms + round(pause_s * 1000))
            self.forwarder.turn(self.now)

    def connect(self) -> None:
        self.forwarder.connected(self.now)
        self.turn()
        self.turn(FIRST_ACK_WAIT_S)

    def cut(self) -> None:
        self.forwarder.disconnected()
        self.answer(Outcome.UNKNOWN)

    def answer(self, outcome: Outcome = Outcome.DELIVERED, reason: int = 0, most: int = 10**6) -> int:
        answered, self.session.open = self.session.open[:most], self.session.open[most:]
        for kind, payload, tag in answered:
            if outcome is Outcome.DELIVERED and kind in ("readings", "backfill"):
                messages = [decode_message(line) for line in lines_of(payload)]
                self.arrived |= {(message.epoch, message.seq) for message in messages}
            self.forwarder.answered(SettledPublish(tag, outcome, reason), self.now)
        return len(answered)

    def ack(self, upto: int, missing: list[tuple[int, int]] | None = None, *, retained: bool = False) -> None:
        said = wire.Settled(upto, missing or [])
        self.hear(Ack(self.now.ms, {self.spool.epoch: said}), retained=retained)

    def hear(self, ack: Ack, *, retained: bool = False) -> None:
        self.forwarder.heard(wire.encode(ack), self.now, retained=retained)
        self.turn()

    def seqs(self, kind: str) -> list[list[int]]:
        seen = [payload for k, payload in self.session.seen if k == kind]
        return [[decode_message(line).seq for line in lines_of(payload)] for payload in seen]

    def forget_seen(self) -> None:
        self.session.seen.clear()


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = Station(tmp_path)
    yield made
    made.spool.close()


def test_a_connection_begins_with_birth_and_status(station: Station) -> None:
    station.produce(3)
    station.connect()
    assert [kind for kind, _ in station.session.seen][:2] == ["birth", "status"]
    birth = decode_birth(station.session.retained["birth"])
    assert (birth.epoch, birth.config) == (station.spool.epoch, "cafe")
    assert birth.epochs == {station.spool.epoch: wire.Held(1, 3)}
    assert decode_status(station.session.retained["status"]).online


def test_status_is_said_each_minute(station: Station) -> None:
    station.connect()
    station.forget_seen()
    for _ in range(3):
        station.turn(STATUS_EVERY_S)
    assert [kind for kind, _ in station.session.seen] == ["status"] * 3


def test_new_messages_go_before_old_ones(station: Station) -> None:
    station.produce(LIVE_MOST + 300)
    station.turn(LIVE_AGE_S + 1)
    station.produce(2)
    station.connect()
    kinds = [kind for kind, _ in station.session.seen if kind in ("readings", "backfill")]
    assert kinds == ["readings"] * 2 + ["backfill"] * (len(kinds) - 2)
    assert station.seqs("readings") == [[LIVE_MOST + 301], [LIVE_MOST + 302]]
    assert station.seqs("backfill")[0][0] == 1


def test_old_messages_go_oldest_first_in_bundles_of_at_most_64_kib(station: Station) -> None:
    station.produce(3000, width=8)
    station.turn(LIVE_AGE_S + 1)
    station.connect()
    for _ in range(200):
        station.answer()
        station.turn(0.1)
    sent = station.seqs("backfill")
    assert [seq for each in sent for seq in each] == list(range(1, 3001))
    sizes = [len(payload) for kind, payload in station.session.seen if kind == "backfill"]
    assert max(sizes) <= 65_536
    assert len(sizes) < 100


def test_old_messages_keep_to_their_rate_and_window(tmp_path: Path) -> None:
    station = Station(tmp_path, rate=50.0)
    with station.spool:
        station.produce(3000)
        station.turn(LIVE_AGE_S + 1)
        began_s = station.now.s
        station.connect()
        for _ in range(100):
            station.turn(0.1)
            assert len([1 for kind, _, _ in station.session.open if kind == "backfill"]) <= BACKFILL_WINDOW
            station.answer()
        sent = sum(len(each) for each in station.seqs("backfill"))
        assert 400 <= sent <= 50 * (station.now.s - began_s) + 50


def test_the_window_bounds_what_is_under_way(station: Station) -> None:
    station.connect()
    station.answer()
    station.produce(LIVE_MOST)
    assert len(station.session.open) <= WINDOW


def test_nothing_is_published_that_is_not_in_the_spool(station: Station) -> None:
    station.connect()
    station.spool._db.execute("PRAGMA max_page_count = 8")
    station.forget_seen()
    station.produce(2000, width=12)
    assert not station.seqs("readings")
    assert len(station.intake) == 2000
    assert "full" in station.forwarder.report().disk
    station.turn(5.0)  # the reopened file has its full size again
    station.turn()
    assert station.forwarder.report().disk == "ok"
    *stored, last = [decode_message(line) for _, line in station.spool.read(1, 2001, 2001)]
    assert [message.r[0][1] for message in stored] == [*range(1, 2001)]
    assert last.e[0][:2] == ("spool_unwritable", None)


def test_everything_acknowledged_is_drained(station: Station) -> None:
    station.connect()
    station.answer()
    station.produce(5)
    assert not station.forwarder.drained
    station.answer()
    assert not station.forwarder.drained
    station.ack(5)
    assert station.forwarder.drained
    assert station.forwarder.depth == 0


def test_after_a_restart_what_was_acknowledged_is_not_sent_again(tmp_path: Path) -> None:
    first = Station(tmp_path)
    with first.spool:
        first.produce(10)
        first.connect()
        first.answer()
        first.ack(8)
    second = Station(tmp_path)
    with second.spool:
        second.connect()
        assert second.seqs("backfill") == [[9, 10]]


def test_old_messages_wait_for_the_retained_ack(station: Station) -> None:
    station.produce(10)
    station.turn(LIVE_AGE_S + 1)
    station.forwarder.connected(station.now)
    station.turn()
    assert not station.seqs("backfill")
    station.ack(9, retained=True)
    assert station.seqs("backfill") == [[10]]


@pytest.mark.parametrize(("retained", "sent_again"), [(False, [[5, 6, 7, 8, 9, 10]]), (True, [])])
def test_an_ack_that_goes_back_is_obeyed_and_a_brokers_old_memory_of_one_is_not(
    station: Station, retained: bool, sent_again: list[list[int]]
) -> None:
    station.connect()
    station.produce(10)
    station.answer()
    station.ack(10)
    station.forget_seen()
    station.turn(1.0)
    station.hear(Ack(START_MS - 86_400_000, {station.spool.epoch: wire.Settled(4)}), retained=retained)
    assert station.seqs("backfill") == sent_again


def test_a_restored_edge_begins_a_new_epoch_and_says_again_what_the_centre_cannot_have(station: Station) -> None:
    station.produce(50)
    station.connect()
    station.ack(40)
    old = station.spool.epoch
    station.ack(100)  # the twin has gone on to 100
    assert station.spool.epoch != old
    birth = decode_birth(station.session.retained["birth"])
    assert birth.epoch == station.spool.epoch
    assert set(birth.epochs) == {old, station.spool.epoch}
    said_again = [decode_message(line) for _, line in station.spool.read(51, 60, 100)]
    assert [(m.epoch, m.seq, m.r[0][1]) for m in said_again] == [
        (station.spool.epoch, seq, 40.0 + seq) for seq in range(1, 11)
    ]
    station.turn()
    assert station.spool.last == 61
    assert decode_message(station.spool.read(61, 61, 1)[0].line).e[0][0] == "epoch_changed"


def test_no_subscriber_is_not_delivery_and_stops_the_backfill(station: Station) -> None:
    station.produce(LIVE_MOST + 500)
    station.turn(LIVE_AGE_S + 1)
    station.connect()
    station.answer(Outcome.NO_SUBSCRIBER, 0x10)
    station.forget_seen()
    for _ in range(20):
        station.turn(1.0)
        station.answer(Outcome.NO_SUBSCRIBER, 0x10)
    assert not station.seqs("backfill")
    station.produce(1)
    station.answer()  # somebody listens now
    station.turn(1.0)
    assert station.seqs("backfill")
    for _ in range(100):
        station.answer()
        station.turn(1.0)
    assert {seq for _, seq in station.arrived} == set(range(1, LIVE_MOST + 502))


def test_a_message_the_broker_refuses_is_set_aside_with_an_alarm_and_blocks_nobody(station: Station) -> None:
    station.connect()
    station.answer()
    station.produce(3)
    station.answer(Outcome.REFUSED, 0x99, most=1)
    station.answer()
    station.turn()
    station.answer()
    report = station.forwarder.report()
    assert (report.refused, report.produced) == (1, 4)
    said = decode_message(station.spool.read(4, 4, 1)[0].line).e[0][:3]
    assert said == ("messages_refused", None, "1 given up: the broker answered 0x99")
    assert decode_status(station.session.retained["status"]).epochs[station.spool.epoch].refused == [1]
    station.ack(4)
    station.turn(STATUS_EVERY_S)
    assert decode_status(station.session.retained["status"]).epochs[station.spool.epoch].refused == []


def test_in_a_refused_bundle_only_the_guilty_message_is_given_up(station: Station) -> None:
    station.produce(50)
    station.turn(LIVE_AGE_S + 1)
    station.connect()
    for _ in range(100):
        while station.session.open:
            kind, payload, _ = station.session.open[0]
            guilty = kind == "backfill" and any(decode_message(line).seq == 17 for line in lines_of(payload))
            station.answer(Outcome.REFUSED if guilty else Outcome.DELIVERED, 0x99 if guilty else 0, most=1)
        station.turn(1.0)
    assert station.forwarder.report().refused == 1
    assert {seq for _, seq in station.arrived} == set(range(1, 52)) - {17}


def test_quota_and_missing_rights_give_nothing_up(station: Station) -> None:
    station.connect()
    station.answer()
    station.produce(20)
    station.answer(Outcome.BUSY, 0x97)
    station.turn(RESEND_AFTER_S)
    station.answer(Outcome.REFUSED, 0x87)
    assert station.forwarder.report().refused == 0
    for _ in range(20):
        station.turn(RESEND_AFTER_S / 10)
        station.answer()
    assert {seq for _, seq in station.arrived} == set(range(1, 21))


def test_five_losses_give_a_message_up(station: Station) -> None:
    station.connect()
    for _ in range(MOST_FAILURES):
        station.produce(1)
        station.answer()
        station.turn(RESEND_AFTER_S + 20)
        station.produce(1)
        station.answer()
        station.turn(0.5)
        station.ack(station.spool.last, [(1, 1)])
        station.turn(RESEND_AFTER_S + 1)
        station.answer()
    assert station.forwarder.report().refused == 1


@pytest.mark.parametrize("carried", [1, 2])
def test_a_link_that_flaps_still_makes_progress(station: Station, carried: int) -> None:
    """Each connection dies after one or two answers, whatever else was under way."""
    station.produce(1000, width=8)
    station.turn(LIVE_AGE_S + 1)
    for _ in range(1000):
        if len(station.arrived) == 1000:
            break
        station.forwarder.connected(station.now)
        station.session.open = [each for each in station.session.open if each[0] in ("readings", "backfill")]
        station.turn(FIRST_ACK_WAIT_S)
        station.answer(most=carried)
        station.cut()
        station.turn(1.0)
    assert {seq for _, seq in station.arrived} == set(range(1, 1001))


def test_a_damaged_spool_is_replaced_while_running(station: Station) -> None:
    station.produce(2000, width=6)
    station.turn(LIVE_AGE_S + 1)
    old = station.spool.epoch
    station.spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = station.spool.folder / "spool.db"
    with path.open("r+b") as file:
        file.seek(4096 * 20)
        file.write(bytes(4096 * 3))
    station.spool._db.execute("PRAGMA shrink_memory")
    station.spool._reopen()
    station.connect()
    for _ in range(300):
        station.answer()
        station.turn(0.1)
    assert station.spool.epoch != old
    lost = station.spool.fate.lost.count()
    assert 0 < lost < 200
    assert len({seq for epoch, seq in station.arrived if epoch == old}) == 2000 - lost
    status = decode_status(station.session.retained["status"])
    assert len(status.epochs[old].refused) == lost


def test_the_report_adds_up(station: Station) -> None:
    station.connect()
    station.produce(10)
    station.answer()
    station.spool.fate.refused.add(4, 4)
    station.spool.fate.lost.add(1, 2)
    station.ack(8, [(1, 2), (4, 4)])
    report = station.forwarder.report()
    assert (report.produced, report.acknowledged, report.refused, report.lost, report.waiting) == (10, 5, 1, 2, 2)
    assert report.epochs[0][1:] == (1, 10, 5, 1, 2, 2)


def test_a_disk_that_fails_while_it_is_read_stops_nobody(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    station.produce(50)
    station.turn(LIVE_AGE_S + 1)

    def failing(*_: object) -> list[Spooled]:
        raise SpoolUnwritable("the spool cannot be written: disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "read", failing)
        station.connect()
        assert "I/O" in station.forwarder.report().disk
    station.produce(1)
    for _ in range(20):
        station.answer()
        station.turn(0.5)
    assert station.forwarder.report().disk == "ok"
    assert {seq for _, seq in station.arrived} >= set(range(1, 52))


def test_memory_while_the_disk_is_full_is_bounded_and_the_oldest_that_it_loses_count_as_lost_for_good(
    tmp_path: Path,
) -> None:
    station = Station(tmp_path)
    with station.spool:
        station.intake._most = 10
        station.produce(1)
        station.spool._db.execute("PRAGMA query_only = 1")
        station.produce(15)
        assert station.forwarder.report().in_memory == 10
        station.spool._db.execute("PRAGMA query_only = 0")
        station.turn(5.0)
        report = station.forwarder.report()
        assert (station.forwarder.lost, report.unstored, report.lost) == (5, 5, 0)
        messages = [decode_message(line) for _, line in station.spool.read(1, station.spool.last, 100)]
        assert [message.r[0][1] for message in messages if message.r] == [1.0, *range(7, 17)]
    again = Station(tmp_path)
    with again.spool:
        assert again.forwarder.lost == 5


def test_another_configuration_brings_another_bound_of_the_spool(station: Station) -> None:
    station.produce(2000, width=8)
    station.connect()
    for _ in range(30):
        station.answer()
        station.turn(0.1)
    station.ack(2000)
    before = station.spool.used_bytes()
    smaller = STATION.model_copy(update={"spool": SpoolPlan(size_bytes=before // 2, keep_ms=1)})
    station.forwarder.become(smaller, station.now)
    station.turn(ROOM_EVERY_S)
    assert station.spool.used_bytes() <= before // 2
    assert station.forwarder.lost == 0
