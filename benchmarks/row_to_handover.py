"""Time from the commit of a reading that raises or ends an alarm to the hand-over of its messages.

`quantrac alerts run` as a process of its own, TimescaleDB with `fsync`, a mail server and an SMS provider on this
machine. Every reading is committed by itself, with its change of the feed, and changes an alarm that two people hear
of, one by mail and one by SMS.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.servers import PROJECT, database, running, wait_until
from quantrac.config.loader import load_network
from quantrac.database.feed import NewChange, append_changes
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from quantrac.private_services.place import private_folder

NETWORK: Final = """
schema: quantrac/network/1
network: bench
name: {vi: "Thử", en: "Bench"}
operator: {vi: "Thử", en: "Bench"}
time_zone: Asia/Ho_Chi_Minh
groups: {operators: {title: {vi: "Trực ca", en: "Operators"}}, farmers: {title: {vi: "Hộ nuôi", en: "Farmers"}}}
routes:
  - {to: operators, severity: [high], by: [email]}
  - {to: farmers, severity: [high], by: [sms]}
flapping: {begin: 99.9, end: 99, window: 24h, bins: 20}
contacts:
  desk: {name: Desk, email: desk@example.org, groups: [operators]}
  farmer: {name: Farmer, phone: "+84912345678", groups: [farmers]}
"""
RULES: Final = """
schema: quantrac/rules/1
rules:
  do-low:
    title: {vi: "Oxy thấp", en: "Low oxygen"}
    watch: {parameter: do, stations: [st-my-thanh]}
    below: {act: {limit: 3.0, clear: 3.3, on_delay: 0s, off_delay: 0s, severity: high, to: [farmers, operators]}}
    source: benchmark
    sms: "Oxy, {station}: {value} mg/l, duoi {limit}, {trend}. {time}"
"""
STATION, CHANNEL = "st-my-thanh", "st-my-thanh/do"
PAUSE_S: Final = 0.2
READING: Final = """
insert into reading (channel_id, time, value, state, tests, received_at) values (%s, %s, %s, 0, 0, %s)
"""
HANDED_OVER: Final = """
select n.medium, e.time, n.sent_at from notification n join alarm_event e using (alarm_event_id) where n.status = 'sent'
"""


def run(changes: int) -> Iterator[str]:
    """Yield what each medium took over so many changes of an alarm, half of them rises and half of them ends."""
    with (
        private_folder(PROJECT, "bench-") as folder,
        database(folder) as url,
        MailCatcher() as mail,
        SmsCatcher() as sms,
    ):
        config = _config(folder / "configs")
        with connect(url, "benchmark") as conn:
            apply_network(conn, load_network(config), "benchmark", datetime.now(UTC))
            conn.execute("update channel set history_tests = '{}'")
            settings = {
                "database_url": url, "config": config, "smtp_url": mail.url, "smtp_from": "bench@example.org",
                "sms_provider": "esms", "sms_url": sms.url, "sms_key": "k", "sms_secret": "s",
            }  # fmt: skip
            with running(folder / "alerts.log", "quantrac", "alerts", "run", **settings) as process:
                began = "select from consumer where consumer = 'alerts'"
                wait_until(lambda: conn.execute(began).rowcount, process, folder / "alerts.log")
                yield from _measured(conn, changes)


def _config(folder: Path) -> Path:
    for name in ("stations", "devices"):
        shutil.copytree(PROJECT / "station_configs" / name, folder / name)
    (folder / "rules").mkdir()
    (folder / "rules" / "oxygen.yaml").write_text(RULES, "utf-8")
    (folder / "network.yaml").write_text(NETWORK, "utf-8")
    return folder


def _measured(conn: Connection, changes: int) -> Iterator[str]:
    """Store readings that are a second apart, each at most minutes old, turn by turn low and good."""
    channel_id = conn.execute("select channel_id from channel where channel = %s", [CHANNEL]).fetchone()
    assert channel_id is not None
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=14)
    committed: dict[datetime, datetime] = {}
    for number in range(changes):
        at = first + number * timedelta(seconds=1)
        with conn.transaction():
            conn.execute(READING, [channel_id[0], at, 5.0 if number % 2 else 2.5, at])
            append_changes(conn, [NewChange(STATION, channel_id[0], at, at, 1, "reading")])
        committed[at] = datetime.now(UTC)
        time.sleep(PAUSE_S)
    rows = _all_handed_over(conn, 2 * changes)
    for medium in sorted({row[0] for row in rows}):
        took = sorted((sent_at - committed[at]).total_seconds() * 1000 for word, at, sent_at in rows if word == medium)
        median, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
        yield f"row to hand-over, {medium:5} median {median:.0f} ms, p99 {p99:.0f} ms of {len(took)} messages"


def _all_handed_over(conn: Connection, messages: int) -> list[tuple[str, datetime, datetime]]:
    until = time.monotonic() + 60
    while len(rows := conn.execute(HANDED_OVER).fetchall()) < messages:
        assert time.monotonic() < until, f"{len(rows)} of {messages} messages were handed over"
        time.sleep(0.1)
    return rows
