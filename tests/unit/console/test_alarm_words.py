"""What pages say of an alarm: each word of its life in both languages, and of the services nothing in English."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.alarm.change import EndCause, Purpose, WhyUntold
from alerts.alarm.life import AlarmEvent, AlarmState
from alerts.alarm_search import STATES, having
from alerts.desk import AlarmRow, EventRow
from alerts.telling.notification import MessageStatus
from alerts.timeline import MessageCount, MessageRow
from dashboards.console import alarm_words
from dashboards.console.alarm_curve import AROUND, stretch
from dashboards.console.alarm_page import steps_of
from dashboards.console.texts import TEXTS
from quantrac.config.notifications import Medium

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ROW = AlarmRow(
    7, "do-low", "act", "st-x", "st-x/do", "high", "unacknowledged", AT, None, None, None, False, 2.104, 3.0, "mg/L",
    None, parameter="do", texts={"title": {"vi": "Oxy thấp", "en": "Low oxygen"}, "cause": None},
)  # fmt: skip


def event(
    word: str, reason: str | None = None, person: str | None = None, number: int = 1, **detail: object
) -> EventRow:
    return EventRow(AT, word, person, reason, number, detail or None)


def test_every_word_of_an_alarm_and_its_messages_has_a_text() -> None:
    words = [
        *(f"event_{one}" for one in AlarmEvent), *(f"alarm_state_{one}" for one in AlarmState),
        *(f"alarm_find_{one}" for one in STATES), *(f"why_{one}" for one in EndCause),
        *(f"why_{one}" for one in WhyUntold),
        *(f"message_{one}" for one in MessageStatus), *(f"medium_{one}" for one in Medium),
        *(f"held_{one}" for one in ("storm", "grouping", "cap", "quiet hours")), f"why_{Purpose.FLAPPING}",
    ]  # fmt: skip
    assert [word for word in words if word not in TEXTS] == []
    for key in ("next_escalated", "next_repeated", "message_first", "why_alarm explains it"):
        vi, en = TEXTS[key]
        assert vi.count("{") == en.count("{") >= 1, key


@pytest.mark.parametrize(
    ("line", "vi"),
    [
        (event("shelved", "until 2026-11-24 05:00:00Z: vệ sinh", "Lan"), "đến 12:00 24/11/2026: vệ sinh"),
        (event("suppressed", "alarm 12 explains it"), "Do cảnh báo 12"),
        (event("released", "alarm 12 is over"), "Cảnh báo 12 đã hết"),
        (event("cleared", "the limit was changed"), "ngưỡng đã được sửa"),
        (event("told", "nobody to tell: Ông Sáu: said STOP"), "không ai thuộc diện nhận tin: Ông Sáu: said STOP"),
        (event("questioned", "readings that raised it were flagged by Lan"), "số liệu bị đánh dấu nghi ngờ, do Lan"),
        (event("acknowledged", "by the link in a mail", "Lan"), "bằng liên kết trong thư"),
        (event("comment", "the limit was changed", "Lan"), "the limit was changed"),  # a person's own words stay
        (event("picture", "gate"), "gate"),
        (event("raised"), ""),
    ],
)
def test_why_something_happened_is_said_in_the_language_of_the_page(line: EventRow, vi: str) -> None:
    assert alarm_words.reason(line, "vi", ZONE) == vi
    assert "Ông Sáu" not in alarm_words.reason(line, "vi", ZONE, names=False)


def test_an_alarm_has_title_place_value_and_level_in_words() -> None:
    assert (alarm_words.title(ROW, "vi"), alarm_words.title(replace(ROW, texts={}), "vi")) == ("Oxy thấp", "do-low")
    assert alarm_words.measured(ROW, "vi") == "2,10 mg/l (ngưỡng 3)"
    assert alarm_words.measured(replace(ROW, value=1e300, limit=None), "en") == "1.00 × 10³⁰⁰ mg/l"
    assert alarm_words.measured(replace(ROW, texts={"has_value": False}), "vi") == ""
    titled = {"st-x/do_min": "Dissolved oxygen, lowest"}
    assert alarm_words.parameter(ROW, {}, "vi") == "Oxy hòa tan"
    assert alarm_words.parameter(replace(ROW, channel="st-x/do_min"), titled, "en") == "Dissolved oxygen, lowest"
    assert alarm_words.words(ROW, "cause", "vi") == ""
    line = event("level", level="danger", severity="critical", value=1.9, limit=2.0)
    assert alarm_words.happened(line, "do", "vi") == "Đổi mức, Khẩn cấp, 1,90, ngưỡng 2"
    assert alarm_words.happened(line, None, "vi") == "Đổi mức, Khẩn cấp, 1,9, ngưỡng 2"
    lull = replace(line, detail={"level": "lull", "severity": "low", "value": 4.6, "limit": 3.0})
    assert alarm_words.happened(lull, "do", "vi") == "Tạm yên, có thể trở lại, 4,60, ngưỡng 3"


def test_words_are_found_without_case_and_diacritics() -> None:
    named = [("st-my-thanh", "Sông Mỹ Thanh My Thanh river"), ("st-x", "Đại Ngãi")]
    assert having("MỸ", named) == having("my", named) == ["st-my-thanh"]
    assert (having("dai", named), having("đại", named), having("huyện", named)) == (["st-x"], ["st-x"], [])


def test_each_step_has_what_was_told_of_it_and_summaries_come_last() -> None:
    told = MessageCount(1, "sms", "delivered", None, 2)
    summed = MessageCount(None, "sms", "held", "storm", 1)
    message = MessageRow(1, "Ông Sáu", "+84…", "sms", "esms", "delivered", "raised", AT, AT, AT, None, None, None)
    steps = steps_of([event("raised"), event("cleared", number=2)], [told, summed], [message])
    assert [(step.event and step.event.event, step.counts, step.messages) for step in steps] == [
        ("raised", [told], [message]), ("cleared", [], []), (None, [summed], []),
    ]  # fmt: skip
    assert len(steps_of([event("raised")], [], [])) == 1


def test_an_alarm_is_drawn_with_three_hours_on_either_side_and_a_month_at_most() -> None:
    day = timedelta(days=1)
    assert stretch(AT, None, AT) == (AT - AROUND, AT)
    assert stretch(AT, AT + day, AT + 9 * day) == (AT - AROUND, AT + day + AROUND)
    assert stretch(AT, None, AT + 90 * day)[1] == AT + AROUND
    assert stretch(AT, AT + 90 * day, AT + 99 * day) == (AT - AROUND, AT - AROUND + timedelta(days=31))
