"""`python -m benchmarks [NAME…] [--messages N] [--seconds S]`: run benchmarks and print their ratios."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable

from benchmarks import ingest_steps, ingest_sustained, ingest_throughput, rule_evaluation, sensor_to_row, year
from quantrac.observe import logs


def throughput(arguments: argparse.Namespace) -> None:
    """Readings a second of each lane of ingest, beside raw COPY."""
    baseline = 0.0
    for lane, rate, cpu in ingest_throughput.run(arguments.messages):
        baseline = baseline or rate
        print(
            f"{lane:22} {rate:>9,.0f} readings/s  {rate / baseline:5.2f} x COPY  ingest CPU {cpu:5.2f} s a million",
            flush=True,
        )


def sustained(arguments: argparse.Namespace) -> None:
    """Readings a second over a minute, and ingest's memory meanwhile."""
    found = ingest_sustained.run(max(arguments.seconds, 60))
    print(
        f"sustained, live        {found.readings / found.seconds:>9,.0f} readings/s over {found.seconds:.0f} s, slowest"
        f" ten seconds {found.slowest_rate:,.0f}; ingest's memory {found.rss_first_mb:.0f} MB,"
        f" at the end {found.rss_last_mb:.0f} MB, at most {found.rss_most_mb:.0f} MB",
        flush=True,
    )


def steps(arguments: argparse.Namespace) -> None:
    """Microseconds of each step of ingest, a message of 12 readings."""
    for name, us in ingest_steps.run(arguments.messages):
        print(f"{name:44} {us:7.2f} us a message", flush=True)


def latency(arguments: argparse.Namespace) -> None:
    """Milliseconds from sensor to row at 1,000 messages a second."""
    median, p99, messages = sensor_to_row.run(arguments.seconds)
    print(f"sensor to row          median {median:.0f} ms, p99 {p99:.0f} ms of {messages} messages", flush=True)


def year_of_data(arguments: argparse.Namespace) -> None:
    """Milliseconds of every query behind dashboard and console, over a year of the six stations."""
    for name, median, p95, rows in year.run(lambda line: print(line, flush=True), arguments.weeks):
        print(f"{name:32} median {median:6.1f} ms, p95 {p95:6.1f} ms, {rows} rows", flush=True)


def rules(arguments: argparse.Namespace) -> None:
    """Readings a second through 20 rules of one channel, beside making blocks of the same rows."""
    for name, rate, ratio, alarms in rule_evaluation.run(arguments.readings):
        print(f"rules, {name:19} {rate:>12,.0f} readings/s  {ratio:7.1f} x making blocks  {alarms} alarms", flush=True)


BENCHMARKS: dict[str, Callable[[argparse.Namespace], None]] = {
    "throughput": throughput,
    "latency": latency,
    "rules": rules,
}
ON_DEMAND: dict[str, Callable[[argparse.Namespace], None]] = {
    "year": year_of_data,
    "sustained": sustained,
    "steps": steps,
}
"""Only when named: they take minutes and gigabytes."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, *ON_DEMAND, []], help="which; all but year if none")
    parser.add_argument("--messages", type=int, default=180_000, help="messages of 12 readings in each lane")
    parser.add_argument("--seconds", type=float, default=20, help="how long latency is measured")
    parser.add_argument("--weeks", type=int, default=52, help="how long the year is")
    parser.add_argument("--readings", type=int, default=1_000_000, help="readings of each course in rules")
    arguments = parser.parse_args()
    logs.configure("text", level=logging.ERROR)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    for name in arguments.names or BENCHMARKS:
        {**BENCHMARKS, **ON_DEMAND}[name](arguments)


if __name__ == "__main__":
    main()
