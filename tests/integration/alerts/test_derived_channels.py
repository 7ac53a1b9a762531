"""A threshold on a channel that the centre makes: from stored ammonium, pH, temperature and salinity to an alarm."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alerts.evaluating.evaluator import Evaluator
from alerts.rules.compiler import compile_network
from alerts.trials.history import stored_stretches
from ingest.derived import consumer as derived
from ingest.quality import consumer as quality
from quantrac.config.loader import load_network
from quantrac.database.feed import Cause, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.desks.network import apply_network
from quantrac.telemetry.quality import Quality
from tests.integration.alerts.centre import ROUTING, START, rows, run_all

STATION = "st-dai-ngai"
NETWORK = load_network(Path(__file__).parents[3] / "station_configs")


def store_minutes(conn: Connection, first: int, last: int, ph: float) -> None:
    """Ammonium of 2 mg/l at 30 °C and 2 ‰ for some minutes, each minute a message with all four."""
    numbers = dict(rows(conn, "select name, channel_id from channel where station = %s", STATION))
    for minute in range(first, last):
        time = START + timedelta(minutes=minute)
        with conn.transaction():
            for name, value in (("nh4_n", 2.0), ("ph", ph), ("water_temp", 30.0), ("salinity", 2.0)):
                conn.execute("insert into reading values (%s, %s, %s, 0, 0, %s)", [numbers[name], time, value, time])
            changes = [
                NewChange(STATION, numbers[name], time, time, 1, "reading")
                for name in ("nh4_n", "ph", "water_temp", "salinity")
            ]
            append_changes(conn, changes)


def test_much_toxic_ammonia_raises_an_alarm_and_a_spike_of_ph_does_not(conn: Connection) -> None:
    """2 mg/l N-NH4+ give 0.13 mg/l NH3 at pH 8 and 0.8 at pH 8.8 (EPA 440/5-88-004): limit 0.3 for ten
    minutes. Of a spike one minute is too few; the minute of the jump is merely suspected for its rate, and counts."""
    apply_network(conn, NETWORK, "an", START - timedelta(days=1))
    of_quality = Consumer(conn, quality.NAME, [Cause.READING])
    of_derived = Consumer(conn, derived.NAME, derived.CAUSES, after=derived.AFTER)
    rounds = derived.DerivedRounds()
    rounds.round_of(conn, of_derived, 1000)
    worker = Evaluator(conn, compile_network(NETWORK), ROUTING, lambda: START + timedelta(hours=2))

    def follow() -> None:
        """Twice, for alerts never pass quality, and quality passes what `derived` told when it looks again."""
        for _ in range(2):
            follow_once()

    def follow_once() -> None:
        while quality.round_of(conn, of_quality, lambda: START, 100):
            pass
        while rounds.round_of(conn, of_derived, 100):
            pass
        run_all(worker)

    store_minutes(conn, 0, 20, 7.0)
    store_minutes(conn, 20, 21, 11.9)  # plausible, but a spike
    store_minutes(conn, 21, 40, 7.0)
    follow()
    assert rows(conn, "select 1 from v_alarm where rule = 'toxic-ammonia'") == []
    store_minutes(conn, 40, 60, 8.8)
    follow()
    found = rows(conn, "select level, channel, raised_at from v_alarm where rule = 'toxic-ammonia'")
    assert found == [("act", f"{STATION}/nh3", START + timedelta(minutes=49))]


def test_what_a_test_beyond_the_channel_merely_suspects_of_an_input_silences_no_rule_of_good_values(
    conn: Connection,
) -> None:
    """People see that the value is in doubt; the alarm rises, and a doubt that comes later questions it not."""
    apply_network(conn, NETWORK, "an", START - timedelta(days=1))
    channel = f"{STATION}/nh3"
    strict = [replace(rule, use=frozenset({Quality.GOOD})) for rule in compile_network(NETWORK)[channel]]
    of_derived = Consumer(conn, derived.NAME, derived.CAUSES)
    rounds, worker = (
        derived.DerivedRounds(),
        Evaluator(conn, {channel: strict}, ROUTING, lambda: START + timedelta(hours=2)),
    )

    def follow() -> None:
        while rounds.round_of(conn, of_derived, 100):
            pass
        run_all(worker)

    def doubt(test: str, first: int, last: int) -> None:
        (ph,) = rows(conn, "select channel_id from channel where station = %s and name = 'ph'", STATION)[0]
        ends = START + timedelta(minutes=first), START + timedelta(minutes=last)
        with conn.transaction():
            conn.execute(
                "insert into reading_flag (channel_id, time, test, flag, by, at)"
                " select channel_id, time, %s, 3, 'quality', now() from reading"
                " where channel_id = %s and time between %s and %s",
                [test, ph, *ends],
            )
            append_changes(conn, [NewChange(STATION, ph, *ends, last - first + 1, Cause.FLAG)])

    follow()
    store_minutes(conn, 0, 15, 8.8)
    doubt("rate", 0, 14)
    follow()
    assert rows(conn, "select count(*) from v_alarm") == [(0,)], "a test of the channel itself does"
    store_minutes(conn, 15, 30, 8.8)
    doubt("neighbours", 15, 29)
    follow()
    assert rows(conn, "select distinct quality from v_reading where channel = %s", channel) == [(3,)]
    assert rows(conn, "select level, raised_at from v_alarm") == [("act", START + timedelta(minutes=24))]
    store_minutes(conn, 30, 40, 8.8)
    follow()
    doubt("frozen", 30, 39)
    follow()
    assert rows(conn, "select count(*) from v_alarm_event where event = 'questioned'") == [(0,)]
    (stretch,) = stored_stretches(conn, [channel], START + timedelta(minutes=14), START + timedelta(minutes=39))
    assert set(stretch.blocks[channel].quality.tolist()) == {1}, "and a back-test sees what the alarm saw"
