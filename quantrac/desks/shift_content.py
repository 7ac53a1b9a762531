"""What a shift hands over: items of ten kinds, counted over all of them, and notes; who may read which. Pure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

Mark = Literal["watch", "done"]
LARGEST_INTEGER: Final = 2**53


class ItemKind(StrEnum):
    """What an item tells; in the order of the page."""

    STANDING = "standing"
    """An alarm that stands."""
    ALARMS = "alarms"
    """Alarms of one rule at one station, raised or cleared in the shift."""
    GAPS = "gaps"
    """A station that is not heard, or of whose readings too few count."""
    ASIDE = "aside"
    """An alarm that is shelved, or a place that is out of service."""
    COMMANDS = "commands"
    CONFIGURATION = "configuration"
    REVIEWS = "reviews"
    """Verdicts, corrections, days signed and reopened."""
    MESSAGES = "messages"
    """Messages to people that no carrier takes."""
    DEAD_LETTERS = "dead_letters"
    ACTS = "acts"
    """What else people did, from the audit."""


@dataclass(frozen=True, slots=True)
class ShiftItem:
    """One thing that happened in a shift or stands at its end."""

    key: str
    """What notes name it by, such as `alarm 17`; the same thing has the same key on later pages."""
    kind: ItemKind
    station: str | None
    """None: it belongs to no station."""
    at: datetime
    facts: dict[str, Any]
    """What its words are made of; times as text, ISO 8601."""


@dataclass(frozen=True, slots=True)
class ShiftCount:
    """How many of a kind there are at a station, listed or not; `all`: items, other words: what these count."""

    kind: ItemKind
    station: str | None
    what: str
    count: int


@dataclass(frozen=True, slots=True)
class ShiftNote:
    """What a person wrote in the book."""

    shift_note_id: int
    at: datetime
    person: str
    text: str
    mark: Mark | None
    """`watch`: it goes on to the next shifts; `done`: no longer."""
    station: str | None
    """None: it is about the whole network."""
    item: str | None
    """Key of what it is about; None: it stands for itself."""
    about: dict[str, Any] | None
    """What it is about, as the page showed it then: kind and facts."""

    @property
    def key(self) -> str:
        """The key by which a later note refers to it."""
        return self.item or f"note {self.shift_note_id}"


@dataclass(frozen=True, slots=True)
class ShiftContent:
    """The page of a shift: of one that is open as things stand, of one that was handed over as it was signed."""

    shift_id: int
    since: datetime
    until: datetime
    """End of the shift; of an open one when it was read."""
    listed_since: datetime
    """What happened is listed from here on: later than `since` in a shift that nobody ended for long."""
    names: dict[str, list[str]]
    """Stations that occur → their Vietnamese and English names."""
    items: list[ShiftItem]
    """Some of each station, by kind, the worst or newest first."""
    counts: list[ShiftCount]
    """Over all that there is."""
    notes: list[ShiftNote]
    """Of this shift, the oldest first."""
    watched: list[ShiftNote]
    """The newest first; of this and earlier shifts, nobody has said that it is done."""
    previous: str | None = None
    """Digest of the page before."""
    person: str | None = None
    """Who handed it over; None: it is open."""
    alone: bool = False
    remark: str | None = None

    def of(self, kind: ItemKind) -> list[ShiftItem]:
        """Return the items of a kind."""
        return [item for item in self.items if item.kind == kind]

    def total(self, kind: ItemKind, what: str = "all") -> int:
        """Return how many there are, listed or not."""
        return sum(one.count for one in self.counts if (one.kind, one.what) == (kind, what))

    def notes_on(self, key: str) -> list[ShiftNote]:
        """Return the notes of this shift on an item."""
        return [note for note in self.notes if note.item == key]


def within(content: ShiftContent, stations: Collection[str] | None) -> ShiftContent:
    """Return the page for a reader of these stations, without what belongs to no station. None: all of it."""
    if stations is None:
        return content
    return replace(
        content,
        names={station: name for station, name in content.names.items() if station in stations},
        items=[item for item in content.items if item.station in stations],
        counts=[one for one in content.counts if one.station in stations],
        notes=[note for note in content.notes if note.station in stations],
        watched=[note for note in content.watched if note.station in stations],
        remark=None,
    )


def without_reasons(content: ShiftContent, may: Callable[[str | None], bool]) -> ShiftContent:
    """Return the page for a reader who may not see people's reasons: free text may name third persons.

    `may`: whether they may read it of a station; None: of what belongs to none. Without it go acts, every reason and
    remark, and what notes quote of these. The words of a note and of a hand-over are the book itself, and stay.
    """
    return replace(
        content,
        items=[
            item if may(item.station) else replace(item, facts=_without_reason(item.facts))
            for item in content.items if item.kind != ItemKind.ACTS or may(item.station)
        ],
        counts=[one for one in content.counts if one.kind != ItemKind.ACTS or may(one.station)],
        notes=[note if may(note.station) else _without_quote(note) for note in content.notes],
        watched=[note if may(note.station) else _without_quote(note) for note in content.watched],
    )  # fmt: skip


def _without_reason(facts: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in facts.items() if name != "remarks"}
    return {**kept, "reason": None} if "person" in kept else kept


def _without_quote(note: ShiftNote) -> ShiftNote:
    about = note.about
    if about is None or about["kind"] == "note":
        return note
    if about["kind"] == ItemKind.ACTS:
        return replace(note, about=None)
    return replace(note, about={**about, "facts": _without_reason(about["facts"])})


def stations_of(items: Iterable[ShiftItem], counts: Iterable[ShiftCount], notes: Iterable[ShiftNote]) -> set[str]:
    """Return the stations that occur."""
    found = {one.station for kind in (items, counts, notes) for one in kind}
    return {station for station in found if station is not None}


Causes = list[dict[str, Any]]
"""Of the gaps of a station: cause, missing readings, begin and end."""


def causes_of(gaps: Iterable[tuple[str, str, datetime, datetime, int]]) -> Causes:
    """Return the causes of a station's gaps, that of most readings first, three at most.

    `gaps`: channel, cause, begin, end and missing readings of each gap.
    """
    readings: Counter[str] = Counter()
    spans: dict[str, tuple[datetime, datetime]] = {}
    for _, cause, after, until, missing in gaps:
        readings[str(cause)] += missing
        begin, end = spans.get(cause, (after, until))
        spans[str(cause)] = min(begin, after), max(end, until)
    return [
        {"cause": cause, "readings": count, "after": spans[cause][0].isoformat(), "until": spans[cause][1].isoformat()}
        for cause, count in readings.most_common(3)
    ]


def with_causes(items: Iterable[ShiftItem], causes: Mapping[str, Causes]) -> list[ShiftItem]:
    """Return items, those of gaps with the causes that are known, by station."""
    return [
        replace(item, facts={**item.facts, "causes": found})
        if item.kind == ItemKind.GAPS and (found := causes.get(item.station or "")) is not None
        else item
        for item in items
    ]


_CONTACT: Final = re.compile(r"contact ([0-9]{1,9})")


def contacts_in(content: ShiftContent) -> list[int]:
    """Return the numbers of the contacts who did something on a page, as `contact 12`."""
    return sorted({int(number) for number in re.findall(rf'"{_CONTACT.pattern}"', written(content)[0])})


def with_names(content: ShiftContent, names: Mapping[int, str]) -> ShiftContent:
    """Return a page on which contacts have their names; without a name, since it was erased, one stays a number."""

    def named(facts: Any) -> Any:
        if isinstance(facts, dict):
            return {key: named(value) for key, value in facts.items()}
        if isinstance(facts, list):
            return [named(value) for value in facts]
        found = _CONTACT.fullmatch(facts) if isinstance(facts, str) else None
        return facts if found is None else names.get(int(found[1]), facts)

    return replace(
        content,
        items=[replace(item, facts=named(item.facts)) for item in content.items],
        notes=[replace(note, about=named(note.about)) for note in content.notes],
        watched=[replace(note, about=named(note.about)) for note in content.watched],
    )


def plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as they can be written: a value such as 1e300 comes from the database as 301 digits."""
    return {
        name: float(value) if type(value) is int and abs(value) > LARGEST_INTEGER else value
        for name, value in facts.items()
    }


def written(content: ShiftContent) -> tuple[str, str]:
    """Return a page as JSON, and its digest: SHA-256 as hexadecimal digits."""
    text = msgspec.json.encode(content)
    return text.decode(), hashlib.sha256(text).hexdigest()


def read(text: str) -> ShiftContent:
    """Return a page that was written."""
    return msgspec.json.decode(text, type=ShiftContent)
