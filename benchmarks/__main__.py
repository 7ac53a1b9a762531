"""`python -m benchmarks [NAME…] [--messages N] [--seconds S]`: run benchmarks and print their ratios."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    backtest,
    compression,
    edge_forwarding,
    edge_reading,
    edge_spool,
    ingest_steps,
    ingest_sustained,
    ingest_throughput,
    row_to_handover,
    rule_evaluation,
    sensor_to_row,
    standing_alarms,
    whole_network,
    year,
)
from benchmarks.network_figures import NetworkLoad
from quantrac.observe import logs


def say(line: str) -> None:
    """Print a line of the results at once."""
    print(line, flush=True)


def throughput(arguments: argparse.Namespace) -> None:
    """Readings a second of each lane of ingest, beside raw COPY."""
    baseline = 0.0
    for lane, rate, cpu in ingest_throughput.run(arguments.messages):
        baseline = baseline or rate
        say(f"{lane:22} {rate:>9,.0f} readings/s  {rate / baseline:5.2f} x COPY  ingest CPU {cpu:5.2f} s a million")


def sustained(arguments: argparse.Namespace) -> None:
    """Readings a second over a minute, and ingest's memory meanwhile."""
    found = ingest_sustained.run(max(arguments.seconds, 60))
    say(
        f"sustained, live        {found.readings / found.seconds:>9,.0f} readings/s over {found.seconds:.0f} s, slowest"
        f" ten seconds {found.slowest_rate:,.0f}; ingest's memory {found.rss_first_mb:.0f} MB,"
        f" at the end {found.rss_last_mb:.0f} MB, at most {found.rss_most_mb:.0f} MB"
    )


def steps(arguments: argparse.Namespace) -> None:
    """Microseconds of each step of ingest, a message of 12 readings."""
    for name, us in ingest_steps.run(arguments.messages):
        say(f"{name:44} {us:7.2f} us a message")


def latency(arguments: argparse.Namespace) -> None:
    """Milliseconds from sensor to row at 1,000 messages a second."""
    median, p99, messages = sensor_to_row.run(arguments.seconds)
    say(f"sensor to row          median {median:.0f} ms, p99 {p99:.0f} ms of {messages} messages")


def year_of_data(arguments: argparse.Namespace) -> None:
    """Milliseconds of every query behind dashboard and console, over a year of the six stations."""
    for name, median, p95, rows in year.run(say, arguments.weeks):
        say(f"{name:32} median {median:6.1f} ms, p95 {p95:6.1f} ms, {rows} rows")


def compressed_weeks(arguments: argparse.Namespace) -> None:
    """Bytes, reads and late readings of the same two weeks before and after they are compressed."""
    if arguments.community is None:
        raise SystemExit("compression: name a server with TimescaleDB's Community edition: --community URL")
    compression.run(say, arguments.community)


def rules(arguments: argparse.Namespace) -> None:
    """Readings a second through 20 rules of one channel, beside making blocks of the same rows."""
    for name, rate, ratio, alarms in rule_evaluation.run(arguments.readings):
        say(f"rules, {name:19} {rate:>12,.0f} readings/s  {ratio:7.1f} x making blocks  {alarms} alarms")


def standing(_: argparse.Namespace) -> None:
    """Seconds of rounds and of a restart with ten thousand standing alarms and five thousand contacts."""
    for name, alarms, seconds in standing_alarms.run():
        say(f"{name:34} {seconds * 1000:8.1f} ms with {alarms:>6,} standing alarms")


def told(arguments: argparse.Namespace) -> None:
    """Milliseconds from the commit of a reading to the hand-over of the messages that it causes."""
    for medium, median, p99, messages in row_to_handover.run(arguments.changes):
        figures = f"median {median:.0f} ms, p99 {p99:.0f} ms of {messages} messages"
        say(f"row to hand-over, {medium:5} {figures}")


def backtests(arguments: argparse.Namespace) -> None:
    """Seconds of a back-test over a year of the six stations."""
    report = backtest.run(say, arguments.weeks)
    say(
        f"back-test              {report.readings:,} readings of {report.channels} channels in {report.whole_s:.0f} s,"
        f" evaluation {report.evaluation_s:.0f} s of it, {report.kpis.alarms:,} alarms"
    )


def network(arguments: argparse.Namespace) -> None:
    """Lags, hand-overs, CPU and memory of the whole chain under stations that publish at their interval."""
    load = NetworkLoad(
        arguments.stations, arguments.channels, arguments.interval, arguments.seconds, arguments.statements
    )
    for line in whole_network.find(load) if arguments.find else whole_network.run(load).lines():
        say(line)


def spool(arguments: argparse.Namespace) -> None:
    """Messages a second into the edge's spool, beside bare SQLite's synced inserts of the same bytes."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        for found in edge_spool.appending(Path(folder), arguments.spooled // 50):
            say(
                f"spool, {found.together:>2} a transaction  {found.spool:>9,.0f} messages/s  {found.ratio:5.2f} x bare"
                f" SQLite ({found.bare:,.0f})"
            )


def cut(_: argparse.Namespace) -> None:
    """What the drain of a cut of six hours costs new readings, on a line of a megabit."""
    six_hours = edge_forwarding.Cut(21_600, 1000, live_per_s=5.0, rate=500.0, line_bytes_s=128_000)
    _say_drained("cut of 6 h", edge_forwarding.drain(six_hours))


def million(arguments: argparse.Namespace) -> None:
    """How fast a spool of a million messages opens, and how fast it is emptied with `max_rate` lifted."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        station = Path(folder) / "station"
        edge_spool.fill(station, arguments.spooled, 1000, 1_795_490_400_000)
        mb = sum(file.stat().st_size for file in station.iterdir()) / 1e6
        seconds = edge_spool.opening(station)
    say(f"spool of {arguments.spooled:,}     {mb:.0f} MB, opened in {seconds:.2f} s")
    full = edge_forwarding.Cut(arguments.spooled, 1000, live_per_s=5.0)
    _say_drained(f"{arguments.spooled:,}", edge_forwarding.drain(full))


def _say_drained(name: str, found: edge_forwarding.Drained) -> None:
    rate = found.messages / found.seconds
    say(
        f"drain of {name:13} {rate:>9,.0f} messages/s over {found.seconds:.0f} s; {found.live} new ones meanwhile:"
        f" median {found.live_median_s:.2f} s, p99 {found.live_p99_s:.2f} s; published more than once:"
        f" {found.published_twice}, most often {found.published_most}; agent {found.agent_mb:.0f} MB"
    )


BENCHMARKS: dict[str, Callable[[argparse.Namespace], None]] = {
    "throughput": throughput,
    "latency": latency,
    "rules": rules,
    "spool": spool,
    "cut": cut,
    **edge_reading.BENCHMARKS,
}
ON_DEMAND: dict[str, Callable[[argparse.Namespace], None]] = {
    "year": year_of_data,
    "backtest": backtests,
    "standing": standing,
    "told": told,
    "compression": compressed_weeks,
    "sustained": sustained,
    "whole-network": network,
    "steps": steps,
    "million": million,
}
"""Only when named: they take minutes and gigabytes."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, *ON_DEMAND, []], help="which; all but year if none")
    parser.add_argument("--messages", type=int, default=180_000, help="messages of 12 readings in each lane")
    parser.add_argument("--seconds", type=float, default=20, help="how long latency or whole-network is measured")
    parser.add_argument(
        "--stations", type=int, default=50, help="stations of whole-network; with --find the first step"
    )
    parser.add_argument("--channels", type=int, default=12, help="channels of each of them, 3 to 14")
    parser.add_argument("--interval", type=float, default=1, help="seconds between two messages of a station")
    parser.add_argument(
        "--find", action="store_true", help="whole-network with more and more stations, until it breaks"
    )
    parser.add_argument("--statements", action="store_true", help="name the statements that take the most time in it")
    parser.add_argument("--weeks", type=int, default=52, help="how long the year is")
    parser.add_argument("--readings", type=int, default=1_000_000, help="readings of each course in rules")
    parser.add_argument("--changes", type=int, default=400, help="changes of an alarm in told; at most 800")
    parser.add_argument("--community", metavar="URL", help="server with TimescaleDB Community, for compression")
    parser.add_argument("--spooled", type=int, default=1_000_000, help="messages in the spool of million")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything that was started is stopped
    logs.configure("text", level=logging.ERROR)
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in arguments.names or BENCHMARKS:
        {**BENCHMARKS, **ON_DEMAND}[name](arguments)


if __name__ == "__main__":
    main()
