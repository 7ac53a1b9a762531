"""Reads what people have said of a parameter's readings, as what a model of them is trained by."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np

from ingest.quality.devices import TestedDevice, TestedDevices, series_of
from ingest.quality.readings import Mask, TestedReadings
from ingest.quality.verdicts import BLAMING, JudgedChannel, ReviewedRange, judged_channels, reviewed
from quantrac.database.columns import read_columns
from quantrac.database.pool import Connection
from quantrac.quality.features import AHEAD_S, BACK_S, matrix
from quantrac.quality.series import DeviceSeries, Times
from quantrac.quality.taught_models import TaughtChannel
from quantrac.quality.trained import TEST
from quantrac.telemetry.quality import StatelessTest
from quantrac.telemetry.states import State

READINGS: Final = """
select channel_id, time, coalesce(value, 'NaN') as value, state from reading
where channel_id = any(%(channels)s) and time > %(after)s and time <= %(until)s order by channel_id, time
"""
BLAMED: Final = """
with judged as (
  select distinct on (g.time, g.test) g.time, g.flag from reading_flag g
  where g.channel_id = %(channel_id)s and g.time > %(after)s and g.time <= %(until)s
    and g.test is not null and g.test <> %(but)s
  order by g.time, g.test, g.flag_id desc)
select time from judged where flag >= 3 union
select time from reading where channel_id = %(channel_id)s and time > %(after)s and time <= %(until)s
  and tests & %(blaming)s::int2 <> 0
"""


def taught(conn: Connection, of: ReviewedRange, *, rest_is_good: bool = False) -> list[TaughtChannel]:
    """Return the channels of which people have judged readings, with what the other tests say of these on record.

    `of` names one parameter. Good and bad are what `verdicts.counted` calls so.
    """
    channels = judged_channels(conn, of)
    devices = TestedDevices.of(conn, [channel.channel_id for channel in channels])
    found = []
    for channel in channels:
        for device in devices:
            own = device.channels.get(channel.parameter)
            if own is not None and own.channel_id == channel.channel_id:
                found.append(_taught(conn, channel, device, of, rest_is_good=rest_is_good))
    return [each for each in found if len(each.bad)]


def _taught(
    conn: Connection, channel: JudgedChannel, device: TestedDevice, of: ReviewedRange, *, rest_is_good: bool
) -> TaughtChannel:
    said = reviewed(conn, channel, of, rest_is_good=rest_is_good, not_good=StatelessTest(0))
    judged = (said.good | said.bad) & ~np.isnan(said.readings.value) & (said.readings.state <= State.SUSPECT)
    time_us = said.readings.time_us[judged]
    series = _series(conn, device, of)
    return TaughtChannel(
        station=channel.station,
        channel=channel.channel,
        parameter=channel.parameter,
        time_us=time_us,
        features=matrix(series, channel.parameter)[np.searchsorted(series.time_us, time_us)],
        bad=said.bad[judged],
        ours=_blamed(conn, channel, of, time_us),
    )


def _series(conn: Connection, device: TestedDevice, of: ReviewedRange) -> DeviceSeries:
    """Return what a device measured in a range, and as far around it as features look."""
    channels = sorted(own.channel_id for own in device.channels.values())
    after, until = of.after - timedelta(seconds=BACK_S), of.until + timedelta(seconds=AHEAD_S)
    asked = {"channels": channels, "after": after, "until": until}
    kinds = {"channel_id": "int4", "time": "timestamptz", "value": "float8", "state": "int2"}
    columns = read_columns(conn, READINGS, asked, kinds)
    channel_id = columns.pop("channel_id")
    readings = TestedReadings(channel_id, columns["time"], columns["value"], columns["state"])
    spans = {
        name: slice(*np.searchsorted(channel_id, [own.channel_id, own.channel_id + 1]).tolist())
        for name, own in device.channels.items()
    }
    return series_of(readings, spans, device)


def _blamed(conn: Connection, channel: JudgedChannel, of: ReviewedRange, time_us: Times) -> Mask:
    asked = {
        "channel_id": channel.channel_id, "after": of.after, "until": of.until, "but": TEST, "blaming": int(BLAMING),
    }  # fmt: skip
    return np.isin(time_us, read_columns(conn, BLAMED, asked, {"time": "timestamptz"})["time"])
