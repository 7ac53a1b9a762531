"""The desk of laboratory results: what was found in a sample, beside what the sensor said then.

Nothing is deleted: a correction is one more version with person and reason.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from quantrac.config.units import conversion, convertible
from quantrac.database import audit
from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.desks.bias import Bias, ComparisonSettings, LaboratoryValue, bias_of, laboratory_value, two_ways
from quantrac.desks.entries import BadEntry, check_reason, check_seen, checked, entering
from quantrac.desks.samples import SAMPLES, KnownResult, LaboratorySample, sample_of
from quantrac.telemetry.parameters import CATALOGUE, HOUSEKEEPING, INDICES, Parameter

_NEVER_FOUND: Final = frozenset(parameter.id for parameter in (*INDICES, *HOUSEKEEPING))
_UCUM: Final = {
    "°c": "Cel",
    "oc": "Cel",
    "‰": "[ppth]",
    "ppt": "[ppth]",
    "psu": "[PSU]",
    "ntu": "[NTU]",
    "fnu": "[FNU]",
}


def measured() -> dict[str, Parameter]:
    """Return what a laboratory may find, by parameter, in the order of the catalogue."""
    return {name: parameter for name, parameter in CATALOGUE.items() if name not in _NEVER_FOUND}


class LaboratoryResult(NamedTuple):
    """What a laboratory found."""

    parameter: str
    reported: str
    """As it wrote it, such as `4.2` or `<0.02`."""
    unit: str
    """As it wrote it; empty: that of the catalogue."""
    method: str
    """Such as `TCVN 6179-1:1996`."""
    channel: str | None = None
    """The station's channel beside it; None: the one that measures the parameter."""
    decimal_mark: str = ""
    """What begins decimals in what it wrote, a point or a comma, where something else of it shows that; else empty."""


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A row of `v_sample`."""

    station: str
    parameter: str
    sampled_at: datetime
    value: float | None
    unit: str
    method: str
    laboratory: str
    beside: float | None
    """Mean of the sensor's good readings around the sample; None: there is none."""
    detection_limit: float | None
    reported: str
    channel: str | None
    readings: int
    """How many the mean is of."""
    code: str
    sample_id: int


class ComparedResult(NamedTuple):
    """A result beside the sensor's value."""

    row: SampleRow
    bias: Bias


NEWEST_RESULT: Final = f"""
select {columns_of(KnownResult)} from sample_result left join (select channel_id, channel from channel) c
  using (channel_id) where sample_id = %s and parameter = %s order by version desc limit 1
"""  # noqa: S608
RESULT: Final = """
insert into sample_result (sample_id, parameter, version, channel_id, value, detection_limit, unit, reported, method,
                           withdrawn, person, at, reason)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# The channel that is called as the parameter, then the measured before the derived.
CHANNEL: Final = """
select channel_id from channel where station = %(station)s and parameter = %(parameter)s and active
  and (%(name)s::text is null or name = %(name)s)
order by name <> parameter, derived, name limit 1
"""
COMPARED: Final = f"""
select {columns_of(SampleRow)} from v_sample
where (%(station)s::text is null or station = %(station)s)
  and (%(stations)s::text[] is null or station = any(%(stations)s))
  and (%(channel)s::text is null or channel = %(channel)s)
  and (%(samples)s::int[] is null or sample_id = any(%(samples)s))
  and (%(since)s::timestamptz is null or sampled_at > %(since)s)
  and (%(until)s::timestamptz is null or sampled_at <= %(until)s)
order by sampled_at desc, sample_id desc, parameter limit %(limit)s::int
"""  # noqa: S608
MOST_COMPARED: Final = 300
COMPARISON: Final = "select comparison from network"


def enter_result(
    conn: Connection, sample_id: int, result: LaboratoryResult, person: str, now: datetime, reason: str = "",
    *, station: str | None = None, seen: int | None = None,
) -> LaboratorySample:  # fmt: skip
    """Enter a laboratory's result; where the parameter has one already, it is a correction, with a reason.

    `seen`: the version of the result that the person has looked at, 0: there was none. Raises BadEntry, NoSuchEntry,
    EntryOvertaken.
    """
    with entering(conn):
        station = SAMPLES.standing(conn, sample_id, station=station).station
        before = _newest_result(conn, sample_id, result.parameter, seen)
        _enter_result(conn, sample_id, station, before, result, person, now, reason)
        return sample_of(conn, sample_id)


def withdraw_result(
    conn: Connection, sample_id: int, parameter: str, person: str, reason: str, now: datetime,
    *, station: str | None = None, seen: int | None = None,
) -> LaboratorySample:  # fmt: skip
    """Take back a result that was entered by mistake; it stays on record. Raises as `enter_result` does."""
    with entering(conn):
        station = SAMPLES.standing(conn, sample_id, station=station).station
        before = _newest_result(conn, sample_id, parameter, seen)
        if before is None or before.withdrawn:
            raise BadEntry("sample {number} has no result of {parameter}", number=sample_id, parameter=parameter)
        channel_id = None if before.channel is None else _channel_id(conn, station, parameter, before.channel)
        said = [before.value, before.detection_limit, before.unit, before.reported, before.method, True]
        conn.execute(
            RESULT, [sample_id, parameter, before.version + 1, channel_id, *said, person, now, check_reason(reason)]
        )
        audit.record(
            conn, now, person, "withdraw", f"sample {sample_id} of {station}", reason, {"parameter": parameter}
        )
        return sample_of(conn, sample_id)


def compared(
    conn: Connection,
    station: str | None = None,
    *,
    stations: frozenset[str] | None = None,
    channel: str | None = None,
    samples: Collection[int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = MOST_COMPARED,
) -> list[ComparedResult]:
    """Return results beside the sensor's values, the newest first; `samples` bounds of which, by number."""
    asked = {
        "station": station, "stations": None if stations is None else sorted(stations), "channel": channel,
        "samples": None if samples is None else list(samples), "since": since, "until": until, "limit": limit,
    }  # fmt: skip
    tolerances = comparison(conn).tolerances
    return [
        ComparedResult(
            row, bias_of(LaboratoryValue(row.value, row.detection_limit), row.beside, tolerances.get(row.parameter))
        )
        for row in rows_of(conn, SampleRow, COMPARED, asked)
    ]


def comparison(conn: Connection) -> ComparisonSettings:
    """Return how results and readings are compared."""
    row = conn.execute(COMPARISON).fetchone()
    return ComparisonSettings.of({} if row is None else row[0])


def ucum_of(unit: str, parameter: str) -> str | None:
    """Return the UCUM code of a unit as laboratories write it, None for one that is not of the parameter. Pure."""
    target = measured()[parameter].unit
    said = unit.strip().replace("µ", "u").replace("μ", "u").replace("³", "3").replace(" ", "").casefold()
    if said in ("", "-", "ph") or said == measured()[parameter].label.replace(" ", "").casefold():
        return target if said or target in ("[pH]", "1") else None
    from_words = _UCUM.get(said)
    if from_words is not None:
        return from_words if conversion(from_words, target, parameter) else None
    return next((code for code in convertible(target, parameter) if code.casefold() == said), None)


def _enter_result(
    conn: Connection, sample_id: int, station: str, before: KnownResult | None, result: LaboratoryResult, person: str,
    now: datetime, reason: str,
) -> None:  # fmt: skip
    found = value_of(result)
    why = None if before is None else check_reason(reason)
    channel_id = _channel_id(conn, station, result.parameter, result.channel)
    if result.channel is not None and channel_id is None:
        raise BadEntry("{channel} does not measure {parameter}", channel=result.channel, parameter=result.parameter)
    unit, version = measured()[result.parameter].unit, 1 if before is None else before.version + 1
    said = [channel_id, *found, unit, reported_words(result), checked(result.method), False, person, now, why]
    conn.execute(RESULT, [sample_id, result.parameter, version, *said])
    detail = {"parameter": result.parameter, "reported": reported_words(result)}
    audit.record(conn, now, person, "enter result", f"sample {sample_id} of {station}", why, detail)


def value_of(result: LaboratoryResult) -> LaboratoryValue:
    """Return a result in the unit of the catalogue. Raises BadEntry for what no laboratory finds. Pure."""
    parameter = measured().get(result.parameter)
    if parameter is None:
        raise BadEntry("{parameter} is not what a laboratory finds", parameter=result.parameter)
    said = laboratory_value(result.reported)
    if said is None:
        raise BadEntry("found {value}, expected a number or a limit of detection such as <0.02", value=result.reported)
    if either := two_ways(result.reported, result.decimal_mark):
        raise BadEntry("found {value}, which reads in two ways: write {whole} or {longer}",
                       value=result.reported, whole=either[0], longer=either[1])  # fmt: skip
    unit = parameter.unit if not result.unit.strip() else ucum_of(result.unit, result.parameter)
    turn = None if unit is None else conversion(unit, parameter.unit, result.parameter)
    if turn is None:
        raise BadEntry("found the unit {unit}, expected one of {parameter} such as {label}", unit=result.unit,
                       parameter=result.parameter, label=parameter.label or "-")  # fmt: skip
    found = LaboratoryValue(*(None if value is None else turn(value) for value in said))
    low, high = parameter.span
    if found.value is not None and not low <= found.value <= high:
        raise BadEntry("found {value}, expected {low} to {high} {unit}", value=result.reported, low=f"{low:g}",
                       high=f"{high:g}", unit=parameter.label)  # fmt: skip
    return found


def reported_words(result: LaboratoryResult) -> str:
    """Return a result as it is kept to be read, such as `<0.02 mg/l`. Raises BadEntry. Pure."""
    label = measured()[result.parameter].label if result.parameter in measured() else ""
    return " ".join(part for part in (checked(result.reported), checked(result.unit) or label) if part)


def _newest_result(conn: Connection, sample_id: int, parameter: str, seen: int | None) -> KnownResult | None:
    found = next(iter(rows_of(conn, KnownResult, NEWEST_RESULT, [sample_id, parameter])), None)
    if found is not None:
        check_seen(seen, found.version, found.person, found.at)
    return found


def _channel_id(conn: Connection, station: str, parameter: str, channel: str | None) -> int | None:
    name = None if channel is None else channel.removeprefix(f"{station}/")
    row = conn.execute(CHANNEL, {"station": station, "parameter": parameter, "name": name}).fetchone()
    return None if row is None else int(row[0])
