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


class CapSource(NamedTuple):
    """Who says it, and from where."""

    sender: str
    """The host of the pages: no blanks, commas, < or &."""
    name: str
    """The operator, for people."""
    address: str
    """Of the public pages."""


def cap_message(alarm: CapAlarm, source: CapSource, now: datetime, language: Language, zone: ZoneInfo) -> bytes:
    """Return the message: an alert while the alarm stands, its cancellation once it is over or taken back.

    One identifier is one message, whenever it is asked for. An alarm that outlasts its message is updated each AHEAD.
    Times are those of a zone, as CAP wants them: with an offset, never Z.
    """
    root, said, is_over = Element("alert", xmlns=CAP), texts(language), alarm.ended_at is not None
    number = max(0, ((alarm.ended_at or now) - alarm.published_at) // AHEAD)
    sent = alarm.published_at + number * AHEAD
    before = number if is_over else number - 1
    _texts(root, {
        "identifier": f"{_identifier(alarm, source, 0)}.end" if is_over else _identifier(alarm, source, number),
        "sender": source.sender,
        "sent": _time(alarm.ended_at or sent, zone),
        "status": "Actual",
        "msgType": "Cancel" if is_over else "Update" if number else "Alert",
        "scope": "Public",
    })  # fmt: skip
    if before >= 0:
        told = _time(alarm.published_at + before * AHEAD, zone)
        _texts(root, {"references": f"{source.sender},{_identifier(alarm, source, before)},{told}"})
    info, title = SubElement(root, "info"), alarm.title or said["public_alarm_untitled"]
    _texts(info, {
        "language": "vi-VN" if language == "vi" else "en-US",
        "category": "Env",
        "event": title,
        "urgency": "Past" if is_over else "Immediate",
        "severity": SEVERITY.get(alarm.severity, "Unknown"),
        "certainty": "Observed",
        "onset": _time(alarm.raised_at, zone),
        "expires": _time(alarm.ended_at or sent + AHEAD, zone),
        "senderName": source.name,
        "headline": f"{alarm.place}: {title}",
        "description": alarm.description,
        "instruction": alarm.instruction,
        "web": source.address,
    })  # fmt: skip
    _texts(SubElement(info, "area"), {"areaDesc": f"{alarm.place}, {alarm.commune}"})
    return _bytes(root)


def rss_list(alarms: Iterable[CapAlarm], source: CapSource, title: str, language: Language, zone: ZoneInfo) -> bytes:
    """Return the alarms as an RSS channel; each item leads to its CAP message."""
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
        over = "" if alarm.ended_at is None else f"{said['public_over']}: "
        words = " ".join(filter(None, (alarm.description, alarm.instruction)))
        _texts(item, {
            "title": f"{over}{alarm.place}: {alarm.title or said['public_alarm_untitled']}",
            "link": link,
            "description": words,
            "pubDate": format_datetime((alarm.ended_at or alarm.published_at).astimezone(zone)),
        })  # fmt: skip
        state = "" if alarm.ended_at is None else ".end"
        guid = SubElement(item, "guid", isPermaLink="false")
        guid.text = f"{_identifier(alarm, source, 0)}{state}"
    return _bytes(root)


def _identifier(alarm: CapAlarm, source: CapSource, number: int) -> str:
    """Return the name of the first message of an alarm (0), or of the update of so many."""
    first = f"{source.sender}.{alarm.alarm_id}.{alarm.published_at:%Y%m%d%H%M%S}"
    return f"{first}.{number}" if number else first


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
