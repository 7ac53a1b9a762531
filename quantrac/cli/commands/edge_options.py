"""What the commands about a station share: options, settings, the state folder, reports in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from quantrac.config.settings import Settings

Station = Annotated[str, typer.Option("--station", help="Id of the station, such as st-my-thanh.")]
Wiring = Annotated[
    Path | None, typer.Option(help="File that says where the buses are on this bench; default QUANTRAC_WIRING.")
]
Overlay = Annotated[
    str | None, typer.Option(help="Folder of the configuration laid over it, such as demo; default QUANTRAC_OVERLAY.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]


def settings(**given: Any) -> Settings:
    """Return the settings of the environment with what was given as options."""
    from quantrac.config.settings import Settings

    return Settings().model_copy(update={name: value for name, value in given.items() if value is not None})


def folder_of(station: str) -> Path:
    """Return the state folder of a station."""
    return settings().state_dir / station


def say(found: dict[str, Any], as_json: bool) -> None:
    """Print the report of a spool."""
    if as_json:
        print(json.dumps(found))
        return
    link = "connected" if found["connected"] else "not connected" if found["running"] else "not running"
    print(
        f"{found['station']}: {link}, produced {found['produced']}, acknowledged {found['acknowledged']},"
        f" waiting {found['waiting'] + found['in_memory']}, refused {found['refused']}, lost {found['lost']},"
        f" {found['used_bytes'] / 1e6:.1f} MB, disk {found['disk']}"
    )
    if found.get("undated"):
        print(f"  {found['undated']} records without a time: measured before the clock was set (export --undated)")
    if found.get("unstored"):
        print(f"  {found['unstored']} records were never stored: memory was full while the disk could not be written")
    for device, kinds in found.get("errors", {}).items():
        print(f"  {device}: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))


def say_maintenance(station: str, answer: dict[str, Any], as_json: bool) -> None:
    """Print which devices of a station are in maintenance, and until when."""
    from datetime import UTC, datetime

    if as_json:
        print(json.dumps(answer))
        return
    for name, order in answer["maintenance"].items():
        until = datetime.fromtimestamp(order["until"] / 1000, UTC)
        print(f"{station} {name or 'all devices'}: {order['state']} until {until:%Y-%m-%d %H:%M:%S} UTC")
    if not answer["maintenance"]:
        print(f"{station}: no maintenance")
