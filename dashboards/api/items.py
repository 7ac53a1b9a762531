"""What the collections of the API hold: one class an item, its fields as they are answered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec


class StationItem(msgspec.Struct, frozen=True):
    """A station in service."""

    station: str
    name: str
    name_en: str
    latitude: float
    longitude: float
    online: bool
    last_message_at: datetime | None
    in_service: datetime
    tags: list[str]


class ChannelItem(msgspec.Struct, frozen=True):
    """A channel in use; `unit` is a UCUM code, `derived` ones are made by the centre."""

    channel: str
    station: str
    parameter: str
    unit: str
    interval_s: float
    kind: str
    derived: bool
    device: str | None
    span_low: float | None
    span_high: float | None
    expect_low: float | None
    expect_high: float | None


class RawReading(msgspec.Struct, frozen=True):
    """A reading; `time` is the end of the slot that it covers, `value` the approved correction where there is one.

    `tests` blame it, with their greatest `score` and their `words`; `verdict` is a person's flag that stands, and why.
    """

    time: datetime
    value: float | None
    quality: int
    stage: str
    raw_value: float | None
    state: str
    tests: str
    score: float | None
    words: str | None
    words_en: str | None
    verdict: int | None
    reason: str | None


class BucketReading(msgspec.Struct, frozen=True):
    """An hour or a local day: `time` < t <= `end`. `quality`: 1 valid, 3 of too few readings, 9 of none."""

    time: datetime
    value: float | None
    quality: int
    stage: str
    end: datetime
    mean: float | None
    min: float | None
    max: float | None
    sd: float | None
    count: int
    expected: int
    completeness: float | None
    valid: bool


class LatestItem(msgspec.Struct, frozen=True):
    """The newest reading of a channel by its own time."""

    channel: str
    station: str
    parameter: str
    time: datetime
    value: float | None
    unit: str
    quality: int
    stage: str
    raw_value: float | None
    state: str
    tests: str
    received_at: datetime
    late: bool
    age_s: float


class AlarmItem(msgspec.Struct, frozen=True):
    """An alarm; times are those of readings."""

    alarm_id: int
    rule: str
    level: str
    station: str | None
    channel: str | None
    parameter: str | None
    severity: str
    state: str
    raised_at: datetime
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    late: bool
    parent: int | None
    value: float | None
    limit: float | None
    unit: str | None
    title: str | None
    title_en: str | None


class CompletenessItem(msgspec.Struct, frozen=True):
    """A local day of a channel; `causes` adds up to `expected` less `valid`, null: not explained yet."""

    day: date
    channel: str
    station: str
    expected: int
    received: int
    valid: int
    causes: dict[str, int] | None


class FlagItem(msgspec.Struct, frozen=True):
    """A finding of a test, or a person's verdict (`test` null); of a reading and test the highest `flag_id` counts."""

    flag_id: int
    time: datetime
    channel: str
    station: str
    test: str | None
    flag: int | None
    score: float | None
    words: str | None
    words_en: str | None
    reason: str | None
    by_person: bool
    at: datetime


class FileItem(msgspec.Struct, frozen=True):
    """A file for the ministry and its fate."""

    time: datetime
    station: str
    name: str
    sha256: str
    status: str
    made_at: datetime
    sent_at: datetime | None
    attempts: int


Item = type[msgspec.Struct]


def columns_of(item: Item) -> list[str]:
    """Return the fields of an item in their order."""
    return [field.name for field in msgspec.structs.fields(item)]


def schema_of(item: Item) -> dict[str, Any]:
    """Return an item as JSON Schema has it."""
    _, parts = msgspec.json.schema_components([item])
    return dict(parts[item.__name__])
