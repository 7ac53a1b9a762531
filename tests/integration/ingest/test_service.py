"""The services from outside: health, metrics, standing by, stopping, and waiting for what is not there."""

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from ingest.workers.worker import STUCK_S, WAITS_S, Clock, Worker
from quantrac.database.pool import connect
from quantrac.mqtt import MqttAddress
from quantrac.observe import health
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.postgres import PrivatePostgres
from tests.fixtures.timing import ended, eventually
from tests.integration.ingest.conftest import Edge, RunningIngest, away
from tests.integration.ingest.test_path import message

FAILURES = "quantrac_database_failures_total{reason="


def get(port: int, page: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=180) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_and_metrics_tell_what_happens(
    edge: Edge,
    network: psycopg.Connection,
    ingest: RunningIngest,
    free_port: Callable[[], int],
    broker: PrivateMosquitto,
    postgres: PrivatePostgres,
) -> None:
    assert ingest.stop() == 0
    port = free_port()
    ingest.start(QUANTRAC_INGEST_LISTEN=f"127.0.0.1:{port}")
    assert get(port, "healthz") == (200, "ok\n")
    eventually(lambda: get(port, "readyz") == (200, "ok\n"))
    edge.send(message(1))
    edge.send(b"hello")
    eventually(lambda: 'quantrac_ingest_messages_total{outcome="rejected"} 1.0' in get(port, "metrics")[1])
    metrics = get(port, "metrics")[1]
    assert 'quantrac_ingest_messages_total{outcome="new"} 1.0' in metrics
    assert "quantrac_ingest_readings_total 1.0" in metrics
    for stage in ("prepare", "store", "acknowledge"):
        eventually(lambda: f'quantrac_ingest_stage_seconds_count{{stage="{stage}"}}' in get(port, "metrics")[1])
    assert FAILURES not in metrics
    broker.kill()
    eventually(lambda: get(port, "readyz") == (503, "not subscribed at the broker\n"))
    assert get(port, "healthz") == (200, "ok\n")
    broker.start()
    eventually(lambda: get(port, "readyz")[0] == 200)
    with away(postgres, network.info.dbname):
        eventually(lambda: get(port, "readyz") == (503, "no connection to the database\n"))
        assert get(port, "healthz") == (200, "ok\n")  # to be restarted would not help
    eventually(lambda: get(port, "readyz")[0] == 200)
    assert FAILURES in get(port, "metrics")[1]


def test_a_loop_that_is_stuck_is_said_to_be_ill(
    network: psycopg.Connection, database: str, broker: PrivateMosquitto, edge: Edge, ingest: RunningIngest
) -> None:
    """The database holds a statement of ingest; the clock runs on two minutes."""
    assert ingest.stop() == 0
    ahead_s = [0.0]
    clock = Clock(lambda: datetime.now(UTC), lambda: time.time_ns() // 1000, lambda: time.monotonic() + ahead_s[0])
    stop = threading.Event()
    worker = Worker(MqttAddress.parse(broker.url("ingest")), lambda: connect(database, "stuck"), clock, stop)
    thread = threading.Thread(target=worker.run)
    with health.serve("127.0.0.1:0", ready=worker.ready, healthy=worker.healthy) as server:
        thread.start()
        try:
            eventually(lambda: get(server.port, "readyz") == (200, "ok\n"))
            with psycopg.connect(database) as other:
                other.execute("lock table ledger in access exclusive mode")
                edge.send(message(1))
                waits = (
                    "select true from pg_stat_activity where application_name = 'stuck' and wait_event_type = 'Lock'"
                    " and datname = current_database()"
                )
                eventually(lambda: network.execute(waits).fetchone())
                ahead_s[0] = WAITS_S + 1
                assert get(server.port, "healthz") == (200, "ok\n")
                status, why = get(server.port, "readyz")
                assert (status, why[:22]) == (503, "waits for the database")
                ahead_s[0] = STUCK_S + 1
                status, why = get(server.port, "healthz")
                assert (status, why[:12]) == (503, "no round for")
            eventually(lambda: get(server.port, "healthz") == (200, "ok\n"))
            eventually(lambda: network.execute("select count(*) from v_reading").fetchone() == (1,))
        finally:
            stop.set()
            ended(thread)


def test_it_beats_records_its_health_and_takes_its_row_along(
    edge: Edge, network: psycopg.Connection, ingest: RunningIngest
) -> None:
    eventually(
        lambda: network.execute("select connected from v_service where service = 'ingest'").fetchone() == (True,)
    )
    eventually(
        lambda: network.execute("select healthy from v_ingest_health order by from_t desc").fetchone() == (True,)
    )
    assert ingest.stop() == 0
    assert network.execute("select count(*) from v_service").fetchone() == (0,)


def test_a_database_without_our_tables_is_named_and_ends_it(
    empty_database: str, broker: PrivateMosquitto, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "quantrac", "ingest", "run"],
        env={**os.environ, "QUANTRAC_DATABASE_URL": empty_database, "QUANTRAC_MQTT_URL": broker.url("ingest")},
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].endswith("run quantrac db migrate")


def test_quality_runs_judges_and_stops(network: psycopg.Connection, database: str, tmp_path: Path) -> None:
    from tests.integration.ingest.test_quality import CALM, flags, store

    network.execute("update channel set history_tests = '{spike}', interval_s = 10")
    store(network, CALM)
    process = subprocess.Popen(
        [sys.executable, "-m", "quantrac", "quality", "run"], env={**os.environ, "QUANTRAC_DATABASE_URL": database}
    )
    try:
        eventually(lambda: flags(network) == {200: 3, 300: 4})
        beats = "select connected from v_service where service = 'quality'"
        eventually(lambda: network.execute(beats).fetchone() == (True,))
        network.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'quantrac quality' and datname = current_database()"
        )
        store(network, [each._replace(at_s=each.at_s + 600) for each in CALM])
        eventually(lambda: flags(network) == {200: 3, 300: 4, 800: 3, 900: 4})
    finally:
        process.terminate()
        assert process.wait(180) == 0
