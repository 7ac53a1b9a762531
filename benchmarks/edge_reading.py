"""Benchmarks of reading instruments, as `./dev bench` prints them: each with its baseline in the same run."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Final

from benchmarks import edge_agent_process, edge_sweep, edge_tcp, edge_wrong_values

SHOWN: Final = 5
"""Wrong values that are shown."""


def sweep(arguments: argparse.Namespace) -> None:
    """How near an RTU sweep comes to its wire time, and what a dead device costs the line."""
    found, dead = edge_sweep.run(max(arguments.seconds, 40))
    _say(
        f"sweep of four at 9600 baud  {found.taken_ms:.0f} ms (worst of {found.sweeps} {found.worst_ms:.0f}),"
        f" {found.taken_ms / found.wire_ms:.3f} x the wire time of its {found.requests} requests and"
        f" {found.registers} registers ({found.wire_ms:.0f} ms)"
    )
    _say(f"one request a register      {found.singles_ms:.0f} ms, {found.singles_ms / found.taken_ms:.1f} x the sweep")
    _say(
        f"one of the four dead        line used {dead.busy_ms:.0f} ms a sweep,"
        f" {dead.busy_ms / dead.healthy_busy_ms:.2f} x all alive ({dead.healthy_busy_ms:.0f} ms);"
        f" of the other three {100 * dead.delivered:.1f} % of the readings and"
        f" {100 * dead.samples:.1f} % of the samples came in {dead.seconds:.0f} s"
    )


def values(arguments: argparse.Namespace) -> None:
    """Whether late and garbled answers ever make a wrong value, and what bad devices and their neighbours deliver."""
    found = edge_wrong_values.never_wrong(max(arguments.seconds, 110))
    _say(
        f"late and garbled answers    {found.exchanges:,} exchanges, {found.late:,} late, {found.damaged:,} damaged:"
        f" {found.values:,} values delivered, {found.wrong} wrong"
    )
    for example in found.examples[:SHOWN]:
        _say(f"  wrong: {example}")
    beside = edge_wrong_values.neighbours(max(arguments.seconds, 110))
    shares = ", ".join(f"{name} {100 * share:.1f} %" for name, share in beside.delivered.items())
    _say(f"slow, garbling and dead     {shares} delivered; {beside.values:,} values, {beside.wrong} wrong")


def tcp(arguments: argparse.Namespace) -> None:
    """Register values a second by Modbus TCP through one agent, beside bare pymodbus."""
    found = edge_tcp.run(arguments.seconds)
    _say(
        f"Modbus TCP                  {found.values:,.0f} values/s of {edge_tcp.OFFERED:,} offered"
        f" ({100 * found.delivered:.1f} % of the readings), {100 * found.core:.1f} % of a core:"
        f" {1e6 * found.core / found.values:.1f} us a value, bare pymodbus"
        f" {1e6 * found.bare_core / edge_tcp.OFFERED:.1f} us"
    )


def agent(arguments: argparse.Namespace) -> None:
    """Memory and processor of the whole agent with ten devices read and sent each second."""
    found = edge_agent_process.run(max(arguments.seconds, 60))
    _say(
        f"agent, ten devices each s   {found.rss_mb:.1f} MB (at most {found.most_mb:.1f}; its modules alone"
        f" {found.imports_mb:.1f}), {100 * found.core:.1f} % of a core over {found.seconds:.0f} s; {found.messages}"
        f" messages, {found.readings} readings, {100 * found.valid:.1f} % valid"
        + "".join(f"; {count} of {name} without a value" for name, count in found.without.items())
    )


def _say(text: str) -> None:
    print(f"{text}; load {os.getloadavg()[0]:.1f}", flush=True)


BENCHMARKS: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    "edge-sweep": sweep,
    "edge-values": values,
    "edge-tcp": tcp,
    "edge-agent": agent,
}
