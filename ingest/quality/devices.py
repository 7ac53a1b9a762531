"""The devices that have tests of their own, with their channels; and what one of them measured, on one axis of time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Final, NamedTuple

import numpy as np

from ingest.quality.kept_readings import KeptReadings
from ingest.quality.readings import TestedReadings
from ingest.quality.spike import GAP_INTERVALS
from ingest.quality.tables import FORGETS
from ingest.quality.windows import Reach, ReachColumns, widest
from quantrac.database.feed import Change
from quantrac.database.pool import Connection
from quantrac.quality import climatology, trained
from quantrac.quality.device_tests import DEVICE_TESTS, DeviceTest
from quantrac.quality.model_file import model_of
from quantrac.quality.series import Climate, DeviceSeries
from quantrac.quality.trees import TrainedModel
from quantrac.telemetry.states import State

MOST_TIMES: Final = 25_000
"""A test that would look over more times of a device is not run on it: two weeks of minutes, a day of five seconds."""
MOST_TIMES_OF_FEW: Final = 80_000
"""Of a test that looks at certain parameters only: eight weeks of minutes."""
SHORTEST_INTERVAL_S: Final = 5.0
"""A device that measures more often has no test of its own: each new slot would have its whole reach judged."""

MEMBERS: Final = """
with changed as (
  select * from channel where channel_id = any(%(channels)s) and device is not null
), own as (
  select o.station, o.device, bool_or(o.active) as in_use, bool_or(o.parameter = any(%(dust)s)) as dust
  from channel o where o.device is not null and exists (
    select from changed n where n.station = o.station
    and (n.device = o.device or (n.parameter = 'humidity' and o.parameter = any(%(dust)s))))
  group by o.station, o.device having bool_or(o.history_tests && %(tests)s)
)
select own.station, own.device, c.channel_id, c.parameter, c.name, c.interval_s, c.resolution, c.history_tests,
       c.history_limits, c.device = own.device as is_own
from own join channel c on c.station = own.station
where not c.derived and c.kind = 'mean' and (c.active or not own.in_use)
  and (c.device = own.device or (own.dust and c.parameter = 'humidity' and c.history_tests <> '{}'))
order by own.station, own.device, c.parameter, c.device <> own.device, c.history_tests = '{}', c.name <> c.parameter,
         c.name
"""
"""The devices of channels, with their members. What a device in use measures no more is no part of it: its tests would
wait for it; of a device out of use all counts, for what comes late. Of several channels of a parameter the one that is
a measurement and bears its name comes first. Dust has the station's humidity beside it, if its device measures none.
"""
DUST: Final = ["pm2_5", "pm10"]
CHECKS: Final = ("zero", "span")


class MemberRow(NamedTuple):
    """A channel as `MEMBERS` gives it."""

    station: str
    device: str
    channel_id: int
    parameter: str
    name: str
    interval_s: float
    resolution: float | None
    tests: list[str]
    limits: dict[str, Any]
    """By test the score from which it blames; of `climatology` what is usual, and the limit behind it; of
    `trained` the model."""
    is_own: bool


class DeviceChannel(NamedTuple):
    """The channel by which a device measures a parameter."""

    channel_id: int
    scores: dict[str, float]
    """By device test that it has: the score from which a reading is suspect."""
    resolution: float | None = None
    """The smallest step that its instrument tells, in the parameter's unit; None: nobody knows."""
    climate: Climate | None = None
    """What is usual of it; None: nobody fitted it."""
    model: TrainedModel | None = None
    """What was trained for it; None: nothing, or it is not good there."""


@dataclass(frozen=True)
class TestedDevice:
    """A device with tests of its own."""

    __test__ = False  # it is no test of pytest's

    station: str
    interval_s: float
    """The shortest of its channels'."""
    channels: dict[str, DeviceChannel]
    """By parameter."""

    @cached_property
    def resolution(self) -> dict[str, float]:
        """Return the smallest step of each parameter of which one is known."""
        return {name: own.resolution for name, own in self.channels.items() if own.resolution is not None}

    @cached_property
    def climates(self) -> dict[str, Climate]:
        """Return what is usual of each parameter of which it is known."""
        return {name: own.climate for name, own in self.channels.items() if own.climate is not None}

    @cached_property
    def models(self) -> dict[str, TrainedModel]:
        """Return the trained model of each parameter that has one."""
        return {name: own.model for name, own in self.channels.items() if own.model is not None}

    @cached_property
    def tests(self) -> list[DeviceTest]:
        """The tests that judge at least one of its channels."""
        wanted = {name for channel in self.channels.values() for name in channel.scores}
        return [test for test in tests_for(self.channels, self.interval_s) if test.name in wanted]

    def reach(self) -> Reach:
        """Return how far its verdicts look."""
        gap = round(self.interval_s * GAP_INTERVALS * 1e6)
        return widest(Reach(round(test.back_s * 1e6), round(test.ahead_s * 1e6), gap) for test in self.tests)

    @cached_property
    def back_us(self) -> dict[str, int]:
        """Return how far verdicts look back at each parameter, microseconds."""
        return {
            name: max(
                (round(test.back_s * 1e6) for test in self.tests if test.reads is None or name in test.reads), default=0
            )
            for name in self.channels
        }


def tests_for(parameters: Iterable[str], interval_s: float) -> list[DeviceTest]:
    """Return the tests that a device can have, by what it measures and how often."""
    measured = frozenset(parameters)
    if interval_s < SHORTEST_INTERVAL_S:
        return []
    return [
        test
        for test in DEVICE_TESTS.values()
        if test.serves(measured) and test.back_s + test.ahead_s <= _most_times(test) * interval_s
    ]


def _most_times(test: DeviceTest) -> int:
    return MOST_TIMES if test.reads is None else MOST_TIMES_OF_FEW


def judged_by(parameters: Collection[str], interval_s: float) -> dict[str, set[str]]:
    """Return by test which of its parameters a device is judged by."""
    nothing = DeviceSeries(np.zeros(0, np.int64), dict.fromkeys(parameters, np.zeros(0)), {}, interval_s)
    return {
        test.name: {evidence.parameter for evidence in test.judge(nothing)}
        for test in tests_for(parameters, interval_s)
    }


class TestedDevices:
    """The devices that have tests, as they were last read; read again as the channels of `TestedChannels` are."""

    __test__ = False

    def __init__(self, only: Collection[str] | None = None) -> None:
        """`only`: names of the tests to run; None: all."""
        self._tests = sorted(DEVICE_TESTS if only is None else DEVICE_TESTS.keys() & set(only))
        self._conn: Connection | None = None
        self._forget()

    def _forget(self) -> None:
        self.kept = KeptReadings()
        self.by_number: dict[int, TestedDevice] = {}
        self._known: set[int] = set()
        self._numbers_of: dict[int, set[int]] = {}
        self.reaches = ReachColumns.of({})

    def changed(self, conn: Connection, changes: Sequence[Change]) -> list[Change]:
        """Return the changes with numbers of devices in place of channels; a device has its lowest channel's."""
        if conn is not self._conn or any(change.cause in FORGETS for change in changes):
            self._conn = conn
            self._forget()
        new = {channel for change in changes for channel in change.channels} - self._known
        if new:
            self._read(conn, new)
        found = []
        for change in changes:
            numbers = set[int]().union(*(self._numbers_of.get(channel, ()) for channel in change.channels))
            if numbers:
                found.append(change._replace(channels=tuple(sorted(numbers))))
        return found

    @classmethod
    def of(cls, conn: Connection, channels: Collection[int]) -> list[TestedDevice]:
        """Return the devices with tests to which channels belong."""
        found = cls()
        found._read(conn, channels)
        return list(found.by_number.values())

    def _read(self, conn: Connection, channels: Collection[int]) -> None:
        self._known.update(channels)
        asked = {"channels": list(channels), "tests": self._tests, "dust": DUST}
        rows = [MemberRow._make(row) for row in conn.execute(MEMBERS, asked).fetchall()]
        for (station, _), members in groupby(rows, key=lambda row: (row.station, row.device)):
            every = list(members)
            own = [row for row in every if row.is_own]
            device = TestedDevice(station, min(row.interval_s for row in own), dict(self._channels(every)))
            if device.tests:
                number = min(row.channel_id for row in own)
                self.by_number[number] = device
                for row in every:
                    self._numbers_of.setdefault(row.channel_id, set()).add(number)
        self.reaches = ReachColumns.of({number: device.reach() for number, device in self.by_number.items()})

    def _channels(self, rows: Iterable[MemberRow]) -> Iterator[tuple[str, DeviceChannel]]:
        """Yield the first channel of each parameter, and what it read of zero and span gas (`so2_zero`)."""
        for parameter, same in groupby(rows, key=lambda row: row.parameter):
            first, *others = same
            limits = dict(first.limits) if first.is_own else {}
            usual, learnt = limits.pop(climatology.TEST, None), limits.pop(trained.TEST, None)
            scores = {name: limits.get(name, 1.0) for name in first.tests if first.is_own and name in self._tests}
            climate = None if usual is None else Climate(tuple(usual[:-1]), usual[-1])
            model = model_of(learnt) if learnt is not None and trained.TEST in scores else None
            yield parameter, DeviceChannel(first.channel_id, scores, first.resolution, climate, model)
            for gas in CHECKS:
                for other in others:
                    if other.name == f"{first.name}_{gas}":
                        yield f"{parameter}_{gas}", DeviceChannel(other.channel_id, {}, other.resolution)


def series_of(readings: TestedReadings, spans: Mapping[str, slice], device: TestedDevice) -> DeviceSeries:
    """Return what a device measured, from the places of each parameter's readings; none where it does not vouch."""
    times = [readings.time_us[span] for span in spans.values()]
    longest = max(times, key=len)
    # Some are read further back than others, and are the same otherwise.
    is_shared = all(np.array_equal(own, longest[len(longest) - len(own) :]) for own in times)
    time_us = longest if is_shared else np.unique(np.concatenate(times))
    values = {}
    for parameter, span in spans.items():
        # What was read of zero and span gas is a calibration, and the very thing.
        worst = State.CAL if parameter.endswith(CHECKS) else State.SUSPECT
        state = readings.state[span]
        value = np.where((state <= State.SUSPECT) | (state == worst), readings.value[span], np.nan)
        if len(value) < len(time_us):
            whole = np.full(len(time_us), np.nan)
            if is_shared:
                whole[len(whole) - len(value) :] = value
            else:
                whole[np.searchsorted(time_us, readings.time_us[span])] = value
            value = whole
        values[parameter] = value
    return DeviceSeries(time_us, values, device.resolution, device.interval_s, device.climates, device.models)
