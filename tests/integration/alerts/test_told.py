"""The messages that people get in the end, from the reading to the hand-over to the carrier."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from alerts import desk
from alerts.alarm.change import Mark, Purpose, Subject
from alerts.alarm.records import clear_alarm, raise_alarm, reach_level, record_late
from alerts.alarm_search import AlarmQuery, alarm_page
from alerts.evaluating.evaluator import Evaluator
from alerts.telling import summary_texts
from alerts.telling.attachments import attachments
from alerts.telling.explanation import on_record
from alerts.telling.messages import Audience, Figures, call_again, tell, tell_withheld
from alerts.telling.notifier import Outgoing
from alerts.telling.recent_messages import RecentMessages
from alerts.telling.stages import Recent
from alerts.telling.summaries import tell_held, tell_late
from alerts.telling.summary_texts import SummaryLine
from quantrac.config.notifications import Cap, EscalationStep, Grouping, Medium, QuietHours, Route, Storm
from quantrac.config.settings import Settings
from quantrac.database.pool import Connection
from quantrac.desks.overview import look
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words
from tests.integration.alerts.centre import (
    CHANNEL,
    ROUTING,
    START,
    START_MS,
    STATION,
    KeepingCarrier,
    add_channel,
    add_network,
    rows,
    send_all,
    store,
)
from tests.integration.alerts.test_life import HOUR, PLAN, TEXTS, end, rise
from tests.unit.alerts.rules import MINUTE, oxygen_rule
from tests.unit.alerts.series import read_series


def handed_over(conn: Connection, medium: Medium, settings: Settings | None = None) -> list[Outgoing]:
    """Hand over what is queued and return it."""
    carrier = KeepingCarrier()
    send_all(conn, medium, carrier, lambda: START, attachments(settings or Settings(), lambda: START))
    return carrier.kept


def test_a_mail_about_an_alarm_has_the_course_of_the_day_and_a_link_to_acknowledge_by(conn: Connection) -> None:
    channel_id = add_network(conn)
    store(conn, channel_id, read_series("4.6x60 2.8x10", MINUTE, start_ms=START_MS))
    while Evaluator(conn, {CHANNEL: [oxygen_rule()]}, ROUTING, lambda: START).round():
        pass
    linking = Settings(public_url="https://quantrac.example.vn", link_secret=SecretStr("geheim"))
    (letter,) = handed_over(conn, Medium.EMAIL, linking)
    assert letter.facts["link"].startswith("https://quantrac.example.vn/a/1.2.")
    assert letter.facts["course"][-1][1] == pytest.approx(2.8)
    assert letter.facts["time_zone"] == "Asia/Ho_Chi_Minh"
    assert (letter.facts["severity"], letter.facts["limit"]) == ("high", 3.0)


@pytest.mark.parametrize(("goes_on", "expected"), [(True, "1,90 mg/l"), (False, "2,50 mg/l")])
def test_a_reminder_has_the_present_value_its_course_and_the_link(
    conn: Connection, goes_on: bool, expected: str
) -> None:
    channel_id = add_network(conn)
    conn.execute("update contact set language = 'vi'")
    rise(conn, channel_id, START, texts=replace(TEXTS, unit="mg/l"))
    handed_over(conn, Medium.EMAIL)
    if goes_on:
        store(conn, channel_id, read_series("2.5x30 1.9x20", MINUTE, start_ms=START_MS))
        conn.execute(
            """
            insert into latest (channel_id, time, value, state, tests, received_at)
            select channel_id, time, value, state, tests, received_at from reading order by time desc limit 1
            """
        )
    call_again(conn, PLAN, START + HOUR)
    linking = Settings(public_url="https://quantrac.example.vn", link_secret=SecretStr("geheim"))
    carrier, soon = KeepingCarrier(), START + HOUR
    send_all(conn, Medium.EMAIL, carrier, lambda: soon, attachments(linking, lambda: soon))
    (letter,) = carrier.kept
    assert letter.subject.startswith("[Nghiêm trọng] nhắc lại: Oxy thấp: Sông Mỹ Thanh " + expected)
    assert letter.facts["link"].startswith("https://quantrac.example.vn/a/1.2.")
    assert f"\n{'Giá trị hiện tại' if goes_on else 'Giá trị'}: {expected}\n" in letter.body
    if goes_on:
        assert "\nCảnh báo bắt đầu: 08:00:00 24/11/2026\n" in letter.body
        assert letter.facts["course"][-1][1] == pytest.approx(1.9)


MINUTES = timedelta(minutes=1)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
GROUPED = replace(PLAN, grouping=Grouping.model_validate({"wait": "0s", "interval": "5m"}))


def summaries(conn: Connection) -> list[str]:
    found = rows(conn, "select body from notification where purpose = 'summary' order by notification_id")
    return [body for (body,) in found]


def told(conn: Connection, where: str = "medium = 'sms'") -> list[tuple[str, str]]:
    return rows(conn, f"select purpose, status from notification where {where} order by notification_id")


def test_an_alarm_that_is_over_before_it_was_told_is_told_as_over(conn: Connection) -> None:
    channel_id = add_network(conn)
    rise(conn, channel_id, START, rule="first", to=("farmers",), routing=GROUPED)
    handed_over(conn, Medium.SMS)
    rise(conn, channel_id, START + MINUTES, rule="second", to=("farmers",), routing=GROUPED)
    end(conn, channel_id, START + 2 * MINUTES, rule="second", routing=GROUPED)
    assert told(conn)[1:] == [("raised", "held"), ("cleared", "held")]
    assert tell_held(conn, ZONE, START + 5 * MINUTES) == 1
    assert told(conn)[1:] == [("raised", "summarised"), ("cleared", "summarised"), ("summary", "queued")]
    assert rows(conn, "select body from notification where purpose = 'summary'") == [
        ("Song My Thanh: Oxy thap, 08:01-08:02 24/11, da het.",)
    ]


def test_a_summary_of_one_alarm_is_a_letter_about_that_alarm() -> None:
    line = SummaryLine(
        7, Severity.HIGH, Words("Sông Mỹ Thanh", "My Thanh river"), TEXTS.title, START, START + 2 * MINUTES, ZONE
    )
    over = summary_texts.email([line], Purpose.SUMMARY, "vi")
    assert over.subject == "[Đã hết] Oxy thấp: Sông Mỹ Thanh, 08:00-08:02 24/11"
    assert over.body == "Sông Mỹ Thanh: Oxy thấp, 08:00-08:02 24/11, đã hết.\n\nCảnh báo số 7.\n"
    standing = summary_texts.email([replace(line, cleared_at=None)], Purpose.SUMMARY, "en")
    assert standing.subject == "[High alarm] Low oxygen: My Thanh river, since 08:00 24/11"


def test_a_storm_s_summary_names_the_worst_first_and_its_end_says_how_many_and_the_worst_value(
    conn: Connection,
) -> None:
    channels = [add_network(conn), *(add_channel(conn, name, parameter="do") for name in ("do_2", "do_3", "do_4"))]
    plan = replace(ROUTING, routes=(Route(to="farmers", severity=tuple(Severity), by=("sms",)),), storm=Storm(alarms=1))
    texts = replace(TEXTS, unit="mg/l")
    marks = [
        (2.9, 3.0, Severity.HIGH),
        (3.9, 4.0, Severity.MEDIUM),
        (1.9, 2.0, Severity.CRITICAL),
        (1.8, 2.0, Severity.CRITICAL),
    ]
    for channel_id, (value, limit, severity) in zip(channels, marks, strict=True):
        with conn.transaction():
            subject = Subject("low-oxygen", STATION, channel_id)
            change = raise_alarm(conn, subject, Mark("x", severity, value, limit), START, texts, START)
            tell(conn, change, Audience(STATION, ("farmers",), plan), Figures(), START)
    store(conn, channels[2], read_series("1.9x2 0.44 1.9x2", MINUTE, start_ms=START_MS))
    tell_held(conn, ZONE, START + MINUTES)
    assert summaries(conn) == [
        "KHAN CAP: Oxy thap 1,80 mg/l, Song My Thanh. Nang nhat trong 3 canh bao moi, 08:01 24/11."
    ]
    over = START + 8 * MINUTES
    send_all(conn, Medium.SMS, KeepingCarrier(), lambda: over)
    for channel_id in channels:
        with conn.transaction():
            ended = clear_alarm(conn, Subject("low-oxygen", STATION, channel_id), 4.0, over, over)
            assert ended is not None
            tell(conn, ended, Audience(STATION, (), plan), Figures(), over)
    tell_held(conn, ZONE, over + HOUR)
    assert summaries(conn)[1:] == [
        "HET CANH BAO: 4 canh bao da het, nang nhat: Oxy thap 0,44 mg/l, Song My Thanh. 09:08 24/11."
    ]


def test_a_person_who_is_not_told_of_ends_does_not_read_of_a_past_alarm_as_if_it_stood(conn: Connection) -> None:
    channel_id = add_network(conn)
    farmers = Route(to="farmers", severity=(Severity.HIGH,), by=("sms",), cleared=False)
    plan = replace(GROUPED, routes=(farmers,))
    rise(conn, channel_id, START, rule="first", to=("farmers",), routing=plan)
    rise(conn, channel_id, START + MINUTES, rule="second", to=("farmers",), routing=plan)
    end(conn, channel_id, START + 2 * MINUTES, rule="second", routing=plan)
    tell_held(conn, ZONE, START + 5 * MINUTES)
    assert told(conn)[-1] == ("summary", "queued")


@pytest.mark.parametrize(
    ("mark", "is_kind", "head"),
    [
        (Mark("danger", Severity.CRITICAL, 1.5, 2.0), False, "KHAN CAP, NANG HON: Oxy thap"),
        (Mark("act", Severity.HIGH, 2.5, 3.0), False, "NGHIEM TRONG, NANG HON: Oxy thap"),
        (Mark("other", Severity.MEDIUM, 2.5, 3.0), True, "NGUY CO: Oxy thap"),  # another kind of trouble is not worse
    ],
)
def test_a_worse_level_is_told_at_once_within_the_interval_and_says_that_it_is_worse(
    conn: Connection, mark: Mark, is_kind: bool, head: str
) -> None:
    channel_id = add_network(conn)
    everything = Route(to="farmers", severity=tuple(Severity), by=("sms",))
    plan = replace(GROUPED, routes=(everything,), breakthrough=frozenset(), cap=Cap(messages=1))
    rise(conn, channel_id, START, to=("farmers",), routing=plan, severity=Severity.MEDIUM)
    soon = START + MINUTES
    with conn.transaction():
        change = reach_level(conn, Subject("low-oxygen", STATION, channel_id), mark, soon, TEXTS, soon, is_kind=is_kind)
        assert change is not None
        tell(conn, change, Audience(STATION, ("farmers",), plan), Figures(), soon)
    (told_first, told_then) = rows(conn, "select body, status from notification order by notification_id")
    assert (told_first[1], told_then[1]) == ("queued", "queued")
    assert told_then[0].startswith(head)


def test_a_message_that_goes_at_once_takes_the_place_of_an_older_one_that_is_held(conn: Connection) -> None:
    channel_id = add_network(conn)
    rise(conn, channel_id, START, rule="first", to=("farmers",), routing=GROUPED)
    rise(conn, channel_id, START + MINUTES, rule="second", to=("farmers",), routing=GROUPED)
    worse = Mark("danger", Severity.CRITICAL, 1.5, 2.0)
    with conn.transaction():
        change = reach_level(conn, Subject("second", STATION, channel_id), worse, START + 2 * MINUTES, TEXTS, START)
        assert change is not None
        to = Audience(STATION, ("farmers",), GROUPED, breaks_quiet_hours=True)
        tell(conn, change, to, Figures(), START + 2 * MINUTES)
    assert told(conn)[1:] == [("raised", "summarised"), ("level", "queued")]
    assert tell_held(conn, ZONE, START + HOUR) == 0


def test_the_end_of_a_removed_rule_does_not_say_that_all_is_well(conn: Connection) -> None:
    channel_id = add_network(conn)
    texts = replace(TEXTS, sms_cleared=Words("Oxy da len lai, {station}: {value} mg/l. Het canh bao.", ""))
    rise(conn, channel_id, START, to=("farmers", "operators"), texts=texts)
    handed_over(conn, Medium.SMS)
    Evaluator(conn, {}, PLAN, lambda: START + MINUTES).close_orphans(own_rules=())
    (short,) = rows(conn, "select body from notification where purpose = 'withdrawn' and medium = 'sms'")[0]
    (subject,) = rows(conn, "select subject from notification where purpose = 'withdrawn' and medium = 'email'")[0]
    assert short == "Song My Thanh: Oxy thap (bao luc 08:00 24/11): DA BO canh bao nay, NGUNG THEO DOI. " + (
        "Chua chac da het."
    )
    assert subject.startswith("[Ended, maybe not over] Low oxygen")
    assert rows(conn, "select distinct status from notification where purpose = 'withdrawn'") == [("queued",)]


def test_a_mail_promises_another_one_only_to_whom_it_will_come(conn: Connection) -> None:
    channel_id = add_network(conn)
    quiet = Route(to="operators", severity=(Severity.LOW,), by=("email",), cleared=False)
    plan = replace(PLAN, routes=(quiet, *PLAN.routes[1:]))
    rise(conn, channel_id, rule="with", severity=Severity.HIGH)
    rise(conn, channel_id, rule="without", severity=Severity.LOW, routing=plan)
    bodies = [body for (body,) in rows(conn, "select body from notification where medium = 'email' order by 1")]
    assert ["One more message follows" in body for body in bodies] == [True, False]


def test_whom_only_escalation_called_is_told_of_the_end(conn: Connection) -> None:
    channel_id = add_network(conn)
    conn.execute("insert into contact (name, phone_e164, groups) values ('Chief', '+84912345670', '{managers}')")
    step = EscalationStep.model_validate({"after": "15m", "severity": ["high"], "to": ["managers"], "by": ["sms"]})
    plan = replace(PLAN, escalation=(step,))
    rise(conn, channel_id, routing=plan)
    call_again(conn, plan, START + 15 * MINUTES)
    end(conn, channel_id, START + 20 * MINUTES, routing=plan)
    assert told(conn, "contact_id = 3") == [("escalated", "queued"), ("cleared", "queued")]


def test_what_was_withheld_is_told_with_its_limit_and_breaks_quiet_hours_as_its_level_does(conn: Connection) -> None:
    channel_id = add_network(conn)
    night = datetime(2026, 11, 24, 23, 0, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
    quiet = QuietHours.model_validate({"from": "21:00", "to": "04:30", "groups": ["farmers"]})
    plan = replace(PLAN, quiet_hours=quiet)
    texts = replace(TEXTS, unit="mg/l", decimals=1)
    subject, mark = Subject("low-oxygen", STATION, channel_id), Mark("danger", Severity.CRITICAL, 1.5, 2.0)
    desk.take_out_of_service(conn, STATION, None, "lan", "new probe", night + HOUR, night - HOUR)
    with conn.transaction():
        change = raise_alarm(conn, subject, mark, night, texts, night)
        tell(conn, change, Audience(STATION, ("farmers",), plan, breaks_quiet_hours=True), Figures(), night)
    assert told(conn) == []
    tell_withheld(conn, plan, night + HOUR)
    assert rows(conn, "select status, body from notification") == [
        ("queued", "KHAN CAP: Oxy thap, Song My Thanh: 1,5 mg/l, duoi 2 mg/l. 23:00 24/11")
    ]


def test_an_alarm_that_is_shelved_and_out_of_service_is_told_when_both_are_over(conn: Connection) -> None:
    channel_id = add_network(conn)
    first = rise(conn, channel_id, START - HOUR).alarm_id
    end(conn, channel_id, START - MINUTES)
    desk.shelve(conn, first, "lan", "cleaning", START + HOUR, START)
    desk.take_out_of_service(conn, STATION, None, "lan", "works", START + 2 * HOUR, START)
    alarm = rise(conn, channel_id, START + MINUTES).alarm_id
    states = []
    for hours in (1, 2):
        told_of = tell_withheld(conn, PLAN, START + hours * HOUR)
        states.append((told_of, desk.alarm(conn, alarm).state))
    assert states == [(0, "out of service"), (1, "unacknowledged")]


def test_unshelving_by_the_number_of_an_older_alarm_frees_the_one_that_stands(conn: Connection) -> None:
    channel_id = add_network(conn)
    first = rise(conn, channel_id, START - HOUR).alarm_id
    end(conn, channel_id, START - MINUTES)
    standing = rise(conn, channel_id, START).alarm_id
    desk.shelve(conn, first, "lan", "cleaning", START + HOUR, START)
    assert desk.alarm(conn, standing).state == "shelved"
    desk.unshelve(conn, first, "lan", None, START + MINUTES)
    assert desk.alarm(conn, standing).state == "unacknowledged"


def test_alarms_of_the_past_are_told_by_the_parameters_people_chose_and_not_of_times_out_of_service(
    conn: Connection,
) -> None:
    channel_id = add_network(conn)
    conn.execute("update contact set parameters = '{ph}' where phone_e164 is not null")
    for hours, was_out in ((3, True), (1, False)):
        start = START - hours * HOUR
        if was_out:
            desk.take_out_of_service(conn, STATION, None, "lan", "works", start + HOUR, start)
            desk.put_in_service(conn, STATION, None, "lan", None, start + HOUR)
        period = (start + 5 * MINUTES, start + 30 * MINUTES)
        subject, mark = Subject("low-oxygen", STATION, channel_id), Mark("act", Severity.HIGH, 2.5, 3.0)
        record_late(conn, subject, mark, period, TEXTS, ["farmers", "operators"], START)
    with conn.transaction():
        assert tell_late(conn, PLAN, START) == 2
    assert rows(conn, "select medium, facts->'alarms' from notification") == [("email", [2])]
    assert rows(conn, "select reason from alarm_event where event = 'told' order by alarm_id") == [
        ("out of service then",), (None,),
    ]  # fmt: skip


def test_why_nobody_is_told_of_an_alarm_of_the_past_is_on_record(conn: Connection) -> None:
    channel_id = add_network(conn)
    conn.execute("update contact set consent = 'refused'")
    mark, period = Mark("act", Severity.HIGH, 2.5, 3.0), (START - HOUR, START - 30 * MINUTES)
    record_late(conn, Subject("low-oxygen", STATION, channel_id), mark, period, TEXTS, ["farmers", "operators"], START)
    record_late(conn, Subject("second", STATION, channel_id), mark, period, TEXTS, ["managers"], START)
    with conn.transaction():
        assert tell_late(conn, PLAN, START) == 2
    consent, nobody = (row.untold for row in reversed(alarm_page(conn, AlarmQuery("all"), 100).rows))
    assert consent == "nobody to tell: 2 times consent refused"
    assert nobody == "nobody to tell: no contact and route for managers, high"
    assert [late.untold for late in look(conn, START).untold] == [consent, nobody]


def test_who_would_be_told_depends_on_what_they_have_been_told_of_other_alarms(conn: Connection) -> None:
    channel_id = add_network(conn)
    alarm = rise(conn, channel_id, START, rule="first", to=("farmers",), routing=GROUPED).alarm_id

    def told_by(rule: str, until: datetime, without: int | None = None) -> dict[tuple[int, Medium], Recent]:
        about = Subject(rule, STATION, None)
        return RecentMessages(conn, GROUPED, until, without).of_what_might_be(about, CHANNEL, [1, 2], until)

    soon = START + MINUTES
    assert told_by("second", soon) == {(1, Medium.SMS): Recent(others=1, station_at=START, messages=0)}
    assert told_by("first", soon)[1, Medium.SMS].others == 0
    assert told_by("first", soon, alarm) == {}
    assert told_by("second", START - MINUTES) == {}
    assert [(line.name, line.medium, line.why) for line in on_record(conn, alarm)] == [
        ("Ông Sáu", "sms", "raised queued"),
    ]
