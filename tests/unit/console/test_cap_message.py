"""CAP 1.2 as its standard has it (OASIS, 1 July 2010: 3.2 and the schema of 3.4), and RSS 2.0."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import msgspec

from dashboards.console.cap_message import CAP, CapAlarm, CapSource, cap_message, rss_list

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
RAISED = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NOW = RAISED + timedelta(minutes=30)
SOURCE = CapSource("quantrac.example.vn", "Sở <NN> & MT", "https://quantrac.example.vn/public")
ALARM = CapAlarm(
    17, "critical", "Oxy thấp", "Tôm <có thể> chết & nổi đầu\x00", "Bật quạt nước.", "st-my-thanh",
    "Sông Mỹ Thanh (cửa)", "xã Trần Đề", RAISED, RAISED + timedelta(minutes=10), None,
)  # fmt: skip
ORDER = [
    "identifier", "sender", "sent", "status", "msgType", "source", "scope", "restriction", "addresses", "code", "note",
    "references", "incidents", "info",
]  # fmt: skip
INFO = [
    "language", "category", "event", "responseType", "urgency", "severity", "certainty", "audience", "eventCode",
    "effective", "onset", "expires", "senderName", "headline", "description", "instruction", "web", "contact",
    "parameter", "resource", "area",
]  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")


def parsed(alarm: CapAlarm, now: datetime = NOW) -> tuple[dict[str, str], dict[str, str]]:
    """Return the elements of a message and of its info, after holding it against the standard."""
    root = ET.fromstring(cap_message(alarm, SOURCE, now, "vi", ZONE))
    found = []
    for element, order in ((root, ORDER), (root.find(f"{{{CAP}}}info"), INFO)):
        assert element is not None
        names = [child.tag.removeprefix(f"{{{CAP}}}") for child in element]
        assert names == [name for name in order if name in names], "in the order of the schema, each once"
        found.append({name: child.text or "" for name, child in zip(names, element, strict=True)})
    alert, info = found
    assert {"identifier", "sender", "sent", "status", "msgType", "scope"} <= alert.keys()
    assert {"category", "event", "urgency", "severity", "certainty"} <= info.keys()
    assert not re.search(r"[\s,<&]", alert["identifier"] + alert["sender"])
    for at in (alert["sent"], info["onset"], info["expires"]):
        assert TIME.fullmatch(at)
    assert info["urgency"] in ("Immediate", "Expected", "Future", "Past", "Unknown")
    assert info["severity"] in ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
    return alert, info


def test_an_alarm_that_stands_is_an_alert_with_what_to_do() -> None:
    alert, info = parsed(ALARM)
    assert (alert["msgType"], alert["status"], alert["scope"]) == ("Alert", "Actual", "Public")
    assert alert["sent"] == "2026-11-24T10:10:00+07:00"
    assert (info["severity"], info["urgency"], info["onset"]) == ("Extreme", "Immediate", "2026-11-24T10:00:00+07:00")
    assert info["description"] == "Tôm <có thể> chết & nổi đầu"
    assert info["headline"] == "Sông Mỹ Thanh (cửa): Oxy thấp"
    assert info["senderName"] == "Sở <NN> & MT"


def test_one_that_is_over_cancels_the_message_that_was_sent() -> None:
    first, _ = parsed(ALARM)
    over = msgspec.structs.replace(ALARM, ended_at=RAISED + timedelta(minutes=25))
    alert, info = parsed(over)
    assert (alert["msgType"], info["urgency"]) == ("Cancel", "Past")
    assert alert["identifier"] != first["identifier"]
    assert alert["references"] == f"{first['sender']},{first['identifier']},{first['sent']}"


def test_one_identifier_is_one_message_and_an_alarm_that_outlasts_it_is_updated() -> None:
    """CAP 1.2, 3.2.1: an update supersedes the earlier message that it refers to."""
    first, info = parsed(ALARM)
    assert info["expires"] == "2026-11-25T10:10:00+07:00"
    assert parsed(ALARM, RAISED + timedelta(hours=20)) == (first, info), "whenever it is asked for"
    next_day, later = parsed(ALARM, RAISED + timedelta(hours=25))
    assert (next_day["msgType"], next_day["sent"]) == ("Update", "2026-11-25T10:10:00+07:00")
    assert next_day["references"] == f"{first['sender']},{first['identifier']},{first['sent']}"
    assert next_day["identifier"] != first["identifier"]
    assert later["expires"] == "2026-11-26T10:10:00+07:00"
    over, _ = parsed(msgspec.structs.replace(ALARM, ended_at=RAISED + timedelta(hours=30)))
    assert over["references"] == f"{first['sender']},{next_day['identifier']},{next_day['sent']}"


def test_each_level_that_an_alarm_reaches_is_an_update_that_names_all_messages_which_still_hold() -> None:
    """CAP 1.2, 3.2.1: `Update` and `Cancel` name what they supersede by sender, identifier and time, with blanks."""
    first, _ = parsed(ALARM)
    worse, better = RAISED + timedelta(minutes=50), RAISED + timedelta(hours=20)
    worsened = msgspec.structs.replace(ALARM, severity="high", changed_at=(worse, better))
    assert parsed(worsened, RAISED + timedelta(minutes=49))[0] == first, "it is not said before it came"

    def named(*messages: dict[str, str]) -> str:
        return " ".join(f"{one['sender']},{one['identifier']},{one['sent']}" for one in messages)

    second, info = parsed(worsened, RAISED + timedelta(hours=19))
    assert (second["msgType"], second["sent"]) == ("Update", "2026-11-24T10:50:00+07:00")
    assert (second["references"], info["expires"]) == (named(first), "2026-11-25T10:50:00+07:00")
    third, _ = parsed(worsened, RAISED + timedelta(hours=40))
    assert (third["sent"], third["references"]) == ("2026-11-25T06:00:00+07:00", named(first, second))
    fourth, _ = parsed(worsened, RAISED + timedelta(hours=50))
    assert (fourth["sent"], fourth["references"]) == ("2026-11-26T06:00:00+07:00", named(third))
    over, _ = parsed(msgspec.structs.replace(worsened, ended_at=RAISED + timedelta(hours=21)), RAISED)
    assert (over["msgType"], over["references"]) == ("Cancel", named(first, second, third))
    assert len({one["identifier"] for one in (first, second, third, fourth, over)}) == 5


def test_an_end_that_late_readings_tell_cancels_what_was_told_after_it() -> None:
    """The readings end in the 23rd hour and come in the 30th: programs have taken an update meanwhile."""
    ended, noticed = RAISED + timedelta(hours=23), RAISED + timedelta(hours=30)
    update, _ = parsed(ALARM, noticed - timedelta(minutes=1))
    late = msgspec.structs.replace(ALARM, ended_at=ended, noticed_over_at=noticed)
    over, _ = parsed(late, noticed)
    assert (over["msgType"], over["sent"]) == ("Cancel", "2026-11-25T16:00:00+07:00")
    assert over["references"] == f"{update['sender']},{update['identifier']},{update['sent']}"


def test_an_alarm_without_a_title_has_an_event_all_the_same() -> None:
    bare = msgspec.structs.replace(ALARM, title="")
    assert parsed(bare)[1]["event"] == "Cảnh báo môi trường"
    (item,) = ET.fromstring(rss_list([bare], SOURCE, "Mạng", NOW, "vi", ZONE)).iter("item")
    assert item.findtext("title") == "Sông Mỹ Thanh (cửa): Cảnh báo môi trường"


def test_times_have_an_offset_also_in_utc() -> None:
    assert b"<sent>2026-11-24T03:10:00-00:00</sent>" in cap_message(ALARM, SOURCE, NOW, "vi", ZoneInfo("UTC"))


def test_the_list_has_an_item_for_each_alarm_that_leads_to_its_message() -> None:
    over = msgspec.structs.replace(ALARM, alarm_id=16, ended_at=RAISED + timedelta(minutes=25))
    root = ET.fromstring(rss_list([ALARM, over], SOURCE, "Mạng", NOW, "vi", ZONE))
    assert root.findtext("channel/link") == "https://quantrac.example.vn/public"
    items = root.findall("channel/item")
    assert [item.findtext("link") for item in items] == [
        f"https://quantrac.example.vn/public/alarms/{number}.cap?lang=vi" for number in (17, 16)
    ]
    assert items[0].findtext("pubDate") == "Tue, 24 Nov 2026 10:10:00 +0700"
    assert items[1].findtext("title") == "Đã hết: Sông Mỹ Thanh (cửa): Oxy thấp"
    assert [item.findtext("guid") for item in items] == [parsed(one)[0]["identifier"] for one in (ALARM, over)]
