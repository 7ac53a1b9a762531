"""Replays a recorded series: the same month, day and time of the year, in the recording's own year."""

from __future__ import annotations

import csv
import gzip
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from quantrac.telemetry.errors import QuantracError
from simulators.signals.noise import uniform

GOOD_FLAGS = ("", "<0>", "<4>", "<5>")
LONGEST_GAP_S = 1800.0  # no line is drawn between points further apart
RESOLUTION = {
    "water_temp": 0.1, "ec": 0.01, "salinity": 0.1, "do_sat": 0.1, "do": 0.1, "depth": 0.01, "ph": 0.1,
    "turbidity": 1.0,
    "air_temp": 0.1, "humidity": 1.0, "pressure": 1.0, "wind_speed": 0.1, "wind_dir": 1.0, "rain": 0.1,
}  # fmt: skip


class RecordingError(QuantracError):
    """A recording that cannot be replayed."""

    exit_code = 2


@dataclass
class RecordedColumn:
    """One column: values (NaN where nothing was recorded), whether each is good, and their running sum."""

    values: array[float] = field(default_factory=lambda: array("d"))
    good: bytearray = field(default_factory=bytearray)
    sums: array[float] = field(default_factory=lambda: array("d"))

    def append(self, text: str, flag: str) -> None:
        """Add one row's value and flag."""
        value = float(text) if text else math.nan
        good = bool(text) and flag.split(" ", 1)[0] in GOOD_FLAGS
        self.values.append(value)
        self.good.append(good)
        self.sums.append((self.sums[-1] if self.sums else 0.0) + (value if good else 0.0))


class Recording:
    """A recorded file, held by column."""

    def __init__(self, times: array[float], columns: dict[str, RecordedColumn]) -> None:
        self._times, self._columns = times, columns
        self._year = datetime.fromtimestamp(times[len(times) // 2], UTC).year

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a CSV file, plain or gzipped; raises RecordingError with file and line."""
        opener = gzip.open if path.suffix == ".gz" else open
        try:
            with opener(path, "rt", encoding="utf-8", newline="") as lines:
                return cls._read(path, csv.reader(lines))
        except (OSError, UnicodeDecodeError) as error:
            raise RecordingError(f"{path}: cannot be read as a recording: {error}") from error

    @classmethod
    def _read(cls, path: Path, rows: Iterable[list[str]]) -> Recording:
        rows = iter(rows)
        header = next(rows, [])
        names = [name for name in header if name in RESOLUTION]
        if "time" not in header or not names:
            raise RecordingError(f"{path}:1: found columns {header}, expected time and any of {', '.join(RESOLUTION)}")
        at_time = header.index("time")
        places = [
            (name, header.index(name), header.index(f"{name}_flag") if f"{name}_flag" in header else None)
            for name in names
        ]
        times: array[float] = array("d")
        columns = {name: RecordedColumn() for name in names}
        for number, row in enumerate(rows, 2):
            try:
                times.append(datetime.fromisoformat(row[at_time]).timestamp())
                for name, value, flag in places:
                    columns[name].append(row[value], row[flag] if flag is not None else "")
            except (ValueError, IndexError) as error:
                raise RecordingError(f"{path}:{number}: found {','.join(row)!r}: {error}") from error
            if len(times) > 1 and times[-1] <= times[-2]:
                raise RecordingError(f"{path}:{number}: time {row[at_time]} is not later than the line before")
        if len(times) < 2:
            raise RecordingError(f"{path}: expected at least two lines of data")
        return cls(times, columns)

    @property
    def names(self) -> set[str]:
        """The columns."""
        return set(self._columns)

    def moment(self, t: float) -> float:
        """Unix time in the recording's year with the month, day and time of `t` (29 February may become the 28th)."""
        moment = datetime.fromtimestamp(t, UTC)
        try:
            return moment.replace(year=self._year).timestamp()
        except ValueError:
            return moment.replace(year=self._year, day=28).timestamp()

    def at(self, name: str, t: float) -> float | None:
        """The value for Unix time `t`.

        At a recorded point the point itself; between two good points near enough the line between them (for a
        direction, the shorter way round); beside a point that is not good, the point before, as the probe sent it;
        None where nothing was recorded.
        """
        series, moment = self._columns[name], self.moment(t)
        left = bisect_right(self._times, moment) - 1
        if left < 0 or moment - self._times[left] > LONGEST_GAP_S or math.isnan(series.values[left]):
            return None
        right = left + 1
        if moment == self._times[left] or right == len(self._times):
            return series.values[left]
        gap = self._times[right] - self._times[left]
        if gap > LONGEST_GAP_S or not (series.good[left] and series.good[right]):
            return series.values[left]
        step = series.values[right] - series.values[left]
        if name == "wind_dir":
            step = (step + 180) % 360 - 180
        value = series.values[left] + step * (moment - self._times[left]) / gap
        return value % 360 if name == "wind_dir" else value

    def sum_since_month(self, name: str, t: float) -> float:
        """Sum of a column over the month so far: what a counter shows that was reset at its start (UTC)."""
        moment = self.moment(t)
        first = datetime.fromtimestamp(moment, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return self._sum(name, moment) - self._sum(name, first.timestamp())

    def _sum(self, name: str, moment: float) -> float:
        series = self._columns[name]
        right = bisect_left(self._times, moment)
        before = series.sums[right - 1] if right else 0.0
        if right in (0, len(self._times)):
            return before
        gap = self._times[right] - self._times[right - 1]
        return before + (series.sums[right] - before) * (moment - self._times[right - 1]) / gap


class Dithered:
    """A column with the digits that the recording rounded away: noise of less than half its last place.

    Without it a probe read each second would seem frozen between two equal points. `shift_s` replays the recording
    earlier or later, so that two stations on one recording differ.
    """

    def __init__(self, recording: Recording, seed: int, place: str, shift_s: float = 0.0) -> None:
        self._recording, self._seed, self._place, self._shift_s = recording, seed, place, shift_s

    def at(self, name: str, t: float) -> float | None:
        """The value for Unix time `t`, never below zero for what cannot be negative."""
        value = self._recording.at(name, t + self._shift_s)
        if value is None:
            return None
        digit = 0.8 * RESOLUTION[name] * (uniform(self._seed, f"{self._place}/{name}/dither", math.floor(t)) - 0.5)
        return value + digit if name in ("water_temp", "air_temp") else max(0.0, value + digit)

    def sum_since_month(self, name: str, t: float) -> float:
        """As the recording's, shifted."""
        return self._recording.sum_since_month(name, t + self._shift_s)
