"""Every service of the centre does its whole work with the rights of its own group and no more."""

from __future__ import annotations

import queue
import time
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
from tests.fixtures.program import quantrac, running
from tests.fixtures.timing import eventually

STATION = "st-my-thanh"
GROUPS = {
    "ingest": ["quantrac_ingest"],
    "quality": ["quantrac_ingest"],
    "alerts": ["quantrac_alerts"],
    "jobs": ["quantrac_ingest", "quantrac_alerts"],
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


def test_the_centre_works_with_a_user_for_each_service(
    postgres: PrivatePostgres, database: str, broker: PrivateMosquitto, free_port: Callable[[], int], tmp_path: Path
) -> None:
    console = f"127.0.0.1:{free_port()}"
    settings: dict[str, Any] = {
        **users(postgres, database), "mqtt_url": broker.url("ingest"), "overlay": "demo", "console_listen": console,
    }  # fmt: skip
    assert quantrac("stations", "apply", "station_configs", database_url=database, **settings).returncode == 0
    with ExitStack() as stack, psycopg.connect(database, autocommit=True) as conn:

        def count(rows: str) -> int:
            return conn.execute(f"select from {rows}").rowcount

        for service in GROUPS:
            stack.enter_context(running(tmp_path / f"{service}.log", service, "run", **settings))
        eventually(lambda: count("v_service where service = 'ingest' and connected"))
        publish_a_dip(broker, 30)
        eventually(lambda: count("v_reading where quality = 1") == 30)
        eventually(lambda: count("v_alarm where channel = 'st-my-thanh/do'"))
        eventually(lambda: count("v_notification"))
        eventually(lambda: count("job_run where outcome = 'done'") >= 4)
        with urllib.request.urlopen(f"http://{console}/", timeout=180) as page:
            assert page.status == 200
        assert conn.execute("select job, detail from job_run where outcome = 'failed'").fetchall() == []
    for log in tmp_path.glob("*.log"):
        assert "permission denied" not in log.read_text("utf-8"), log.name
