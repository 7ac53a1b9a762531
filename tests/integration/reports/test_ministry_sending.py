"""Files are made as readings change and sent by SFTP: whole, once, the newest in time, the oldest first."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from alerts.rules.watched_network import WatchedNetwork
from quantrac.cli.jobs import ministry as jobs
from quantrac.config.loader import load_network
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.database import feed as change_feed
from quantrac.database.feed import Cause, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from reports.desk import MOST_DAYS, NoMinistryFiles, TooManyDays, fates, mismatches, owe_again, receiver_states
from reports.ministry import consumer, sender
from reports.ministry.file import FiveMinuteFile
from reports.ministry.file_server import Failure, NotDelivered, refusal
from reports.ministry.sender import FIRST_WAIT, MOST, give_up, send_owed
from tests.fixtures.receivers import SftpReceiver
from tests.fixtures.timing import PATIENCE_S, ended, eventually
from tests.soak.ministry import SoakPlan, soak

CONFIGS = Path(__file__).parents[3] / "station_configs"
STATION = "st-vinh-chau"
MIDNIGHT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
"""Of 24 November in Vietnam."""
FIVE = timedelta(minutes=5)
DAY = MIDNIGHT, MIDNIGHT + timedelta(days=1)
FOLDER = "ST_STVC_NUO004/2026/11/24"


class MemoryServer:
    """A receiver that counts what it is given, and refuses what it is told to."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.given: list[str] = []
        self.refuses = ""
        self.is_away = False
        self.breaks_after = False
        self.is_drop_box = False
        self.before: Callable[[], None] = lambda: None

    def put(self, name: str, content: bytes) -> None:
        if self.is_away:
            raise NotDelivered("connection refused", Failure.AWAY)
        if self.refuses and self.refuses in name:
            raise refusal("no space left on device")
        self.before()
        self.files[name] = content
        self.given.append(name[-18:-6])
        if self.breaks_after:  # the file is there, its acknowledgement is lost
            self.breaks_after = False
            raise NotDelivered("connection lost", Failure.AWAY)

    def get(self, name: str) -> bytes | None:
        if self.is_away:
            raise NotDelivered("connection refused", Failure.AWAY)
        if self.is_drop_box:
            raise NotDelivered("permission denied", Failure.REFUSED)
        return self.files.get(name)


class Ministry:
    """The station, what stores its readings, and the rounds of maker and sender at a time of the test's own."""

    def __init__(self, conn: Connection, station: Station) -> None:
        self.conn, self.station = conn, station
        self.feed = Consumer(conn, consumer.NAME, consumer.CAUSES, after=consumer.AFTER)
        self.now = MIDNIGHT

    def measure(
        self, slot: int, value: float | None = 5.0, cause: Cause = Cause.READING, since: datetime | None = None
    ) -> None:
        """Store the five readings of a slot, and tell of a change in it, or from `since` to its end."""
        end = MIDNIGHT + slot * FIVE
        with self.conn.transaction():
            number = "select channel_id from channel where station = %s and name = %s"
            row = self.conn.execute(number, [STATION, "do"]).fetchone()
            assert row is not None
            for minute in range(5):
                self.conn.execute(
                    "insert into reading values (%s, %s, %s, 0, 0, %s)"
                    " on conflict (channel_id, time) do update set value = excluded.value",
                    [row[0], end - timedelta(minutes=minute), value, end],
                )
            append_changes(self.conn, [NewChange(STATION, row[0], since or end - timedelta(minutes=4), end, 5, cause)])

    def make(self) -> None:
        with self.rights("quantrac_ingest"):
            while consumer.round_of(self.conn, self.feed, lambda: {STATION: self.station}, self.now):
                pass

    def send(self, server: Any, receiver: str = "department") -> sender.RoundOutcome:
        with self.rights("quantrac_ingest"):
            return send_owed(self.conn, receiver, server, lambda: self.now)

    @contextmanager
    def rights(self, role: str) -> Iterator[None]:
        """Have no more rights than a service or the desk has."""
        self.conn.execute(f"set role {role}")
        yield
        self.conn.execute("reset role")

    def wrong(self, server: Any) -> dict[str, str]:
        """What is wrong with which file of the first receiver."""
        with self.rights("quantrac_console"):
            found = list(mismatches(self.conn, self.station, *DAY, "department", server))
        return {one.name[-18:]: one.what for one in found}

    def statuses(self) -> list[str]:
        return [fate.status for fate in fates(self.conn, STATION, *DAY)]


@pytest.fixture
def ministry(conn: Connection) -> Ministry:
    network = load_network(CONFIGS)
    apply_network(conn, replace(network, stations={STATION: network.stations[STATION]}), "test", MIDNIGHT)
    station = network.stations[STATION]
    assert station.ministry is not None
    plan = station.ministry.model_copy(update={"receivers": ("department", "ministry")})
    return Ministry(conn, station.model_copy(update={"ministry": plan}))


def test_a_file_is_sent_once_and_again_only_when_its_bytes_changed(ministry: Ministry) -> None:
    server, other = MemoryServer(), MemoryServer()
    ministry.now = MIDNIGHT + FIVE
    ministry.measure(1)
    ministry.make()
    assert ministry.send(server) == (0, 0, False), "its last readings may still be on the way"
    ministry.now += consumer.SETTLED
    assert ministry.send(server) == (1, 0, False)
    assert ministry.send(server) == (0, 0, False)
    assert ministry.statuses() == ["made"], "the second receiver has nothing yet"
    assert ministry.send(other, "ministry") == (1, 0, False)
    assert ministry.statuses() == ["sent"]
    assert server.files == {f"{FOLDER}/ST_STVC_NUO004_20261124000500.txt": b"DO\t5.00\tmg/l\t20261124000500\t00\r\n"}
    ministry.measure(1, cause=Cause.FLAG)  # changes no byte
    ministry.make()
    assert ministry.send(server) == (0, 0, False)
    ministry.measure(1, 5.004, cause=Cause.CORRECTION)  # nor does this, in two decimals
    ministry.make()
    assert ministry.send(server) == (0, 0, False)
    ministry.measure(1, 6.0, cause=Cause.CORRECTION)
    ministry.make()
    assert ministry.send(server) == (1, 0, False)
    assert ministry.send(other, "ministry") == (1, 0, False)
    assert ministry.statuses() == ["replaced"]
    assert len(server.given) == 2
    assert list(server.files.values()) == [b"DO\t6.00\tmg/l\t20261124000500\t00\r\n"]
    ministry.measure(1, 7.0, cause=Cause.CORRECTION)
    ministry.measure(1, 6.0, cause=Cause.CORRECTION)
    ministry.make()
    assert ministry.send(server) == (0, 0, False), "it is again what was sent"
    ministry.measure(1, 8.0, cause=Cause.CORRECTION)
    ministry.make()
    server.is_away = True
    assert ministry.send(server) == (0, 1, True)
    ministry.measure(1, 6.0, cause=Cause.CORRECTION)
    ministry.make()
    server.is_away = False
    assert ministry.send(server) == (1, 0, False)
    assert len(server.given) == 2, "it was never there with other bytes"
    ministry.measure(1, 8.0, cause=Cause.CORRECTION)
    ministry.make()
    server.breaks_after = True
    assert ministry.send(server) == (0, 1, True)
    ministry.measure(1, 6.0, cause=Cause.CORRECTION)
    ministry.make()
    assert ministry.send(server) == (1, 0, False)
    assert list(server.files.values()) == [b"DO\t6.00\tmg/l\t20261124000500\t00\r\n"], "what arrived unseen is undone"


def test_after_an_outage_the_oldest_goes_first_and_a_new_one_does_not_wait(ministry: Ministry) -> None:
    server = MemoryServer()
    server.is_away = True
    last = MOST + 12
    for slot in range(1, last + 1):
        ministry.measure(slot)
    ministry.now = MIDNIGHT + last * FIVE + consumer.SETTLED
    ministry.make()
    assert ministry.send(server) == (0, 1, True), "one try, then the rest waits"
    for _ in range(5):
        ministry.now += FIRST_WAIT
        assert ministry.send(server) == (0, 1, True), "an away server makes no file wait longer"
    assert ministry.statuses().count("failed") == 1
    (state,) = [one for one in receiver_states(ministry.conn) if one.receiver == "department"]
    assert (state.owed, state.oldest, state.error) == (last, MIDNIGHT + FIVE, "connection refused")
    server.is_away = False
    ministry.now += FIRST_WAIT
    assert ministry.send(server) == (MOST, 0, False)
    slots = [int(each[8:10]) * 12 + int(each[10:12]) // 5 for each in server.given]
    assert slots == [last - 2, last - 1, last, *range(1, MOST - 2)]
    ministry.measure(last + 1)
    ministry.now += FIVE
    ministry.make()
    ministry.send(server)
    assert server.given[MOST].endswith(f"{(last + 1) * 5 // 60:02}{(last + 1) * 5 % 60:02}")
    assert len(server.given) == len(set(server.given)) == len(server.files)
    assert set(ministry.statuses()) == {"made"}  # the second receiver still has none


def test_a_lost_acknowledgement_sends_nothing_twice_and_a_full_disk_stops_no_other_file(ministry: Ministry) -> None:
    server = MemoryServer()
    for slot in (1, 2, 3):
        ministry.measure(slot)
    ministry.now = MIDNIGHT + 3 * FIVE + consumer.SETTLED
    ministry.make()
    server.breaks_after, server.refuses = True, "001000"
    assert ministry.send(server) == (0, 1, True)
    ministry.now += FIRST_WAIT
    assert ministry.send(server) == (2, 1, False)
    assert [each[-4:] for each in server.given] == ["0005", "0015"]
    (state,) = [one for one in receiver_states(ministry.conn) if one.receiver == "department"]
    assert (state.owed, state.error) == (1, "no space left on device")
    server.refuses = ""
    assert ministry.send(server) == (0, 0, False), "not before its wait is over"
    ministry.now += FIRST_WAIT
    assert ministry.send(server) == (1, 0, False)
    ministry.measure(4)  # a slot that is not over
    ministry.make()
    with ministry.rights("quantrac_console"):
        assert owe_again(ministry.conn, ministry.station, *DAY, "department", "an", "mất tệp", ministry.now) == 3
    assert ministry.send(server) == (3, 0, False)
    del server.files[f"{FOLDER}/ST_STVC_NUO004_20261124000500.txt"]
    assert ministry.wrong(server) == {"20261124000500.txt": "is not there"}
    ministry.now += FIVE
    server.breaks_after = server.is_drop_box = True
    assert ministry.send(server) == (0, 1, True)
    ministry.now += FIRST_WAIT
    assert ministry.send(server) == (1, 0, False), "what nobody may read back is given again"


def test_files_that_a_receiver_never_takes_hold_up_neither_new_nor_other_old_ones(
    ministry: Ministry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "MOST", 5)
    monkeypatch.setattr(sender, "LONGEST_WAIT", FIRST_WAIT)  # so that those refused are always more than a round
    server = MemoryServer()
    server.refuses = "2026112400"  # of eleven slots: two rounds of refusals, and their first wait is over
    for slot in range(1, 15):
        ministry.measure(slot)
    ministry.now = MIDNIGHT + timedelta(hours=2)
    ministry.make()
    for _ in range(3):
        ministry.send(server)
        ministry.now += FIRST_WAIT
    assert server.given == ["202611240100", "202611240105", "202611240110"]
    ministry.measure(24)
    ministry.now += consumer.SETTLED
    ministry.make()
    assert ministry.send(server).sent == 1
    server.refuses = "20261124"  # its disk is full for a while
    ministry.measure(25)
    ministry.now += FIVE
    ministry.make()
    assert ministry.send(server).sent == 0
    server.refuses = "2026112400"
    for _ in range(3):
        ministry.now += FIRST_WAIT
        ministry.send(server)
    assert server.given[-1] == "202611240205", "each of those refused has its turn, not the oldest again and again"


def test_a_wish_to_send_again_has_a_bound_and_each_of_its_days_is_an_act_of_its_own(ministry: Ministry) -> None:
    for slot in (1, 300):
        ministry.measure(slot)
    ministry.now = MIDNIGHT + timedelta(days=2)
    longest, who = timedelta(days=MOST_DAYS), (None, "an", "mất tệp", ministry.now)
    with ministry.rights("quantrac_console"):
        with pytest.raises(TooManyDays, match=f"found {MOST_DAYS + 1} days, expected at most {MOST_DAYS}"):
            owe_again(ministry.conn, ministry.station, MIDNIGHT, MIDNIGHT + longest + FIVE, *who)
        assert owe_again(ministry.conn, ministry.station, MIDNIGHT, MIDNIGHT + longest, *who) == 4
    acts = ministry.conn.execute("select detail->'files' from v_audit where act = 'resend' order by at").fetchall()
    assert acts == [(2,), (2,)]


def test_what_is_long_over_is_made_only_where_a_file_was(ministry: Ministry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "KEPT", timedelta(days=2))
    ministry.measure(1)
    ministry.now = MIDNIGHT + consumer.KEPT + 3 * FIVE
    ministry.measure((ministry.now - MIDNIGHT) // FIVE, since=MIDNIGHT - timedelta(days=3))
    ministry.make()
    assert ministry.conn.execute("select time from ministry_file").fetchall() == [(ministry.now,)]
    ministry.conn.execute("delete from ministry_file")
    ministry.now = MIDNIGHT + FIVE
    ministry.measure(1)
    ministry.make()
    ministry.now = MIDNIGHT + 2 * consumer.KEPT
    ministry.measure(1, 6.0, cause=Cause.CORRECTION)
    ministry.make()
    row = ministry.conn.execute("select content from ministry_file").fetchone()
    assert row == (b"DO\t6.00\tmg/l\t20261124000500\t00\r\n",)


def test_a_file_that_changes_while_it_is_sent_is_owed_with_its_new_bytes(ministry: Ministry, database: str) -> None:
    ministry.measure(1)
    ministry.now = MIDNIGHT + FIVE + consumer.SETTLED
    ministry.make()
    name = f"{FOLDER}/ST_STVC_NUO004_20261124000500.txt"
    waits = "select exists (select from pg_locks where pid = %s and not granted)"
    changed = threading.Event()

    def change() -> None:
        with connect(database, "test") as other, other.transaction():
            made = FiveMinuteFile(MIDNIGHT + FIVE, PurePosixPath(name), b"new")
            consumer.make(other, ministry.station, made, ministry.now)
            changed.set()
            eventually(lambda: other.execute(waits, [ministry.conn.info.backend_pid]).fetchone() == (True,))

    maker, server = threading.Thread(target=change), MemoryServer()

    def change_and_wait() -> None:
        maker.start()
        assert changed.wait(PATIENCE_S)

    server.before = change_and_wait
    assert ministry.send(server) == (1, 0, False)
    ended(maker)
    server.before = lambda: None
    assert ministry.send(server) == (1, 0, False)
    assert server.files == {name: b"new"}


def test_a_maker_in_the_middle_of_a_long_round_holds_no_other_file_up(ministry: Ministry, database: str) -> None:
    for slot in (1, 2):
        ministry.measure(slot)
    ministry.now = MIDNIGHT + 2 * FIVE + consumer.SETTLED
    ministry.make()
    server = MemoryServer()
    with connect(database, "test") as other, other.transaction():
        path = PurePosixPath(f"{FOLDER}/ST_STVC_NUO004_20261124000500.txt")
        consumer.make(other, ministry.station, FiveMinuteFile(MIDNIGHT + FIVE, path, b"new"), ministry.now)
        assert ministry.send(server) == (1, 0, False)
        assert server.given == ["202611240010"]
    assert ministry.send(server) == (1, 0, False)
    assert server.files[str(path)] == b"new"


def test_what_was_not_made_or_has_another_name_by_now_is_named_and_made_on_demand(ministry: Ministry) -> None:
    server = MemoryServer()
    for slot in (1, 2):
        ministry.measure(slot)
    ministry.now = MIDNIGHT + 2 * FIVE + consumer.SETTLED
    ministry.make()
    ministry.send(server)
    ministry.conn.execute("delete from ministry_file where time = %s", [MIDNIGHT + FIVE])
    assert ministry.station.ministry is not None
    plan = ministry.station.ministry.model_copy(update={"code": "B"})
    ministry.station = ministry.station.model_copy(update={"ministry": plan})
    moved = "its name is B/2026/11/24/B_20261124001000.txt now"
    assert ministry.wrong(server) == {"20261124000500.txt": "was never made", "20261124001000.txt": moved}
    with ministry.rights("quantrac_console"):
        assert owe_again(ministry.conn, ministry.station, *DAY, None, "an", "mất tệp", ministry.now) == 4
        with pytest.raises(NoMinistryFiles, match="found department, ministry, expected province"):
            owe_again(ministry.conn, ministry.station, *DAY, "province", "an", "mất tệp", ministry.now)
    assert ministry.send(server) == (2, 0, False)
    assert ministry.wrong(server) == {}
    assert [name for name in server.files if name.startswith("B/")] == [
        f"B/2026/11/24/B_2026112400{minute}00.txt" for minute in ("05", "10")
    ]


def test_a_file_whose_readings_are_gone_is_withdrawn_and_of_a_receiver_that_is_gone_nothing_is_owed(
    ministry: Ministry,
) -> None:
    server = MemoryServer()
    ministry.now = MIDNIGHT + FIVE + consumer.SETTLED
    ministry.measure(1)
    ministry.make()
    ministry.send(server)
    ministry.measure(1, None, cause=Cause.CORRECTION)
    ministry.make()
    assert ministry.statuses() == ["withdrawn"]
    assert ministry.send(MemoryServer(), "ministry") == (0, 0, False)
    assert ministry.wrong(server) == {"20261124000500.txt": "is there, and the readings give no file any more"}
    assert ministry.wrong(MemoryServer()) == {}
    ministry.measure(1, cause=Cause.CORRECTION)
    ministry.make()
    assert ministry.statuses() == ["made"]
    assert ministry.send(server) == (0, 0, False), "it is again what was sent"
    with ministry.rights("quantrac_ingest"):
        give_up(ministry.conn, ["department"])
    assert ministry.statuses() == ["sent"]
    assert ministry.send(MemoryServer(), "ministry") == (0, 0, False)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[SftpReceiver]:
    (tmp_path / "root").mkdir()
    server = SftpReceiver(tmp_path / "root")
    yield server
    server.stop()


def test_jobs_run_makes_and_sends_without_a_hand_and_follows_the_files_of_the_network(
    conn: Connection, database: str, real: SftpReceiver, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(CONFIGS, tmp_path / "configs", ignore=shutil.ignore_patterns("demo", "schemas")))
    network, station = root / "network.yaml", root / "stations" / f"{STATION}.yaml"
    nobody, alone = network.read_text(), station.read_text()
    receiver = f'receivers:\n  department: {{host: 127.0.0.1, port: {real.port}, host_key: "{real.public_key()}"}}\n'
    settings = Settings(receiver_logins=tmp_path / "logins", _env_file=None)
    watched, stop = WatchedNetwork(root), threading.Event()
    apply_network(conn, watched.network, "test", MIDNIGHT)
    thread = jobs.start(settings, watched, database, stop)
    try:
        network.write_text(nobody.replace("\ndefaults:\n", f"\n{receiver}defaults:\n"))
        station.write_text(alone.replace("{code: ST_STVC_NUO004,", "{code: X, receivers: [department],"))
        assert watched.current(datetime.now(UTC)).settings.receivers  # as its jobs ask every half minute
        eventually(lambda: change_feed.is_registered(conn, consumer.NAME))
        made = Ministry(conn, watched.network.stations[STATION])
        slot = (datetime.now(UTC) - MIDNIGHT) // FIVE - 2
        made.measure(slot)
        eventually(lambda: conn.execute("select owed from ministry_sending").fetchall() == [(True,)])
        (tmp_path / "logins").write_text("department quantrac password throw away\n")
        stamp = (MIDNIGHT + slot * FIVE + timedelta(hours=7)).strftime("%Y%m%d%H%M%S")
        content = f"DO\t5.00\tmg/l\t{stamp}\t00\r\n".encode()
        eventually(lambda: [path.read_bytes() for path in real.root.rglob("X_*.txt")] == [content])
        eventually(lambda: conn.execute("select status from v_ministry_file").fetchall() == [("sent",)])
        eventually(lambda: real.connected == 0)  # it rests without a connection
        station.write_text(alone)
        network.write_text(nobody)
        assert not watched.current(datetime.now(UTC)).settings.receivers
        eventually(lambda: not change_feed.is_registered(conn, consumer.NAME))  # nobody follows any more
    finally:
        stop.set()
        ended(thread)


@pytest.mark.slow
@pytest.mark.faults
def test_hours_with_outages_refusals_kills_and_late_data_leave_each_receiver_exactly_the_files_of_the_circular(
    conn: Connection, database: str, tmp_path: Path
) -> None:
    """The soak of a month (`./dev soak --ministry`), short: two stations, one by FTP, one by SFTP."""
    plan = SoakPlan(
        hours=8, seconds=8.0, seed=12, kill_every_s=3.0, stations=("st-my-thanh", "st-tp-soc-trang"),
        outages=((0.3, 0.45),), refusing=(0.5, 0.7), full=(0.5, 0.7), drain_s=PATIENCE_S,
    )  # fmt: skip
    found = soak(conn, database, tmp_path, plan)
    assert (found.wrong, found.twice) == ([], [])
    assert found.kills >= 1
    assert 2 * 8 * 12 >= found.files > 8 * 12
