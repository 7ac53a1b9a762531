"""What people read. The wording is asserted whole: it is the product."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.alarm.change import Purpose
from alerts.evaluating.suspicion import suspicion
from alerts.rules.rule import RuleTexts
from alerts.rules.trend import Trend
from alerts.telling import gsm
from alerts.telling import letter as letters
from alerts.telling import short_message as short_messages
from alerts.telling.letter import Letter
from alerts.telling.notice import Notice, worded
from quantrac.config.rules import Side
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words
from tests.unit.alerts.rules import TEXTS

RAISED_AT = datetime(2026, 2, 28, 22, 10, tzinfo=UTC)  # 05:10 on 1 March in Vietnam
NOTICE = Notice(
    purpose=Purpose.RAISED,
    alarm_id=17,
    severity=Severity.HIGH,
    station=Words("Sông Mỹ Thanh", "My Thanh river"),
    time=RAISED_AT,
    raised_at=RAISED_AT,
    zone=ZoneInfo("Asia/Ho_Chi_Minh"),
    texts=TEXTS,
    channel="st-my-thanh/do",
    value=2.8,
    limit=3.0,
    side=Side.BELOW,
    unit="mg/l",
    decimals=2,
    trend=Trend.FALLING,
)
OVER = replace(NOTICE, purpose=Purpose.CLEARED, time=datetime(2026, 3, 1, 0, 40, tzinfo=UTC), value=4.6, trend=None)
SILENT = replace(NOTICE, texts=RuleTexts(title=Words("Trạm không gửi dữ liệu", "Station sends no data")), value=None,
                 limit=None, side=None, trend=None)  # fmt: skip


def short_message(notice: Notice, language: str, *, accented: bool = False) -> str:
    return short_messages.short_message(worded(notice, language), accented=accented)


def letter(notice: Notice, language: str) -> Letter:
    return letters.letter(worded(notice, language))


@pytest.mark.parametrize(
    ("notice", "language", "expected"),
    [
        (NOTICE, "vi", "Song My Thanh 05:10 01/03: oxy 2,80 mg/l, duoi 3, dang giam. Chay het quat, ngung cho an."),
        (
            NOTICE,
            "en",
            "HIGH ALARM: Low oxygen, My Thanh river: 2.80 mg/l, below 3 mg/l, falling. "
            "Run all aerators, stop feeding, take no water. 05:10 01/03",
        ),
        (OVER, "vi", "HET CANH BAO: Oxy thap, Song My Thanh: hien 4,60 mg/l. 07:40 01/03"),
        (OVER, "en", "ALL CLEAR: Low oxygen, My Thanh river: now 4.60 mg/l. 07:40 01/03"),
        (
            replace(NOTICE, purpose=Purpose.QUESTIONED),
            "vi",
            "Song My Thanh: canh bao Oxy thap luc 05:10 01/03 DANG DUOC XEM LAI: so lieu gay canh bao co dau hieu sai.",
        ),
        (
            replace(NOTICE, purpose=Purpose.QUESTIONED),
            "en",
            "My Thanh river: alarm Low oxygen of 05:10 01/03 IS IN DOUBT: the readings that raised it look wrong.",
        ),
        (SILENT, "vi", "NGHIEM TRONG: Tram khong gui du lieu, Song My Thanh. 05:10 01/03"),
    ],
)
def test_short_message(notice: Notice, language: str, expected: str) -> None:
    text = short_message(notice, language)
    assert text == expected
    assert gsm.length(text).segments == 1


def test_a_letter_says_what_speaks_against_a_value_that_alarms_although_it_is_suspect() -> None:
    said = replace(NOTICE, suspicion=suspicion(["expect", "rate"], "đổi 3 trong 5 phút", "3 in 5 minutes"))
    lines = letter(said, "vi").body.splitlines()
    at = lines.index("Giá trị: 2,80 mg/l")
    assert lines[at + 1] == "Chất lượng số liệu: nghi ngờ (ngoài khoảng thường gặp ở đây; đổi 3 trong 5 phút)"
    words = "Quality of the value: suspect (beyond what is expected here; 3 in 5 minutes)"
    assert words in letter(said, "en").body.splitlines()
    assert suspicion([], None, None).en == "suspect"
    assert "Quality" not in letter(NOTICE, "en").body


def test_the_advice_is_left_out_where_it_would_cost_a_second_message() -> None:
    long = replace(TEXTS, sms=None, response=Words("Chạy hết quạt. " * 10, "Run all aerators. " * 10))
    text = short_message(replace(NOTICE, texts=long), "vi")
    assert text == "NGHIEM TRONG: Oxy thap, Song My Thanh: 2,80 mg/l, duoi 3 mg/l, dang giam. 05:10 01/03"


def test_no_message_is_longer_than_three_parts() -> None:
    text = short_message(replace(NOTICE, texts=replace(TEXTS, sms=Words("[a]" * 400, ""))), "vi")
    assert gsm.length(text).segments == 3
    assert text.endswith("...")
    wordy = Words("{title}, {station}: {value} mg/l. " + "Chay het quat. " * 40 + "{time}", "")
    text = short_message(replace(NOTICE, texts=replace(TEXTS, sms=wordy)), "vi")
    assert gsm.length(text).segments == 3
    assert text.endswith("quat.... 05:10 01/03")  # the time stays, and no word is cut


@pytest.mark.parametrize(
    ("notice", "expected", "parts"),
    [
        (
            replace(NOTICE, texts=replace(TEXTS, response=Words("Chạy hết quạt", "Run all aerators"))),
            "NGHIÊM TRỌNG: Oxy thấp, Sông Mỹ Thanh: 2,80 mg/l, dưới 3 mg/l, đang giảm. Chạy hết quạt. 05:10 01/03",
            2,
        ),
        (
            replace(NOTICE, texts=replace(TEXTS, sms=Words("Oxy {station}: {value}, dưới {limit}. {time}", ""))),
            "Oxy Sông Mỹ Thanh: 2,80, dưới 3. 05:10 01/03",
            1,
        ),
    ],
)
def test_whoever_asks_for_diacritics_gets_them(notice: Notice, expected: str, parts: int) -> None:
    text = short_message(notice, "vi", accented=True)
    assert (text, gsm.length(text).segments) == (expected, parts)
    assert gsm.length(short_message(notice, "en", accented=True)).alphabet == "GSM-7"


@pytest.mark.parametrize(
    ("changed", "template", "expected"),
    [
        ({"value": 2.9996}, "{value}, duoi {limit}", "2,9996, duoi 3"),  # never as if it were not beyond the limit
        ({"trend": None}, "{value} , {trend}, {unit}. {time}", "2,80, mg/l. 05:10 01/03"),  # no commas left behind
        ({}, "{ {value} {unknown} {0} } {title}", "{ 2,80 {unknown} {0} } Oxy thap"),  # it may name anything
    ],
)
def test_a_rule_s_own_words_are_filled(changed: dict[str, Any], template: str, expected: str) -> None:
    notice = replace(NOTICE, **changed, texts=replace(TEXTS, sms=Words(template, "")))
    assert short_message(notice, "vi") == expected


def test_a_change_is_not_told_as_if_it_were_a_reading() -> None:
    texts = RuleTexts(
        Words("Nước lạnh nhanh", "Water cools fast"), measure=Words("thay đổi trong 6 giờ", "change over 6 h")
    )
    sudden = replace(NOTICE, value=-3.2, limit=-3.0, unit="°C", texts=texts)
    over = replace(sudden, purpose=Purpose.CLEARED, value=-1.0)
    assert ": thay doi trong 6 gio -3,20 do C, duoi -3 do C" in short_message(sudden, "vi")
    assert short_message(over, "en").startswith(
        "ALL CLEAR: Water cools fast, My Thanh river: change over 6 h -1.00 do C."
    )
    assert "Thay đổi trong 6 giờ: -3,20 °C" in letter(sudden, "vi").body
    assert "Change over 6 h: -1.00 °C" in letter(over, "en").body


def test_a_reminder_leaves_out_its_advice_rather_than_take_a_second_part() -> None:
    wordy = replace(
        TEXTS, sms=None, response=Words("x", "Take in no water, feed less, aerate the ponds all night long")
    )
    raised = replace(NOTICE, texts=wordy)
    assert "aerate" in short_message(raised, "en")
    again = short_message(replace(raised, purpose=Purpose.ESCALATED), "en")
    assert again.startswith("NOT ACKNOWLEDGED: ")
    assert gsm.length(again).segments == 1


def test_e_mail_in_vietnamese() -> None:
    mail = letter(NOTICE, "vi")
    assert mail.subject == "[Nghiêm trọng] Oxy thấp: Sông Mỹ Thanh 2,80 mg/l, 05:10 01/03"
    assert mail.body == (
        "Sông Mỹ Thanh: Oxy thấp\n"
        "Mức độ: Nghiêm trọng\n"
        "Thời điểm: 05:10:00 01/03/2026 (giờ địa phương)\n"
        "Giá trị: 2,80 mg/l\n"
        "Ngưỡng: dưới 3 mg/l\n"
        "Xu hướng: đang giảm\n"
        "\n"
        "Nguyên nhân có thể: Tảo tàn, trời âm u, nước tù\n"
        "Hậu quả: Tôm nổi đầu, chết trước bình minh\n"
        "Việc cần làm: Chạy hết quạt, ngưng cho ăn, không lấy nước\n"
        "Xử lý trong vòng: 15 phút\n"
        "\n"
        "Cảnh báo số 17. Khi hết cảnh báo, hệ thống sẽ gửi một thư nữa.\n"
    )


def test_a_mail_has_the_telephone_number_of_the_centre() -> None:
    said = letter(replace(NOTICE, phone="0299 382 1234"), "vi").body
    assert "\nĐiện thoại trung tâm: 0299 382 1234\nCảnh báo số 17." in said


WORSE = replace(NOTICE, purpose=Purpose.LEVEL, is_worse=True)
OTHER = replace(WORSE, is_worse=False)
"""Another kind of trouble."""
WORST = replace(WORSE, severity=Severity.CRITICAL)


@pytest.mark.parametrize(
    ("notice", "language", "subject", "severity"),
    [
        (WORST, "vi", "[KHẨN CẤP] NẶNG HƠN: Oxy thấp: Sông Mỹ Thanh 2,80 mg/l, 05:10 01/03", "KHẨN CẤP, nặng hơn"),
        (WORST, "en", "[URGENT] WORSE: Low oxygen: My Thanh river 2.80 mg/l, 05:10 01/03", "URGENT, worse"),
        (WORSE, "en", "[High alarm] WORSE: Low oxygen: My Thanh river 2.80 mg/l, 05:10 01/03", "High alarm, worse"),
        (OTHER, "en", "[High alarm] Low oxygen: My Thanh river 2.80 mg/l, 05:10 01/03", "High alarm"),
    ],
)
def test_e_mail_about_a_worse_level(notice: Notice, language: str, subject: str, severity: str) -> None:
    mail = letter(notice, language)
    assert mail.subject == subject
    assert f": {severity}\n" in mail.body
    assert {"vi": "Cảnh báo bắt đầu", "en": "Alarm since"}[language] + ": 05:10:00 01/03/2026\n" in mail.body


def test_an_all_clear_is_not_urgent_however_bad_it_was() -> None:
    own = replace(TEXTS, sms_cleared=Words("Oxy da len lai, {station}: {value} mg/l. {time}", ""))
    over = replace(OVER, severity=Severity.CRITICAL, texts=own)
    assert short_message(over, "vi") == "Oxy da len lai, Song My Thanh: 4,60 mg/l. 07:40 01/03"


@pytest.mark.parametrize(
    ("notice", "language", "head"),
    [
        (WORST, "vi", "KHAN CAP, NANG HON: Song My Thanh 05:10 01/03: oxy 2,80"),
        (WORST, "en", "URGENT, WORSE: Low oxygen, My Thanh river: 2.80 mg/l"),
        (WORSE, "vi", "NANG HON: Song My Thanh 05:10 01/03: oxy 2,80"),
        (WORSE, "en", "HIGH ALARM, WORSE: Low oxygen, My Thanh river: 2.80 mg/l"),
        (OTHER, "vi", "Song My Thanh 05:10 01/03: oxy 2,80"),
        (replace(NOTICE, severity=Severity.CRITICAL), "vi", "KHAN CAP: Song My Thanh 05:10 01/03: oxy 2,80"),
        (replace(NOTICE, severity=Severity.CRITICAL, purpose=Purpose.REPEATED), "vi", "NHAC LAI, KHAN CAP: Song My"),
    ],
)
def test_a_short_message_says_first_that_it_is_worse(notice: Notice, language: str, head: str) -> None:
    assert short_message(notice, language).startswith(head)
    own = replace(TEXTS, sms=Words("{level} {station}: {value}", ""))
    assert short_message(replace(WORST, texts=own), "vi") == "NANG HON: KHAN CAP Song My Thanh: 2,80"


@pytest.mark.parametrize(
    ("language", "subject", "body"),
    [
        (
            "vi",
            "[Hết cảnh báo] Oxy thấp: Sông Mỹ Thanh, 07:40 01/03",
            "Sông Mỹ Thanh: Oxy thấp đã hết.\nTừ: 05:10:00 01/03/2026\nĐến: 07:40:00 01/03/2026\n"
            "Giá trị hiện tại: 4,60 mg/l\n\nCảnh báo số 17 đã kết thúc.\n",
        ),
        (
            "en",
            "[All clear] Low oxygen: My Thanh river, 07:40 01/03",
            "My Thanh river: Low oxygen is over.\nFrom: 05:10:00 01/03/2026\nTo: 07:40:00 01/03/2026\n"
            "Value now: 4.60 mg/l\n\nAlarm 17 has ended.\n",
        ),
    ],
)
def test_e_mail_about_the_end(language: str, subject: str, body: str) -> None:
    assert letter(OVER, language) == Letter(subject, body)


def test_times_are_those_of_the_network_s_zone() -> None:
    """22:10 UTC of 28 February 2026 is 03:55 of 1 March in Kathmandu, 19:10 in Santiago (summer)."""
    kathmandu = replace(NOTICE, zone=ZoneInfo("Asia/Kathmandu"))
    santiago = replace(NOTICE, zone=ZoneInfo("America/Santiago"))
    assert short_message(kathmandu, "en").endswith("03:55 01/03")
    assert "Time: 19:10:00 28/02/2026 (local time)" in letter(santiago, "en").body


OF_AIR = replace(
    NOTICE,
    station=Words("Trung tâm TP Sóc Trăng (không khí)", "Soc Trang city centre (air)"),
    texts=RuleTexts(
        title=Words("Chất lượng không khí xấu", "Bad air quality"),
        sms=Words("Khong khi, {station}: VN_AQI {value}, muc {class}. {advice}. {time}", ""),
        decimals=0,
        is_vn_aqi=True,
    ),
    value=163.0, limit=150.0, side=Side.ABOVE, unit="", decimals=0,
)  # fmt: skip


def test_a_message_about_the_index_has_its_class_and_what_the_decree_advises() -> None:
    said = short_message(OF_AIR, "vi")
    place = "Khong khi, Trung tam TP Soc Trang (khong khi): VN_AQI 163, muc Xau. "
    assert said == place + "Moi nguoi giam hoat dong manh ngoai troi. 05:10 01/03"
    assert gsm.length(said).segments == 1
    assert "Everybody: less exertion outdoors" in letter(OF_AIR, "en").body
    assert gsm.length(short_message(replace(OF_AIR, value=280.0), "vi")).segments == 1
