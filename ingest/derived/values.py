"""Computes derived values from the readings of the inputs: equal readings give equal bits, in any order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from quantrac.telemetry.indices.formulas import Basis, Columns, Formula, Options, mean_of
from quantrac.telemetry.local_time import HOUR, Calendar
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State


class InputRow(NamedTuple):
    """A reading of an input, as the views show it."""

    time: datetime
    value: float | None
    state: int
    quality: int
    received_at: datetime
    undoubted: int = Quality.GOOD
    """Quality without what tests of devices and stations merely suspect."""
    waits: bool = False
    """Tests with a history have yet to judge it: what it enters is made when they have."""

    @property
    def counts(self) -> bool:
        """Whether it enters means: a value, and quality neither fail nor missing."""
        return self.value is not None and self.quality <= Quality.SUSPECT


class Value(NamedTuple):
    """A derived value."""

    value: float | None
    state: int
    quality: int
    received_at: datetime
    undoubted: int | None = None
    """Quality as alarms read it: a mere suspicion keeps none from rising. None: as `quality`."""


Inputs = Mapping[str, Sequence[InputRow]]
"""Rows by input, ascending."""


def moments(formula: Formula, inputs: Inputs, options: Options) -> dict[datetime, Value | None]:
    """Return the values at all times at which every input has a reading; None where one of them still waits."""
    by_time = {name: {row.time: row for row in rows} for name, rows in inputs.items()}
    shared = set.intersection(*(set(rows) for rows in by_time.values()))
    made: dict[datetime, Value | None] = {}
    for time in sorted(shared):
        rows = {name: found[time] for name, found in by_time.items()}
        known = {name: row.value if row.quality != Quality.MISSING else None for name, row in rows.items()}
        columns = {name: (value,) for name, value in known.items()}
        used = [row for name, row in rows.items() if known[name] is not None]
        made[time] = _made(formula.value(columns, options), used, list(rows.values()))
    return made


def hour_means(
    rows: Sequence[InputRow],
    labels: Iterable[datetime],
    expected: Mapping[datetime, int],
    options: Options,
    calendar: Calendar,
) -> dict[datetime, Value | None]:
    """Return the means of the hours with these labels that hold a reading; None for an hour that still waits."""
    by_hour: dict[datetime, list[InputRow]] = {}
    for row in rows:
        by_hour.setdefault(calendar.hour_end(row.time), []).append(row)
    made: dict[datetime, Value | None] = {}
    for label in sorted(labels):
        found = by_hour.get(label)
        if found:
            used = [row for row in found if row.counts]
            mean = mean_of([row.value for row in used], expected[label], options.valid_share)
            made[label] = _made(mean, used, found)
    return made


def over_hours(
    formula: Formula, inputs: Inputs, labels: Iterable[datetime], options: Options, calendar: Calendar
) -> dict[datetime, Value | None]:
    """Return what the formula makes of the hours that end at a label or before it, within its window or the local day.

    There is a value, or null, where an input has a row in the window's last hour; a mean's or a day's may be anywhere.
    """
    by_time = {name: {row.time: row for row in rows} for name, rows in inputs.items()}
    anywhere = formula.parameter is None or formula.basis is Basis.DAY
    made: dict[datetime, Value | None] = {}
    for label in sorted(labels):
        width = (label - calendar.day_start(label)) // HOUR if formula.basis is Basis.DAY else formula.hours
        hours = [label - age * HOUR for age in range(width)]
        windows = {name: [found.get(hour) for hour in hours] for name, found in by_time.items()}
        if not any(any(window if anywhere else window[:1]) for window in windows.values()):
            continue
        rows = [row for window in windows.values() for row in window if row is not None]
        used = [row for row in rows if row.counts]
        made[label] = _made(formula.value(_columns(windows), options), used, rows)
    return made


def _columns(windows: Mapping[str, Sequence[InputRow | None]]) -> Columns:
    return {
        name: [row.value if row is not None and row.counts else None for row in window]
        for name, window in windows.items()
    }


def _made(value: float | None, used: Sequence[InputRow], every: Sequence[InputRow]) -> Value | None:
    """Return a value with the worst state and quality of what is in it; where it is null, why it is."""
    if any(row.waits for row in every):
        return None
    received_at = max(row.received_at for row in every)
    if value is None:
        worst = max(row.state for row in every)
        return Value(None, worst if worst > State.SUSPECT else State.COMM, Quality.MISSING, received_at)
    quality, undoubted = max(row.quality for row in used), max(row.undoubted for row in used)
    doubt = undoubted if undoubted < quality else None
    return Value(value, max(row.state for row in used), quality, received_at, doubt)
