"""The agent killed while it reads: what it missed is on record, and every value equals what the instruments served."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from edge_agent.spooling import inspection
from edge_agent.spooling.inspection import NoSpool
from quantrac.cli.demo.comparison import Absence, StoredReading, differences
from quantrac.cli.demo.journals import ABSENCE, channel_series, milliseconds, read_journal
from quantrac.config.loader import load_station
from quantrac.telemetry.slots import slot_end
from quantrac.telemetry.states import State
from tests.fixtures.simulation import simulated
from tests.fixtures.timing import PATIENCE_S, eventually

ROOT = Path(__file__).parents[3]
STATION = "st-tran-de"
WIDTH_MS = 2_000
"""Report interval of the stations in this test, with four samples in each."""
DEFAULTS = "defaults: {sample: 500ms, report: 2s, housekeeping: 2s}\n"


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(ROOT / "station_configs", tmp_path / "config")
    file = tmp_path / "config" / "stations" / f"{STATION}.yaml"
    file.write_text(file.read_text().replace("\nbuses:", f"\n{DEFAULTS}buses:", 1).replace("sample: 1m", "sample: 2s"))
    with simulated(tmp_path, "--station", STATION):
        yield tmp_path


@contextmanager
def agent(field: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the real agent; its broker is away, which is of no concern here. None outlives the test.

    One that did would open the numbers of its lines again when they have become lines of another test.
    """
    environment = {
        **os.environ,
        "QUANTRAC_MQTT_URL": "mqtt://127.0.0.1:1",
        "QUANTRAC_STATE_DIR": str(field / "state"),
        "QUANTRAC_CONFIG": str(field / "config"),
        "QUANTRAC_WIRING": str(field / "wiring.yaml"),
    }
    with (field / "agent.log").open("ab") as log:
        command = [sys.executable, "-m", "quantrac", "edge", "run", "--station", STATION]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def messages(field: Path) -> list[dict[str, Any]]:
    """What the agent's spool holds, oldest first."""
    folder = field / "state" / STATION
    with suppress(NoSpool, sqlite3.OperationalError):  # its tables are not made yet
        return [json.loads(line) for line in inspection.export(folder)]
    return []


def slots(field: Path) -> set[int]:
    """Ends of the slots of which it holds readings."""
    return {message["t"] for message in messages(field) if message["r"]}


def test_killed_in_mid_slot_every_slot_is_told_and_no_value_differs_from_the_journal(field: Path) -> None:
    with agent(field) as first:
        eventually(lambda: len(slots(field)) >= 2)
        while time.time_ns() // 1_000_000 % WIDTH_MS < 1_600:  # all four samples are taken, the mean is not
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        first.wait(PATIENCE_S)
    before = max(slots(field))
    eventually(lambda: time.time() * 1000 > before + 3 * WIDTH_MS)
    with agent(field) as second:
        eventually(lambda: max(slots(field)) > before + 4 * WIDTH_MS and "ok" in str(messages(field)[-1]))
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0

    stored: dict[str, list[StoredReading]] = defaultdict(list)
    absences: dict[str, list[Absence]] = defaultdict(list)
    for message in messages(field):
        for name, value, word in message["r"]:
            stored[name].append(StoredReading(message["t"], value, State.from_word(word)))
        for kind, device, detail, _ in message.get("e", []):
            if kind == "restart" and device is not None and (span := ABSENCE.search(detail)):
                absences[device].append(Absence(milliseconds(span[1]), milliseconds(span[2])))

    station = load_station(field / "config", None, STATION)
    assert set(absences) == {*station.devices, "agent"}
    for name, series in channel_series(station, read_journal(field / "journal" / f"{STATION}.jsonl")):
        channel = name.split("/")[1]
        times = [reading.t_ms for reading in stored[channel]]
        assert times == [*range(times[0], times[-1] + 1, series.width_ms)], channel
        device = station.channel(channel).device
        dead = [reading for reading in stored[channel] if reading.state is State.FAULT and reading.value is None]
        assert len(dead) >= 2, channel
        assert all(
            any(a.from_ms < slot_end(d.t_ms, series.width_ms) <= a.to_ms for a in absences[device]) for d in dead
        )
        found = [*differences(name, series, stored[channel], absences[device])]
        assert [one for one in found if not one.is_unanswered] == []
        assert len(found) <= len(stored[channel]) / 2, "replies that a busy machine brought too late are not most"
