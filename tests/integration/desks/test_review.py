"""What people say of readings: above every test, beside the raw value, reversible, audited, and told to the feed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from typer.testing import CliRunner

from ingest.rollups import consumer as rollups
from quantrac.cli.commands.review import app
from quantrac.database.feed import Cause, Consumer
from quantrac.database.pool import Connection, connect
from quantrac.desks import acts, corrections, review_rows, verdicts, withdrawals
from quantrac.desks.acts import Act, BadReview, NoSuchReview, ReviewedReadings
from quantrac.desks.corrections import CorrectionFormula
from quantrac.desks.finding_queue import finding_queue
from quantrac.desks.review_rows import NotPossible
from quantrac.desks.stages import DaySigned
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State
from tests.fixtures import stations
from tests.fixtures.timing import ended, eventually
from tests.integration.database.conftest import NOON, World, add_channel

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DO = "st-test/do"


@pytest.fixture
def readings(world: World) -> World:
    """Ten readings, 1 to 10 mg/L, of 12:01 to 12:10 UTC+7."""
    for minute in range(1, 11):
        world.reading(NOON + minute * MINUTE, value=float(minute))
    return world


def between(low: int, high: int) -> ReviewedReadings:
    return ReviewedReadings(DO, NOON + low * MINUTE, NOON + high * MINUTE)


def seen(conn: Connection, what: str) -> list[Any]:
    return [row[0] for row in conn.execute(f"select {what} from v_reading order by time").fetchall()]


def told(conn: Connection) -> list[tuple[str, int]]:
    return conn.execute("select cause, rows from change order by id").fetchall()


def test_a_verdict_stands_above_tests_and_only_on_its_stretch(readings: World) -> None:
    readings.flag(4, time=NOON + 3 * MINUTE)
    act = verdicts.flag(readings.conn, between(2, 4), Quality.GOOD, "lan", "compared with the hand meter", NOW)
    assert (act.readings, act.from_t, act.to_t) == (2, NOON + 3 * MINUTE, NOON + 4 * MINUTE)
    verdicts.flag(
        readings.conn, ReviewedReadings.at(DO, NOON + 9 * MINUTE), Quality.FAIL, "lan", "probe in the air", NOW
    )
    assert seen(readings.conn, "quality") == [1, 1, 1, 1, 1, 1, 1, 1, 4, 1]
    assert seen(readings.conn, "raw_value") == list(map(float, range(1, 11)))
    assert told(readings.conn) == [("flag", 2), ("flag", 1)]


def test_withdrawing_brings_back_what_stood_before_in_any_order(readings: World) -> None:
    conn, time = readings.conn, NOON + 5 * MINUTE
    readings.flag(3, time=time)
    first = verdicts.flag(conn, between(4, 6), Quality.FAIL, "lan", "fouled", NOW)
    second = verdicts.flag(conn, between(4, 5), Quality.GOOD, "an", "cleaned before", NOW)
    assert seen(conn, "quality")[4:6] == [1, 4]
    withdrawals.withdraw(conn, second.review_id, "an", "mixed up the days", NOW)
    assert seen(conn, "quality")[4:6] == [4, 4]
    withdrawals.withdraw(conn, first.review_id, "lan", "not this probe", NOW)
    assert seen(conn, "quality")[4:6] == [3, 1]  # the spike test speaks again
    third = verdicts.flag(conn, between(4, 5), Quality.SUSPECT, "lan", "fouled", NOW)
    fourth = verdicts.flag(conn, between(4, 5), Quality.FAIL, "lan", "very fouled", NOW)
    withdrawals.withdraw(conn, third.review_id, "lan", "doubled", NOW)
    assert seen(conn, "quality")[4] == 4
    withdrawals.withdraw(conn, fourth.review_id, "lan", "doubled", NOW)
    assert seen(conn, "quality")[4] == 3
    with pytest.raises(NotPossible, match="withdrawn already"):
        withdrawals.withdraw(conn, fourth.review_id, "lan", "again", NOW)
    (flags,) = conn.execute("select count(*) from reading_flag").fetchone() or (0,)
    assert flags > 5  # append only


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (CorrectionFormula(value=6.5), [6.5, 6.5]),
        (CorrectionFormula(factor=1.1, added=-0.3), [3 * 1.1 - 0.3, 4 * 1.1 - 0.3]),
        (CorrectionFormula(drift=-0.8), [3 - 0.4, 4 - 0.8]),
        (CorrectionFormula(added=0.1, drift=0.2), [3 + 0.1 + 0.1, 4 + 0.1 + 0.2]),
    ],
)
def test_a_correction_replaces_the_value_and_keeps_the_raw_one(
    readings: World, formula: CorrectionFormula, expected: list[float]
) -> None:
    conn = readings.conn
    act = corrections.correct(conn, between(2, 4), formula, "lan", "calibration of the day after", NOW)
    assert seen(conn, "value")[2:4] == pytest.approx(expected)
    assert seen(conn, "raw_value") == list(map(float, range(1, 11)))
    assert told(conn) == [("correction", 2)]
    with pytest.raises(NotPossible, match=f"corrected already, by review {act.review_id}: withdraw"):
        corrections.correct(conn, between(3, 6), CorrectionFormula(value=1), "an", "also", NOW)
    withdrawals.withdraw(conn, act.review_id, "lan", "wrong factor", NOW)
    assert seen(conn, "value") == seen(conn, "raw_value")
    corrections.correct(conn, between(3, 6), CorrectionFormula(value=1), "an", "also", NOW)


def test_verdicts_end_and_come_back_when_that_is_withdrawn(readings: World) -> None:
    conn = readings.conn
    readings.flag(3, time=NOON + 5 * MINUTE)
    first = verdicts.flag(conn, between(3, 6), Quality.FAIL, "lan", "fouled", NOW)
    verdicts.flag(conn, between(5, 6), Quality.GOOD, "an", "cleaned", NOW)
    ended = verdicts.unflag(conn, between(4, 10), "an", "look again", NOW)
    assert (ended.kind, ended.flag, ended.readings, ended.to_t) == ("unflag", None, 2, NOON + 6 * MINUTE)
    assert seen(conn, "quality")[3:6] == [4, 3, 1], "outside it the verdict stands; inside the spike test speaks"
    with pytest.raises(BadReview, match="nobody's verdict stands"):
        verdicts.unflag(conn, between(4, 10), "an", "again", NOW)
    later = verdicts.flag(conn, between(5, 6), Quality.SUSPECT, "lan", "fouled", NOW)
    withdrawals.withdraw(conn, later.review_id, "lan", "doubled", NOW)
    assert seen(conn, "quality")[3:6] == [4, 3, 1]
    withdrawals.withdraw(conn, ended.review_id, "an", "was right", NOW)
    assert seen(conn, "quality")[3:6] == [4, 4, 1]
    withdrawals.withdraw(conn, first.review_id, "lan", "not fouled", NOW)
    assert seen(conn, "quality")[3:6] == [1, 3, 1]
    assert {cause for cause, _ in told(conn)} == {"flag"}


def test_whoever_looked_before_another_persons_act_is_told_and_decides(readings: World) -> None:
    conn, stretch = readings.conn, between(2, 6)

    def version() -> int:
        return acts.version_of(acts.acts_there(conn, stretch))

    before = version()
    act = verdicts.flag(conn, between(5, 9), Quality.FAIL, "lan", "fouled", NOW, seen=0)
    verdicts.flag(conn, between(8, 10), Quality.FAIL, "lan", "elsewhere", NOW)
    refusals: list[Callable[[], Act]] = [
        lambda: verdicts.flag(conn, stretch, Quality.GOOD, "an", "fine", NOW, seen=before),
        lambda: corrections.correct(conn, stretch, CorrectionFormula(added=1), "an", "drift", NOW, seen=before),
        lambda: verdicts.unflag(conn, stretch, "an", "fine", NOW, seen=before),
    ]
    for refused in refusals:
        with pytest.raises(NotPossible, match="lan has reviewed some of these readings at 2026-11-24 08:00:00Z, after"):
            refused()
    looked = version()
    withdrawals.withdraw(conn, act.review_id, "chi", "not fouled", NOW + MINUTE)
    with pytest.raises(NotPossible, match="chi has reviewed"):
        verdicts.unflag(conn, stretch, "an", "fine", NOW, seen=looked)
    assert (before, looked, version()) == (0, 1, 2)
    proposal = corrections.correct(conn, stretch, CorrectionFormula(added=1), "an", "off", NOW, proposed=True, seen=2)
    corrections.approve(conn, proposal.review_id, "lan", NOW)
    assert version() == 4
    assert acts.readings_there(conn, stretch) == 4


def test_two_acts_at_once_are_done_one_after_the_other(readings: World, database: str) -> None:
    """The second sees what the first did, though both began before that."""
    conn, refused = readings.conn, []

    def act(person: str) -> None:
        with connect(database, "test act") as own:
            try:
                verdicts.flag(own, between(2, 6), Quality.FAIL, person, "fouled", NOW, seen=0)
            except NotPossible as error:
                refused.append(str(error))

    waiting = (
        "select count(*) from pg_locks join pg_database d on d.oid = database "
        "where relation = 'review'::regclass and not granted and d.datname = current_database()"
    )

    def is_waiting(count: int) -> bool:
        return conn.execute(waiting).fetchone() == (count,)

    threads = [threading.Thread(target=act, args=[person]) for person in ("lan", "an")]
    with conn.transaction():
        conn.execute(review_rows.ONE_AT_A_TIME)
        for count, thread in enumerate(threads, 1):
            thread.start()
            eventually(partial(is_waiting, count))
    ended(*threads)
    assert [act.person for act in acts.acts(conn)] == ["lan"]
    assert [why.partition(" at ")[0] for why in refused] == ["lan has reviewed some of these readings"]


def test_a_device_is_judged_in_one_act_and_taken_back_whole(readings: World) -> None:
    """One row of the audit; the act of a channel in between stays what it was, and a signed day refuses all of it."""
    conn = readings.conn
    others = [stations.add_channel(conn, "st-test", name, device="sonde") for name in ("ph", "ec", "orp")]
    away = stations.add_channel(conn, "st-test", "water_level", device="gauge")
    conn.execute("update channel set device = 'sonde' where channel = %s", [DO])
    for number in (*others[:2], away):  # orp has no readings there
        conn.execute("insert into reading select %s, time, 7, 0, 0, time from reading where channel_id = %s",
                     [number, readings.channel_id])  # fmt: skip

    def judged() -> dict[str, list[int]]:
        every = conn.execute("select channel, quality from v_reading where quality <> 1 order by channel, time")
        found: dict[str, list[int]] = {}
        for channel, quality in every:
            found.setdefault(channel, []).append(quality)
        return found

    conn.execute("update channel set device = null where channel = 'st-test/ec'")
    with pytest.raises(BadReview, match="belongs to no device"):
        verdicts.flag(
            conn, between(0, 2)._replace(channel="st-test/ec"), Quality.FAIL, "lan", "x", NOW, whole_device=True
        )
    conn.execute("update channel set device = 'sonde' where channel = 'st-test/ec'")
    own = verdicts.flag(conn, between(2, 3)._replace(channel="st-test/ph"), Quality.SUSPECT, "an", "bẩn", NOW)
    version = acts.version_of(acts.acts_there(conn, between(2, 4), whole_device=True))
    assert version == 1
    assert acts.readings_there(conn, between(2, 4), whole_device=True) == 6
    with pytest.raises(NotPossible, match="an has reviewed"):
        verdicts.flag(conn, between(2, 4), Quality.FAIL, "lan", "in the air", NOW, seen=0, whole_device=True)
    act = verdicts.flag(conn, between(2, 4), Quality.FAIL, "lan", "in the air", NOW, seen=version, whole_device=True)
    assert (act.channel, act.device, act.part_of, act.readings) == (DO, "sonde", None, 2)
    assert judged() == {DO: [4, 4], "st-test/ec": [4, 4], "st-test/ph": [4, 4]}
    listed = acts.acts(conn, "st-test")
    assert [one.review_id for one in listed] == [act.review_id, own.review_id], "an act is listed once"
    (part,) = acts.acts(conn, "st-test/ec")
    assert part.part_of == act.review_id
    taken_back = withdrawals.withdraw(conn, part.review_id, "lan", "mixed up", NOW)
    assert (taken_back.review_id, taken_back.state) == (part.review_id, "withdrawn")
    assert judged() == {"st-test/ph": [3]}
    with pytest.raises(NotPossible, match="withdrawn already"):
        withdrawals.withdraw(conn, act.review_id, "lan", "again", NOW)
    verdicts.flag(conn, between(2, 4), Quality.GOOD, "lan", "seen on site", NOW, whole_device=True)
    verdicts.unflag(conn, between(0, 10), "lan", "nobody knows", NOW, whole_device=True)
    assert judged() == {}
    audited = conn.execute(
        "select action, (detail ->> 'readings')::int4, detail ->> 'channels' from audit order by audit_id"
    ).fetchall()
    three = '["st-test/do", "st-test/ec", "st-test/ph"]'
    assert audited == [
        ("flag", 1, None), ("flag", 6, three), ("withdraw", 6, three), ("flag", 6, three), ("unflag", 6, three),
    ]  # fmt: skip
    conn.execute(
        "insert into sign_off (channel_id, day, from_t, to_t, content, person, at, approved_by, approved_at)"
        " values (%s, '2026-11-24', '2026-11-23T17:00Z', '2026-11-24T17:00Z', '{}', 'an', now(), 'an', now())",
        [others[1]],
    )
    with pytest.raises(DaySigned):
        verdicts.flag(conn, between(2, 4), Quality.FAIL, "lan", "in the air", NOW, whole_device=True)
    assert judged() == {}


def test_the_queue_has_what_tests_found_and_nobody_judged_the_worst_first(readings: World) -> None:
    conn = readings.conn

    def queue(place: str = "st-test") -> list[tuple[int, int, int, list[str]]]:
        found = finding_queue(conn, place, NOON, NOON + timedelta(hours=9))
        return [
            (int((one.from_t - NOON) / MINUTE), int((one.to_t - NOON) / MINUTE), one.flag, one.tests) for one in found
        ]

    assert queue() == []
    readings.flag(3, time=NOON + 2 * MINUTE)
    readings.flag(3, "rate", time=NOON + 5 * MINUTE)
    for minute, state, tests in ((180, State.OK, 2), (181, State.OK, 10), (300, State.SUSPECT, 0)):
        readings.reading(NOON + minute * MINUTE, 99.0, state, tests)
    for minute, state in ((400, State.MAINT), (401, State.CAL), (402, State.COMM)):
        readings.reading(NOON + minute * MINUTE, None if state is State.COMM else 9.0, state)
    whole = [(180, 181, 4, ["expect", "range"]), (2, 5, 3, ["rate", "spike"]), (300, 300, 3, ["state"])]
    assert queue() == queue(DO) == whole
    assert queue("st-other") == []
    (worst, *_) = finding_queue(conn, DO, NOON, NOON + timedelta(hours=9))
    assert (worst.readings, worst.low, worst.high) == (2, 99.0, 99.0)
    confirmed = verdicts.flag(conn, between(1, 2), Quality.FAIL, "lan", "really", NOW)
    verdicts.flag(conn, between(179, 181), Quality.GOOD, "lan", "a flood", NOW)
    assert queue() == [(5, 5, 3, ["rate"]), (300, 300, 3, ["state"])]
    withdrawals.withdraw(conn, confirmed.review_id, "lan", "not sure", NOW)
    verdicts.unflag(conn, between(180, 181), "an", "no flood", NOW)
    assert queue() == [(181, 181, 4, ["expect", "range"]), (2, 5, 3, ["rate", "spike"]), (300, 300, 3, ["state"])]


def test_a_proposal_counts_once_another_person_approves_it(readings: World) -> None:
    conn = readings.conn
    act = corrections.correct(conn, between(0, 1), CorrectionFormula(added=1), "lan", "drift", NOW, proposed=True)
    assert (act.state, seen(conn, "value")[0], told(conn)) == ("proposed", 1.0, [])
    with pytest.raises(BadReview, match="another person"):
        corrections.approve(conn, act.review_id, "lan", NOW)
    approved = corrections.approve(conn, act.review_id, "an", NOW)
    assert (approved.state, approved.approved_by, seen(conn, "value")[0]) == ("in force", "an", 2.0)
    assert told(conn) == [("correction", 1)]
    with pytest.raises(NotPossible, match="is in force"):
        corrections.approve(conn, act.review_id, "an", NOW)


def test_missing_values_are_not_made_up_by_a_formula(world: World) -> None:
    world.reading(NOON, value=None, state=State.COMM)
    stretch = ReviewedReadings.at(DO, NOON)
    with pytest.raises(BadReview, match="has no readings there"):
        corrections.correct(world.conn, stretch, CorrectionFormula(added=1), "lan", "drift", NOW)
    corrections.correct(world.conn, stretch, CorrectionFormula(value=5.2), "lan", "read by hand", NOW)
    assert world.one("select value, raw_value, state, quality from v_reading") == (5.2, None, "comm", 9)


def test_what_makes_no_sense_is_refused_and_leaves_nothing(readings: World) -> None:
    conn = readings.conn
    conn.execute("update channel set derived = true where channel_id = %s", [add_channel(conn, "aqi")])
    for stretch, formula, reason, why in (
        (ReviewedReadings("st-test/aqi", NOON, NOW), CorrectionFormula(1), "x", "is derived"),
        (ReviewedReadings("st-test/none", NOON, NOW), CorrectionFormula(1), "x", "not known"),
        (between(20, 30), CorrectionFormula(1), "x", "no readings"),
        (between(0, 3), CorrectionFormula(), "x", "needs a value"),
        (between(0, 3), CorrectionFormula(float("nan")), "x", "finite"),
        (between(0, 3), CorrectionFormula(1), " ", "needs a reason"),
        (between(0, 3), CorrectionFormula(factor=1e308), "x", "too large"),
    ):
        with pytest.raises(BadReview, match=why):
            corrections.correct(conn, stretch, formula, "lan", reason, NOW)
    with pytest.raises(NoSuchReview):
        withdrawals.withdraw(conn, 77, "lan", "x", NOW)
    assert conn.execute("select count(*) from review").fetchone() == (0,)


def test_each_act_is_audited_and_listed(readings: World) -> None:
    conn = readings.conn
    first = verdicts.flag(conn, between(0, 2), Quality.FAIL, "lan", "fouled", NOW)
    second = corrections.correct(conn, between(4, 5), CorrectionFormula(7.0), "an", "hand meter", NOW)
    withdrawals.withdraw(conn, first.review_id, "binh", "not fouled", NOW)
    assert [act.review_id for act in acts.acts(conn, DO)] == [second.review_id]
    assert [act.state for act in acts.acts(conn, "st-test", every=True)] == ["in force", "withdrawn"]
    assert acts.acts(conn, "st-other", every=True) == []
    audit = conn.execute("select at, person, action, subject, reason from audit order by audit_id").fetchall()
    assert audit == [
        (NOW, "lan", "flag", f"review {first.review_id} of {DO}", "fouled"),
        (NOW, "an", "correct", f"review {second.review_id} of {DO}", "hand meter"),
        (NOW, "binh", "withdraw", f"review {first.review_id} of {DO}", "not fouled"),
    ]


def test_hours_follow_a_verdict_a_correction_and_their_withdrawal(readings: World) -> None:
    conn = readings.conn
    feed, rounds = Consumer(conn, rollups.NAME, rollups.CAUSES), rollups.RollupRounds()

    def hour() -> Any:
        rounds.round_of(conn, feed, 100)
        return readings.one("select mean, count from v_hourly")

    low = verdicts.flag(conn, between(0, 5), Quality.FAIL, "lan", "in the air", NOW)
    assert hour() == (8.0, 5)  # of 6 to 10
    high = corrections.correct(conn, between(9, 10), CorrectionFormula(added=-5), "lan", "drift", NOW)
    assert hour() == (7.0, 5)
    withdrawals.withdraw(conn, high.review_id, "lan", "no drift", NOW)
    withdrawals.withdraw(conn, low.review_id, "lan", "not in the air", NOW)
    assert hour() == (5.5, 10)
    assert {cause for cause, _ in told(conn)} == {str(Cause.FLAG), str(Cause.CORRECTION)}


def test_a_long_review_is_told_in_changes_of_a_day(readings: World) -> None:
    readings.reading(NOON + timedelta(days=1))
    verdicts.flag(readings.conn, between(0, 2000), Quality.FAIL, "lan", "fouled", NOW)
    assert told(readings.conn) == [("flag", 10), ("flag", 1)]


def test_the_consoles_user_may_review(readings: World) -> None:
    readings.conn.execute("set role quantrac_console")
    act = verdicts.flag(readings.conn, between(0, 2), Quality.FAIL, "lan", "fouled", NOW)
    verdicts.unflag(readings.conn, between(0, 1), "lan", "not fouled", NOW)
    corrections.correct(readings.conn, between(0, 2), CorrectionFormula(3.0), "lan", "hand meter", NOW)
    finding_queue(readings.conn, DO, NOON, NOW)
    withdrawals.withdraw(readings.conn, act.review_id, "lan", "not fouled", NOW)


def test_the_commands_review_in_local_time_and_say_what_they_did(
    readings: World, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12:00 in Vietnam is NOON; bad words and half a stretch end with 2 and change nothing."""
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*words])
        assert done.exit_code == code, done.output
        return done.output

    span = ["--from", "2026-11-24T12:00", "--to", "2026-11-24T12:02:00"]
    signed = ["--reason", "probe in the air", "--person", "lan"]
    said = run("flag", DO, "fail", *span, *signed)
    assert said.split() == [
        "1", "in", "force", DO, "2026-11-24", "12:01:00", "..", "2026-11-24", "12:02:00", "2", "readings", "fail",
        "lan:", "probe", "in", "the", "air",
    ]  # fmt: skip
    at = ["--at", "2026-11-24T05:03:00Z"]
    assert "= raw * 1 - 0.5" in run("correct", DO, *at, "--add", "-0.5", *signed, "--propose")
    assert "in force" in run("approve", "2", "--person", "an")
    listed = json.loads(run("list", "st-test", "--json"))
    assert [(act["review_id"], act["kind"], act["readings"]) for act in listed] == [
        (2, "correction", 1),
        (1, "flag", 2),
    ]
    assert "withdrawn" in run("withdraw", "1", *signed)
    assert [line.split()[0] for line in run("list").splitlines()] == ["2"]
    assert seen(readings.conn, "value")[2] == 2.5
    drifted = run("correct", DO, "--from", "2026-11-24T12:04", "--to", "2026-11-24T12:06", "--drift", "1", *signed)
    assert "= raw * 1 + 0, drift 1 from 2026-11-24 12:04:00 to 2026-11-24 12:06:00" in drifted
    assert seen(readings.conn, "value")[4:6] == [5.5, 7.0]
    run("flag", DO, "fail", *at, *signed, "--seen", "0", code=1)
    shown = json.loads(run("show", DO, *span, "--json"))
    assert (shown["readings"], shown["version"]) == (2, 2)
    assert "version 2" in run("show", DO, *span)
    run("flag", DO, "suspect", *span, *signed, "--seen", "2")
    assert "no verdict" in run("unflag", DO, *span, *signed, "--seen", "3")
    readings.flag(4, time=NOON + 8 * MINUTE)
    queued = run("queue", "st-test", "--from", "2026-11-24", "--to", "2026-11-25").split()
    assert queued == ["fail", DO, *["2026-11-24", "12:08:00", "..", "2026-11-24", "12:08:00"], "1", "readings", "spike",
                      "8", "..", "8"]  # fmt: skip
    assert "--from and --to" in run("correct", DO, *at, "--drift", "1", *signed, code=2)
    assert "allowed good, suspect, fail" in run("flag", DO, "bad", *span, *signed, code=2)
    assert "--at alone" in run("flag", DO, "fail", "--from", "2026-11-24", *signed, code=2)
    assert "expected a date or time such as 2026-11-24" in run("flag", DO, "fail", "--at", "noon", *signed, code=2)
    assert "expected one of them" in run("correct", DO, *at, "--value", "1", "--add", "1", *signed, code=2)
