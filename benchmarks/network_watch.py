"""Watches a running network: how far the feed's consumers are behind, and what each process uses."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from benchmarks.process_use import machine_cpu_s, use_of
from quantrac.database.pool import Connection

MOST_SESSIONS: Final = 12
LAG_EVERY_S: Final = 0.5
USE_EVERY_S: Final = 5.0
FOLLOWS: Final = {"derived": "quality", "alerts": "quality"}
"""Consumers that never pass another one."""


class Spread(NamedTuple):
    """Median, 99th percentile and the most of a figure, seconds."""

    median: float
    p99: float
    most: float

    @classmethod
    def of(cls, seconds: list[float]) -> Spread:
        """Return the spread of some figures; NaN when there is none."""
        return cls(*map(float, np.percentile(seconds, [50, 99, 100]))) if seconds else cls(*[float("nan")] * 3)

    def __str__(self) -> str:
        return f"median {self.median:6.2f} s, p99 {self.p99:6.2f} s, most {self.most:6.2f} s"


class ProcessFigures(NamedTuple):
    """A process over the run."""

    cores: float
    """CPU seconds a second."""
    first_mb: float
    """Memory after a quarter of the run."""
    last_mb: float
    mb_a_minute: float
    """Growth between the two."""


class _Sample(NamedTuple):
    at_s: float
    cpu_s: float
    memory_mb: float


class _Lag(NamedTuple):
    at_s: float
    lag_s: float
    own_s: float
    """Beyond the lag of the consumer that it never passes."""


SESSIONS: Final = """
select application_name, coalesce(wait_event_type || ' ' || wait_event, 'running') from pg_stat_activity
where state = 'active' and pid <> pg_backend_pid() and backend_type = 'client backend'
"""


class NetworkWatch:
    """Looks at the feed and the database's sessions twice a second, and at the processes now and then.

    Args:
        conn: a connection of its own.
        processes: process ids by name; a server is counted with all it has started.
        seconds: how long the run lasts.
    """

    def __init__(self, conn: Connection, processes: Mapping[str, int], seconds: float) -> None:
        self._conn, self._processes, self._seconds = conn, processes, seconds
        self._lags: dict[str, list[_Lag]] = {}
        self._uses: dict[str, list[_Sample]] = {name: [] for name in processes}
        self._machine: list[_Sample] = []
        self._sessions: Counter[tuple[str, str]] = Counter()
        self._looks = 0
        self._began = time.monotonic()

    def run(self) -> None:
        """Watch for the length of the run."""
        self._began = time.monotonic()
        used_at = -USE_EVERY_S
        while (elapsed := time.monotonic() - self._began) < self._seconds:
            lags = self.lags_now()
            for consumer, lag_s in lags.items():
                own_s = lag_s - lags.get(FOLLOWS.get(consumer, ""), 0.0)
                self._lags.setdefault(consumer, []).append(_Lag(elapsed, lag_s, own_s))
            self._sessions.update(self._conn.execute(SESSIONS).fetchall())
            self._looks += 1
            if elapsed - used_at >= min(USE_EVERY_S, self._seconds / 10):
                self._look_at_processes(elapsed)
                used_at = elapsed
            time.sleep(max(0.0, LAG_EVERY_S - (time.monotonic() - self._began - elapsed)))
        self._look_at_processes(time.monotonic() - self._began)

    def other_cores(self) -> float:
        """Return how many cores other programs of the machine used."""
        first, last = self._machine[0], self._machine[-1]
        return (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s) - sum(use.cores for use in self.uses().values())

    def lags_now(self) -> dict[str, float]:
        """Return how many seconds each consumer is behind."""
        return dict(self._conn.execute("select consumer, lag_s from v_feed").fetchall())

    def lags(self) -> dict[str, Spread]:
        """Return how far each consumer was behind."""
        return {consumer: Spread.of([each.lag_s for each in found]) for consumer, found in self._lags.items()}

    def first_beyond(self, most_s: float) -> dict[str, float]:
        """Return when each consumer was first further behind than `most_s`, seconds after the begin.

        What it is behind because it never passes another consumer does not count.
        """
        found = {
            name: next((each.at_s for each in lags if each.own_s > most_s), None) for name, lags in self._lags.items()
        }
        return {name: at_s for name, at_s in found.items() if at_s is not None}

    def sessions(self) -> list[str]:
        """Return of each service how many of its sessions were at work, on average, and what they waited for."""
        lines = []
        for (service, wait), count in self._sessions.most_common(MOST_SESSIONS):
            lines.append(f"{count / self._looks:5.2f} sessions of {service}: {wait}")
        return lines

    def uses(self) -> dict[str, ProcessFigures]:
        """Return what each process used; memory is the median of a tenth of the run."""
        return {name: self._figures(samples) for name, samples in self._uses.items()}

    def _look_at_processes(self, elapsed: float) -> None:
        self._machine.append(_Sample(elapsed, machine_cpu_s(), 0.0))
        for name, pid in self._processes.items():
            self._uses[name].append(_Sample(elapsed, *use_of(pid)))

    def _figures(self, samples: list[_Sample]) -> ProcessFigures:
        span = samples[-1].at_s - samples[0].at_s
        early = self._memory(samples, 0.2, 0.3)
        late = self._memory(samples, 0.9, 1.1)
        growth = (late - early) / (0.7 * self._seconds / 60)
        return ProcessFigures((samples[-1].cpu_s - samples[0].cpu_s) / span, early, late, growth)

    def _memory(self, samples: list[_Sample], begin: float, end: float) -> float:
        chosen = [each.memory_mb for each in samples if begin <= each.at_s / self._seconds <= end]
        middle_s = self._seconds * (begin + end) / 2  # a busy machine has none in a span of a second
        nearest = min(samples, key=lambda each: abs(each.at_s - middle_s))
        return statistics.median(chosen or [nearest.memory_mb])
