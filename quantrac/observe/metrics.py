"""Metrics of a process in Prometheus' text format.

Names are ``quantrac_<service>_<what>_<unit>``: base units (seconds, bytes), counters end in ``_total``, every
counter of something dropped carries a label ``reason``. A label never holds a channel or a sequence number: the
number of series stays small. Instruments are made once, at import, per batch or event kind, never per reading.
"""

import re
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest

REGISTRY = CollectorRegistry(auto_describe=True)
"""The one registry of this process; ``/metrics`` of the health server shows it."""

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

LATENCY_BUCKETS_S: tuple[float, ...] = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Upper bounds in seconds that resolve the targets of 500 ms (sensor to row) and 1 s (row to notification)."""

_NAME = re.compile(r"quantrac_[a-z][a-z0-9]*(_[a-z0-9]+)+")


def counter(name: str, what: str, labels: Sequence[str] = ()) -> Counter:
    """Make a counter; ``name`` must end in ``_total``."""
    if not name.endswith("_total"):
        raise ValueError(f"metric {name}: a counter's name ends in _total")
    return Counter(_checked(name), what, labels, registry=REGISTRY)


def gauge(name: str, what: str, labels: Sequence[str] = ()) -> Gauge:
    """Make a gauge: a value that goes up and down."""
    return Gauge(_checked(name), what, labels, registry=REGISTRY)


def histogram(
    name: str, what: str, labels: Sequence[str] = (), buckets: Sequence[float] = LATENCY_BUCKETS_S
) -> Histogram:
    """Make a histogram; ``buckets`` are upper bounds in the unit that ``name`` ends in."""
    return Histogram(_checked(name), what, labels, buckets=buckets, registry=REGISTRY)


def exposition() -> bytes:
    """Render every metric in Prometheus' text format 0.0.4."""
    return generate_latest(REGISTRY)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"metric {name}: names are quantrac_<service>_<what>_<unit>, lower case")
    return name
