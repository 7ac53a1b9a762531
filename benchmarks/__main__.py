"""`python -m benchmarks [NAME…] [--messages N] [--seconds S]`: run benchmarks and print their ratios."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import (
    backtest,
    compression,
    console_charts,
    console_pages,
    edge_agent_process,
    edge_forwarding,
    edge_spool,
    edge_sweep,
    edge_tcp,
    edge_wrong_values,
    floods,
    ingest_steps,
    ingest_sustained,
    ingest_throughput,
    ministry_delay,
    neighbour_agreement,
    public_page,
    quality_comparison,
    quality_ledger,
    reports_made,
    row_to_handover,
    rule_evaluation,
    sensor_to_row,
    standing_alarms,
    turbidity_boosting,
    whole_network,
    year,
)
from benchmarks.network_figures import NetworkLoad
from quantrac.observe import logs

Lines = Iterable[str]
"""What a benchmark has measured, as it is printed."""


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def network(asked: argparse.Namespace) -> Lines:
    """Lags, hand-overs, CPU and memory of the whole chain under stations that publish at their interval."""
    load = NetworkLoad(asked.stations, asked.channels, asked.interval, asked.seconds, asked.statements)
    return whole_network.find(load) if asked.find else [str(whole_network.run(load))]


BENCHMARKS: dict[str, Callable[[argparse.Namespace], Lines]] = {
    "throughput": lambda asked: ingest_throughput.run(asked.messages),
    "public": lambda asked: public_page.run(max(asked.seconds, 20)),
    "latency": lambda asked: sensor_to_row.run(asked.seconds),
    "rules": lambda asked: rule_evaluation.run(asked.readings),
    "spool": lambda asked: edge_spool.run(asked.spooled // 50),
    "cut": lambda _: edge_forwarding.cut_of_six_hours(),
    "edge-sweep": lambda asked: edge_sweep.run(max(asked.seconds, 40)),
    "edge-values": lambda asked: edge_wrong_values.run(max(asked.seconds, 110)),
    "edge-tcp": lambda asked: edge_tcp.run(asked.seconds),
    "edge-agent": lambda asked: edge_agent_process.run(max(asked.seconds, 60)),
}
ON_DEMAND: dict[str, Callable[[argparse.Namespace], Lines]] = {
    "year": lambda asked: year.run(say, asked.weeks),
    "backtest": lambda asked: backtest.run(say, asked.weeks),
    "standing": lambda _: standing_alarms.run(),
    "told": lambda asked: row_to_handover.run(asked.changes),
    "charts": lambda _: console_charts.run(),
    "pages": lambda _: console_pages.run(),
    "compression": lambda asked: compression.run(asked.community),
    "reports": lambda _: reports_made.run(),
    "ministry": lambda asked: ministry_delay.run(max(asked.seconds, 240)),
    "floods": lambda asked: floods.run(asked.seconds),
    "sustained": lambda asked: ingest_sustained.run(max(asked.seconds, 60)),
    "whole-network": network,
    "neighbours": lambda _: neighbour_agreement.run(),
    "boosting": lambda asked: turbidity_boosting.run(asked.data),
    "quality": lambda asked: quality_comparison.run(asked.data, dict(asked.height)),
    "steps": lambda asked: ingest_steps.run(asked.messages),
    "ledger": lambda asked: quality_ledger.run(asked.data),
    "million": lambda asked: edge_forwarding.full_spool(asked.spooled),
}
"""Only when named: they take minutes and gigabytes, or data that are not here."""


def _height(text: str) -> tuple[str, float]:
    name, _, metres = text.rpartition("=")
    return name, float(metres)


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
        "--find", action="store_true", help="whole-network with more and more stations, until people are told late"
    )
    parser.add_argument(
        "--statements", action="store_true", help="name the statements of whole-network that take the most time"
    )
    parser.add_argument("--weeks", type=int, default=52, help="how long the year is")
    parser.add_argument("--readings", type=int, default=1_000_000, help="readings of each course in rules")
    parser.add_argument("--changes", type=int, default=400, help="changes of an alarm in told; at most 800")
    parser.add_argument("--community", metavar="URL", help="server with TimescaleDB Community, for compression")
    parser.add_argument("--spooled", type=int, default=1_000_000, help="messages in the spool of million")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="recorded stations: boosting, quality, ledger")
    parser.add_argument(
        "--height", type=_height, action="append", default=[], metavar="NAME=METRES",
        help="quality: how high above the sea the station of a file lies; may be repeated",
    )  # fmt: skip
    arguments = parser.parse_args()
    if "ledger" in arguments.names and (arguments.data is None or not arguments.data.is_dir()):
        parser.error("ledger: say with --data which folder holds the recorded stations (docs/service-ledger.md)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything that was started is stopped
    logs.configure("text", level=logging.ERROR)
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in arguments.names or BENCHMARKS:
        for line in {**BENCHMARKS, **ON_DEMAND}[name](arguments):
            say(f"{line}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
