"""`quantrac alerts run` as a process: kill -9 at random points, a second worker, stop and start."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts import desk
from alerts.alarm.change import EndCause
from alerts.evaluating.evaluator import Evaluator
from alerts.rules.block import JudgedReading
from alerts.rules.compiler import compile_network
from alerts.service import wall_clock
from alerts.telling.routes import Routing
from alerts.telling.sender import THREADS
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection, connect
from quantrac.desks.status import status
from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from tests.fixtures.timing import PATIENCE_S, eventually, quickest
from tests.integration.alerts.centre import START_MS, add_network, minutes_of, rows, store
from tests.unit.alerts.rules import MINUTE
from tests.unit.alerts.series import read_series

PROJECT = Path(__file__).parents[3]

NETWORK = """
schema: quantrac/network/1
network: test
name: {vi: "Thử", en: "Test"}
operator: {vi: "Thử", en: "Test"}
time_zone: Asia/Ho_Chi_Minh
defaults: {sample: 10s, report: 1m}
groups:
  operators: {title: {vi: "Trực ca", en: "Operators"}}
  farmers: {title: {vi: "Hộ nuôi", en: "Farmers"}}
routes:
  - {to: operators, severity: [low, medium, high, critical], by: [email]}
  - {to: farmers, severity: [high, critical], by: [sms]}
"""
RULES = """
schema: quantrac/rules/1
rules:
  do-low:
    title: {vi: "Oxy thấp", en: "Low oxygen"}
    watch: {parameter: do, stations: [st-my-thanh]}
    below:
      act: {limit: 3.0, clear: 3.3, on_delay: 10m, off_delay: 30m, severity: high, to: [farmers, operators]}
    source: test
    sms: "{station} {time}: oxy {value} mg/l, duoi {limit}"
"""


class Centre:
    """Starts and kills `quantrac alerts run`."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "quantrac", "alerts", "run"],
                env={**os.environ, **self._environment},
                cwd=PROJECT,
                stderr=log,
            )
        self._running.append(process)
        return process

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE_S)


@pytest.fixture
def centre(database: str, tmp_path: Path, sms: SmsCatcher, mail: MailCatcher) -> Iterator[Centre]:
    config = tmp_path / "configs"
    shutil.copytree(PROJECT / "station_configs" / "devices", config / "devices")
    for folder in ("stations", "rules"):
        (config / folder).mkdir()
    shutil.copy(PROJECT / "station_configs" / "stations" / "st-my-thanh.yaml", config / "stations")
    (config / "rules" / "oxygen.yaml").write_text(RULES, "utf-8")
    (config / "network.yaml").write_text(NETWORK, "utf-8")
    environment = {
        "QUANTRAC_DATABASE_URL": database,
        "QUANTRAC_CONFIG": str(config),
        "QUANTRAC_SMTP_URL": mail.url,
        "QUANTRAC_SMTP_FROM": "canhbao@example.org",
        "QUANTRAC_SMS_PROVIDER": "esms",
        "QUANTRAC_SMS_URL": sms.url,
        "QUANTRAC_SMS_KEY": "key",
        "QUANTRAC_SMS_SECRET": "secret",
    }
    made = Centre(environment, tmp_path / "alerts.log")
    yield made
    made.close()


def independent(samples: list[JudgedReading]) -> list[tuple[str, float, float | None]]:
    """Raised and cleared minutes, from the raw series alone: 10 in a row < 3.0 raise, 30 in a row > 3.3 clear."""
    alarms: list[tuple[str, float, float | None]] = []
    low = high = 0
    for sample in samples:
        minute = (sample.t_ms - START_MS) / MINUTE
        assert sample.value is not None
        low = low + 1 if sample.value < 3.0 else 0
        high = high + 1 if sample.value > 3.3 else 0
        standing = bool(alarms) and alarms[-1][2] is None
        if not standing and low >= 10:
            alarms.append(("act", minute, None))
        elif standing and high >= 30:
            alarms[-1] = (*alarms[-1][:2], minute)
    return alarms


def episodes(seed: int, minutes: int) -> list[JudgedReading]:
    """A course of oxygen that wanders over the limit, one reading a minute, some missing."""
    chance = random.Random(seed)
    value, samples = 4.0, list[JudgedReading]()
    target = 4.0
    for slot in range(minutes):
        if slot % 45 == 0:
            target = chance.choice([2.0, 2.9, 3.2, 4.5, 5.0])
        value += 0.2 * (target - value) + chance.gauss(0, 0.05)
        if chance.random() > 0.02:
            t_ms = START_MS + slot * MINUTE
            samples.append(JudgedReading(t_ms, round(value, 3), 1, t_ms))
    return samples


def drained(conn: Connection) -> bool:
    lag = rows(conn, "select lag_rows from v_feed where consumer = 'alerts'")
    queued = rows(conn, "select count(*) from notification where status = 'queued'")
    return lag == [(0,)] and queued == [(0,)]


def is_working(conn: Connection, process: subprocess.Popen[bytes]) -> bool:
    return rows(conn, "select 1 from v_service where worker like %s", f"%-{process.pid}") != []


def test_kill_9_at_random_points_loses_and_repeats_nothing(
    conn: Connection, centre: Centre, sms: SmsCatcher, mail: MailCatcher
) -> None:
    channel_id = add_network(conn)
    samples = episodes(seed=20261124, minutes=3000)
    chance = random.Random(7)
    kills = 0
    for start in range(0, len(samples), 300):
        process = centre.start()
        time.sleep(chance.uniform(0.2, 1.0))
        store(conn, channel_id, samples[start : start + 300], block=5)
        time.sleep(chance.uniform(0.0, 1.0))
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
        kills += 1
    process = centre.start()
    eventually(lambda: is_working(conn, process) and drained(conn))
    process.send_signal(signal.SIGTERM)
    assert process.wait(180) == 0

    expected = independent(samples)
    assert len(expected) >= 5
    assert minutes_of(conn) == expected
    over = sum(cleared is not None for _, _, cleared in expected)
    assert rows(conn, "select event, count(*) from v_alarm_event group by 1 order by 1") == [
        ("cleared", over),
        ("raised", len(expected)),
    ]
    told = len(expected) + over
    assert rows(conn, "select medium, status, count(*) from notification group by 1, 2 order by 1") == [
        ("email", "sent", told),
        ("sms", "sent", told),
    ]
    assert len(sms.messages) == told  # the provider's idempotency key: at most once
    assert len({letter.message_id for letter in mail.messages}) == told  # a mail may come twice, with the same id
    assert kills == 10


def hours() -> Iterator[int]:
    """The start of each hour from START, milliseconds: one for an attempt."""
    return itertools.count(START_MS, 60 * MINUTE)


@pytest.mark.timed
def test_an_alarm_whose_worker_died_before_its_message_is_told_once_and_within_five_seconds_after_the_restart(
    conn: Connection, database: str, centre: Centre, sms: SmsCatcher, mail: MailCatcher, tmp_path: Path
) -> None:
    channel_id, network, hour = add_network(conn), load_network(tmp_path / "configs"), hours()
    queued = "select medium, count(*) from notification where status = 'queued' group by 1 order by 1"

    def restart() -> float:
        start_ms, told = next(hour), len(sms.messages)
        store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=start_ms))
        with connect(database, "test that dies") as own:  # evaluates and commits, and is gone before anything is sent
            Evaluator(own, compile_network(network), Routing.of(network), wall_clock).round()
        assert rows(conn, queued) == [("email", 1), ("sms", 1)]
        process = centre.start()
        eventually(lambda: is_working(conn, process))
        begun = time.monotonic()
        eventually(lambda: len(sms.messages) > told and len(mail.messages) > told)
        took_s = time.monotonic() - begun
        store(conn, channel_id, read_series("4.6x40", MINUTE, start_ms=start_ms + 10 * MINUTE))
        eventually(lambda: len(minutes_of(conn)) * 2 == len(sms.messages) == len(mail.messages) and drained(conn))
        assert len(sms.messages) == told + 2  # that it began, and that it is over
        process.kill()
        process.wait(PATIENCE_S)
        return took_s

    assert quickest(restart, 5) < 5


@pytest.mark.timed
def test_a_committed_reading_is_told_within_a_second_and_a_second_worker_takes_over_within_five(
    conn: Connection, centre: Centre, sms: SmsCatcher
) -> None:
    channel_id, hour = add_network(conn), hours()
    workers = [centre.start()]
    eventually(lambda: rows(conn, "select count(*) from v_feed where consumer = 'alerts'") == [(1,)])

    def telling() -> float:
        start_ms, told = next(hour), len(sms.messages)
        store(conn, channel_id, read_series("2.8x9", MINUTE, start_ms=start_ms))
        eventually(lambda: rows(conn, "select lag_rows from v_feed where consumer = 'alerts'") == [(0,)])
        begun = time.monotonic()
        store(conn, channel_id, read_series("2.8", MINUTE, start_ms=start_ms + 9 * MINUTE))
        eventually(lambda: len(sms.messages) == told + 1)
        took_s = time.monotonic() - begun
        store(conn, channel_id, read_series("4.6x40", MINUTE, start_ms=start_ms + 10 * MINUTE))
        eventually(lambda: len(sms.messages) == told + 2)
        return took_s

    def taking_over() -> float:
        start_ms, alarms = next(hour), len(minutes_of(conn))
        workers.append(centre.start())
        eventually(lambda: is_working(conn, workers[-1]))
        store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=start_ms))
        eventually(lambda: len(minutes_of(conn)) == alarms + 1)
        workers[-2].kill()
        workers[-2].wait(PATIENCE_S)
        killed_at = time.monotonic()
        store(conn, channel_id, read_series("4.6x30", MINUTE, start_ms=start_ms + 10 * MINUTE))
        eventually(lambda: minutes_of(conn)[-1][2] is not None)
        return time.monotonic() - killed_at

    assert quickest(telling, 1) < 1
    assert sms.messages[0].text == "Song My Thanh 08:09 24/11: oxy 2,80 mg/l, duoi 3"
    assert quickest(taking_over, 5) < 5
    workers[-1].terminate()
    assert workers[-1].wait(180) == 0
    assert rows(conn, "select count(*) from notification") == [(4 * len(minutes_of(conn)),)]


def test_without_a_carrier_the_message_fails_with_the_setting_that_is_missing(conn: Connection, centre: Centre) -> None:
    centre._environment.pop("QUANTRAC_SMS_PROVIDER")
    centre._environment.pop("QUANTRAC_SMTP_URL")
    channel_id = add_network(conn)
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
    centre.start()
    eventually(lambda: rows(conn, "select count(*) from notification where status = 'failed'") == [(2,)])
    assert rows(conn, "select error from v_notification order by medium") == [
        ("QUANTRAC_SMTP_URL is not set: nobody can be told this way",),
        ("QUANTRAC_SMS_PROVIDER is not set: nobody can be told this way",),
    ]


def test_lost_connections_are_made_again(conn: Connection, centre: Centre, sms: SmsCatcher) -> None:
    channel_id = add_network(conn)
    process = centre.start()
    eventually(lambda: is_working(conn, process))
    theirs = "from pg_stat_activity where application_name like 'quantrac alerts%%' and datname = current_database()"
    needed = {f"quantrac alerts {medium}": threads for medium, threads in THREADS.items()} | {"quantrac alerts": 1}
    eventually(
        lambda: needed.items() <= dict(rows(conn, f"select application_name, count(*) {theirs} group by 1")).items()
    )
    ((ended,),) = rows(conn, f"select count(*) filter (where pg_terminate_backend(pid)) {theirs}")
    assert ended >= sum(needed.values())
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
    eventually(lambda: len(sms.messages) == 1)
    assert minutes_of(conn) == [("act", 9.0, None)]


class TestRulesEditedWhileRunning:
    """The files of the rules change under a service that works."""

    def test_a_new_limit_holds_from_the_next_reading_also_after_an_outage_and_standing_alarms_stay(
        self, conn: Connection, centre: Centre, tmp_path: Path
    ) -> None:
        channel_id = add_network(conn)
        process = centre.start()
        store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
        eventually(lambda: minutes_of(conn) == [("act", 9.0, None)])
        rules = tmp_path / "configs" / "rules" / "oxygen.yaml"
        rules.write_text("schema: quantrac/rules/1\nrules: {", "utf-8")  # half-written: refused, nothing happens
        eventually(lambda: "files_refused" in (tmp_path / "alerts.log").read_text())
        rules.write_text(RULES.replace("off_delay: 30m", "off_delay: 5m"), "utf-8")
        eventually(lambda: "files_taken" in (tmp_path / "alerts.log").read_text())
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'quantrac alerts' and datname = current_database()"
        )
        assert minutes_of(conn) == [("act", 9.0, None)]
        store(conn, channel_id, read_series("4.6x5", MINUTE, start_ms=START_MS + 10 * MINUTE))
        eventually(lambda: minutes_of(conn) == [("act", 9.0, 14.0)])
        assert process.poll() is None

    def test_a_removed_rule_ends_its_alarm_with_that_reason(
        self, conn: Connection, centre: Centre, tmp_path: Path
    ) -> None:
        channel_id = add_network(conn)
        centre.start()
        store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
        eventually(lambda: minutes_of(conn) == [("act", 9.0, None)])
        (tmp_path / "configs" / "rules" / "oxygen.yaml").write_text(RULES.replace("do-low", "oxygen-low"), "utf-8")
        last = "select event, reason from v_alarm_event order by alarm_event_id desc limit 1"
        eventually(lambda: rows(conn, last) == [("cleared", EndCause.RULE_REMOVED)])

    def test_a_rule_file_that_is_gone_is_in_force_is_told_to_the_centre_and_goes_when_a_person_confirms_it(
        self, conn: Connection, centre: Centre, sms: SmsCatcher, mail: MailCatcher, tmp_path: Path
    ) -> None:
        network = tmp_path / "configs" / "network.yaml"
        network.write_text(NETWORK + "files: {severity: high, to: [operators]}\n", "utf-8")
        channel_id = add_network(conn)
        centre.start()
        store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
        eventually(lambda: len(sms.messages) == 1)
        (tmp_path / "configs" / "rules" / "oxygen.yaml").unlink()
        standing = "select state from v_alarm where rule = 'files-refused' and cleared_at is null"
        eventually(lambda: rows(conn, standing) == [("unacknowledged",)])
        store(conn, channel_id, read_series("2.5x40", MINUTE, start_ms=START_MS + 10 * MINUTE))
        eventually(lambda: drained(conn))
        assert rows(conn, "select cleared_at from v_alarm where rule = 'do-low'") == [(None,)]
        (finding,) = [one for one in status(conn, ["alerts"], wall_clock()).findings if one.about == "files"]
        assert "rules/oxygen.yaml: is gone" in finding.what
        eventually(lambda: any("rules/oxygen.yaml: is gone" in letter.body for letter in mail.messages))
        desk.confirm_files(conn, "lan", "no rules any more", wall_clock())
        ended = "select ended_by from v_alarm where rule = 'do-low'"
        eventually(lambda: rows(conn, ended) == [(EndCause.RULE_REMOVED,)])
        eventually(lambda: rows(conn, standing) == [])
        eventually(lambda: len(sms.messages) == 2)
        assert sms.messages[1].text.endswith("NGUNG THEO DOI, hien van 2,50 mg/l. Chua chac da het.")
        with pytest.raises(desk.DeskRefused, match="no file is missed"):
            desk.confirm_files(conn, "lan", None, wall_clock())

    def test_a_standby_evaluates_the_rules_that_were_edited_while_the_first_served(
        self, conn: Connection, centre: Centre, tmp_path: Path
    ) -> None:
        channel_id = add_network(conn)
        first = centre.start()
        eventually(lambda: rows(conn, "select count(*) from v_feed where consumer = 'alerts'") == [(1,)])
        second = centre.start()
        eventually(lambda: is_working(conn, second))
        store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
        eventually(lambda: minutes_of(conn) == [("act", 9.0, None)])
        edited = RULES.replace("off_delay: 30m", "off_delay: 5m")
        (tmp_path / "configs" / "rules" / "oxygen.yaml").write_text(edited, "utf-8")
        first.kill()  # at once: perhaps nobody has read the new file yet
        first.wait(PATIENCE_S)
        store(conn, channel_id, read_series("4.6x5", MINUTE, start_ms=START_MS + 10 * MINUTE))
        eventually(lambda: minutes_of(conn) == [("act", 9.0, 14.0)])
        assert second.poll() is None


def test_a_configuration_that_is_wrong_starts_nothing(centre: Centre, tmp_path: Path) -> None:
    (tmp_path / "configs" / "rules" / "oxygen.yaml").write_text(RULES.replace("limit: 3.0", "limt: 3.0"), "utf-8")
    assert centre.start().wait(180) == 2
    assert "oxygen.yaml:8" in (tmp_path / "alerts.log").read_text()
