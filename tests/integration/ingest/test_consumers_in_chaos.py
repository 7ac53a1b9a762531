"""Every consumer of the feed, killed at random while data come late, twice, in disorder and corrected, ends where one
calm pass ends: findings, derived values, hours, days and alarms. `./dev soak` repeats it, with other
chances each time."""

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from quantrac.database.feed import NewChange, append_changes
from quantrac.database.migration import migrate
from tests.fixtures.stations import add_channel, add_station
from tests.fixtures.timing import PATIENCE_S, eventually
from tests.integration.alerts.test_service import NETWORK, PROJECT, RULES
from tests.integration.ingest.test_rollups import everything

STATION = "st-my-thanh"
START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTES = 1500
CHANNELS = (
    ("do", "mean"), ("salinity", "mean"), ("water_temp", "mean"), ("wind_dir", "vector"), ("rain", "sum"),
    ("battery_v", "last"),
)  # fmt: skip
DERIVED: dict[str, tuple[str, int, str, dict[str, str]]] = {
    "saturation": ("do_sat", 60, "oxygen-saturation", {"do": "do", "water_temp": "water_temp", "salinity": "salinity"}),
    "do_1h": ("do", 3600, "mean-1h", {"of": "do"}),
    "salinity_1h": ("salinity", 3600, "mean-1h", {"of": "salinity"}),
    "salinity_8h": ("salinity", 3600, "mean-8h", {"of": "salinity_1h"}),
}
CONSUMERS = {"quality", "devices", "neighbours", "rollups", "derived", "stages", "alerts"}

Row = tuple[int, datetime, float | None, int, int, datetime]


def add_network(conn: psycopg.Connection) -> None:
    add_station(conn, STATION)
    known: dict[str, int] = {}
    for name, kind in CHANNELS:
        tests = ["spike", "flat", "rate"] if kind == "mean" else []
        known[name] = add_channel(conn, STATION, name, kind=kind, history_tests=tests)
    for name, (parameter, interval, formula, inputs) in DERIVED.items():
        known[name] = add_channel(conn, STATION, name, parameter=parameter, interval_s=interval, derived=True)
        conn.execute(
            "insert into derived_channel (channel_id, formula, inputs) values (%s, %s, %s)",
            [known[name], formula, Jsonb({entry: known[channel] for entry, channel in inputs.items()})],
        )


def course(channel: int, name: str, chance: random.Random) -> list[Row]:
    """A channel's day: oxygen wanders over the limit, with spikes, gaps and states; some of it was received late."""
    rows: list[Row] = []
    value, target = 5.0, 5.0
    for minute in range(1, MINUTES + 1):
        if minute % 40 == 0:
            target = chance.choice([2.0, 2.9, 4.0, 6.0])
        value += 0.3 * (target - value) + chance.gauss(0, 0.03)
        time_ = START + timedelta(minutes=minute)
        late = timedelta(hours=3) if minute % 400 in range(350, 380) else timedelta(seconds=1)
        if chance.random() < 0.03:
            continue
        state = chance.choice([4, 7]) if chance.random() < 0.02 else 0
        shown = value + (12 if name != "do" and chance.random() < 0.01 else 0)
        missing = state == 7
        rows.append((channel, time_, None if missing else round(shown, 3), state, int(missing), time_ + late))
    return rows


def store(conn: psycopg.Connection, rows: Sequence[Row], pause_s: float = 0.0) -> None:
    """Store rows as ingest does: what is there stays; the change is told, also of a repeat."""
    with conn.transaction():
        conn.cursor().executemany(
            "insert into reading values (%s, %s, %s, %s, %s, %s) on conflict do nothing", sorted(rows)
        )
        time.sleep(pause_s)  # others commit before this one
        times = [row[1] for row in rows]
        append_changes(conn, [NewChange(STATION, rows[0][0], min(times), max(times), len(rows), "reading")])


def amend(conn: psycopg.Connection, rows: Sequence[Row], chance: random.Random) -> None:
    """People correct and judge readings of channels that no rule watches."""
    for channel, time_, *_ in chance.sample(rows, 25):
        with conn.transaction():
            cause = chance.choice(["flag", "correction"])
            if cause == "flag":
                verdict = [channel, time_, chance.choice([1, 4])]
                conn.execute(
                    "insert into reading_flag (channel_id, time, flag, \"by\", at) values (%s, %s, %s, 'an', now())",
                    verdict,
                )
            else:
                conn.execute(
                    'insert into correction (channel_id, time, value, "by", reason, at, approved_by, approved_at)'
                    " values (%s, %s, %s, 'an', 'x', now(), 'binh', now()) on conflict do nothing",
                    [channel, time_, round(chance.uniform(0, 9), 2)],
                )
            append_changes(conn, [NewChange(STATION, channel, time_, time_, 1, cause)])


class Services:
    """`quality run` and `alerts run` on one database."""

    def __init__(self, url: str, config: Path, log: Path) -> None:
        self._env = {**os.environ, "QUANTRAC_DATABASE_URL": url, "QUANTRAC_CONFIG": str(config)}
        self.log = log
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "quantrac", name, "run"]
            self.running[name] = subprocess.Popen(command, env=self._env, cwd=PROJECT, stderr=log)

    def kill(self, name: str) -> None:
        if name in self.running:
            self.running[name].kill()
            self.running.pop(name).wait(PATIENCE_S)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    shutil.copytree(PROJECT / "station_configs" / "devices", folder / "devices")
    for name in ("stations", "rules"):
        (folder / name).mkdir()
    shutil.copy(PROJECT / "station_configs" / "stations" / f"{STATION}.yaml", folder / "stations")
    (folder / "rules" / "oxygen.yaml").write_text(RULES, "utf-8")
    (folder / "network.yaml").write_text(NETWORK, "utf-8")
    return folder


def settle(conn: psycopg.Connection, services: Services) -> None:
    """Run until every consumer has taken everything and no day is owed to its hours, then stop."""
    for name in ("quality", "alerts"):
        services.start(name)

    def done() -> bool:
        lags: dict[str, int] = dict(conn.execute("select consumer, lag_rows from v_feed").fetchall())
        owed = conn.execute("select exists (select from owed_day)").fetchone()
        return set(lags) == CONSUMERS and not any(lags.values()) and owed == (False,)

    try:
        eventually(done, 180)
    finally:
        for name in ("quality", "alerts"):
            services.kill(name)


def outcome(conn: psycopg.Connection) -> dict[str, list[Any]]:
    """What the consumers have made; not when, and not under which number."""
    findings = """
    select channel_id, time, test, flag from (
      select distinct on (channel_id, time, test) channel_id, time, test, flag from reading_flag where test is not null
      order by channel_id, time, test, flag_id desc) newest where flag <> 1 order by 1, 2, 3
    """
    alarms = "select rule, level, channel, raised_at, cleared_at, late from v_alarm order by raised_at, level, late"
    derived = "select * from derived_reading order by channel_id, time"
    hours, days = everything(conn)
    return {
        "derived": [
            tuple(value.hex() if isinstance(value, float) else value for value in row) for row in conn.execute(derived)
        ],
        "findings": conn.execute(findings).fetchall(),
        "hours": hours,
        "days": days,
        "alarms": conn.execute(alarms).fetchall(),
    }


@pytest.mark.faults
def test_each_consumer_ends_where_one_calm_pass_ends(
    database: str, empty_database: str, config: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    migrate(empty_database)
    seed = random.SystemRandom().randrange(10**6) if pytestconfig.getoption("--laws") == "new" else 300_725
    print(f"seed {seed}")  # shown when it fails
    chance = random.Random(seed)
    with (
        psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as storm,
        psycopg.connect(empty_database, autocommit=True, options="-c TimeZone=UTC") as calm,
    ):
        for conn in (storm, calm):
            add_network(conn)
        numbers: dict[str, int] = dict(storm.execute("select name, channel_id from channel").fetchall())
        series = {name: course(numbers[name], name, chance) for name, _ in CHANNELS}
        services = Services(database, config, tmp_path / "storm.log")
        writers = [
            threading.Thread(target=write_in_disorder, args=[database, name, rows, chance.randrange(10**6)])
            for name, rows in series.items()
        ]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            name = chance.choice(["quality", "alerts"])
            services.kill(name)
            services.start(name)
            time.sleep(chance.uniform(0.2, 1.5))
        for name in ("quality", "alerts"):
            services.kill(name)
        people = random.Random(seed)
        amend(storm, series["salinity"] + series["rain"] + series["wind_dir"], people)
        settle(storm, services)

        for rows in series.values():
            for at in range(0, len(rows), 500):
                store(calm, rows[at : at + 500])
        amend(calm, series["salinity"] + series["rain"] + series["wind_dir"], random.Random(seed))
        settle(calm, Services(empty_database, config, tmp_path / "calm.log"))
        expected, found = outcome(calm), outcome(storm)
    assert len(expected["hours"]) > 100
    assert expected["findings"]
    assert expected["alarms"]
    assert len({row[0] for row in expected["derived"]}) == len(DERIVED)
    for what, rows in expected.items():
        assert found[what] == rows, what


def write_in_disorder(database: str, name: str, rows: Sequence[Row], seed: int) -> None:
    """Write a channel in small transactions: what came late last, some twice; but for oxygen in any order."""
    chance = random.Random(seed)
    in_time = [row for row in rows if row[5] - row[1] < timedelta(minutes=1)]
    late = [row for row in rows if row[5] - row[1] >= timedelta(minutes=1)]
    parts = [in_time[at : at + 40] for at in range(0, len(in_time), 40)]
    if name != "do":  # a rule's channel comes as the broker keeps it: in order
        chance.shuffle(parts)
    parts += [late[at : at + 15] for at in range(0, len(late), 15)]
    parts += [chance.choice(parts) for _ in range(10)]
    with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
        for part in parts:
            store(conn, part, chance.uniform(0, 0.1))
            time.sleep(chance.uniform(0, 0.1))
