"""`quantrac edge spool …` on a spool without an agent."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge_agent.clocks.trust import ClockStamp, Offered
from edge_agent.readings.records import SlotReading, SlotRecord
from edge_agent.spooling.spool import Spool
from edge_agent.spooling.spool_file import SpoolError
from quantrac.cli.commands.edge import app
from quantrac.telemetry.states import State


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTRAC_STATE_DIR", str(tmp_path))
    with Spool(tmp_path / "st-test", size_bytes=10**9, keep_ms=10**9, now_ms=1) as spool:
        spool.append([SlotRecord(n, (SlotReading("do", 1.5, State.OK),)) for n in range(1, 11)], 1)
        spool.fate.settled.add(1, 7)
        spool.note_change()


def called(*words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--station", "st-test"])


def test_status_for_programs() -> None:
    found = json.loads(called("spool", "status", "--json").stdout)
    assert (found["produced"], found["acknowledged"], found["waiting"], found["lost"]) == (10, 7, 3, 0)
    assert found["running"] is False


def test_status_for_people() -> None:
    assert called("spool", "status").stdout.startswith(
        "st-test: not running, produced 10, acknowledged 7, waiting 3, refused 0, lost 0"
    )


def test_export_and_verify(tmp_path: Path) -> None:
    lines = called("spool", "export", "--first", "9").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [9, 10]
    called("spool", "export", "--out", str(tmp_path / "out.jsonl"))
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 10
    assert called("spool", "verify").exit_code == 0


def test_what_has_no_time_is_counted_and_exported(tmp_path: Path) -> None:
    with Spool(tmp_path / "st-test", size_bytes=10**9, keep_ms=10**9, now_ms=1) as spool:
        record = SlotRecord(65_000, (SlotReading("do", 6.5, State.OK),))
        spool.keep_undated("boot-a", [Offered(record, ClockStamp(60_000, trusted=False))])
    assert "1 records without a time" in called("spool", "status").stdout
    (line,) = called("spool", "export", "--undated").stdout.splitlines()
    assert (json.loads(line)["boot"], json.loads(line)["r"]) == ("boot-a", [["do", 6.5, "ok"]])


def test_an_unknown_station_is_told_where_it_was_looked_for() -> None:
    result = CliRunner().invoke(app, ["spool", "status", "--station", "st-nowhere"])
    assert isinstance(result.exception, SpoolError)
    assert "st-nowhere" in str(result.exception)
