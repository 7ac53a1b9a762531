"""Every service of the centre does its whole work with the rights of its own group, and while a neighbour floods."""

from __future__ import annotations

import queue
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from quantrac.mqtt import MqttAddress, Outcome, Session, SettledPublish, Subscription
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.postgres import PrivatePostgres
from quantrac.telemetry import topics
from tests.fixtures.flood import flood, was_put_off
from tests.fixtures.program import quantrac, running
from tests.fixtures.timing import eventually

STATION, NEIGHBOUR = "st-my-thanh", "st-cu-lao-dung"
GROUPS = {
    "ingest": ["quantrac_ingest"],
    "quality": ["quantrac_ingest"],
    "alerts": ["quantrac_alerts"],
    "jobs": ["quantrac_ingest", "quantrac_alerts", "quantrac_backup"],
    "console": ["quantrac_console"],
}


def users(postgres: PrivatePostgres, database: str) -> dict[str, str]:
    """Make a user for each service and return the addresses, by setting."""
    parts = urlsplit(database)
    addresses = {}
    with psycopg.connect(postgres.url(), autocommit=True) as conn:
        for service, groups in GROUPS.items():
            name = f"user_of_{service}"
            if conn.execute("select from pg_roles where rolname = %s", [name]).fetchone() is None:
                conn.execute(f"create role {name} login password 'pw' in role {', '.join(groups)}")
            place = parts._replace(netloc=f"{name}:pw@{parts.hostname}:{parts.port}")
            addresses[f"{service}_database_url"] = urlunsplit(place)
    return addresses


def publish_a_dip(broker: PrivateMosquitto, seconds: int) -> None:
    """Publish oxygen below its limit, once a second until now."""
    settled: queue.Queue[SettledPublish] = queue.Queue()
    session = Session(
        MqttAddress.parse(broker.url(STATION)),
        "edge",
        expiry_s=60,
        receive_maximum=10,
        subscriptions=[Subscription(topics.topic(STATION, "ack"))],
        on_publish_settled=settled.put,
    )
    session.start()
    assert session.wait_subscribed(60)
    start_ms = int(time.time() * 1000) // 1000 * 1000 - seconds * 1000
    for seq in range(1, seconds + 1):
        payload = f'{{"epoch":"9f31c2ab","seq":{seq},"t":{start_ms + seq * 1000},"r":[["do",1.5,"ok"]]}}'
        session.publish(topics.topic(STATION, "readings"), payload.encode(), seq)
    assert {settled.get(timeout=180).outcome for _ in range(seconds)} == {Outcome.DELIVERED}
    session.stop()


def status_of(url: str) -> int | None:
    """Return the status of a page; None while nothing listens there."""
    try:
        with urllib.request.urlopen(url, timeout=180) as page:
            return int(page.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except urllib.error.URLError:
        return None


def test_the_centre_works_with_a_user_for_each_service_and_tells_an_alarm_that_came_behind_a_flood(
    postgres: PrivatePostgres, database: str, broker: PrivateMosquitto, free_port: Callable[[], int], tmp_path: Path
) -> None:
    console = f"127.0.0.1:{free_port()}"
    settings: dict[str, Any] = {
        **users(postgres, database), "mqtt_url": broker.url("ingest"), "overlay": "demo",
        "console_listen": console, "console_anonymous": "viewer",
    }  # fmt: skip
    assert quantrac("stations", "apply", "station_configs", database_url=database, **settings).returncode == 0
    with ExitStack() as stack, psycopg.connect(database, autocommit=True) as conn:

        def count(rows: str) -> int:
            return conn.execute(f"select from {rows}").rowcount

        for service in GROUPS:
            stack.enter_context(running(tmp_path / f"{service}.log", service, "run", **settings))
        eventually(lambda: count("v_service where service = 'ingest' and connected"))
        with flood(conn, broker, NEIGHBOUR, STATION) as answers:
            publish_a_dip(broker, 30)
        eventually(lambda: count(f"v_reading where quality = 1 and channel = '{STATION}/do'") == 30)
        eventually(lambda: count("v_alarm where channel = 'st-my-thanh/do'"))
        eventually(lambda: count("v_notification"))
        assert was_put_off(conn, NEIGHBOUR, answers), "the alarm did not wait for it"
        eventually(lambda: count("job_run where outcome = 'done'") >= 4)
        eventually(lambda: status_of(f"http://{console}/") == 200)  # 503 until it has seen the database once
        assert conn.execute("select job, detail from job_run where outcome = 'failed'").fetchall() == []
    for log in tmp_path.glob("*.log"):
        assert "permission denied" not in log.read_text("utf-8"), log.name
