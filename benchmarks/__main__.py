"""`python -m benchmarks [NAME…] [--messages N] [--seconds S]`: run benchmarks and print their ratios."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable

from benchmarks import ingest_throughput, sensor_to_row, year
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


def latency(arguments: argparse.Namespace) -> None:
    """Milliseconds from sensor to row at 1,000 messages a second."""
    median, p99, messages = sensor_to_row.run(arguments.seconds)
    print(f"sensor to row          median {median:.0f} ms, p99 {p99:.0f} ms of {messages} messages", flush=True)


def year_of_data(arguments: argparse.Namespace) -> None:
    """Milliseconds of every query behind dashboard and console, over a year of the six stations."""
    for name, median, p95, rows in year.run(lambda line: print(line, flush=True), arguments.weeks):
        print(f"{name:32} median {median:6.1f} ms, p95 {p95:6.1f} ms, {rows} rows", flush=True)


BENCHMARKS: dict[str, Callable[[argparse.Namespace], None]] = {"throughput": throughput, "latency": latency}
ON_DEMAND: dict[str, Callable[[argparse.Namespace], None]] = {"year": year_of_data}
"""Only when named: they take minutes and gigabytes."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, *ON_DEMAND, []], help="which; all but year if none")
    parser.add_argument("--messages", type=int, default=180_000, help="messages of 12 readings in each lane")
    parser.add_argument("--seconds", type=float, default=20, help="how long latency is measured")
    parser.add_argument("--weeks", type=int, default=52, help="how long the year is")
    arguments = parser.parse_args()
    logs.configure("text", level=logging.ERROR)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    for name in arguments.names or BENCHMARKS:
        {**BENCHMARKS, **ON_DEMAND}[name](arguments)


if __name__ == "__main__":
    main()
