"""What people read of several alarms at once: the worst first, how many, and what is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alarm.change import Purpose
from alerts.telling import gsm, summary_texts
from alerts.telling.summary_texts import SummaryLine, worst_first
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

RAISED = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
NOW = RAISED + timedelta(minutes=30)
OXYGEN = Words("Oxy thấp", "Low oxygen")


def line(
    severity: Severity,
    station: str = "Trần Đề",
    value: float | None = 2.5,
    *,
    minutes: int | None = None,
) -> SummaryLine:
    over = None if minutes is None else RAISED + timedelta(minutes=minutes)
    where, zone = Words(station, station), ZoneInfo("Asia/Ho_Chi_Minh")
    return SummaryLine(1, severity, where, OXYGEN, RAISED, over, zone, value, 3.0, "mg/l")


MANY = [
    line(Severity.HIGH),
    line(Severity.HIGH),
    line(Severity.CRITICAL, "Đại Ngãi", 0.4),
    line(Severity.CRITICAL, value=0.1, minutes=5),
]
OVER = [line(one.severity, one.station.vi, one.value, minutes=20) for one in MANY]


@pytest.mark.parametrize(
    ("lines", "language", "expected"),
    [
        (MANY, "vi", "KHAN CAP: Oxy thap 0,40 mg/l, Dai Ngai. "
         "Nang nhat trong 4 canh bao moi (1 da het), 08:30 24/11: Dai Ngai 1; Tran De 3."),
        (MANY, "en", "URGENT: Low oxygen 0.40 mg/l, Dai Ngai. "
         "The worst of 4 new alarms (1 over), 08:30 24/11: Dai Ngai 1; Tran De 3."),
        (OVER, "vi", "HET CANH BAO: 4 canh bao da het, nang nhat: "
         "Oxy thap 0,10 mg/l, Tran De. 08:30 24/11: Tran De 3; Dai Ngai 1."),
        (OVER, "en", "ALL CLEAR: 4 alarms are over, worst: "
         "Low oxygen 0.10 mg/l, Tran De. 08:30 24/11: Tran De 3; Dai Ngai 1."),
    ],
)  # fmt: skip
def test_a_short_message_about_several_alarms_begins_with_the_worst(
    lines: list[SummaryLine], language: str, expected: str
) -> None:
    assert summary_texts.sms(lines, Purpose.SUMMARY, NOW, language) == expected
    assert gsm.length(expected).segments == 1


@pytest.mark.parametrize(
    ("lines", "language", "subject", "first"),
    [
        (
            MANY,
            "vi",
            "[KHẨN CẤP] Oxy thấp 0,40 mg/l, Đại Ngãi; 4 cảnh báo",
            "Nhiều cảnh báo cùng lúc, xếp từ nặng nhất:",
        ),
        (MANY, "en", "[URGENT] Low oxygen 0.40 mg/l, Đại Ngãi; 4 alarms", "Many alarms at once, the worst first:"),
        (OVER, "vi", "[Hết cảnh báo] 4 cảnh báo đã hết", "Đã hết. Nặng nhất: Oxy thấp 0,10 mg/l, Trần Đề."),
        (OVER, "en", "[All clear] 4 alarms are over", "All are over. The worst: Low oxygen 0.10 mg/l, Trần Đề."),
    ],
)
def test_a_mail_about_several_alarms_names_the_worst_in_its_subject_or_its_first_line(
    lines: list[SummaryLine], language: str, subject: str, first: str
) -> None:
    letter = summary_texts.email(lines, Purpose.SUMMARY, language)
    assert (letter.subject, letter.body.split("\n")[0]) == (subject, first)
    assert len(letter.body.strip().split("\n")) == 2 + len(lines)


lines = st.lists(
    st.builds(
        line,
        st.sampled_from(list(Severity)),
        st.sampled_from(["Trần Đề", "Đại Ngãi", "Sông Mỹ Thanh (cửa)"]),
        st.none() | st.floats(0, 20),
        minutes=st.none() | st.integers(1, 90),
    ),
    min_size=2,
    max_size=40,
)


@given(lines, st.sampled_from([Purpose.SUMMARY, Purpose.LATE]), st.sampled_from(["vi", "en"]), st.booleans())
def test_no_summary_is_longer_than_three_parts_and_what_stands_comes_before_what_is_over(
    some: list[SummaryLine], purpose: Purpose, language: str, accented: bool
) -> None:
    text = summary_texts.sms(some, purpose, NOW, language, accented=accented)
    assert gsm.length(text).segments <= 3
    standing = [one.cleared_at is None for one in worst_first(some)]
    assert standing == sorted(standing, reverse=True)
    if purpose is Purpose.SUMMARY:
        assert text.upper().startswith(("HẾT CẢNH BÁO", "HET CANH BAO", "ALL CLEAR")) == (not any(standing))
