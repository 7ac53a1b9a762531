"""`python -m benchmarks [--messages N]`: run every benchmark and print its ratios."""

from __future__ import annotations

import argparse
import os

from benchmarks import ingest_throughput


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--messages", type=int, default=180_000, help="messages of 12 readings in each lane")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    baseline = 0.0
    for lane, rate, cpu in ingest_throughput.run(arguments.messages):
        baseline = baseline or rate
        print(f"{lane:22} {rate:>9,.0f} readings/s  {rate / baseline:5.2f} x COPY  "
              f"ingest CPU {cpu:5.2f} s a million", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
