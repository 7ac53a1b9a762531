"""Options and reports that the commands about a station share: settings, the state folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from quantrac.cli.arguments import duration
from quantrac.config.settings import Settings

Station = Annotated[str, typer.Option("--station", help="Id of the station, such as st-my-thanh.")]
Wiring = Annotated[
    Path | None, typer.Option(help="File that says where the buses are on this bench; default QUANTRAC_WIRING.")
]
Within = Annotated[
    float,
    duration("Time such as 150s in which it must deliver what the old one did, or it is taken back.", default="5m"),
]
Overlay = Annotated[
    str | None, typer.Option(help="Folder of the configuration laid over it, such as demo; default QUANTRAC_OVERLAY.")
]


def settings(**given: Any) -> Settings:
    """Return the settings of the environment with what was given as options."""
    return Settings().model_copy(update={name: value for name, value in given.items() if value is not None})


def clock_ms() -> int:
    """Return the wall clock, milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def folder_of(station: str) -> Path:
    """Return the state folder of a station."""
    return settings().state_dir / station


def spool_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield the report of a spool in words."""
    link = "connected" if found["connected"] else "not connected" if found["running"] else "not running"
    yield (
        f"{found['station']}: {link}, produced {found['produced']}, acknowledged {found['acknowledged']},"
        f" waiting {found['waiting'] + found['in_memory']}, refused {found['refused']}, lost {found['lost']},"
        f" {found['used_bytes'] / 1e6:.1f} MB, disk {found['disk']}"
    )
    if found.get("undated"):
        yield f"  {found['undated']} records without a time: measured before the clock was set (export --undated)"
    if found.get("unstored"):
        yield f"  {found['unstored']} records were never stored: memory was full while the disk could not be written"
    yield from (f"  {line}" for line in missed_lines(found))


def missed_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield what each device and bus missed, and its newest reason; of a line that is away it is told elsewhere."""
    away, reasons = found.get("lines", {}), found.get("reasons", {})
    for name, kinds in found.get("errors", {}).items():
        last = None if name in away else reasons.get(name)
        newest = f"; at {clock(last['t_ms'])}: {last['why']}" if last else ""
        yield f"{name} missed: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()) + newest


def clock(t_ms: int) -> str:
    """Return the time of day of ms since 1970, UTC."""
    return f"{datetime.fromtimestamp(t_ms / 1000, UTC):%H:%M:%S}Z"


def maintenance_lines(station: str, reply: dict[str, Any]) -> Iterator[str]:
    """Yield which devices of a station are in maintenance, and until when."""
    for name, order in reply["maintenance"].items():
        until = datetime.fromtimestamp(order["until"] / 1000, UTC)
        yield f"{station} {name or 'all devices'}: {order['state']} until {until:%Y-%m-%d %H:%M:%S} UTC"
    if not reply["maintenance"]:
        yield f"{station}: no maintenance"


def reload_line(station: str, reply: dict[str, Any]) -> str:
    """Return what became of a new configuration."""
    more = f"; {reply['why']}" if "why" in reply else ""
    if waiting := ", ".join(reply["changes"]["at_next_start"]):
        more += f"; {waiting} not in force until the agent starts again: systemctl restart quantrac-edge@{station}"
    return f"{station}: {reply['outcome']}; {reply['said']}{more}"


def is_in_force(reply: dict[str, Any]) -> bool:
    """Whether all of a new configuration holds now."""
    return reply.get("outcome") in ("confirmed", "unchanged")
