"""A look into a spool without an agent, by functions and by `quantrac edge spool …`."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge_agent import desk
from edge_agent.clocks.trust import ClockStamp, Offered
from edge_agent.readings.records import SlotReading, SlotRecord, StationEvent
from edge_agent.spooling.inspection import NoSpool, export, inspect, verify
from edge_agent.spooling.ranges import Range
from edge_agent.spooling.spool import DATABASE
from quantrac.cli.commands.edge import app
from quantrac.telemetry.states import State
from quantrac.telemetry.wire import decode_message
from tests.unit.edge_agent.test_spool import NOW, opened, record


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two epochs: 300 messages, 250 of them acknowledged and 100 of these dropped; then 20 said again."""
    monkeypatch.setenv("QUANTRAC_STATE_DIR", str(tmp_path))
    made = tmp_path / "st-test"
    with opened(made) as spool:
        spool.append([record(n) for n in range(1, 301)], NOW)
        spool.fate.settled.add(1, 250)
        spool.make_room(NOW, at_least_rows=100)
        spool.begin_epoch([Range(281, 300)], NOW)
    return made


def called(*words: str, station: str = "st-test") -> Result:
    return CliRunner().invoke(app, ["spool", *words, "--station", station])


@pytest.mark.usefixtures("folder")
def test_status_counts_for_programs_and_for_people() -> None:
    found = json.loads(called("status", "--json").stdout)
    assert (found["station"], found["running"]) == ("st-test", False)
    assert (found["produced"], found["acknowledged"], found["waiting"], found["lost"]) == (320, 250, 70, 0)
    assert [each["produced"] for each in found["epochs"]] == [300, 20]
    counts = "st-test: not running, produced 320, acknowledged 250, waiting 70, refused 0, lost 0"
    assert called("status").stdout.startswith(counts)


def test_the_status_of_a_running_agent_shows_the_newest_reason_of_what_it_missed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    misses = {
        "connected": True, "running": True, "errors": {"sonde": {"silent": 3}},
        "reasons": {"sonde": {"t_ms": NOW, "kind": "silent", "why": "unit 1: no answer"}},
    }  # fmt: skip
    monkeypatch.setattr(desk, "status", lambda _: {**inspect(folder).as_dict(), **misses})
    assert re.search(r"sonde missed: 3 silent; at [0-9:]{8}Z: unit 1: no answer\n", called("status").stdout)


def test_it_exports_what_is_still_held_oldest_first(folder: Path) -> None:
    messages = [decode_message(line) for line in export(folder)]
    assert len({message.epoch for message in messages}) == 2
    old, new = messages[0].epoch, messages[-1].epoch
    assert [m.seq for m in messages if m.epoch == new] == list(range(1, 21))
    assert [m.t - NOW for m in messages if m.epoch == new] == list(range(281, 301))
    held = [m.seq for m in messages if m.epoch == old]
    assert held == list(range(held[0], 301))
    lines = called("export", "--epoch", old, "--first", "290", "--last", "292").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [290, 291, 292]
    called("export", "--out", str(folder / "out.jsonl"))
    assert len((folder / "out.jsonl").read_text().splitlines()) == len(messages)


@pytest.mark.usefixtures("folder")
def test_a_sound_spool_is_called_sound() -> None:
    assert called("verify").exit_code == 0


def test_a_hole_and_a_stranger_are_found(folder: Path) -> None:
    with opened(folder) as spool:
        spool._db.execute("DELETE FROM message WHERE n IN (270, 271)")
        spool._db.execute("UPDATE message SET line = (SELECT line FROM message WHERE n = 300) WHERE n = 299")
    assert [(each.seq, each.what[:12]) for each in verify(folder)] == [(299, "found epoch "), (270, "2 messages a")]


def test_damage_is_found(folder: Path) -> None:
    with opened(folder) as spool:
        spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (folder / DATABASE).open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096 * 10))
    assert "damaged" in next(verify(folder)).what


@pytest.mark.usefixtures("folder")
def test_an_unknown_station_is_told_where_it_was_looked_for() -> None:
    found = called("status", station="st-nowhere").exception
    assert isinstance(found, NoSpool)
    assert "st-nowhere" in str(found)
    assert "QUANTRAC_STATE_DIR" in str(found)


def test_records_that_never_got_a_time_are_counted_and_can_be_taken_out(folder: Path) -> None:
    """Measured at 5 s after the machine's start, when its clock showed 1970."""
    with opened(folder) as spool:
        made = SlotRecord(65_000, (SlotReading("do", 6.5, State.OK),), (StationEvent("door", "io", "open", 64_000),))
        spool.keep_undated("boot-a", [Offered(made, ClockStamp(60_000, trusted=False))])
    assert "1 records without a time" in called("status").stdout
    assert [json.loads(line) for line in called("export", "--undated").stdout.splitlines()] == [
        {"boot": "boot-a", "shown": 65_000, "since_boot": 5_000, "r": [["do", 6.5, "ok"]],
         "e": [["door", "io", "open", 64_000]]}
    ]  # fmt: skip
