"""What the tests of whole devices find in what changed, held against the flags that stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ingest.quality.devices import TestedDevice, TestedDevices, series_of
from ingest.quality.differences import BlamedReadings, differences
from ingest.quality.tables import LoadedBlock, NewFlag, load
from ingest.quality.windows import JudgedWindows, Places, windows
from quantrac.database.feed import Change
from quantrac.database.pool import Connection
from quantrac.quality.device_tests import DEVICE_TESTS, DeviceTest
from quantrac.quality.finding_words import filled
from quantrac.quality.series import DeviceSeries, Evidence
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.words import Words

WITHDRAWN: Final = Words(
    "rút lại: có thêm số liệu về sau thì thiết bị không có gì bất thường",
    "withdrawn: with the readings that came later nothing is wrong with the device",
)


@dataclass(frozen=True, slots=True)
class DeviceWindow:
    """A window of a device: where those of its channels stand among the windows that are loaded."""

    device: TestedDevice
    places: dict[str, int]
    """By parameter."""


@dataclass(frozen=True, slots=True)
class Blame:
    """Readings of one window of a channel that a test blames."""

    place: int
    """Of the window among those that are loaded."""
    series: DeviceSeries
    evidence: Evidence
    at: Places
    """Of the times of the series."""


def device_findings(conn: Connection, changes: Sequence[Change], tested: TestedDevices) -> Iterator[NewFlag]:
    """Return what has to be added so that the findings fit the readings as they stand now."""
    changed = tested.changed(conn, changes)
    of_devices = windows(changed, tested.reaches)
    for some in of_devices.in_blocks(_whole_windows(of_devices, tested.by_number)):
        judged, of_channels = _channel_windows(some, tested.by_number)
        block = load(conn, of_channels, DEVICE_TESTS, tested.kept.of(of_channels))
        tested.kept.after(of_channels, block.readings, block.newest_us)
        yield from _differences(block, judged)


def _whole_windows(some: JudgedWindows, devices: Mapping[int, TestedDevice]) -> npt.NDArray[np.int64]:
    """Return of how many channels a whole window is as much to load as what the channels of its device need."""
    backs = [list(devices[number].back_us.values()) for number in some.channel_id.tolist()]
    channels, back = np.array([len(each) for each in backs], np.int64), np.array(list(map(sum, backs)), np.int64)
    needed = channels * (some.load_to - some.judge_from) + back
    return np.asarray(-(-needed // np.maximum(some.load_to - some.load_from, 1)), np.int64)


def _channel_windows(
    some: JudgedWindows, devices: Mapping[int, TestedDevice]
) -> tuple[list[DeviceWindow], JudgedWindows]:
    """Return windows of devices as windows of their channels, by channel and time, each as far back as it is needed."""
    of = [devices[number] for number in some.channel_id.tolist()]
    whose = np.repeat(np.arange(len(some)), [len(device.channels) for device in of])
    channel_id = np.array([own.channel_id for device in of for own in device.channels.values()], np.int32)
    back = np.array([device.back_us[parameter] for device in of for parameter in device.channels], np.int64)
    load_from = some.judge_from[whose] - back
    order = np.lexsort((load_from, channel_id))
    place = np.empty(len(order), np.intp)
    place[order] = np.arange(len(order))
    numbers = iter(place.tolist())
    judged = [DeviceWindow(device, {parameter: next(numbers) for parameter in device.channels}) for device in of]
    spread = some.pick(whose[order])
    return judged, replace(spread, channel_id=channel_id[order], load_from=load_from[order])


def _differences(block: LoadedBlock, judged: Sequence[DeviceWindow]) -> Iterator[NewFlag]:
    """Yield where the verdicts of the tests differ from the flags that stand."""
    bounds = np.searchsorted(block.readings.series, np.arange(len(block.windows) + 1)).tolist()
    station = {place: each.device.station for each in judged for place in each.places.values()}
    has_test = {name: np.zeros(len(block.windows), np.bool_) for name in DEVICE_TESTS}
    blamed: dict[str, list[Blame]] = {name: [] for name in DEVICE_TESTS}
    for each in judged:
        spans = {name: slice(bounds[place], bounds[place + 1]) for name, place in each.places.items()}
        series = series_of(block.readings, spans, each.device)
        for test in each.device.tests:
            for parameter, place in each.places.items():
                has_test[test.name][place] = test.name in each.device.channels[parameter].scores
            seen = _seen(series, test, block.windows, next(iter(each.places.values())))
            for evidence in test.judge(seen):
                place = each.places[evidence.parameter]
                own = each.device.channels[evidence.parameter].scores.get(test.name)
                if own is not None and (at := _blamed(seen, evidence, own)).size:
                    blamed[test.name].append(Blame(place, seen, evidence, at))
    for name, blames in blamed.items():
        if blames or block.standing[name]:
            yield from differences(block, _united(name, blames), has_test[name], station.__getitem__)


def _seen(series: DeviceSeries, test: DeviceTest, windows: JudgedWindows, place: int) -> DeviceSeries:
    """Return what the verdicts of a test on a window depend on: most look back for hours where some want a week."""
    first = windows.judge_from[place] - round(test.back_s * 1e6)
    last = windows.judge_to[place] + round(test.ahead_s * 1e6)
    return series.between(int(first), int(last))


def _blamed(series: DeviceSeries, evidence: Evidence, from_score: float) -> Places:
    """Return where the evidence blames a value that there is."""
    least = Quality.SUSPECT if from_score >= 1 else Quality.GOOD
    is_judged = (evidence.flag >= least) & (evidence.flag != Quality.NOT_EVALUATED)
    return np.flatnonzero(is_judged & (evidence.score >= from_score) & ~np.isnan(series.values[evidence.parameter]))


def _united(test: str, blames: Sequence[Blame]) -> BlamedReadings:
    counts = [len(one.at) for one in blames]
    whose = np.repeat(np.arange(len(blames)), counts)
    within = np.arange(len(whose)) - np.repeat(np.cumsum(counts) - counts, counts)

    def found(number: int) -> Words:
        one = blames[int(whose[number])]
        at = int(one.at[int(within[number])])
        figures = {name: float(column[at]) for name, column in one.evidence.about.items()}
        return filled(DEVICE_TESTS[test].found, figures)

    return BlamedReadings(
        test,
        np.array([one.place for one in blames], np.int32)[whose],
        _joined([one.series.time_us[one.at] for one in blames], np.int64),
        np.maximum(_joined([one.evidence.flag[one.at] for one in blames], np.int8), Quality.SUSPECT).astype(np.int8),
        _joined([one.evidence.score[one.at] for one in blames], np.float64),
        found,
        WITHDRAWN,
    )


def _joined(columns: Sequence[npt.NDArray[Any]], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0, kind), *columns])
