"""A look into a spool without an agent."""

import json
from pathlib import Path

import pytest

from edge_agent.clocks.trust import ClockStamp, Offered
from edge_agent.readings.records import SlotReading, SlotRecord, StationEvent
from edge_agent.spooling.inspection import NoSpool, export, export_undated, inspect, verify
from edge_agent.spooling.ranges import Range
from edge_agent.spooling.spool import DATABASE, Spool
from quantrac.telemetry.states import State
from quantrac.telemetry.wire import decode_message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two epochs: 300 messages, 250 of them acknowledged and 100 of these dropped; then 20 said again."""
    made = tmp_path / "st-test"
    with Spool(made, size_bytes=10**9, keep_ms=10**9, now_ms=1) as spool:
        records = [SlotRecord(n, (SlotReading("do", float(n), State.OK),)) for n in range(1, 301)]
        spool.append(records, 1)
        spool.fate.settled.add(1, 250)
        spool.make_room(1, at_least_rows=100)
        spool.begin_epoch([Range(281, 300)], 2)
    return made


def test_it_counts(folder: Path) -> None:
    report = inspect(folder)
    assert (report.station, report.running) == ("st-test", False)
    assert (report.produced, report.acknowledged, report.waiting) == (320, 250, 70)
    assert [each.produced for each in report.epochs] == [300, 20]


def test_it_exports_what_is_still_held_oldest_first(folder: Path) -> None:
    messages = [decode_message(line) for line in export(folder)]
    assert len({message.epoch for message in messages}) == 2
    old, new = messages[0].epoch, messages[-1].epoch
    assert [m.seq for m in messages if m.epoch == new] == list(range(1, 21))
    assert [m.t for m in messages if m.epoch == new] == list(range(281, 301))
    held = [m.seq for m in messages if m.epoch == old]
    assert held == list(range(held[0], 301))
    assert [decode_message(line).seq for line in export(folder, old, 290, 292)] == [290, 291, 292]


def test_a_sound_spool_is_called_sound(folder: Path) -> None:
    assert [*verify(folder)] == []


def test_a_hole_and_a_stranger_are_found(folder: Path) -> None:
    with Spool(folder, size_bytes=10**9, keep_ms=10**9, now_ms=1) as spool:
        spool._db.execute("DELETE FROM message WHERE n IN (270, 271)")
        spool._db.execute("UPDATE message SET line = (SELECT line FROM message WHERE n = 300) WHERE n = 299")
    assert [(each.seq, each.what[:12]) for each in verify(folder)] == [(299, "found epoch "), (270, "2 messages a")]


def test_damage_is_found(folder: Path) -> None:
    with Spool(folder, size_bytes=10**9, keep_ms=10**9, now_ms=1) as spool:
        spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (folder / DATABASE).open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096 * 10))
    assert "damaged" in next(verify(folder)).what


def test_no_spool_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(NoSpool, match="QUANTRAC_STATE_DIR"):
        inspect(tmp_path / "st-nowhere")


def test_records_that_never_got_a_time_can_be_taken_out(tmp_path: Path) -> None:
    """Measured at 5 s after the machine's start, when its clock showed 1970."""
    with Spool(tmp_path / "st-test", size_bytes=10**9, keep_ms=10**9, now_ms=1) as spool:
        record = SlotRecord(65_000, (SlotReading("do", 6.5, State.OK),), (StationEvent("door", "io", "open", 64_000),))
        spool.keep_undated("boot-a", [Offered(record, ClockStamp(60_000, trusted=False))])
    assert [json.loads(line) for line in export_undated(tmp_path / "st-test")] == [
        {"boot": "boot-a", "shown": 65_000, "since_boot": 5_000, "r": [["do", 6.5, "ok"]],
         "e": [["door", "io", "open", 64_000]]}
    ]  # fmt: skip
    assert inspect(tmp_path / "st-test").undated == 1
