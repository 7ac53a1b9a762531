"""What the page of a shift says of its items, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from dashboards.console.act_words import object_words, order_words, reason_words
from dashboards.console.numbers import given, number
from dashboards.console.texts import Language, texts
from dashboards.console.titles import one_way, parameter_title
from quantrac.desks.misfits import REASONS
from quantrac.desks.shift_content import ItemKind, ShiftContent, ShiftItem, ShiftNote
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.words import counted

CLOCK: Final = "%H:%M %d/%m"
DAY: Final = "%d/%m/%Y"


class ItemWords(NamedTuple):
    """An item for people."""

    title: str
    place: str
    """Its station's name; empty: it belongs to none, or the title says so."""
    when: str
    lines: tuple[str, ...]
    href: str | None
    """Where more of it stands, without the language."""
    severity: str = ""


@dataclass(frozen=True)
class Reader:
    """The reader of the words: language, zone, and the names of stations."""

    language: Language
    zone: ZoneInfo
    names: Mapping[str, list[str]]

    @classmethod
    def of(cls, content: ShiftContent, language: Language, zone: ZoneInfo) -> Reader:
        """Return the reader of a page, on which stations have the names that they had then."""
        return cls(language, zone, content.names)

    @property
    def text(self) -> Mapping[str, str]:
        """All texts in the language."""
        return texts(self.language)

    def place(self, station: str | None) -> str:
        """Return what a station is called."""
        if station is None:
            return ""
        vi, en = self.names.get(station, [station, station])
        return one_way(vi if self.language == "vi" else en)

    def when(self, time: datetime | str) -> str:
        """Return a time of day and its date."""
        moment = datetime.fromisoformat(time) if isinstance(time, str) else time
        return f"{moment.astimezone(self.zone):{CLOCK}}"

    def span(self, first: str, last: str) -> str:
        """Return two times, or one where they are the same minute."""
        begin, end = self.when(first), self.when(last)
        return begin if begin == end else f"{begin} – {end}"

    def named(self, titles: Mapping[str, str]) -> str:
        """Return what has a Vietnamese and an English name."""
        return one_way(str(titles.get(self.language) or titles.get("vi") or ""))


Facts = Mapping[str, Any]


def words_of(item: ShiftItem, reader: Reader) -> ItemWords:
    """Return an item in words."""
    return _WORDS[item.kind](item, item.facts, reader)


def about(note: ShiftNote, reader: Reader) -> str:
    """Return what a note is about, as the page showed it; empty: it stands for itself."""
    found = note.about
    if found is None:
        return reader.place(note.station)
    if found["kind"] == "note":
        return one_way(str(found["text"]))
    at = datetime.fromisoformat(found["at"])
    shown = words_of(ShiftItem(found["key"], ItemKind(found["kind"]), found["station"], at, found["facts"]), reader)
    return ", ".join(part for part in (shown.title, shown.place) if part)


def _standing(item: ShiftItem, facts: Facts, reader: Reader) -> ItemWords:
    said = reader.text
    state = said.get(f"alarm_state_{facts['state']}", str(facts["state"]))
    if facts["by"]:
        state = f"{state}: {one_way(facts['by'])}, {reader.when(facts['acknowledged_at'])}"
    remarks = (
        f"{one_way(person)}, {reader.when(at)}: {one_way(reason)}" for at, person, reason in facts.get("remarks", ())
    )
    lines = (_measured(facts, reader.language), state, *remarks)
    return ItemWords(
        reader.named(facts["title"]), _place(item, reader), reader.when(facts["raised_at"]), _filled(lines),
        f"/alarms/{facts['alarm_id']}", facts["severity"],
    )  # fmt: skip


def _measured(facts: Facts, language: Language) -> str:
    """Return parameter, value, unit and limit of an alarm; the parameter alone where its value says nothing."""
    known = CATALOGUE.get(facts["parameter"] or "")
    called = parameter_title(facts["parameter"] or "", language)
    if facts["value"] is None or facts["has_value"] is False:
        return called
    unit, decimals = (known.label, known.decimals) if known else (facts["unit"] or "", 2)
    limit = "" if facts["limit"] is None else f" ({texts(language)['limit']} {given(facts['limit'], language)})"
    return f"{called} {number(facts['value'], decimals, language)} {unit}".strip() + limit


def _alarms(item: ShiftItem, facts: Facts, reader: Reader) -> ItemWords:
    said = reader.text
    counted = [f"{said[f'shift_{what}']} {facts[what]}" for what in COUNTED if facts[what]]
    by = f"{said['shift_acknowledged_by']} {', '.join(map(one_way, facts['by']))}" if facts["by"] else ""
    if facts["alarms"] == 1:
        href = f"/alarms/{facts['alarm_id']}"
    else:
        href = f"/alarms?{urlencode({'state': 'all', 'station': item.station or '', 'text': facts['rule']})}"
    return ItemWords(
        reader.named(facts["title"]), _place(item, reader), reader.span(facts["first"], facts["last"]),
        _filled((" · ".join(counted), by)), href, facts["severity"],
    )  # fmt: skip


COUNTED: Final = ("raised", "cleared", "standing", "acknowledged", "false", "late")
"""Counts of alarms of one rule, in the order in which they are said."""


def _gaps(item: ShiftItem, facts: Facts, reader: Reader) -> ItemWords:
    said, language = reader.text, reader.language
    heard = facts["last_message_at"]
    silent = said["shift_never_heard"] if heard is None else f"{said['shift_silent_since']} {reader.when(heard)}"
    share = ""
    if facts["expected"]:
        usable = min(1.0, facts["counted"] / facts["expected"])
        share = f"{said['shift_usable']} {number(100 * usable, 1, language)} %"
    causes = (
        f"{said['cause_' + one['cause']]}: {counted(one['readings'], said['bench_readings'])}, "
        f"{reader.span(one['after'], one['until'])}"
        for one in facts.get("causes", ())
    )
    day = item.at.astimezone(reader.zone).date().isoformat()
    return ItemWords(
        reader.place(item.station), "", "" if facts["online"] or heard is None else reader.when(heard),
        _filled(("" if facts["online"] else silent, share, *causes)),
        f"/stations/{quote(str(item.station))}/gaps?day={day}", "" if facts["online"] else "high",
    )  # fmt: skip


def _aside(item: ShiftItem, facts: Facts, reader: Reader) -> ItemWords:
    said, what = reader.text, facts["what"]
    if what == "shelved":
        title, href = reader.named(facts["title"]), facts["alarm_id"] and f"/alarms/{facts['alarm_id']}"
    else:
        title, href = facts["device"] or said["whole_station"], f"/stations/{quote(str(item.station))}"
    begins = f"{said['shift_from']} {reader.when(facts['since'])} " if what == "planned" else ""
    word = said["aside_out" if what == "planned" else f"aside_{what}"]
    return ItemWords(
        title, _place(item, reader), reader.when(facts["since"]),
        (f"{word} {begins}{said['until']} {reader.when(facts['until'])}", _who(facts, reader)), href,
    )  # fmt: skip


def _command(item: ShiftItem, facts: Facts, reader: Reader) -> ItemWords:
    said = reader.text
    if facts["answered_at"] is None:
        outcome = said["command_waits"]
    elif facts["ok"] is True:
        outcome = f"{said['command_done']}, {reader.when(facts['answered_at'])}"
    else:
        outcome = f"{said['command_failed']}: {one_way(str(facts['error'] or ''))}"
    order = order_words(facts["order"], reader.language)
    href = f"/stations/{quote(str(item.station))}/equipment"
    return ItemWords(one_way(order), _place(item, reader), reader.when(item.at), (outcome, _who(facts, reader)), href)


def _act(item: ShiftItem, facts: Facts, reader: Reader) -> ItemWords:
    said = reader.text
    done = said.get(f"did_{facts['act']}", facts["act"])
    to_what, place = one_way(object_words(facts["object"], reader.language)), _place(item, reader)
    if item.station is not None and item.station in to_what:
        before, _, name = to_what.rpartition(f"{item.station}/")
        if name.isidentifier():
            to_what = f"{before}{parameter_title(name, reader.language)}"
        else:
            alone = rf"(?<![\w./-]){re.escape(item.station)}(?![\w./-])"  # in the name of a file it stays what it is
            named = re.sub(alone, lambda _: place, to_what)
            to_what, place = named, "" if named != to_what else place
    title = f"{done} {to_what}"
    number_of = facts["object"].removeprefix("alarm ")
    href = f"/alarms/{number_of}" if facts["object"].startswith("alarm ") and number_of.isdecimal() else None
    return ItemWords(title[:1].upper() + title[1:], place, reader.when(item.at), (_who(facts, reader),), href)


def _configuration(item: ShiftItem, facts: Facts, reader: Reader) -> ItemWords:
    if "act" in facts:
        return _act(item, facts, reader)
    lines = _filled((facts["device"] or "", one_way(facts["detail"] or "")))
    title = reader.text["shift_configuration_event"]
    return ItemWords(title, _place(item, reader), reader.when(item.at), lines, None)


def _review(item: ShiftItem, facts: Facts, reader: Reader) -> ItemWords:
    if "act" in facts:
        return _act(item, facts, reader)
    first, last = (date.fromisoformat(facts[end]) for end in ("first", "last"))
    days = f"{first:{DAY}}" if first == last else f"{first:{DAY}} – {last:{DAY}}"
    title = counted(facts["days"], reader.text["shift_reopened"])
    href = f"/stages?{urlencode({'station': item.station or '', 'month': f'{first:%Y-%m}'})}"
    lines = (f"{days}: {reader.text['reopened_' + facts['cause']]}",)
    return ItemWords(title, _place(item, reader), reader.when(item.at), lines, href, "medium")


def _message(item: ShiftItem, facts: Facts, reader: Reader) -> ItemWords:
    said = reader.text
    medium = said.get(f"medium_{facts['medium']}", facts["medium"])
    to = ", ".join(one_way(str(address)) for address in facts["to"] or () if address)
    lines = _filled((one_way(facts["error"] or ""), f"{said['shift_to']} {to}" if to else ""))
    title = f"{facts['messages']} {medium}"
    return ItemWords(title, _place(item, reader), reader.when(item.at), lines, None, "high")


def _dead_letter(item: ShiftItem, facts: Facts, reader: Reader) -> ItemWords:
    said = reader.text
    known = REASONS.get(facts["reason"])
    why = facts["reason"] if known is None else known.in_language(reader.language)
    still = f"{said['shift_open_letters']} {facts['open']}"
    title = counted(facts["letters"], said["shift_letters"])
    return ItemWords(title, _place(item, reader), reader.span(facts["first"], item.at.isoformat()), (why, still), None)


_WORDS: Final[Mapping[ItemKind, Callable[[ShiftItem, Facts, Reader], ItemWords]]] = {
    ItemKind.STANDING: _standing,
    ItemKind.ALARMS: _alarms,
    ItemKind.GAPS: _gaps,
    ItemKind.ASIDE: _aside,
    ItemKind.COMMANDS: _command,
    ItemKind.CONFIGURATION: _configuration,
    ItemKind.REVIEWS: _review,
    ItemKind.MESSAGES: _message,
    ItemKind.DEAD_LETTERS: _dead_letter,
    ItemKind.ACTS: _act,
}


def _place(item: ShiftItem, reader: Reader) -> str:
    return reader.place(item.station)


def _who(facts: Facts, reader: Reader) -> str:
    """Return who did it and why."""
    person, reason = one_way(facts["person"] or ""), one_way(facts["reason"] or "")
    reason = reason_words(reason, reader.language, reader.zone)
    return f"{person}: {reason}" if reason else person


def _filled(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line)


def figures(content: ShiftContent, language: Language) -> list[tuple[str, int, str]]:
    """Return the figures at the top of a page: what, how many, and how bad it is that there are any."""
    said = texts(language)
    return [
        (said["shift_figure_raised"], content.total(ItemKind.ALARMS, "raised"), ""),
        (said["shift_figure_standing"], content.total(ItemKind.STANDING), "medium"),
        (said["shift_figure_waiting"], content.total(ItemKind.STANDING, "waiting"), "high"),
        (said["shift_figure_silent"], content.total(ItemKind.GAPS, "silent"), "high"),
        (said["shift_figure_messages"], content.total(ItemKind.MESSAGES, "messages"), "high"),
        (said["shift_figure_letters"], content.total(ItemKind.DEAD_LETTERS, "letters"), "medium"),
    ]
