"""Stages of days on a real database: signed by one or two, kept from reviews, reopened by what comes, as of then."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from ingest import signed_days
from ingest.rollups import consumer as rollups
from quantrac.cli.commands.stages import app
from quantrac.database import audit
from quantrac.database.feed import Cause, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection, connect
from quantrac.desks import corrections, stages, verdicts
from quantrac.desks.acts import ReviewedReadings
from quantrac.desks.corrections import CorrectionFormula
from quantrac.desks.stages import BadStage, ChannelDays, DaySigned, SignedDays
from quantrac.telemetry.quality import Quality
from tests.fixtures import stations
from tests.fixtures.timing import PATIENCE_S, eventually
from tests.integration.database.conftest import NOON, World

DAY = date(2026, 11, 24)
NIGHT = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DO = "st-test/do"
THAT_DAY = ChannelDays("st-test", DAY, DAY)


@pytest.fixture
def past(world: World) -> World:
    """Ten readings of a day that is over, judged and rolled up; a derived channel is made of them."""
    world.conn.execute("update network set time_zone = 'Asia/Ho_Chi_Minh'")
    world.conn.execute("insert into consumer (consumer, position) values ('quality', 0)")
    for minute in range(1, 11):
        world.reading(NOON + minute * MINUTE, value=float(minute))
    made = stations.add_channel(world.conn, "st-test", "do_1h", parameter="do", derived=True)
    world.conn.execute(
        "insert into derived_channel (channel_id, formula, inputs) values (%s, 'mean-1h', %s)",
        [made, Jsonb({"of": world.channel_id})],
    )
    world.conn.execute("insert into derived_reading values (%s, %s, 5, 0, 1, now())", [made, NOON + 60 * MINUTE])
    rollups.make_everything(world.conn)
    return world


def words(conn: Connection, as_of: datetime | None = None) -> dict[str, str]:
    return {one.channel: one.word for one in stages.stages(conn, THAT_DAY, as_of)}


def comes(world: World, minute: float, cause: Cause = Cause.READING) -> None:
    """Let the feed tell of a change, and the consumer of stages hear of it."""
    time = NOON + minute * MINUTE
    with world.conn.transaction():
        append_changes(world.conn, [NewChange("st-test", world.channel_id, time, time, 1, cause)])
    world.conn.execute("update consumer set position = (select max(id) from change) where consumer = 'quality'")
    world.conn.execute("set role quantrac_ingest")
    feed = Consumer(world.conn, signed_days.NAME, signed_days.CAUSES, after=signed_days.AFTER)
    while signed_days.round_of(world.conn, feed, NIGHT + timedelta(hours=3)):
        pass
    world.conn.execute("reset role")


def test_a_day_is_reviewed_when_a_person_signed_it_and_reopened_by_a_person_or_by_what_comes_later(past: World) -> None:
    conn = past.conn
    assert words(conn) == {DO: "unreviewed", "st-test/do_1h": "unreviewed"}
    assert stages.sign(conn, THAT_DAY, "Lan", "compared with samples", NIGHT) == SignedDays(1, 0, {})
    assert words(conn) == {DO: "reviewed", "st-test/do_1h": "reviewed"}, "derived days follow what they are made of"
    assert stages.sign(conn, THAT_DAY, "An", "", NIGHT) == SignedDays(0, 0, {"reviewed": 1})
    one = ReviewedReadings.at(DO, NOON + 3 * MINUTE)
    with pytest.raises(DaySigned, match="24/11/2026 of st-test/do was signed by Lan: reopen the day first"):
        verdicts.flag(conn, one, Quality.FAIL, "An", "probe in the air", NIGHT)
    with pytest.raises(DaySigned):
        corrections.correct(conn, one, CorrectionFormula(value=1.0), "An", "typo", NIGHT)
    proposed = corrections.correct(conn, one, CorrectionFormula(value=1.0), "An", "typo", NIGHT, proposed=True)
    with pytest.raises(DaySigned):
        corrections.approve(conn, proposed.review_id, "Lan", NIGHT)
    assert conn.execute("select count(*) from reading_flag").fetchone() == (0,)

    comes(past, 5)
    assert words(conn)[DO] == "reviewed", "a change in which nothing of the day is another one"
    past.reading(NOON + 30 * MINUTE, value=7.0, received=NIGHT)
    comes(past, 30)
    (found,) = [one for one in stages.stages(conn, THAT_DAY) if one.channel == DO]
    assert (found.word, found.reopened_cause, found.reopened_by, found.signed_by) == (
        "reopened",
        "reading",
        None,
        "Lan",
    )
    assert [(row.station, row.waiting, row.reopened, row.first) for row in stages.to_do(conn)] == [
        ("st-test", 0, 1, DAY)
    ]
    assert stages.to_do(conn, frozenset({"st-other"})) == []
    assert words(conn, NIGHT + timedelta(hours=1)) == {DO: "reviewed"}, "as of an earlier moment"
    assert words(conn, NIGHT - MINUTE) == {DO: "unreviewed"}

    stages.sign(conn, THAT_DAY, "Lan", "", NIGHT + timedelta(hours=4))
    assert stages.to_do(conn) == []
    past.flag(4, time=NOON + 4 * MINUTE)
    conn.execute("insert into dropped values ('reading', %s)", [NIGHT])
    comes(past, 4, Cause.FLAG)
    assert words(conn)[DO] == "reviewed", "readings that retention dropped leave the day as it was signed"
    conn.execute("delete from dropped")
    comes(past, 4, Cause.FLAG)
    assert [one.reopened_cause for one in stages.stages(conn, THAT_DAY) if one.channel == DO] == ["finding"]
    unseen = stages.sign(conn, THAT_DAY, "Lan", "", NIGHT + timedelta(hours=5), seen=NIGHT + timedelta(hours=4))
    assert unseen.left == {"changed": 1}, "a test found something since the person looked"
    stages.sign(conn, THAT_DAY, "Lan", "", NIGHT + timedelta(hours=5))
    with pytest.raises(BadStage, match="with a reason"):
        stages.reopen(conn, THAT_DAY, "An", " ", NIGHT)
    assert stages.reopen(conn, THAT_DAY, "An", "sample of the laboratory", NIGHT + timedelta(hours=6)) == 1
    with pytest.raises(BadStage, match="none of these days is signed"):
        stages.reopen(conn, THAT_DAY, "An", "again", NIGHT)
    corrections.approve(conn, proposed.review_id, "Lan", NIGHT)
    past.reading(NOON + 31 * MINUTE, value=7.0, received=NIGHT)
    stages.sign(conn, THAT_DAY, "Lan", "", NIGHT + timedelta(hours=7))
    past.reading(NOON + 32 * MINUTE, value=None, received=NIGHT)
    signed_days.check_everything(conn, NIGHT)
    assert words(conn)[DO] == "reopened", "a consumer that the feed forgot checks every signed day"
    acts = conn.execute("select person, action, subject, reason from audit where action = 'reopen'").fetchall()
    assert acts == [("An", "reopen", "days st-test", "sample of the laboratory")]


def test_where_four_eyes_are_wanted_two_persons_sign_and_nobody_signs_what_is_not_over(past: World) -> None:
    conn = past.conn
    conn.execute("update network set four_eyes = true")
    conn.execute("set role quantrac_console")

    def as_account(login: str | None, sign: Callable[[], SignedDays]) -> SignedDays:
        with audit.coming(audit.Origin("console", login)):
            return sign()

    corrections.correct(
        conn, ReviewedReadings.at(DO, NOON + 3 * MINUTE), CorrectionFormula(value=1.0), "An", "typo", NOON + 30 * MINUTE
    )
    unseen = as_account("lan", lambda: stages.sign(conn, THAT_DAY, "Lan", "", NIGHT, seen=NOON + 20 * MINUTE))
    assert unseen == SignedDays(0, 0, {"changed": 1}), "a correction came since the person looked"
    first = as_account("lan", lambda: stages.sign(conn, THAT_DAY, "Lan", "", NIGHT))
    assert (first, words(conn)[DO]) == (SignedDays(0, 1, {}), "waits")
    again = as_account("lan", lambda: stages.sign(conn, THAT_DAY, "Lan", "", NIGHT))
    assert again == SignedDays(0, 0, {"own": 1})
    seen = NOON + 5 * MINUTE
    late = as_account("lan.2", lambda: stages.sign(conn, THAT_DAY, "Lan", "", NIGHT, seen=seen))
    assert late == SignedDays(0, 0, {"changed": 1}), "readings came since the second person looked"
    assert [row.waiting for row in stages.to_do(conn)] == [1]
    second = as_account("lan.2", lambda: stages.sign(conn, THAT_DAY, "Lan", "", NIGHT + MINUTE))
    assert (second, words(conn)[DO]) == (SignedDays(1, 0, {}), "reviewed"), "another account is another person"
    assert words(conn, NIGHT) == {DO: "waits"}

    conn.execute("reset role")
    now = datetime.now(UTC)
    past.reading(now, value=1.0, received=now)
    past.reading(NOON + timedelta(days=1), value=1.0)
    with conn.transaction():
        time = NOON + timedelta(days=1)
        append_changes(conn, [NewChange("st-test", past.channel_id, time, time, 1, Cause.READING)])
    conn.execute("update channel set history_tests = '{spike}' where channel_id = %s", [past.channel_id])
    rollups.make_everything(conn)
    waiting = ChannelDays("st-test", DAY, DAY + timedelta(days=1))
    assert stages.sign(conn, waiting, "Lan", "", NIGHT).left == {"reviewed": 1, "raw": 1}, "tests have still to run"
    today = now.astimezone().date()
    lasts = stages.sign(
        conn, ChannelDays("st-test", today - timedelta(days=1), today + timedelta(days=1)), "Lan", "", now
    )
    assert (lasts.reviewed, lasts.waiting) == (0, 0)
    stages.reopen(conn, THAT_DAY, "An", "new sample", NIGHT)
    assert as_account("lan", lambda: stages.sign(conn, THAT_DAY, "Lan", "", NIGHT)).waiting == 1
    conn.execute("update network set four_eyes = false")
    alone = as_account("lan", lambda: stages.sign(conn, THAT_DAY, "Lan", "", NIGHT))
    assert alone == SignedDays(1, 0, {}), "four eyes are not wanted any more: whoever signed first finishes the day"
    for wrong, said in (
        (ChannelDays("st-test", DAY, DAY - timedelta(days=1)), "first day not after the last"),
        (ChannelDays("st-test", DAY, DAY + timedelta(days=401)), "at most 400 days"),
        (ChannelDays("st-none", DAY, DAY), "no station st-none"),
        (ChannelDays("st-test", DAY, DAY, ("st-test/do_1h",)), "st-test/do_1h is no channel that the station measures"),
    ):
        with pytest.raises(BadStage, match=said):
            stages.sign(conn, wrong, "Lan", "", NIGHT)


WAITING = """
select 1 from pg_locks join pg_database d on d.oid = database
where locktype = 'advisory' and not granted and d.datname = current_database()
"""


def test_what_commits_while_somebody_signs_reopens_the_day_once_it_is_signed(past: World, database: str) -> None:
    conn = past.conn
    conn.execute("insert into consumer (consumer, position) values (%s, 0)", [signed_days.NAME])
    feed = Consumer(conn, signed_days.NAME, signed_days.CAUSES, after=signed_days.AFTER)
    with ThreadPoolExecutor(1) as threads, connect(database, "signer") as other:
        with other.transaction():
            assert stages.sign(other, THAT_DAY, "Lan", "", NIGHT).reviewed == 1
            past.reading(NOON + 30 * MINUTE, value=7.0, received=NIGHT)
            with conn.transaction():
                time = NOON + 30 * MINUTE
                append_changes(conn, [NewChange("st-test", past.channel_id, time, time, 1, Cause.READING)])
            conn.execute("update consumer set position = (select max(id) from change) where consumer = 'quality'")
            round_ = threads.submit(signed_days.round_of, conn, feed, NIGHT)
            eventually(lambda: other.execute(WAITING).fetchone() or round_.done())
        assert len(round_.result(PATIENCE_S)) == 1
    assert words(conn)[DO] == "reopened"


def test_a_long_stretch_is_signed_in_turns_and_nobody_waits_for_another_station(
    past: World, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = past.conn
    stations.add_station(conn, "st-other")
    elsewhere = stations.add_channel(conn, "st-other", "do")
    conn.execute("insert into reading values (%s, %s, 1, 0, 0, %s)", [elsewhere, NOON, NOON])
    past.reading(NOON - timedelta(days=2), value=3.0)
    rollups.make_everything(conn)
    monkeypatch.setattr(stages, "READINGS_A_TURN", 1)
    with connect(database, "signer") as other, other.transaction():
        assert stages.sign(other, ChannelDays("st-other", DAY, DAY), "An", "", NIGHT).reviewed == 1
        done = stages.sign(conn, ChannelDays("st-test", DAY - timedelta(days=3), DAY), "Lan", "", NIGHT)
        comes(past, 5)
    assert done == SignedDays(2, 0, {})
    acts = conn.execute("select subject, detail ->> 'first', detail ->> 'reviewed' from audit order by 1, 2").fetchall()
    assert acts == [
        ("days st-other", "2026-11-24", "1"), ("days st-test", "2026-11-22", "1"), ("days st-test", "2026-11-24", "1"),
    ]  # fmt: skip


def test_the_command_signs_lists_and_reopens(past: World, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)

    def run(*args: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, args)
        assert done.exit_code == code, done.output
        return done.output

    assert run("list", DO, "--from", "2026-11-24") == f"{DO:<32}  {'2026-11-24':<24}  unreviewed\n"
    assert "1 reviewed, 0 wait" in run("sign", "st-test", "--from", "2026-11-24", "--person", "Lan", "--note", "=1+1")
    assert "reviewed    signed by Lan: =1+1" in run("list", DO, "--from", "2026-11-24")
    assert "1 left (signed already)" in run("sign", DO, "--from", "2026-11-24", "--person", "Lan")
    assert run("reopen", DO, "--from", "2026-11-24", "--reason", "new sample", "--person", "An") == "1 reopened\n"
    (found, _) = json.loads(run("list", "st-test", "--from", "2026-11-24", "--json"))
    assert (found["day"], found["reopened_by"], found["reason"]) == ("2026-11-24", "An", "new sample")
    assert "expected a day" in CliRunner().invoke(app, ["list", DO, "--from", "yesterday"]).output
    assert run("todo") == ""
