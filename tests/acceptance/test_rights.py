"""Every service of the centre does its whole work with the rights of its own group and no more."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from quantrac.mqtt import MqttAddress, Outcome, Session, SettledPublish, Subscription
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.postgres import PrivatePostgres
from quantrac.telemetry import topics

PROJECT = Path(__file__).parents[2]
STATION = "st-my-thanh"
GROUPS = {
    "ingest": ["quantrac_ingest"],
    "quality": ["quantrac_ingest"],
    "alerts": ["quantrac_alerts"],
    "jobs": ["quantrac_ingest", "quantrac_alerts"],
    "console": ["quantrac_console"],
}


def users(postgres: PrivatePostgres, database: str) -> dict[str, str]:
    """Make a user for each service and return the addresses, by variable."""
    parts = urlsplit(database)
    addresses = {}
    with psycopg.connect(postgres.url(), autocommit=True) as conn:
        for service, groups in GROUPS.items():
            name = f"user_of_{service}"
            if conn.execute("select from pg_roles where rolname = %s", [name]).fetchone() is None:
                conn.execute(f"create role {name} login password 'pw' in role {', '.join(groups)}")
            place = parts._replace(netloc=f"{name}:pw@{parts.hostname}:{parts.port}")
            addresses[f"QUANTRAC_{service.upper()}_DATABASE_URL"] = urlunsplit(place)
    return addresses


@contextmanager
def running(service: str, env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "quantrac", service, "run"], env=env, cwd=PROJECT, stderr=out)
    try:
        yield
        process.terminate()
        assert process.wait(180) == 0, log.read_text("utf-8")
    finally:
        process.kill()
        process.wait()


def eventually(what: Callable[[], object], logs: Path) -> None:
    until = time.monotonic() + 180
    while not what():
        assert time.monotonic() < until, "\n".join(log.read_text("utf-8")[-2000:] for log in logs.glob("*.log"))
        time.sleep(0.1)


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
    env = {
        **os.environ,
        **users(postgres, database),
        "QUANTRAC_MQTT_URL": broker.url("ingest"),
        "QUANTRAC_OVERLAY": "demo",
        "QUANTRAC_CONSOLE_LISTEN": console,
        "PYTHONPATH": str(PROJECT),
    }
    apply = [sys.executable, "-m", "quantrac", "stations", "apply", "station_configs"]
    subprocess.run(apply, env={**env, "QUANTRAC_DATABASE_URL": database}, cwd=PROJECT, check=True, capture_output=True)
    with ExitStack() as stack, psycopg.connect(database, autocommit=True) as conn:
        for service in GROUPS:
            stack.enter_context(running(service, env, tmp_path / f"{service}.log"))
        eventually(
            lambda: conn.execute("select from v_service where service = 'ingest' and connected").rowcount, tmp_path
        )
        publish_a_dip(broker, 30)
        eventually(lambda: conn.execute("select from v_reading where quality = 1").rowcount == 30, tmp_path)
        eventually(lambda: conn.execute("select from v_alarm where channel = 'st-my-thanh/do'").rowcount, tmp_path)
        eventually(lambda: conn.execute("select from v_notification").rowcount, tmp_path)
        eventually(lambda: conn.execute("select from job_run where outcome = 'done'").rowcount >= 4, tmp_path)
        with urllib.request.urlopen(f"http://{console}/", timeout=180) as page:
            assert page.status == 200
        assert conn.execute("select job, detail from job_run where outcome = 'failed'").fetchall() == []
    for log in tmp_path.glob("*.log"):
        assert "permission denied" not in log.read_text("utf-8"), log.name
