"""Back-test of a year of six stations at one minute: every channel is read and watched.

Generated into a private cluster like the benchmark of the year. The shipped rules run as they are; each channel that
none of them watches gets one rule of three levels that its made-up tide crosses, so that all readings are evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

from alerts.trials.backtest_run import run_backtest
from benchmarks.servers import PROJECT
from benchmarks.year import filled
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.rules import Rule
from quantrac.telemetry.parameters import CATALOGUE


def run(say: Callable[[str], None], weeks: int = 52) -> Iterator[str]:
    """Yield the figures of the back-test; `say` is told how the generation goes."""
    network = load_network(PROJECT / "station_configs")
    network = replace(network, rules={**network.rules, **dict(_others(network))})
    with filled(say, weeks, hourly=False) as year:
        first = (year.first + timedelta(days=1)).astimezone(network.zone).date()
        last = (year.last - timedelta(days=1)).astimezone(network.zone).date()
        report = run_backtest(year.conn, network, first, last)
    yield (
        f"back-test              {report.readings:,} readings of {report.channels} channels in {report.whole_s:.0f} s,"
        f" evaluation {report.evaluation_s:.0f} s of it, {report.kpis.alarms:,} alarms"
    )


def _others(network: Network) -> Iterable[tuple[str, Rule]]:
    """Yield a rule for each parameter that no rule watches at all stations."""
    model = network.rules["do-low"]
    for parameter in CATALOGUE:
        levels = {
            name: level.model_copy(update={"limit": limit, "clear": limit + 0.3})
            for (name, level), limit in zip((model.below or {}).items(), (8.5, 8.0, 7.5), strict=False)
        }
        watch = model.watch.model_copy(update={"parameter": parameter, "tags": ()})
        rule = model.model_copy(update={"name": f"bench-{parameter}", "watch": watch, "below": levels, "instead": ()})
        yield rule.name, rule
