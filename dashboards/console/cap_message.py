"""A public alarm as a CAP 1.2 message (OASIS, 1 July 2010), and the list of them as RSS 2.0. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring
from zoneinfo import ZoneInfo

import msgspec

from dashboards.console.texts import Language, texts

CAP: Final = "urn:oasis:names:tc:emergency:cap:1.2"
SEVERITY: Final[Mapping[str, str]] = {"critical": "Extreme", "high": "Severe", "medium": "Moderate", "low": "Minor"}
"""CAP's word for ours."""
AHEAD: Final = timedelta(hours=24)
"""A message of an alarm that stands holds for so long; then another one takes its place."""


class CapAlarm(msgspec.Struct, frozen=True):
    """A public alarm in words of one language."""

    alarm_id: int
    severity: str
    title: str
    description: str
    instruction: str
    station: str
    """Its name in the files."""
    place: str
    """What people call it."""
    commune: str
    raised_at: datetime
    published_at: datetime
    ended_at: datetime | None
    """When it was over, or taken from the public; None: it is in force."""
    changed_at: tuple[datetime, ...] = ()
    """When it reached another level while it was public, in order."""
    noticed_over_at: datetime | None = None
    """When `ended_at` became known, if not at once: until then messages said that it is in force."""


class CapSource(NamedTuple):
    """Who says it, and from where."""

    sender: str
    """The host of the pages: no blanks, commas, < or &."""
    name: str
    """The operator, for people."""
    address: str
    """Of the public pages."""


class CapStep(NamedTuple):
    """One message about an alarm: of its chain the newest alone is in force."""

    identifier: str
    kind: str
    """CAP's `msgType`: `Alert`, `Update`, `Cancel`."""
    sent: datetime


def steps_of(alarm: CapAlarm, source: CapSource, now: datetime) -> list[CapStep]:
    """Return all messages about an alarm up to `now`, the oldest first. Pure.

    An alert when it was made public, an update when its level changes and when a message has held for AHEAD, a
    cancellation once it is over or taken back. The same alarm gives the same chain whenever it is asked for.
    """
    over = alarm.ended_at if alarm.noticed_over_at is None else alarm.noticed_over_at
    until, sent = over or now, [alarm.published_at]
    for change in (*(at for at in alarm.changed_at if alarm.published_at < at < until), until):
        while sent[-1] + AHEAD <= change:
            sent.append(sent[-1] + AHEAD)
        if change not in (sent[-1], until):
            sent.append(change)
    first = f"{source.sender}.{alarm.alarm_id}.{alarm.published_at:%Y%m%d%H%M%S}"
    names = [first, *(f"{first}.{number}" for number in range(1, len(sent)))]
    kinds = ["Alert", *["Update"] * (len(sent) - 1)]
    steps = [CapStep(*each) for each in zip(names, kinds, sent, strict=True)]
    return steps if over is None else [*steps, CapStep(f"{first}.end", "Cancel", over)]


def cap_message(alarm: CapAlarm, source: CapSource, now: datetime, language: Language, zone: ZoneInfo) -> bytes:
    """Return the newest message: an alert or an update while the alarm stands, its cancellation afterwards.

    It refers to the message before it, and to all others that hold until then or longer: who missed one in between
    learns of each that it supersedes (CAP 1.2, 3.2.1). Times are those of a zone, with an offset, never Z.
    """
    *earlier, step = steps_of(alarm, source, now)
    root, said, is_over = Element("alert", xmlns=CAP), texts(language), step.kind == "Cancel"
    superseded = [one for one in earlier if one is earlier[-1] or one.sent + AHEAD > step.sent]
    _texts(root, {
        "identifier": step.identifier,
        "sender": source.sender,
        "sent": _time(step.sent, zone),
        "status": "Actual",
        "msgType": step.kind,
        "scope": "Public",
        "references": " ".join(f"{source.sender},{one.identifier},{_time(one.sent, zone)}" for one in superseded),
    })  # fmt: skip
    info, title = SubElement(root, "info"), alarm.title or said["public_alarm_untitled"]
    _texts(info, {
        "language": "vi-VN" if language == "vi" else "en-US",
        "category": "Env",
        "event": title,
        "urgency": "Past" if is_over else "Immediate",
        "severity": SEVERITY.get(alarm.severity, "Unknown"),
        "certainty": "Observed",
        "onset": _time(alarm.raised_at, zone),
        "expires": _time(step.sent if is_over else step.sent + AHEAD, zone),
        "senderName": source.name,
        "headline": f"{alarm.place}: {title}",
        "description": alarm.description,
        "instruction": alarm.instruction,
        "web": source.address,
    })  # fmt: skip
    _texts(SubElement(info, "area"), {"areaDesc": f"{alarm.place}, {alarm.commune}"})
    return _bytes(root)


def rss_list(
    alarms: Iterable[CapAlarm], source: CapSource, title: str, now: datetime, language: Language, zone: ZoneInfo
) -> bytes:
    """Return the alarms as an RSS channel; each item is the newest message about one, and leads to it."""
    root = Element("rss", version="2.0")
    channel = SubElement(root, "channel")
    said = texts(language)
    _texts(channel, {
        "title": f"{said['public_alarms']}: {title}",
        "link": source.address,
        "description": source.name,
        "language": language,
    })  # fmt: skip
    for alarm in alarms:
        item = SubElement(channel, "item")
        link = f"{source.address}/alarms/{alarm.alarm_id}.cap?lang={language}"
        step = steps_of(alarm, source, now)[-1]
        over = "" if alarm.ended_at is None else f"{said['public_over']}: "
        words = " ".join(filter(None, (alarm.description, alarm.instruction)))
        _texts(item, {
            "title": f"{over}{alarm.place}: {alarm.title or said['public_alarm_untitled']}",
            "link": link,
            "description": words,
            "pubDate": format_datetime(step.sent.astimezone(zone)),
        })  # fmt: skip
        guid = SubElement(item, "guid", isPermaLink="false")
        guid.text = step.identifier
    return _bytes(root)


def _texts(parent: Element, each: Mapping[str, str]) -> None:
    """Add an element for each text that is not empty, in this order."""
    for name, text in each.items():
        if text:
            SubElement(parent, name).text = "".join(one for one in text if one.isprintable() or one == "\n")


def _time(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "-00:00")


def _bytes(root: Element) -> bytes:
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text
