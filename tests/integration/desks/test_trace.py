"""Traces on a real database: one number with all that is on record of it, and what was shown of it earlier."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from ingest.rollups import consumer as rollups
from quantrac.cli.commands.trace import app
from quantrac.desks import corrections, stages, verdicts, withdrawals
from quantrac.desks.acts import ReviewedReadings
from quantrac.desks.corrections import CorrectionFormula
from quantrac.desks.stages import ChannelDays
from quantrac.desks.trace import BookPlace, NothingToTrace, TracedInput, trace
from quantrac.telemetry.quality import Quality
from tests.fixtures import stations
from tests.integration.database.conftest import NOON, World, add_channel

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DO = "st-test/do"
TIME = NOON + 3 * MINUTE
EVENT = "insert into station_event values ('st-test', 'e1', %s, 0, %s, null, 'door', 'open', %s)"
SONDE = {
    "devices": {
        "sonde": {
            "profile": {"device": "aqua-troll", "title": "Aqua TROLL"}, "bus": {"name": "sondes"}, "address": 1,
            "serial": "512034",
        }
    }
}  # fmt: skip


@pytest.fixture
def recorded(world: World) -> World:
    """Ten readings of one hour, an event before and after them, a conflict; an hourly mean and a 24-hour one."""
    conn = world.conn
    conn.execute("insert into consumer (consumer, position) values ('quality', 0)")
    conn.execute("update station set config = %s", [Jsonb(SONDE)])
    conn.execute("update channel set device = 'sonde', history_tests = '{flat,spike}', expect_high = 2.5")
    for minute in range(1, 11):
        world.reading(NOON + minute * MINUTE, value=float(minute), tests=8 if minute > 2 else 0)
    for seq, minute in ((40, -5), (52, 7)):
        conn.execute(EVENT, [seq, NOON + minute * MINUTE, NOON + minute * MINUTE])
    conn.execute("insert into conflict values (default, %s, %s, 9.5, 0, 'e1', 48, %s)", [world.channel_id, TIME, NOW])
    of = world.channel_id
    for name, formula in (("do_1h", "mean-1h"), ("do_24h", "mean-24h")):
        made = stations.add_channel(conn, "st-test", name, parameter="do", derived=True, interval_s=3600)
        conn.execute(
            "insert into derived_channel (channel_id, formula, inputs) values (%s, %s, %s)",
            [made, formula, Jsonb({"of": of})],
        )
        conn.execute("insert into derived_reading values (%s, %s, 5.5, 0, 1, %s)", [made, NOON + HOUR, NOW])
        of = made
    rollups.make_everything(conn)
    return world


def test_a_number_leads_back_to_what_was_sent_and_on_to_what_is_made_of_it(recorded: World) -> None:
    conn = recorded.conn
    recorded.flag(4, time=TIME)
    add_channel(conn, "bare")
    one = ReviewedReadings.at(DO, TIME)
    verdict = verdicts.flag(conn, one, Quality.GOOD, "Lan", "the sluice was opened", NOW)
    wrong = corrections.correct(conn, one, CorrectionFormula(value=2.0), "An", "typo", NOW + HOUR)
    withdrawals.withdraw(conn, wrong.review_id, "An", "mixed up the days", NOW + 2 * HOUR)
    right = corrections.correct(conn, one, CorrectionFormula(factor=1.1), "An", "calibration", NOW + 3 * HOUR)
    stages.sign(conn, ChannelDays("st-test", TIME.date(), TIME.date(), (DO,)), "Lan", "", NOW + 4 * HOUR)

    conn.execute("set role quantrac_console")
    found = trace(conn, DO, TIME - MINUTE / 2)
    assert found.reading.time == TIME, "any time that the reading covers"
    assert (found.reading.raw_value, found.reading.value, found.reading.quality) == (3.0, 3.0 * 1.1, 1)
    assert (found.channel.instrument, found.channel.serial, found.channel.bus) == ("Aqua TROLL", "512034", "sondes")
    assert (found.book, found.imported) == (BookPlace("e1", 40, 52), None)
    said = [(one.test, one.flag, one.by) for one in found.findings]
    assert said == [
        ("null", None, "ingest"), ("range", None, "ingest"), ("plausible", None, "ingest"), ("expect", 3, "ingest"),
        ("flat", None, "quality"), ("spike", 4, "quality"), (None, 1, "Lan"),
    ]  # fmt: skip
    assert [(act.review_id, act.state) for act in found.reviews] == [
        (verdict.review_id, "in force"), (wrong.review_id, "withdrawn"), (right.review_id, "in force"),
    ]  # fmt: skip
    assert found.corrected == {wrong.review_id: 2.0, right.review_id: pytest.approx(3.3)}
    assert [(other.value, other.seq) for other in found.conflicts] == [(9.5, 48)]
    assert [(use.kind, use.channel, use.first) for use in found.uses] == [
        ("hourly", DO, NOON), ("daily", DO, datetime(2026, 11, 23, 17, tzinfo=UTC)),
        ("mean-1h", "st-test/do_1h", NOON + HOUR),
    ]  # fmt: skip
    assert found.stage is not None
    assert (found.stage.word, found.stage.signed_by) == ("reviewed", "Lan")

    for as_of, value, quality in ((NOW - MINUTE, 3.0, 3), (NOW + HOUR, 2.0, 1), (NOW + 2 * HOUR, 3.0, 1)):
        then = trace(conn, DO, TIME, as_of).as_of  # the spike's row is of today, hence not of then
        assert then is not None
        assert (then.value, then.quality) == (value, quality), as_of
    assert trace(conn, DO, TIME, TIME - MINUTE).as_of is None, "it had not come"

    made = trace(conn, "st-test/do_1h", NOON + HOUR)
    assert made.formula is not None
    (of,) = made.formula.inputs
    assert of == TracedInput("of", DO, NOON, NOON + HOUR, 10, of.value)
    assert of.value == pytest.approx(5.53)
    assert [(use.kind, use.channel) for use in made.uses][-1] == ("mean-24h", "st-test/do_24h")
    assert trace(conn, DO, None).reading.time == NOON + 10 * MINUTE, "the newest"
    for channel, time, words in (
        ("st-test/none", TIME, "there is no channel st-test/none"),
        (DO, NOON + 30 * MINUTE, "no reading of .* the nearest one is of 2026-11-24 05:10:00Z"),
        (DO, NOON + timedelta(days=90), "no reading within a month"),
        ("st-test/bare", None, "has no reading yet"),
    ):
        with pytest.raises(NothingToTrace, match=words):
            trace(conn, channel, time)

    conn.execute("reset role")
    recorded.reading(NOON + 11 * MINUTE, value=1e200)
    made = trace(conn, "st-test/do_1h", NOON + HOUR)
    assert made.formula is not None
    (of,) = made.formula.inputs
    assert of.count == 11
    assert of.value == pytest.approx(5.53)


def test_the_command_prints_the_trace_for_people_and_programs(
    recorded: World, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    recorded.conn.execute(
        """insert into import (station, epoch, format, source, sha256, interval_s, person, started_at)
           values ('st-test', 'i', 'csv', 'năm 2019.csv', 'ab12', 60, 'Lan', %s)""",
        [NOON + 4 * MINUTE + timedelta(seconds=1)],
    )
    said = CliRunner().invoke(app, [DO, "2026-11-24T12:03", "--as-of", "2026-11-24T12:00"]).output
    for words in (
        "st-test/do  2026-11-24 12:03:00", "shown          3 mg/L, suspect", "as of 2026-11-24T12:00 it had not come",
        "raw            3 mg/L, device said ok", "epoch e1, seq between 40 and 52", "sonde: Aqua TROLL (aqua-troll)",
        "expect: suspect (ingest)", "spike: found nothing", "9.5 ok, epoch e1 seq 48",
        "in             hourly st-test/do", "stage          unreviewed",
    ):  # fmt: skip
        assert words in said, (words, said)
    assert "import         1 of năm 2019.csv by Lan" in CliRunner().invoke(app, [DO, "2026-11-24T12:04"]).output
    found = json.loads(CliRunner().invoke(app, [DO, "2026-11-24T12:03", "--json"]).output)
    assert (found["reading"]["raw_value"], found["book"]["after_seq"], found["stage"]["day"]) == (3.0, 40, "2026-11-24")
    refused = CliRunner().invoke(app, [DO, "soon"])
    assert "expected a date or time" in refused.output
