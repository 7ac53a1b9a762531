"""Replay gives back the recording: its points exactly, between good points the line, nothing where nothing was."""

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulators.signals.recording import RESOLUTION, Dithered, Recording, RecordingError

RECORDINGS = Path(__file__).parents[3] / "simulators" / "recordings"
HEADER = "time,do,do_flag,wind_dir,wind_dir_flag,rain,rain_flag\n"


def recording(tmp_path: Path, *rows: str) -> Recording:
    file = tmp_path / "r.csv"
    file.write_text(HEADER + "\n".join(rows) + "\n")
    return Recording.load(file)


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("name", ["estuary_2012", "weather_2012"])
def test_replay_equals_the_file_at_its_points(name: str) -> None:
    """Every 97th row of the packaged files, asked for in 2026: the file is read here by other means."""
    file = RECORDINGS / f"{name}.csv.gz"
    replay = Recording.load(file)
    with gzip.open(file, "rt") as lines:
        rows = list(csv.DictReader(lines))
    compared = 0
    for row in rows[::97]:
        then = datetime.fromisoformat(row["time"])
        if (then.month, then.day) == (2, 29):
            continue
        now = then.replace(year=2026).timestamp()
        for column in replay.names:
            expected = float(row[column]) if row[column] else None
            assert replay.at(column, now) == expected, (row["time"], column)
            compared += 1
    assert compared > 2000


def test_a_line_is_drawn_between_good_points_only(tmp_path: Path) -> None:
    replay = recording(
        tmp_path,
        "2012-05-01T00:00:00Z,4.0,<0>,350,<0>,0.0,<0>",
        "2012-05-01T00:15:00Z,5.0,<0>,10,<0>,0.0,<0>",
        "2012-05-01T00:30:00Z,9.0,<-3> [SQR],10,<0>,0.0,<0>",
        "2012-05-01T00:45:00Z,,<-2>,20,<0>,0.0,<0>",
        "2012-05-01T01:00:00Z,6.0,<0>,20,<0>,0.0,<0>",
    )
    assert replay.at("do", moment("2026-05-01T00:07:30Z")) == pytest.approx(4.5)
    assert replay.at("wind_dir", moment("2026-05-01T00:07:30Z")) == pytest.approx(0.0)  # the shorter way round
    assert replay.at("do", moment("2026-05-01T00:20:00Z")) == 5.0  # its neighbour was rejected: no line
    assert replay.at("do", moment("2026-05-01T00:30:00Z")) == 9.0  # what the fouled probe sent
    assert replay.at("do", moment("2026-05-01T00:50:00Z")) is None
    assert replay.at("do", moment("2026-04-30T00:00:00Z")) is None
    assert replay.at("do", moment("2026-05-01T09:00:00Z")) is None


def test_rain_becomes_a_counter(tmp_path: Path) -> None:
    replay = recording(
        tmp_path,
        "2012-04-30T23:45:00Z,4.0,<0>,1,<0>,3.0,<0>",
        "2012-05-01T00:00:00Z,4.0,<0>,1,<0>,0.0,<0>",
        "2012-05-01T00:15:00Z,4.0,<0>,1,<0>,1.0,<0>",
        "2012-05-01T00:30:00Z,4.0,<0>,1,<0>,9.0,<-3>",
        "2012-05-01T00:45:00Z,4.0,<0>,1,<0>,0.5,<0>",
    )
    assert replay.sum_since_month("rain", moment("2026-05-01T00:00:00Z")) == 0
    assert replay.sum_since_month("rain", moment("2026-05-01T00:07:30Z")) == pytest.approx(0.5)
    assert replay.sum_since_month("rain", moment("2026-05-01T00:45:00Z")) == pytest.approx(1.5)


def test_the_29th_of_february_is_found_in_every_year(tmp_path: Path) -> None:
    replay = recording(tmp_path, "2011-02-28T00:00:00Z,4.0,,1,,0.0,", "2011-02-28T00:15:00Z,4.0,,1,,0.0,")
    assert replay.moment(moment("2028-02-29T00:00:00Z")) == moment("2011-02-28T00:00:00Z")


def test_dither_stays_below_half_the_last_place_and_never_freezes() -> None:
    replay = Recording.load(RECORDINGS / "estuary_2012.csv.gz")
    dithered = Dithered(replay, 1, "st-a")
    start = datetime(2026, 11, 24, 8, tzinfo=UTC).timestamp()
    for name in ("do", "ec", "ph", "water_temp"):
        served = [dithered.at(name, start + second) for second in range(60)]
        assert len(set(served)) > 50
        for second, value in enumerate(served):
            assert value == pytest.approx(replay.at(name, start + second), abs=RESOLUTION[name] / 2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("when,do\n2012-01-01T00:00:00Z,1\n", ":1: found columns"),
        ("time,do\n2012-01-01T00:00:00Z,wet\n", ":2: found '2012-01-01T00:00:00Z,wet'"),
        ("time,do\n2012-01-01T00:00:00Z,1\n2012-01-01T00:00:00Z,2\n", ":3: time"),
        ("time,do\n", "at least two lines"),
    ],
)
def test_a_bad_recording_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(RecordingError, match=r"bad\.csv") as refused:
        Recording.load(file)
    assert complaint in str(refused.value)
