"""The service `ingest run`: one process serves; the others stand by and take over when it is gone."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime

from ingest.workers.worker import Clock, Worker
from quantrac.config.settings import Settings
from quantrac.database.migration import refuse_old_database
from quantrac.database.pool import connect
from quantrac.mqtt import MqttAddress
from quantrac.observe import health


def run(settings: Settings, *, stop: threading.Event) -> None:
    """Run ingest until `stop` is set. Raises QuantracError when it cannot work as configured."""
    clock = Clock(now=lambda: datetime.now(UTC), us=lambda: time.time_ns() // 1000)
    url, address = settings.database("ingest"), MqttAddress.parse(settings.mqtt())

    refuse_old_database(url, "quantrac ingest")

    def new_worker() -> Worker:
        return Worker(address, lambda: connect(url, "quantrac ingest"), clock, stop)

    def ready() -> health.Answer:
        return worker.ready()

    def healthy() -> health.Answer:
        return worker.healthy()

    worker = new_worker()
    with ExitStack() as stack:
        if settings.ingest_listen is not None:
            stack.enter_context(health.serve(settings.ingest_listen, ready=ready, healthy=healthy))
        while not worker.run():
            worker = new_worker()
