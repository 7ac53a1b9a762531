"""The public page under many readers: 200 requests a second at a console that has one core.

The requests are due at even times, on connections that stay open; each is timed from the moment it was due, so that a
console that falls behind shows it. Servers are private and removed afterwards.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import statistics
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.console_pages import Reports
from benchmarks.process_use import use_of
from benchmarks.servers import PROJECT, database, running
from quantrac.config.loader import load_network
from quantrac.database.pool import connect
from quantrac.desks.network import apply_network
from quantrac.private_services.place import private_folder
from quantrac.private_services.ports import free_port

RATE: Final = 200
CONNECTIONS: Final = 20
PATHS: Final = ("/public", "/public/stations/st-my-thanh", "/public/communes/xa-tran-de", "/public.json")


def run(seconds: float) -> Iterator[str]:
    """Yield what was measured."""
    with private_folder(PROJECT, "bench-") as folder, database(folder, volatile=True) as url:
        with connect(url, "benchmark") as conn:
            apply_network(conn, load_network(PROJECT / "station_configs"), "benchmark", datetime.now(UTC))
        address = f"127.0.0.1:{free_port()}"
        settings = {"database_url": url, "console_listen": address, "public_rate": 60 * RATE * 2}
        with (
            running(folder / "console.log", "quantrac", "console", "run", **settings) as process,
            Reports(url, "st-my-thanh/do"),
        ):
            wait_for_page(address)
            _on_one_core(process.pid)
            yield from _load(address, process.pid, seconds)


def wait_for_page(address: str) -> None:
    """Wait until a console shows the public page."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(OSError), contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as line:
            line.request("GET", "/public")
            if line.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the public page does not come")


def _on_one_core(pid: int) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {0})


def _load(address: str, pid: int, seconds: float) -> Iterator[str]:
    begin, before = time.monotonic() + 0.5, use_of(pid)
    times_ms: list[float] = []
    sizes: dict[str, int] = {}

    def read(own: int) -> None:
        line = http.client.HTTPConnection(address, timeout=60)
        for number in range(own, round(RATE * seconds), CONNECTIONS):
            due, path = begin + number / RATE, PATHS[number % len(PATHS)]
            time.sleep(max(0.0, due - time.monotonic()))
            line.request("GET", path, headers={"Accept-Encoding": "gzip"})
            answer = line.getresponse()
            sizes[path] = len(answer.read())
            assert answer.status == 200, answer.status
            times_ms.append(1000 * (time.monotonic() - due))
        line.close()

    threads = [threading.Thread(target=read, args=(own,)) for own in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s, found = time.monotonic() - begin, sorted(times_ms)
    assert len(found) == round(RATE * seconds), "a reader failed"
    cpu = 100 * (use_of(pid).cpu_s - before.cpu_s) / took_s
    yield (
        f"public pages, {len(found) / took_s:.0f} requests/s: median {statistics.median(found):.1f} ms,"
        f" p99 {found[int(0.99 * len(found))]:.1f} ms, worst {found[-1]:.1f} ms, {cpu:.0f} % of one core;"
        f" {', '.join(f'{path} {size / 1000:.1f} kB' for path, size in sorted(sizes.items()))}"
    )
