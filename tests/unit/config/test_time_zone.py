"""Days and hours that technicians write are those of `time_zone` in network.yaml."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quantrac.config.loader import load_network

GOOD = Path(__file__).parent / "good"


@pytest.mark.parametrize(
    ("zone", "in_service", "since"),
    [
        ("Asia/Ho_Chi_Minh", "2019-05-31 17:00", "2026-09-05 17:00"),
        ("Asia/Kathmandu", "2019-05-31 18:15", "2026-09-05 18:15"),
        ("America/Santiago", "2019-06-01 04:00", "2026-09-06 04:00"),  # that day has no midnight: it begins at 01:00
    ],
)
def test_a_day_begins_at_its_local_midnight(tmp_path: Path, zone: str, in_service: str, since: str) -> None:
    folder = tmp_path / "configs"
    shutil.copytree(GOOD, folder)
    _write_over(folder / "network.yaml", "Asia/Ho_Chi_Minh", zone)
    adjust = "{expect: [0.2, 14], adjust: {offset: 0.5, since: 2026-09-06, by: An, why: drift}}"
    _write_over(folder / "stations/st-a.yaml", "{expect: [0.2, 14]}", adjust)
    _write_over(
        folder / "stations/st-a.yaml",
        "    address: 1\n",
        '    address: 1\n    calibration: {window: "Mon 08:00-09:00"}\n',
    )
    station = load_network(folder).stations["st-a"]
    found = station.devices["sonde"]
    assert station.in_service == _utc(in_service)
    assert found.channels["do"].adjust is not None
    assert found.channels["do"].adjust.begins_ms == _utc(since).timestamp() * 1000
    assert found.calibration is not None
    assert found.calibration.time_zone == zone


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _write_over(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
