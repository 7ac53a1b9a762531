"""`./dev soak --alerts [kills]`: alert workers killed at random over a scripted week, judged by a run without kills.

The week (three stations, a day of outage and its backfill) is stored while four workers of the alert service take
turns; at random one is killed (SIGKILL), now and then the database. The same week is evaluated once in peace, in
another database. In the end every alarm and every change of it must be on record exactly once with the same times, and
every message must be there once: short messages, whose provider takes an idempotency key, exactly once at the provider;
mails at least once, all copies under one Message-ID.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from alerts.evaluating.evaluator import Evaluator
from alerts.rules.compiler import compile_network
from alerts.rules.composite import compile_composites
from alerts.telling.routes import Routing
from quantrac.config.loader import load_network
from quantrac.database.migration import migrate
from quantrac.database.pool import Connection, DatabaseUnreachable, connect
from quantrac.observe import logs
from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from quantrac.private_services.place import private_folder
from quantrac.private_services.postgres import PrivatePostgres
from tests.soak.alerts_script import MINUTES, NETWORK, RULES, START, STATIONS, STEP, Step, add_network, steps, store

PROJECT = Path(__file__).parents[2]
WORKERS = 4
UP = 2
"""Workers that must have begun before one of them is killed."""
DATABASE_EVERY = 25
"""Of so many kills one is the database's."""
DRAIN_S = 300

ALARMS = """
select a.rule, coalesce(c.channel, a.station), a.level, a.severity, a.late, a.raised_at, a.cleared_at
from alarm a left join channel c using (channel_id) order by 1, 2, 6, 5
"""
EVENTS = """
select a.rule, coalesce(c.channel, a.station), a.late, e.event,
       case when e.event in ('raised', 'level', 'cleared') then e.time end, e.detail->>'level'
from alarm a join alarm_event e using (alarm_id) left join channel c using (channel_id) order by 1, 2, 5, 4, 6
"""
MESSAGES = """
select a.rule, coalesce(c.channel, a.station), e.event, e.time, n.purpose, n.contact_id, n.medium,
       regexp_replace(n.body, 'Alarm [0-9]+', 'Alarm #')  -- a database that is killed leaves gaps in the numbers
from notification n join alarm a using (alarm_id) join alarm_event e using (alarm_event_id)
left join channel c using (channel_id) order by 1, 2, 4, 3, 6, 7
"""


class Workers:
    """Processes of the alert service that are killed and replaced: forks of one that has imported everything."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as out:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.alerts_forks"],
                env={**os.environ, **environment}, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=out, text=True,
            )  # fmt: skip
        self.running = [self._start() for _ in range(WORKERS)]

    def _start(self) -> int:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write("start\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def kill(self, pid: int) -> None:
        """Kill one and start another in its place."""
        if _is_alive(pid):  # one that gave up by itself is found in the log
            os.kill(pid, signal.SIGKILL)
        self.running[self.running.index(pid)] = self._start()

    def up(self, conn: Connection) -> list[int]:
        """Return those that have begun, the eldest first: it is most likely the one that evaluates."""
        rows = conn.execute("select worker from service where service = 'alerts' order by started_at")
        numbers = [int(worker.rpartition("-")[2]) for (worker,) in rows]
        return [number for number in numbers if number in self.running]

    def stop(self) -> None:
        for pid in filter(_is_alive, self.running):
            os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + 30
        while any(_is_alive(pid) for pid in self.running) and time.monotonic() < until:
            time.sleep(0.1)
        for pid in filter(_is_alive, self.running):
            os.kill(pid, signal.SIGKILL)
        self._parent.terminate()
        self._parent.wait(10)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Soak:
    """Everything that runs."""

    def __init__(self, folder: Path, seed: int, kills: int) -> None:
        self.chance, self.seed, self.kills = random.Random(seed), seed, kills
        self.config = folder / "configs"
        _copy_stations(self.config)
        (self.config / "rules" / "soak.yaml").write_text(RULES, "utf-8")
        (self.config / "network.yaml").write_text(NETWORK, "utf-8")
        self.postgres = PrivatePostgres(folder / "pg")
        self.postgres.start()
        self.urls = {name: self.postgres.create_database(name) for name in ("reference", "soak")}
        for url in self.urls.values():
            migrate(url)
        self.sms, self.mail = SmsCatcher(), MailCatcher()
        self.log = folder / "alerts.log"
        self.faults: Counter[str] = Counter()

    def environment(self) -> dict[str, str]:
        return {
            "QUANTRAC_DATABASE_URL": self.urls["soak"], "QUANTRAC_CONFIG": str(self.config), "QUANTRAC_LOG": "json",
            "QUANTRAC_SMTP_URL": self.mail.url, "QUANTRAC_SMTP_FROM": "canhbao@example.org",
            "QUANTRAC_SMS_PROVIDER": "esms", "QUANTRAC_SMS_URL": self.sms.url, "QUANTRAC_SMS_KEY": "key",
            "QUANTRAC_SMS_SECRET": "secret",
        }  # fmt: skip

    def reference(self) -> None:
        """Evaluate the week in peace."""
        network, now = load_network(self.config), [START]
        with connect(self.urls["reference"], "soak") as conn, connect(self.urls["reference"], "soak") as own:
            ids = add_network(conn)
            rules, composites = compile_network(network), compile_composites(network)
            worker = Evaluator(own, rules, Routing.of(network), lambda: now[0], composites)
            for step in steps(self.seed):
                store(conn, step, ids)
                while worker.round():
                    pass
            now[0] += timedelta(minutes=1)
            worker.tell_summaries()

    def week(self) -> None:
        """Store the week while workers are killed."""
        with connect(self.urls["soak"], "soak") as conn:
            ids = add_network(conn)
        workers = Workers(self.environment(), self.log)
        try:
            todo = list(steps(self.seed))
            for number in range(self.kills):
                share = len(todo) * (number + 1) // self.kills
                self._store(todo[len(todo) * number // self.kills : share], ids)
                time.sleep(self.chance.expovariate(1 / 0.3))
                self._fault(number, workers)
            self._drain()
        finally:
            workers.stop()

    def _fault(self, number: int, workers: Workers) -> None:
        if number % DATABASE_EVERY == DATABASE_EVERY - 1:
            self.faults["database killed"] += 1
            self.postgres.kill()
            time.sleep(self.chance.uniform(0.1, 1))
            self.postgres.start()
        begun = self._patiently(lambda conn: self._begun(conn, workers))
        one = begun[0] if self.chance.random() < 0.7 else self.chance.choice(begun)
        self.faults["eldest worker killed" if one is begun[0] else "worker killed"] += 1
        workers.kill(one)
        if self.faults.total() % 20 == 0:
            print(f"{number + 1} of {self.kills}  {dict(self.faults)}", file=sys.stderr, flush=True)

    def _begun(self, conn: Connection, workers: Workers) -> list[int]:
        until = time.monotonic() + 120
        while len(begun := workers.up(conn)) < UP:
            if time.monotonic() > until:
                raise RuntimeError("workers do not begin:\n" + self.log.read_text()[-3000:])
            time.sleep(0.1)
        return begun

    def _store(self, part: list[Step], ids: dict[str, int]) -> None:
        for step in part:
            self._patiently(partial(store, step=step, ids=ids))

    def _patiently(self, what: Callable[[Connection], Any]) -> Any:
        """Do something in the database, again while it is coming back: nothing of it was committed."""
        until = time.monotonic() + 60
        while True:
            try:
                with connect(self.urls["soak"], "soak") as conn:
                    return what(conn)
            except (DatabaseUnreachable, psycopg.OperationalError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def _drain(self) -> None:
        """Wait until everything is evaluated, late readings have settled and all messages are out."""
        until = time.monotonic() + DRAIN_S
        while time.monotonic() < until:
            if self._patiently(_is_quiet):
                return
            time.sleep(1)

    def close(self) -> None:
        self.postgres.stop()
        self.sms.close()
        self.mail.close()


def _copy_stations(config: Path) -> None:
    """Copy the stations of the week and the profiles that they need."""
    network = load_network(PROJECT / "station_configs")
    devices = {device.profile.device for name in STATIONS for device in network.stations[name].devices.values()}
    for folder, names in (("stations", STATIONS), ("devices", sorted(devices)), ("rules", ())):
        (config / folder).mkdir(parents=True)
        for name in names:
            shutil.copyfile(PROJECT / "station_configs" / folder / f"{name}.yaml", config / folder / f"{name}.yaml")


def _is_quiet(conn: Connection) -> bool:
    row = conn.execute(
        """
        select (select lag_rows from v_feed where consumer = 'alerts') = 0
           and not exists (select from notification where status in ('queued', 'held'))
           and not exists (select from rule_state where state->'late' <> 'null')
           and not exists (select from composite_state where state->'machine'->'late' <> 'null')
        """
    ).fetchone()
    return row == (True,)


def judge(soak: Soak) -> dict[str, object]:
    """Compare the week under kills with the week in peace; `wrong` lists what does not agree."""
    wrong: list[str] = []
    figures: dict[str, object] = {}
    with connect(soak.urls["reference"], "soak") as calm, connect(soak.urls["soak"], "soak") as harsh:
        for name, query in (("alarms", ALARMS), ("events", EVENTS), ("messages", MESSAGES)):
            expected, found = Counter(calm.execute(query).fetchall()), Counter(harsh.execute(query).fetchall())
            figures[name] = found.total()
            wrong += [f"{name}: lacks {count} of {_shown(row)}" for row, count in (expected - found).items()]
            wrong += [f"{name}: {count} too many of {_shown(row)}" for row, count in (found - expected).items()]
        sent: dict[str, str] = dict(
            harsh.execute("select key::text, medium from notification where status = 'sent'").fetchall()
        )
        late = harsh.execute("select count(*) from alarm where late").fetchone()
        unsent = harsh.execute("select count(*) from notification where status <> 'sent'").fetchone()
    figures["alarms of the past"] = 0 if late is None else late[0]
    wrong += [f"{unsent[0]} messages were not sent"] if unsent and unsent[0] else []
    arrived = Counter(message.request_id.replace("-", "") for message in soak.sms.messages)
    keys = {key.replace("-", "") for key, medium in sent.items() if medium == "sms"}
    wrong += [f"sms {key} arrived {arrived[key]} times" for key in keys if arrived[key] != 1]
    wrong += [f"sms {key} that nobody wrote" for key in arrived.keys() - keys]
    letters = Counter(letter.message_id for letter in soak.mail.messages)
    mails = sum(medium == "email" for medium in sent.values())
    wrong += [f"{len(letters)} different mails arrived, {mails} were written"] if len(letters) != mails else []
    figures |= {"short messages": len(keys), "mails": mails, "mails that came twice": letters.total() - len(letters)}
    return {**figures, "wrong": wrong}


def _shown(row: tuple[Any, ...]) -> str:
    return " ".join(f"{v:%d %H:%M}" if isinstance(v, datetime) else str(v) for v in row)


def run(kills: int, seed: int) -> dict[str, object]:
    """Soak, and judge."""
    begun = time.monotonic()
    with private_folder(PROJECT, "soak-alerts-") as folder, closing(Soak(folder, seed, kills)) as soak:
        soak.reference()
        soak.week()
        return {
            "minutes": round((time.monotonic() - begun) / 60, 1), "readings": 6 * MINUTES, "step": STEP,
            "faults": dict(soak.faults), **judge(soak),
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev soak --alerts", description=__doc__)
    parser.add_argument("kills", nargs="?", type=int, default=500)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    logs.configure("text", level=logging.CRITICAL)
    found = run(arguments.kills, arguments.seed)
    print(json.dumps({"seed": arguments.seed, **found}, indent=1, ensure_ascii=False))
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
