"""Exports as NetCDF after the CF conventions 1.11: one station, a time axis, a variable a channel, flags beside it.

Times of all channels stand on one axis; where a channel has none of them its value is missing (`_FillValue`). It is
written by blocks of days, so memory does not grow with the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import netCDF4
import numpy as np
import numpy.typing as npt

from quantrac.database.columns import read_columns
from quantrac.database.pool import Connection
from quantrac.telemetry.local_time import Calendar
from quantrac.telemetry.parameters import CATALOGUE
from reports.exports.cf_words import (
    CELL_METHODS,
    ON_SCALE,
    QUALITY,
    STAGE,
    STANDARD_NAMES,
    STATE,
    VALID,
    VERDICT,
    Flags,
    units_of,
)
from reports.exports.formats import Resolution
from reports.exports.netcdf_words import SUFFIXES, add_words, fill_words
from reports.exports.rows import DAY, STAGES_NOW, in_one_moment
from reports.exports.selection import BadSelection, ExportRange, channels_of

BLOCK: Final = timedelta(days=14)
CHUNK: Final = 8192
"""Times in a chunk of a variable."""
CACHE: Final = CHUNK * 8 * 2
"""Bytes of chunks that the library holds of a variable."""
MISSING: Final = -127
"""Of a flag."""
EPOCH: Final = "seconds since 1970-01-01T00:00:00Z"

PLACE: Final = "select station, name_vi, name_en, latitude, longitude from station where station = any(%s)"
CHANNEL: Final = "select name, parameter, unit, kind, derived from channel where channel = %s"
STAGE_CODE: Final = "coalesce(array_position(array['raw', 'unreviewed', 'reviewed'], s.stage) - 1, -127)::int2 as stage"
READINGS: Final = f"""
with stages as materialized ({STAGES_NOW})
select r.time, coalesce(r.value, 'NaN') as value, r.quality::int2 as quality,
       (array_position('{{{",".join(STATE.meanings)}}}', r.state) - 1)::int2 as state,
       coalesce(w.verdict, -127)::int2 as verdict, {STAGE_CODE}
from v_reading r
left join reading_words(%(channel)s, %(after)s, %(until)s, null) w on w.time = r.time
left join stages s on s.day = {DAY.format("(r.time - interval '1 microsecond')")}
where r.channel = %(channel)s and r.time > %(after)s and r.time <= %(until)s order by r.time
"""  # noqa: S608  # constants
BUCKETS: Final = f"""
with stages as materialized ({STAGES_NOW})
select b.time, coalesce(b.value, 'NaN') as value, coalesce(b.valid, false)::int4::int2 as valid, {STAGE_CODE}
from {{view}} b left join stages s on s.day = {DAY.format("b.time")}
where b.channel = %(channel)s and b.time >= %(after)s and b.time < %(until)s order by b.time
"""  # noqa: S608


class NotOneStation(BadSelection):
    """What was chosen is no single station with a place."""


class CfChannel(NamedTuple):
    """A channel, as its variable needs it."""

    name: str
    parameter: str
    unit: str
    kind: str
    derived: bool


def write_netcdf(conn: Connection, selection: ExportRange, calendar: Calendar, path: Path) -> int:
    """Write the selection to a new file and return the number of values. Raises NotOneStation."""
    if selection.as_of is not None:
        raise NotOneStation("a NetCDF file shows readings as they are now: leave out the earlier moment")
    with in_one_moment(conn), netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        channels = {
            name: CfChannel(*row) for name in channels_of(conn, selection) for row in conn.execute(CHANNEL, [name])
        }
        _describe(file, _place(conn, channels), selection)
        flags = (QUALITY, STATE, VERDICT, STAGE) if selection.resolution is Resolution.RAW else (VALID, STAGE)
        for name, channel in channels.items():
            title = _add_channel(file, channel, flags, selection.resolution)
            if selection.resolution is Resolution.RAW:
                add_words(file, conn, name, title, (selection.after, selection.until))
        return sum(_fill(file, conn, selection, calendar, span, channels, flags) for span in _spans(selection))


def _place(conn: Connection, channels: Mapping[str, CfChannel]) -> tuple[Any, ...]:
    stations = sorted({name.partition("/")[0] for name in channels})
    found = conn.execute(PLACE, [stations]).fetchall()
    if len(found) != 1:
        raise NotOneStation("a NetCDF file holds one station: choose one")
    if None in found[0][3:]:
        raise NotOneStation(
            "a NetCDF file names the place, and the file of station {station} has none", station=found[0][0]
        )
    return found[0]


def _describe(file: Any, place: tuple[Any, ...], selection: ExportRange) -> None:
    station, name_vi, name_en, latitude, longitude = place
    file.setncatts({
        "Conventions": "CF-1.11", "featureType": "timeSeries", "title": f"{name_en}: {selection.resolution} values",
        "summary": f"{name_vi} ({station})", "source": "automatic monitoring station", "institution": "Quantrac",
        "history": "written by quantrac export readings", "references": "https://cfconventions.org",
        "comment": "quality: QARTOD flags; a value is the correction of a person where there is one",
    })  # fmt: skip
    file.createDimension("time", None)
    file.createDimension("name_length", len(station))
    for name, value, about in (
        ("lat", latitude, {"standard_name": "latitude", "units": "degrees_north", "long_name": "latitude"}),
        ("lon", longitude, {"standard_name": "longitude", "units": "degrees_east", "long_name": "longitude"}),
    ):
        variable = file.createVariable(name, "f8", ())
        variable.setncatts(about)
        variable[...] = value
    named = file.createVariable("station", "S1", ("name_length",))
    named.setncatts({"cf_role": "timeseries_id", "long_name": "station"})
    named[:] = np.array(list(station), "S1")
    time = file.createVariable("time", "f8", ("time",), chunksizes=(CHUNK,))
    time.setncatts({"standard_name": "time", "long_name": "time", "units": EPOCH, "calendar": "standard",
                   "axis": "T", "units_metadata": "leap_seconds: none"})  # fmt: skip
    if selection.resolution is Resolution.RAW:
        time.comment = "end of the stretch that a value covers"
    else:
        file.createDimension("bounds", 2)
        time.setncatts({"bounds": "time_bounds", "comment": "begin of the hour or local day"})
        file.createVariable("time_bounds", "f8", ("time", "bounds"), chunksizes=(CHUNK, 2))


def _add_channel(file: Any, channel: CfChannel, flags: Sequence[Flags], resolution: Resolution) -> str:
    """Add the variables of a channel and return what it measures."""
    known = CATALOGUE.get(channel.parameter)
    title = channel.parameter if known is None else known.title_en
    beside = [*(each.suffix for each in flags), *(SUFFIXES if resolution is Resolution.RAW else ())]
    about = {
        "long_name": title if channel.name == channel.parameter else f"{title} ({channel.name})",
        "units": units_of(channel.unit), "coordinates": "lat lon station",
        "ancillary_variables": " ".join(f"{channel.name}_{suffix}" for suffix in beside), "ucum_units": channel.unit,
    }  # fmt: skip
    if channel.unit in ON_SCALE:
        about["units_metadata"] = ON_SCALE[channel.unit]
    if channel.parameter in STANDARD_NAMES:
        about["standard_name"] = STANDARD_NAMES[channel.parameter]
    if resolution is not Resolution.RAW and channel.kind in CELL_METHODS:
        about["cell_methods"] = CELL_METHODS[channel.kind]
    variable = _variable(file, channel.name, "f8", np.nan)
    variable.setncatts(about)
    for each in flags:
        codes = np.array(list(each.meanings.values()), "i1")
        flag = _variable(file, f"{channel.name}_{each.suffix}", "i1", MISSING)
        flag.setncatts({
            "long_name": f"{each.title} {title}", "flag_values": codes, "flag_meanings": " ".join(each.meanings),
            "coordinates": "lat lon station",
        })  # fmt: skip
        if each.standard_name is not None:
            flag.standard_name = each.standard_name
    return title


def _variable(file: Any, name: str, kind: str, missing: float) -> Any:
    made = file.createVariable(
        name, kind, ("time",), compression="zlib", complevel=4, shuffle=True, chunksizes=(CHUNK,), fill_value=missing
    )
    made.set_var_chunk_cache(size=CACHE, nelems=11)
    return made


def _spans(selection: ExportRange) -> Iterator[tuple[datetime, datetime]]:
    low = selection.after
    while low < selection.until:
        high = min(low + BLOCK, selection.until)
        yield low, high
        low = high


def _fill(
    file: Any, conn: Connection, selection: ExportRange, calendar: Calendar, span: tuple[datetime, datetime],
    channels: Mapping[str, CfChannel], flags: Sequence[Flags],
) -> int:  # fmt: skip
    """Write what a span holds behind what is there; return the number of values."""
    is_raw = selection.resolution is Resolution.RAW
    query = READINGS if is_raw else BUCKETS.format(view=f"v_{selection.resolution}")
    words = {"time": "timestamptz", "value": "float8", **{each.suffix: "int2" for each in flags}}
    found = {
        channel: read_columns(conn, query, {"channel": channel, "after": span[0], "until": span[1]}, words)
        for channel in channels
    }
    axis = np.unique(np.concatenate([columns["time"] for columns in found.values()]))
    begin, count = len(file.dimensions["time"]), 0
    file["time"][begin : begin + len(axis)] = axis / 1e6
    if not is_raw:
        file["time_bounds"][begin : begin + len(axis)] = _bounds(axis, selection.resolution, calendar)
    for channel, columns in found.items():
        if is_raw:
            fill_words(file, conn, channel, span, axis, begin)
        at = begin + np.searchsorted(axis, columns["time"])
        count += len(at)
        for name, column in columns.items():
            if name != "time" and len(axis):
                variable = file[channels[channel].name + ("" if name == "value" else f"_{name}")]
                whole = np.full(len(axis), variable.getncattr("_FillValue"), variable.dtype)
                whole[at - begin] = column
                variable[begin : begin + len(axis)] = whole
    return count


def _bounds(axis: npt.NDArray[np.int64], resolution: Resolution, calendar: Calendar) -> npt.NDArray[np.float64]:
    """Return begin and end of each hour or local day, in seconds since 1970."""
    begins = axis / 1e6
    if resolution is Resolution.HOURLY:
        return np.stack([begins, begins + 3600], axis=1)
    ends = [calendar.day_end(datetime.fromtimestamp(begin + 1, calendar.zone)).timestamp() for begin in begins]
    return np.stack([begins, np.array(ends, np.float64)], axis=1)
