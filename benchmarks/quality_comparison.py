"""The live tests of quality control beside ioos_qc, on stations whose experts flagged what is bad. Nothing is started.

Three comparisons, from the one that is kindest to ioos_qc to the one that a network meets:
- its settings are chosen by the very flags that it is scored by, and ours by nothing;
- its settings are chosen on the other stations of the folder;
- both are fitted on the first year of a station and scored on the rest of its record: it by that year's flags, ours by
  what `quantrac quality fit` proposes of that year.

ioos_qc is no dependency of ours: where it is not installed, only our own scores are printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import ioos_reference
from benchmarks.ioos_reference import TriedReadings, blamed_by_settings, chosen, score_with
from benchmarks.quality_scores import (
    JUDGED,
    FlaggedSonde,
    any_of,
    channel_flags,
    lines_of,
    read,
    score_of,
    tested_readings,
)
from ingest.quality.proposed_limits import proposed_limits
from quantrac.quality import climatology
from quantrac.quality.scores import TestScore
from quantrac.quality.series import Mask
from quantrac.telemetry.quality import Quality

KINDS: Final = {
    "temperature": ("water_temp",),
    "salinity": ("salinity", "ec"),
    "oxygen": ("do_sat", "do"),
    "pH": ("ph",),
    "turbidity": ("turbidity",),
}
"""What stations have in common: of each kind the first that a sonde measures."""
YEAR_US: Final = 365 * 86_400_000_000
MOST_FALSE: Final = 0.0005
"""What `quantrac quality fit` allows of itself."""
FACTOR: Final = 2.0
"""The goal: so many times the F1 of ioos_qc."""


@dataclass(frozen=True)
class ComparedChannel:
    """One parameter of one sonde."""

    sonde: FlaggedSonde
    kind: str
    name: str

    @cached_property
    def ours(self) -> Mask:
        """What any of our tests blames as shipped."""
        return any_of(self.sonde.blamed[self.name])

    @cached_property
    def tried(self) -> TriedReadings:
        """What each setting of ioos_qc blames, its thresholds from this very record."""
        return self.tried_on(slice(None), slice(None))

    def tried_on(self, some: slice, like: slice) -> TriedReadings:
        """Return what each setting of ioos_qc blames of some readings, its thresholds from others."""
        value = self.sonde.series.values[self.name]
        blamed = blamed_by_settings(self.sonde.series.time_us[some], value[some], value[like])
        return TriedReadings(blamed, partial(self.score, some=some))

    def score(self, blamed: Mask, some: slice = slice(None)) -> TestScore:
        """Score what is blamed of some readings."""
        return score_of(blamed, self.sonde.rejected[self.name][some], self.sonde.series.values[self.name][some])


def run(folder: Path | None, heights: Mapping[str, float] | None = None) -> Iterable[str]:
    """Give the lines of all files of a folder; `heights` above the sea by the file's name, metres."""
    if folder is None:
        yield "name a folder of flagged CSV files: ./dev bench quality --data FOLDER"
        return
    sondes = []
    for path in sorted(folder.rglob("*.csv*")):
        sonde = read(path, heights)
        if sonde is None:
            yield f"{path.name}: no parameter with a flag beside it; left out"
        elif not sonde.series.values.keys().isdisjoint(JUDGED):
            sondes.append(sonde)
            yield from lines_of(sonde)
    if not sondes:
        yield f"{folder}: no CSV file with flags"
    yield from comparison(sondes)


def comparison(sondes: Sequence[FlaggedSonde]) -> Iterator[str]:
    """Give for each kind and station our score beside those of ioos_qc, and where the goal is reached."""
    if sondes and not ioos_reference.is_installed():
        yield "ioos_qc: not installed, so nothing stands beside these scores"
        return
    for kind, names in KINDS.items():
        channels = [
            ComparedChannel(sonde, kind, name)
            for sonde in sondes
            for name in [name for name in names if name in sonde.series.values][:1]
        ]
        for own in channels:
            ours = own.score(own.ours)
            others = [other for other in channels if other is not own]
            rows = [("chosen by these flags", score_with(chosen([own.tried]), own.tried))]
            if others:
                elsewhere = chosen([other.tried for other in others])
                rows.append(("chosen on the other stations", score_with(elsewhere, own.tried)))
            yield from _beside(f"{kind}, {own.sonde.name}", ours, rows)
        for own in channels:
            yield from _second_year(own)


def _second_year(own: ComparedChannel) -> Iterator[str]:
    """Give the score of the record behind its first year, both sides fitted on that year."""
    times = own.sonde.series.time_us
    split = int(np.searchsorted(times, times[0] + YEAR_US))
    first, rest = slice(0, split), slice(split, None)
    if times[-1] - times[0] < 1.5 * YEAR_US:
        return
    settings = chosen([own.tried_on(first, first)])
    theirs = score_with(settings, own.tried_on(rest, first))
    ours = own.score(_fitted(own, first)[rest], rest)
    yield from _beside(f"{own.kind}, {own.sonde.name}, behind its first year", ours, [("fitted on that year", theirs)])


def _fitted(own: ComparedChannel, first: slice) -> Mask:
    """Return what our tests blame with the limits that `quantrac quality fit` proposes of some readings."""
    series, name = own.sonde.series, own.name
    value, bad = series.values[name][first], own.sonde.rejected[name][first]
    good = ~bad & ~np.isnan(value)
    readings = tested_readings(series.time_us[first], value)
    limits = {one.test: one.limit for one in proposed_limits(readings, good, bad, series.interval_s, MOST_FALSE, {})}
    blamed = own.sonde.blamed[name] | {
        title: flag >= Quality.SUSPECT for title, flag in channel_flags(series, name, limits).items()
    }
    usual = climatology.fitted(series.time_us[first], value, good, MOST_FALSE)
    if usual is not None:
        judged = replace(series, climates={name: usual.climate})
        blamed |= {one.test: one.flag >= Quality.SUSPECT for one in climatology.climatology(judged)}
    return any_of(blamed)


def _beside(title: str, ours: TestScore, rows: Sequence[tuple[str, TestScore]]) -> Iterator[str]:
    yield f"{title}: ours {_short(ours)}, {ours.bad} rejected"
    for how, theirs in rows:
        times = (ours.f1 or 0) / theirs.f1 if theirs.f1 else np.inf if ours.f1 else 0.0
        yield f"  ioos_qc {how}: {_short(theirs)}; {'reached' if times >= FACTOR else 'missed'}: {times:.1f} times"


def _short(score: TestScore) -> str:
    return f"F1 {score.f1 or 0:.2f} ({100 * (score.false_share or 0):.2f} % false)"
