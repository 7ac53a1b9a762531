"""The benchmark of the whole chain counts what it says: readings, alarms, lags and processes of a short run."""

import math

import pytest

from benchmarks.network_figures import CONSUMERS, NetworkLoad
from benchmarks.whole_network import run


@pytest.mark.slow
def test_two_stations_are_stored_and_their_alarms_handed_over() -> None:
    load = NetworkLoad(stations=2, channels=12, interval_s=0.2, seconds=8)
    figures = run(load)
    assert figures.stations.published == 2 * 40
    assert (figures.stations.unanswered, figures.stations.refused) == (0, 0)
    assert figures.stations.acks > 0
    assert figures.online == 2
    assert figures.rows == 2 * 40 * 12
    assert (figures.alarms.expected, figures.alarms.came, figures.alarms.false) == (2, 2, [])
    assert 0 < figures.alarms.handover.median < 30
    assert 0 < figures.row.median < 30
    assert {name for name in CONSUMERS if math.isfinite(figures.lags[name].p99)} == set(CONSUMERS)
    processes = {"ingest", "quality", "alerts", "jobs", "console", "stations", "broker", "postgresql"}
    assert figures.uses.keys() == processes
    assert all(use.last_mb > 1 for use in figures.uses.values())
    assert "80 messages" in str(figures)


def test_oxygen_falls_at_stations_of_the_whole_network_and_returns_before_the_end() -> None:
    low_from = NetworkLoad(stations=1000, seconds=60).low_from()
    assert len(low_from) == 30
    assert (min(low_from), max(low_from)) == (0, 957)
    assert (min(low_from.values()), max(low_from.values())) == (6, 47)
    assert NetworkLoad(stations=2, seconds=5).low_from() == {}
