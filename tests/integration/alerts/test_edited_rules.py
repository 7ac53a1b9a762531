"""Rules edited while their alarm stands, recovers, is shelved, withheld or flaps: the record, and what people read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest

from alerts import desk
from alerts.alarm.change import EndCause
from alerts.evaluating.evaluator import Evaluator
from alerts.rules.composite import CompositeRule
from alerts.rules.rule import ChannelRule
from alerts.telling import gsm
from alerts.telling.messages import tell_withheld
from alerts.telling.notice import CAUSES
from alerts.telling.routes import Routing
from alerts.telling.summaries import tell_held
from quantrac.config.network import Network
from quantrac.config.notifications import QuietHours
from quantrac.config.rules import Level
from quantrac.database.pool import Connection, connect
from quantrac.telemetry.words import Words
from tests.integration.alerts.centre import CHANNEL, ROUTING, START, START_MS, STATION, add_network, rows, saying, store
from tests.integration.alerts.test_composites import POND, TEMP
from tests.unit.alerts.rules import ACT, MINUTE, TEXTS, oxygen_rule
from tests.unit.alerts.series import read_series

PLAN = replace(ROUTING, centre=frozenset({"operators"}))
LOWERED = replace(ACT, limit=2.0, clear=2.3)
ALL_CLEAR = "Oxy da len lai"
OWN_WORDS = replace(TEXTS, sms_cleared=Words(f"{ALL_CLEAR}, {{station}}: {{value}} mg/l.", ""), unit="mg/l")


class Farm:
    """A centre whose rule is edited while readings come, and what its farmer reads."""

    def __init__(self, conn: Connection, own: Connection) -> None:
        self.conn, self._own = conn, own
        self.channel_id, self.minute = add_network(conn), 0
        self.routing = PLAN
        self.edit(ACT)

    def edit(self, *levels: Level) -> Farm:
        rules = {CHANNEL: [replace(oxygen_rule(*levels), texts=OWN_WORDS)]} if levels else {}
        return self.take(rules)

    def take(self, rules: dict[str, list[ChannelRule]], composites: tuple[CompositeRule, ...] = ()) -> Farm:
        self.worker = Evaluator(self._own, rules, self.routing, lambda: self.now, composites)
        self.worker.close_orphans(own_rules=())
        return self

    def read(self, series: str) -> Farm:
        samples = read_series(series, MINUTE, start_ms=START_MS + self.minute * MINUTE)
        self.minute += len(samples)
        store(self.conn, self.channel_id, samples)
        while self.worker.round():
            pass
        return self

    @property
    def now(self) -> datetime:
        return START + timedelta(minutes=self.minute)

    def told(self, medium: str = "sms") -> list[tuple[str, str]]:
        return rows(
            self.conn, "select purpose, body from notification where medium = %s order by notification_id", medium
        )

    @property
    def ended_by(self) -> list[str | None]:
        return [cause for (cause,) in rows(self.conn, "select ended_by from v_alarm order by alarm_id")]


@pytest.fixture
def farm(conn: Connection, database: str) -> Iterator[Farm]:
    with connect(database, "test edited rules") as own:
        yield Farm(conn, own)


class Edit(NamedTuple):
    """What is done to the rule of a standing alarm, and what the farmer reads at 2.5 mg/l."""

    levels: tuple[Level, ...]
    cause: EndCause
    says: str


EDITS = [
    Edit((LOWERED,), EndCause.LIMIT_CHANGED, "DA DOI NGUONG canh bao, hien van 2,50 mg/l. Chua chac da het."),
    Edit((replace(LOWERED, name="khac"),), EndCause.LEVEL_REMOVED,
         "DA BO MUC canh bao nay, hien van 2,50 mg/l. Chua chac da het."),
    Edit((), EndCause.RULE_REMOVED, "DA BO canh bao nay, NGUNG THEO DOI, hien van 2,50 mg/l. Chua chac da het."),
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=[edit.cause.name for edit in EDITS])
@pytest.mark.parametrize("before", ["", "3.5x10 "], ids=["standing", "recovering"])
def test_no_edit_tells_a_farmer_that_oxygen_is_back(farm: Farm, edit: Edit, before: str) -> None:
    farm.read(f"2.5x10 {before}2.5").edit(*edit.levels).read("2.5x40")
    assert farm.ended_by == [edit.cause]
    (_, (purpose, body)) = farm.told()
    assert purpose == "withdrawn"
    assert body == f"Song My Thanh: Oxy thap (bao luc 08:09 24/11): {edit.says}"
    assert gsm.length(body).segments == 1
    assert rows(farm.conn, "select reason from v_alarm_event where event = 'cleared'") == [(edit.cause,)]
    mail = farm.told("email")[-1][1]
    assert "still 2.50 mg/l. It may not be over." in mail


def test_a_level_renamed_with_its_limits_is_the_same_alarm_and_ends_with_its_readings(farm: Farm) -> None:
    farm.read("2.5x10").edit(replace(ACT, name="hanh-dong")).read("2.5x40")
    assert rows(farm.conn, "select level, cleared_at is null from v_alarm") == [("hanh-dong", True)]
    farm.read("3.5x30")
    assert [purpose for purpose, _ in farm.told()] == ["raised", "cleared"]
    assert ALL_CLEAR in farm.told()[-1][1]


def test_readings_past_what_was_told_are_an_all_clear_after_an_edit_too(farm: Farm) -> None:
    farm.read("2.5x10").edit(LOWERED).read("3.5x30")
    assert farm.ended_by == [None]
    assert ALL_CLEAR in farm.told()[-1][1]


def test_people_of_the_centre_are_told_first_though_nobody_told_them_before(farm: Farm) -> None:
    farm.read("2.5x10")
    farm.conn.execute("delete from notification where medium = 'email'")
    farm.edit()
    found = rows(
        farm.conn, "select medium, status from notification where purpose = 'withdrawn' order by notification_id"
    )
    assert found == [("email", "queued"), ("sms", "queued")]


def test_an_edit_while_shelved_tells_whoever_knew_and_nobody_that_all_is_well(farm: Farm) -> None:
    farm.read("2.5x10")
    desk.shelve(farm.conn, 1, "lan", "probe", farm.now + timedelta(hours=5), farm.now)
    farm.edit(LOWERED).read("2.5x40")
    assert farm.ended_by == [EndCause.LIMIT_CHANGED]
    assert [purpose for purpose, _ in farm.told()] == ["raised", "withdrawn"]


def test_an_edit_while_out_of_service_tells_no_farmer_who_was_never_told(farm: Farm) -> None:
    desk.take_out_of_service(farm.conn, STATION, None, "lan", "x", farm.now + timedelta(hours=5), farm.now)
    farm.read("2.5x10").edit(LOWERED).read("2.5x40")
    assert farm.ended_by == [EndCause.LIMIT_CHANGED]
    assert farm.told() == []
    tell_withheld(farm.conn, PLAN, farm.now + timedelta(hours=6))
    assert farm.told() == []


def test_a_message_held_by_night_says_in_the_morning_that_the_alarm_may_not_be_over(farm: Farm) -> None:
    farm.routing = replace(
        PLAN, quiet_hours=QuietHours.model_validate({"from": "06:00", "to": "12:00", "groups": ["farmers"]})
    )
    farm.edit(ACT).read("2.5x10").edit()
    assert [purpose for purpose, _ in farm.told()] == ["raised", "withdrawn"]
    assert tell_held(farm.conn, PLAN.zone, START + timedelta(hours=5)) == 1
    (purpose, body) = farm.told()[-1]
    assert purpose == "summary"
    assert "chua chac da het" in body
    assert "DA BO canh bao nay" in body


def test_an_alarm_that_flapped_and_was_ended_by_an_edit_is_not_told_as_over(farm: Farm) -> None:
    farm.edit(replace(ACT, on_delay_ms=MINUTE, off_delay_ms=MINUTE))
    farm.read("2.5x3 3.5x3 " * 12 + "2.5x3").edit()
    assert "flapping" in [purpose for purpose, _ in farm.told()]
    tell_withheld(farm.conn, PLAN, farm.now + timedelta(hours=3))
    assert farm.told()[-1][0] == "withdrawn"
    assert farm.told()[-1][1].endswith("NGUNG THEO DOI. Chua chac da het.")


def test_a_latched_alarm_waits_for_its_person_when_its_limit_was_changed(farm: Farm) -> None:
    texts = replace(OWN_WORDS, latched=True)
    farm.take({CHANNEL: [replace(oxygen_rule(ACT), texts=texts)]}).read("2.5x10")
    farm.take({CHANNEL: [replace(oxygen_rule(LOWERED), texts=texts)]}).read("2.5x40")
    assert rows(farm.conn, "select state, ended_by from v_alarm") == [("latched", EndCause.LIMIT_CHANGED)]
    assert farm.told()[-1][0] == "withdrawn"
    farm.take({CHANNEL: [replace(oxygen_rule(ACT), texts=texts)]}).read("2.5x10")
    assert rows(farm.conn, "select state, ended_by from v_alarm") == [("unacknowledged", None)]


def test_conditions_of_a_composite_rule_edited_while_it_stands_are_no_all_clear(farm: Farm) -> None:
    other = farm.conn.execute(
        "insert into channel (station, name, parameter, unit, kind, interval_s) "
        "values (%s, 'water_temp', 'water_temp', 'Cel', 'mean', 60) returning channel_id",
        [STATION],
    ).fetchone()
    assert other is not None

    def read(series: str) -> None:
        store(
            farm.conn,
            other[0],
            read_series(f"33x{len(read_series(series, 1))}", MINUTE, start_ms=START_MS + farm.minute * MINUTE),
        )
        farm.read(series)

    farm.take({}, (POND,))
    read("2.5x12")
    strict = replace(
        POND.members[0], rule=replace(POND.members[0].rule, levels=(replace(POND.members[0].level, limit=2.0),))
    )
    measure = replace(POND.rule.measure, expression="another")
    edited = replace(POND, members=(strict, POND.members[1]), rule=replace(POND.rule, measure=measure))
    assert edited.channels == {CHANNEL, TEMP}
    farm.take({}, (edited,))
    read("2.5x40")
    assert farm.ended_by == [EndCause.MEASURE_CHANGED]
    assert farm.told()[-1] == (
        "withdrawn", "Song My Thanh: Oxy thap (bao luc 08:09 24/11): DA DOI CACH TINH canh bao. Chua chac da het."
    )  # fmt: skip


def test_every_cause_has_its_words_and_fits_one_short_message() -> None:
    assert set(CAUSES) == set(EndCause)
    for words in CAUSES.values():
        assert gsm.length(gsm.aired(words.vi, accented=False)).segments == 1
        assert words.vi != words.en


def test_the_people_of_the_centre_are_whom_network_yaml_names(network: Network) -> None:
    assert Routing.of(network).centre == {"operators"}
    assert Routing.of(saying(network, files=None, feed=None, books=None, carriers=None)).centre == frozenset()
