"""From raised to reset: escalation, what is held, shelves, out of service, flapping, latching; in the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts import desk
from alerts.alarm.change import Mark, Recorded, Subject
from alerts.alarm.records import clear_alarm, raise_alarm
from alerts.alarm.suppression import end_withholding
from alerts.rules.rule import RuleTexts
from alerts.telling.change_rate import end_flapping
from alerts.telling.messages import Audience, Figures, call_again, tell, tell_withheld
from alerts.telling.routes import Routing
from alerts.telling.summaries import tell_held
from quantrac.config.notifications import Cap, EscalationStep, Grouping, QuietHours, Repeat, Storm
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words
from tests.integration.alerts.centre import ROUTING, START, STATION, add_channel, add_network, rows

MINUTE = timedelta(minutes=1)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOUR = timedelta(hours=1)
TEXTS = RuleTexts(Words("Oxy thấp", "Low oxygen"), sms=Words("", ""))
PLAN = replace(
    ROUTING,
    storm=Storm(alarms=100),
    escalation=(
        EscalationStep.model_validate(
            {"after": "15m", "severity": ["high", "critical"], "to": ["farmers"], "by": ["sms"]}
        ),
    ),
    repeat=Repeat.model_validate({"every": "1h", "severity": ["high", "critical"], "most": 2}),
)


@pytest.fixture
def channel_id(conn: Connection) -> int:
    found = add_network(conn)
    conn.execute("""update station set config = '{"devices": {"sonde": {"channels": {"do": {}}}, "gauge": {}}}'""")
    return found


def rise(
    conn: Connection,
    channel_id: int,
    at: datetime = START,
    *,
    rule: str = "low-oxygen",
    to: tuple[str, ...] = ("operators",),
    routing: Routing = PLAN,
    texts: RuleTexts = TEXTS,
    severity: Severity = Severity.HIGH,
) -> Recorded:
    with conn.transaction():
        change = raise_alarm(conn, Subject(rule, STATION, channel_id), Mark("act", severity, 2.5, 3.0), at, texts, at)
        told = Audience(STATION, to, routing)
        tell(conn, change, told, Figures("st-my-thanh/do", "mg/L", value=2.5, limit=3.0, parameter="do"), at)
    return change


def end(conn: Connection, channel_id: int, at: datetime, *, rule: str = "low-oxygen", routing: Routing = PLAN) -> None:
    with conn.transaction():
        change = clear_alarm(conn, Subject(rule, STATION, channel_id), 4.0, at, at)
        if change is not None:
            tell(conn, change, Audience(STATION, (), routing), Figures(), at)


def sent(conn: Connection, where: str = "true") -> list[tuple[str, str, str]]:
    return rows(conn, f"select purpose, medium, status from notification where {where} order by notification_id")


def purposes(conn: Connection) -> list[str]:
    return [purpose for purpose, _, _ in sent(conn)]


def test_escalation_tells_the_next_once_and_then_repeats_to_whoever_was_told(conn: Connection, channel_id: int) -> None:
    rise(conn, channel_id)
    assert sent(conn) == [("raised", "email", "queued")]
    assert call_again(conn, PLAN, START + 14 * MINUTE) == 0
    assert [call_again(conn, PLAN, START + after * MINUTE) for after in (15, 16)] == [1, 0]
    assert sent(conn)[1:] == [("escalated", "sms", "queued")]
    (body,) = rows(conn, "select body from notification where purpose = 'escalated'")[0]
    assert body.startswith("CHUA AI XAC NHAN: ")
    assert call_again(conn, PLAN, START + 10 * HOUR) == 1  # repeats that were missed are one
    assert sorted(sent(conn)[2:]) == [("repeated", "email", "queued"), ("repeated", "sms", "queued")]
    assert call_again(conn, PLAN, START + 20 * HOUR) == 0


def test_reminders_wait_for_the_end_of_quiet_hours_once_and_escalation_does_not(
    conn: Connection, channel_id: int
) -> None:
    quiet = QuietHours.model_validate({"from": "21:00", "to": "04:30", "groups": ["farmers", "managers"]})
    conn.execute("insert into contact (name, phone_e164, groups) values ('Chief', '+84912345670', '{managers}')")
    step = EscalationStep.model_validate({"after": "15m", "severity": ["high"], "to": ["managers"], "by": ["sms"]})
    plan = replace(PLAN, quiet_hours=quiet, escalation=(step,))
    evening = datetime(2026, 11, 24, 20, 50, tzinfo=ZONE)
    rise(conn, channel_id, evening, to=("farmers",), routing=plan)
    for minutes in range(0, 8 * 60, 15):  # escalation at 21:05, reminders at 21:50 and 22:50
        call_again(conn, plan, evening + minutes * MINUTE)
    assert rows(conn, "select contact_id, purpose, status from notification order by notification_id") == [
        (1, "raised", "queued"),
        (3, "escalated", "queued"),
        (1, "repeated", "held"),
        (3, "repeated", "held"),
    ]
    assert tell_held(conn, ZONE, evening + 8 * HOUR) == 2
    assert [status for _, _, status in sent(conn, "purpose = 'repeated'")] == ["queued", "queued"]


def test_acknowledging_stops_escalation_at_once_also_what_is_queued(conn: Connection, channel_id: int) -> None:
    alarm = rise(conn, channel_id).alarm_id
    call_again(conn, PLAN, START + 15 * MINUTE)
    desk.acknowledge(conn, alarm, "lan", "on my way", START + 16 * MINUTE)
    assert sent(conn)[1:] == [("escalated", "sms", "dead")]
    assert call_again(conn, PLAN, START + 3 * HOUR) == 0


def test_an_alarm_that_is_over_is_escalated_no_more(conn: Connection, channel_id: int) -> None:
    rise(conn, channel_id)
    end(conn, channel_id, START + MINUTE)
    assert call_again(conn, PLAN, START + HOUR) == 0


def test_quiet_hours_end_in_one_digest_and_a_single_message_stays_as_it_is(conn: Connection, channel_id: int) -> None:
    quiet = QuietHours.model_validate({"from": "21:00", "to": "04:30", "groups": ["farmers"]})
    plan = replace(PLAN, quiet_hours=quiet)
    night = datetime(2026, 11, 24, 23, 0, tzinfo=ZONE)
    morning = night + timedelta(hours=5, minutes=30)
    rise(conn, channel_id, night, to=("farmers",), routing=plan)
    assert rows(conn, "select held_for, next_attempt_at from v_notification") == [("quiet hours", morning)]
    assert tell_held(conn, ZONE, morning - MINUTE) == 0
    assert tell_held(conn, ZONE, morning) == 1
    assert sent(conn) == [("raised", "sms", "queued")]
    rise(conn, channel_id, night + 24 * HOUR, rule="a", to=("farmers",), routing=plan)
    rise(conn, channel_id, night + 25 * HOUR, rule="b", to=("farmers",), routing=plan)
    assert tell_held(conn, ZONE, morning + 24 * HOUR) == 1
    assert sent(conn)[1:] == [("raised", "sms", "summarised")] * 2 + [("summary", "sms", "queued")]


def test_what_is_more_than_the_cap_comes_in_the_morning(conn: Connection, channel_id: int) -> None:
    plan = replace(PLAN, cap=Cap(messages=2))
    for number in range(4):
        rise(conn, channel_id, START + number * HOUR, rule=f"rule-{number}", to=("farmers",), routing=plan)
    assert [status for _, _, status in sent(conn)] == ["queued", "queued", "held", "held"]
    assert tell_held(conn, ZONE, START + 22 * HOUR) == 0  # 06:00
    assert tell_held(conn, ZONE, START + 23 * HOUR) == 1  # 07:00
    assert sent(conn)[-1] == ("summary", "sms", "queued")


def test_alarms_of_a_station_within_the_interval_are_one_more_message(conn: Connection, channel_id: int) -> None:
    plan = replace(PLAN, grouping=Grouping())
    for number in range(3):
        rise(conn, channel_id, START + number * MINUTE, rule=f"rule-{number}", routing=plan)
    assert [status for _, _, status in sent(conn)] == ["queued", "held", "held"]
    assert [tell_held(conn, ZONE, START + after * MINUTE) for after in (4, 5)] == [0, 1]
    assert sent(conn)[-1] == ("summary", "email", "queued")


@pytest.mark.parametrize("device", [None, "sonde"])
def test_out_of_service_alarms_are_recorded_and_told_when_it_is_over(
    conn: Connection, channel_id: int, device: str | None
) -> None:
    standing = rise(conn, channel_id, rule="standing").alarm_id
    desk.take_out_of_service(conn, STATION, device, "lan", "new probe", START + 4 * HOUR, START)
    alarm = rise(conn, channel_id, START + HOUR).alarm_id
    assert [desk.alarm(conn, id_).state for id_ in (standing, alarm)] == ["out of service"] * 2
    assert call_again(conn, PLAN, START + 3 * HOUR) == 0
    assert sent(conn) == [("raised", "email", "queued")]
    assert [row.reason for row in rows_out(conn)] == ["new probe"]
    desk.put_in_service(conn, STATION, device, "lan", "done", START + 2 * HOUR)
    (untold,) = end_withholding(conn, START + 2 * HOUR)
    assert (untold.change.alarm_id, untold.to) == (alarm, ("operators",))
    assert [desk.alarm(conn, id_).state for id_ in (standing, alarm)] == ["unacknowledged"] * 2
    with pytest.raises(desk.DeskRefused, match="is not out of service"):
        desk.put_in_service(conn, STATION, device, "lan", None, START + 2 * HOUR)


def rows_out(conn: Connection) -> list[desk.OutRow]:
    conn.execute("update out_of_service set since = now() - interval '1 h', until = now() + interval '1 h'")
    return desk.out_of_service(conn)


def test_one_channel_is_out_of_service_and_the_rest_of_its_device_is_not(conn: Connection, channel_id: int) -> None:
    with pytest.raises(desk.DeskRefused, match="has no channel ph; its channels: do"):
        desk.take_out_of_service(conn, STATION, "sonde/ph", "lan", "x", START + HOUR, START)
    desk.take_out_of_service(conn, STATION, "sonde/do", "lan", "membrane", START + HOUR, START)
    alarms = [rise(conn, id_, START + MINUTE).alarm_id for id_ in (channel_id, add_channel(conn, "ph"))]
    assert [desk.alarm(conn, alarm).state for alarm in alarms] == ["out of service", "unacknowledged"]
    desk.put_in_service(conn, STATION, "sonde/do", "lan", None, START + 2 * MINUTE)
    end_withholding(conn, START + 2 * MINUTE)
    assert desk.alarm(conn, alarms[0]).state == "unacknowledged"


def test_a_maintenance_window_begins_and_ends_by_itself_and_can_be_cancelled(conn: Connection, channel_id: int) -> None:
    begin, finish = START + HOUR, START + 2 * HOUR
    desk.take_out_of_service(conn, STATION, "sonde", "lan", "new probe", finish, START, since=begin)
    alarm = rise(conn, channel_id, START).alarm_id
    states = []
    for now in (START + MINUTE, begin, finish):
        end_withholding(conn, now)
        states.append(desk.alarm(conn, alarm).state)
    assert states == ["unacknowledged", "out of service", "unacknowledged"]
    events = [(event.event, event.person, event.reason) for event in desk.history(conn, alarm)]
    assert events[1:] == [("out of service", "lan", "new probe"), ("in service", None, None)]
    desk.take_out_of_service(conn, STATION, None, "lan", "flood", finish + 9 * HOUR, finish, since=finish + HOUR)
    desk.put_in_service(conn, STATION, None, "lan", "called off", finish)
    end_withholding(conn, finish + 2 * HOUR)
    assert desk.alarm(conn, alarm).state == "unacknowledged"


def test_out_of_service_ends_by_itself_and_another_device_is_not_concerned(conn: Connection, channel_id: int) -> None:
    with pytest.raises(desk.DeskRefused, match="gauge, sonde"):
        desk.take_out_of_service(conn, STATION, "camera", "lan", "x", START + HOUR, START)
    with pytest.raises(desk.DeskRefused, match="no station st-nowhere"):
        desk.take_out_of_service(conn, "st-nowhere", None, "lan", "x", START + HOUR, START)
    with pytest.raises(desk.DeskRefused, match="within 90 days"):
        desk.take_out_of_service(conn, STATION, None, "lan", "x", START, START)
    desk.take_out_of_service(conn, STATION, None, "lan", "x", START + HOUR, START)
    rise(conn, channel_id, START + MINUTE)
    assert end_withholding(conn, START + HOUR - MINUTE) == []
    assert len(end_withholding(conn, START + HOUR)) == 1


def test_an_alarm_that_comes_and_goes_is_told_once_and_once_that_it_is_over(conn: Connection, channel_id: int) -> None:
    at = START
    for _ in range(12):
        rise(conn, channel_id, at)
        end(conn, channel_id, at + 3 * MINUTE)
        at += 10 * MINUTE
    told = purposes(conn).index("flapping")
    assert purposes(conn) == ["raised", "cleared"] * (told // 2) + ["flapping"]
    assert 3 <= told // 2 <= 7  # above 30 % of 20 bins: with six or seven changes, depending on their age
    assert end_flapping(conn, PLAN.flapping, at) == []
    (ended,) = end_flapping(conn, PLAN.flapping, at + 100 * MINUTE)
    tell(conn, ended.change, Audience(STATION, (), PLAN), Figures(), at + 100 * MINUTE)
    assert sent(conn)[-1] == ("cleared", "email", "queued")
    assert rows(conn, "select count(*) from v_flapping") == [(0,)]


def test_a_latched_alarm_stands_until_a_person_resets_it(conn: Connection, channel_id: int) -> None:
    texts = replace(TEXTS, latched=True)
    alarm = rise(conn, channel_id, texts=texts).alarm_id
    with pytest.raises(desk.DeskRefused, match="only one that is latched"):
        desk.reset(conn, alarm, "lan", None, START)
    end(conn, channel_id, START + MINUTE)
    assert (desk.alarm(conn, alarm).state, desk.alarm(conn, alarm).returned_at) == ("latched", START + MINUTE)
    desk.reset(conn, alarm, "lan", "pump repaired", START + HOUR)
    assert (desk.alarm(conn, alarm).state, desk.alarm(conn, alarm).cleared_at) == ("cleared", START + HOUR)
    assert [e.event for e in desk.history(conn, alarm)] == ["raised", "returned to normal", "reset"]
    assert purposes(conn) == ["raised", "cleared"]


def test_a_person_marks_a_false_alarm_and_takes_it_back(conn: Connection, channel_id: int) -> None:
    alarm = rise(conn, channel_id).alarm_id
    desk.mark_false(conn, alarm, "lan", "fish in front of the probe", START)
    assert desk.alarm(conn, alarm).false_by == "lan"
    desk.mark_false(conn, alarm, "lan", None, START, undo=True)
    assert desk.alarm(conn, alarm).false_at is None


@pytest.fixture
def shelved(conn: Connection, channel_id: int) -> int:
    """An alarm of a subject that is shelved for three hours, since an alarm before it that is over."""
    first = rise(conn, channel_id).alarm_id
    desk.shelve(conn, first, "lan", "sensor is being cleaned", START + 3 * HOUR, START)
    assert desk.alarm(conn, first).state == "shelved"
    end(conn, channel_id, START + MINUTE)
    alarm = rise(conn, channel_id, START + 2 * MINUTE).alarm_id
    assert (desk.alarm(conn, alarm).state, purposes(conn)) == ("shelved", ["raised", "cleared"])
    return alarm


def test_a_shelved_alarm_is_recorded_and_told_when_the_shelf_ends(conn: Connection, shelved: int) -> None:
    assert [tell_withheld(conn, PLAN, START + hours * HOUR) for hours in (2, 3, 3)] == [0, 1, 0]
    assert desk.alarm(conn, shelved).state == "unacknowledged"
    assert purposes(conn) == ["raised", "cleared", "raised"]
    assert [e.event for e in desk.history(conn, shelved)] == ["raised", "withheld", "unshelved", "told"]


def test_what_is_over_before_the_shelf_ends_is_told_to_nobody(conn: Connection, shelved: int, channel_id: int) -> None:
    end(conn, channel_id, START + HOUR)
    assert tell_withheld(conn, PLAN, START + 3 * HOUR) == 0
    assert desk.alarm(conn, shelved).cleared_at == START + HOUR
    assert purposes(conn) == ["raised", "cleared"]
    assert rows(conn, "select count(*) from v_shelf") == [(0,)]


def test_a_shelf_ends_early_by_hand(conn: Connection, shelved: int) -> None:
    desk.unshelve(conn, shelved, "lan", "cleaned", START + HOUR)
    assert desk.alarm(conn, shelved).state == "unacknowledged"
    assert tell_withheld(conn, PLAN, START + HOUR) == 1
    with pytest.raises(desk.DeskRefused, match="is not shelved"):
        desk.unshelve(conn, shelved, "lan", None, START + HOUR)


@pytest.mark.parametrize("until", [timedelta(0), timedelta(days=7, seconds=1)])
def test_a_shelf_has_an_end_within_a_week(conn: Connection, shelved: int, until: timedelta) -> None:
    with pytest.raises(desk.DeskRefused, match="at most 7 days"):
        desk.shelve(conn, shelved, "lan", "for good", START + until, START)
