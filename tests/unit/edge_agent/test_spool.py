"""What was reported as appended is on disk, in order, without gaps, whatever happens to the process or the disk."""

import errno
import json
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.cameras.picture_spool import FILE as PICTURES
from edge_agent.cameras.picture_spool import PictureSpool
from edge_agent.clocks.clock import Moment
from edge_agent.readings.records import SlotReading, SlotRecord, StationEvent
from edge_agent.sending import spool_start
from edge_agent.slots.kept_file import replace_file
from edge_agent.spooling.ranges import Range, RangeSet
from edge_agent.spooling.spool import DATABASE, MOST_DROPPED, Spool
from edge_agent.spooling.spool_file import SpoolDamaged, SpoolErrors, SpoolLocked, SpoolUnwritable
from quantrac.config.stations import SpoolPlan
from quantrac.telemetry.states import State
from quantrac.telemetry.wire import decode_message

DAY_MS = 86_400_000
NOW = 1_795_490_400_000


def record(number: int, t_ms: int = NOW, width: int = 1) -> SlotRecord:
    return SlotRecord(t_ms + number, tuple(SlotReading(f"c{i}", float(number), State.OK) for i in range(width)))


def opened(folder: Path, size_bytes: int = 10**9) -> Spool:
    return Spool(folder, size_bytes=size_bytes, keep_ms=60 * DAY_MS, now_ms=NOW)


def numbers(spool: Spool) -> list[int]:
    return [int(decode_message(line).r[0][1] or 0) for _, line in spool.read(1, spool.last, 10**6)]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with opened(tmp_path) as made:
        yield made


def test_a_message_is_stored_as_the_wire_has_it(spool: Spool) -> None:
    readings = [("water_temp", 28.41, State.OK), ("do", None, State.COMM), ("ph", float("nan"), State.OK)]
    restart = StationEvent("restart", None, "boot 17", NOW - 1)
    made = spool.append([SlotRecord(NOW, tuple(SlotReading(*reading) for reading in readings), (restart,))], NOW)
    assert json.loads(made[0].line) == {
        "epoch": spool.epoch,
        "seq": 1,
        "t": NOW,
        "r": [["water_temp", 28.41, "ok"], ["do", None, "comm"], ["ph", None, "fault"]],
        "e": [["restart", None, "boot 17", NOW - 1]],
    }
    assert spool.read(1, 1, 5) == made


def test_the_epoch_is_eight_hexadecimal_digits_and_outlives_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as first:
        first.append([record(1), record(2)], NOW)
        epoch = first.epoch
    assert len(epoch) == 8
    int(epoch, 16)
    with opened(tmp_path) as second:
        assert second.epoch == epoch
        assert [decode_message(line).seq for _, line in second.append([record(3)], NOW)] == [3]
        assert numbers(second) == [1, 2, 3]


def test_its_files_are_for_its_account_alone_whatever_the_umask(tmp_path: Path) -> None:
    for name in (DATABASE, PICTURES):  # as an older agent left them
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o666)
    before = os.umask(0)
    try:
        with opened(tmp_path) as spool, closing(PictureSpool(tmp_path)) as pictures:
            spool.append([record(1)], NOW)
            pictures.put(NOW, "gate", "time", b"jpeg")
            replace_file(tmp_path / "maintenance.json", "{}")
            rights = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert set(rights.values()) == {"0o600"}, rights
    assert len(rights) >= 7  # two databases with -wal and -shm, the lock, the small file


def test_two_agents_cannot_share_a_spool(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(SpoolLocked, match="another agent"):
        opened(tmp_path)


def test_a_full_disk_is_said_and_nothing_is_half_written(spool: Spool) -> None:
    spool.append([record(n) for n in range(1, 11)], NOW)
    spool._db.execute("PRAGMA max_page_count = 12")  # SQLite's own way to meet a full disk
    with pytest.raises(SpoolUnwritable, match="full"):
        spool.append([record(i, width=12) for i in range(11, 1011)], NOW)
    held = spool.last
    assert numbers(spool) == list(range(1, held + 1))
    assert spool.append([record(held + 1)], NOW)[0].n == held + 1  # the reopened file has its full size again
    assert numbers(spool) == list(range(1, held + 2))


def test_a_full_disk_can_be_served_by_dropping_what_is_acknowledged(spool: Spool) -> None:
    spool.append([record(n, width=12) for n in range(1, 2001)], NOW)
    spool.fate.settled.add(1, 1500)
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    assert not spool.make_room(NOW, at_least_rows=500)
    assert spool.first() == 501
    spool._db.execute(f"PRAGMA max_page_count = {pages}")
    spool.append([record(n, width=12) for n in range(2001, 2401)], NOW)
    assert spool.last == 2400


def test_at_its_bound_the_spool_drops_in_the_order_of_the_design(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.append([record(n, width=12) for n in range(1, 1001)], NOW - 61 * DAY_MS)
        spool.append([record(n, width=12) for n in range(1001, 2001)], NOW)
        spool.size_bytes = spool.used_bytes() * 21 // 20
        spool.fate.settled.add(501, 1000)
        spool.fate.settled.add(1501, 2000)
        spool.append([record(n, width=12) for n in range(2001, 2501)], NOW)
        assert not spool.make_room(NOW)
        assert [n for n, _ in spool.read(501, 1000, 1000)] == []  # acknowledged and old
        assert len(spool.read(1, 500, 1000)) == 500
        spool.append([record(n, width=12) for n in range(2501, 3001)], NOW)
        assert not spool.make_room(NOW)
        assert [n for n, _ in spool.read(1501, 2000, 1000)] == []  # acknowledged
        assert len(spool.read(1, 500, 1000)) == 500
        spool.append([record(n, width=12) for n in range(3001, 3501)], NOW)
        assert [*spool.make_room(NOW)] == [Range(1, 500)]  # unacknowledged: lost, and counted
        assert spool.fate.lost == RangeSet([(1, 500)])
        assert spool.spans()[0].first == 1001
    with opened(tmp_path) as again:
        assert again.fate.lost == RangeSet([(1, 500)])


def test_an_emptied_spool_goes_on_counting(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.append([record(n) for n in range(1, 101)], NOW)
        spool.fate.settled.add(1, 100)
        spool.make_room(NOW, at_least_rows=1000)
    with opened(tmp_path) as again:
        assert again.append([record(101)], NOW)[0].n == 101


@pytest.mark.parametrize("damaged", ["first page", "middle", "everything but the log"])
def test_a_damaged_file_is_set_aside_and_its_readable_part_kept(tmp_path: Path, damaged: str) -> None:
    log = b""
    with opened(tmp_path) as spool:
        spool.append([record(n, width=3) for n in range(1, 2001)], NOW)
        epoch = spool.epoch
        if damaged == "everything but the log":
            spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            spool.append([record(n, width=3) for n in range(2001, 2101)], NOW)
            log = (tmp_path / (DATABASE + "-wal")).read_bytes()
    path = tmp_path / DATABASE
    content = bytearray(path.read_bytes())
    match damaged:
        case "first page":
            content[:4096] = random.Random(1).randbytes(4096)
            readable = 2000
        case "middle":
            content[4096 * 20 : 4096 * 26] = bytes(4096 * 6)
            readable = 1700
        case _:
            content = bytearray(random.Random(1).randbytes(len(content)))
            (tmp_path / (DATABASE + "-wal")).write_bytes(log)
            readable = 100
    path.write_bytes(content)
    with opened(tmp_path) as again:
        if damaged == "middle":  # found out when it is read
            with pytest.raises(SpoolDamaged):
                again.read(1, again.last, 10**6)
            again.renew("test", NOW)
        old, new = again.spans()
        assert old.name == epoch
        assert new.name == again.epoch != epoch
        kept = [decode_message(line) for _, line in again.read(old.base + 1, old.base + old.last, 10**6)]
        assert len(kept) >= readable
        assert all(m.epoch == epoch and m.r[0][1] == m.seq for m in kept)
        assert len(kept) + again.fate.lost.count() == old.last - old.first + 1
        assert [decode_message(line).seq for _, line in again.append([record(1)], NOW)] == [1]
    assert [*tmp_path.glob("*.damaged-*")]


def test_a_new_epoch_says_again_what_was_never_sent(spool: Spool) -> None:
    spool.append([record(n) for n in range(1, 11)], NOW)
    old = spool.epoch
    new = spool.begin_epoch([Range(8, 10)], NOW)
    assert new == spool.epoch != old
    assert [decode_message(line).seq for _, line in spool.append([record(11)], NOW)] == [4]
    repeated = [decode_message(line) for _, line in spool.read(11, 14, 10)]
    assert [(m.epoch, m.seq, m.r[0][1]) for m in repeated] == [(new, seq, 7.0 + seq) for seq in range(1, 5)]
    assert [(s.name, s.first, s.last) for s in spool.spans()] == [(old, 1, 10), (new, 1, 4)]


def test_an_event_that_an_older_agent_did_not_cut_costs_no_reading(spool: Spool) -> None:
    spool.append([record(1)._replace(events=(StationEvent("note", None, "a" * 2000, NOW),)), record(2)], NOW)
    spool._db.execute("UPDATE message SET line = CAST(replace(CAST(line AS TEXT), 'aa', 'aaa') AS BLOB) WHERE n = 1")
    assert b"a" * 3000 in spool.read(1, 1, 1)[0].line
    assert [message.t for message in spool.newest_first(9)] == [NOW + 2, NOW + 1]
    spool.begin_epoch([Range(1, 2)], NOW)
    repeated = [decode_message(line) for _, line in spool.read(3, 4, 9)]
    assert [(m.seq, m.r[0][1], [len(e[2]) for e in m.e]) for m in repeated] == [(1, 1.0, [2000]), (2, 2.0, [])]


def test_starts_of_machine_and_agent_are_counted(tmp_path: Path) -> None:
    counted = []
    for boot in ("a", "a", "b"):
        with opened(tmp_path) as spool:
            counted.append(spool.number_of_starts(boot))
    assert counted == [(1, 1), (1, 2), (2, 3)]


def test_every_append_is_synced(spool: Spool) -> None:
    """synchronous 2 = FULL: SQLite syncs the write-ahead log at each commit (sqlite.org/pragma.html)."""
    assert spool._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert spool._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


FIRST_VERSION = """
CREATE TABLE epoch (base INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, last INTEGER)
  STRICT;
CREATE TABLE message (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, line BLOB NOT NULL) STRICT;
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO epoch VALUES (0, '9f31c2ab', 1, NULL);
INSERT INTO message VALUES (1, 1, CAST('{"epoch":"9f31c2ab","seq":1,"t":5,"r":[["c0",1.0,"ok"]]}' AS BLOB));
INSERT INTO message VALUES (2, 1, CAST('{"epoch":"9f31c2ab","seq":2,"t":6,"r":[["c0",2.0,"ok"]]}' AS BLOB));
INSERT INTO note VALUES ('fate', '{"settled":[[1,1]],"refused":[],"lost":[]}');
"""
"""The tables of the first spool, which knew no undated records."""


def test_an_upgrade_takes_over_the_spool_of_the_first_version(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / DATABASE)
    db.executescript(FIRST_VERSION)
    db.close()
    with opened(tmp_path) as spool:
        assert (spool.epoch, spool.last, [*spool.fate.settled]) == ("9f31c2ab", 2, [(1, 1)])
        assert spool.append([record(3)], NOW)[0].n == 3
        assert (numbers(spool), spool.count_undated()) == ([1, 2, 3], 0)


def test_bits_that_tip_in_a_note_or_a_message_stop_nobody(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.append([record(n) for n in range(1, 6)], NOW)
        spool._db.execute("REPLACE INTO note VALUES ('fate', '{\"settled\":[[1'), ('starts', '?'), ('unstored', 'x')")
        spool._db.execute("UPDATE message SET line = x'7b22' WHERE n = 4")
    with opened(tmp_path) as spool:
        assert not len(spool.fate.settled), "sent again, and the centre says what it has"
        assert spool.number_of_starts("a") == (1, 1)
        assert spool.count_unstored() == 0
        assert len(spool.lines_between(NOW, NOW + 10, 100)) == 4
        spool.begin_epoch([Range(3, 5)], NOW)
        assert [m.r[0][1] for m in map(decode_message, (line for _, line in spool.read(6, 9, 9)))] == [3.0, 5.0]
        assert spool.append([record(9)], NOW)[0].n == spool.last == 8


def test_bad_sectors_are_read_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sector that cannot be read makes the kernel say EIO (pread(2)); SQLite says SQLITE_IOERR_READ."""
    with opened(tmp_path) as spool:
        spool.append([record(n, width=3) for n in range(1, 20_001)], NOW)
        spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        epoch = spool.epoch
        bad = range(300 * 4096, 303 * 4096)
        pread = os.pread

        def failing(fd: int, count: int, at: int) -> bytes:
            if at < bad.stop and at + count > bad.start:
                raise OSError(errno.EIO, "Input/output error")
            return pread(fd, count, at)

        monkeypatch.setattr(os, "pread", failing)
        spool.renew("disk I/O error", NOW)
        old, new = spool.spans()
        assert (old.name, old.last, new.name) == (epoch, 20_000, spool.epoch)
        lost = spool.fate.lost.count()
        assert 0 < lost < 150
        assert len(spool.read(1, 20_000, 10**6)) == 20_000 - lost


def test_a_read_error_of_the_disk_is_damage_and_a_full_one_is_not() -> None:
    for code, expected in (
        (sqlite3.SQLITE_IOERR_READ, SpoolDamaged),
        (sqlite3.SQLITE_CORRUPT, SpoolDamaged),
        (sqlite3.SQLITE_FULL, SpoolUnwritable),
        (sqlite3.SQLITE_IOERR_WRITE, SpoolUnwritable),
    ):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        with pytest.raises(expected), SpoolErrors():
            raise error


def test_damage_that_only_shows_when_it_is_read_is_met_at_the_start(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.append([record(n) for n in range(1, 101)], NOW)
        (page,) = spool._db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'undated'").fetchone()
        epoch = spool.epoch
    with (tmp_path / DATABASE).open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    plan = SpoolPlan(size_bytes=10**9, keep_ms=DAY_MS)
    with spool_start.open_spool(tmp_path, plan, lambda: Moment(0.0, NOW)) as spool:
        assert [(span.name, span.last) for span in spool.spans()] == [(epoch, 100), (spool.epoch, 0)]


def test_much_too_large_a_spool_is_emptied_in_pieces(tmp_path: Path) -> None:
    """After its bound has been made smaller, say: what is new is stored in between."""
    with opened(tmp_path) as spool:
        spool.append([record(n) for n in range(1, MOST_DROPPED + 2001)], NOW)
        spool.fate.settled.add(1, spool.last)
        spool.size_bytes = 8 * 4096
        spool.make_room(NOW)
        assert (spool.first(), spool.is_too_large) == (MOST_DROPPED + 1, True)
        spool.make_room(NOW)
        assert (spool.last, spool.is_too_large) == (MOST_DROPPED + 2000, False)
