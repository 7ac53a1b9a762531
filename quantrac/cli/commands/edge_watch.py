"""`quantrac edge watch`: shows what the running agent reads and sends, live on a terminal, block by block off it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from quantrac.cli.commands.edge_options import clock, missed_lines

if TYPE_CHECKING:
    from rich.console import Group

COLOURS: Final = {
    "ok": "green", "suspect": "yellow", "warmup": "cyan", "maint": "magenta", "cal": "magenta", "range": "yellow",
    "fault": "red", "comm": "red",
}  # fmt: skip
REGISTERS: Final = "registers, or why there is no value"
MINUTE_S: Final = 60
HOUR_S: Final = 3_600
Ask = Callable[[], dict[str, Any]]


def show(ask: Ask, every_s: float) -> None:
    """Show what `ask` returns until Ctrl-C: live on a terminal, else as text."""
    if not sys.stdout.isatty():
        while True:
            print("\n".join(text_of(ask())), flush=True)
            time.sleep(every_s)
    from rich.live import Live

    with Live(table_of(ask()), auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(every_s)
            live.update(table_of(ask()), refresh=True)


def text_of(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one block."""
    yield _link(found)
    for row in found["rows"]:
        raw = f"[{row['raw']}]" if row["raw"] and not row["why"] else row["why"]
        head = f"  {row['device']}/{row['channel']}: {_value(row)}  {row['state'] or '-'}  {_age(row, found)}"
        yield f"{head}  {raw}".rstrip()
    for line in (*_lines_away(found), *missed_lines(found), *_advice(found), *_maintenance(found)):
        yield f"  {line}"


def table_of(found: dict[str, Any]) -> Group:
    """Return the same as a table for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(expand=True)
    for name in ("device", "channel", "value", "state", "age", REGISTERS):
        table.add_column(name, justify="right" if name in ("value", "age") else "left", no_wrap=name != REGISTERS)
    for row in found["rows"]:
        state = Text("lost" if row["lost"] else row["state"] or "-", style=COLOURS.get(row["state"], ""))
        value = Text(_value(row))  # not markup: a unit may be [pH]
        table.add_row(row["device"], row["channel"], value, state, _age(row, found), Text(row["why"] or row["raw"]))
    lines: list[Text | Table] = [Text(_link(found), style="bold" if found["connected"] else "bold red"), table]
    lines += [Text(line, style="bold red") for line in _lines_away(found)]
    lines += [Text(line, style="yellow") for line in missed_lines(found)]
    lines += [Text(line, style="bold yellow") for line in _advice(found)]
    return Group(*lines, *(Text(line, style="magenta") for line in _maintenance(found)))


def _link(found: dict[str, Any]) -> str:
    link = "connected" if found["connected"] else "NOT connected"
    return (
        f"{clock(found['t'])} {found['station']}  uplink {link}  config {found['config'][:12]}  spool: "
        f"{found['waiting'] + found['in_memory']} waiting, {found['acknowledged']} acknowledged, "
        f"{found['refused']} refused, {found['lost']} lost, {found['used_bytes'] / 1e6:.1f} MB, disk {found['disk']}"
    )


def _lines_away(found: dict[str, Any]) -> list[str]:
    return [
        f"line {name}: away for {_span((found['t'] - away['t_ms']) / 1000)}: {away['why']}"
        for name, away in found["lines"].items()
    ]


def _advice(found: dict[str, Any]) -> list[str]:
    waits = [_waits_for_the_clock(found)] if found["undated"] else []
    return [*waits, *(f"{device} {text}" for device, text in found["advice"].items())]


def _waits_for_the_clock(found: dict[str, Any]) -> str:
    """Return why records are kept back: the date of service lies ahead, or nothing has set the clock."""
    if found["t"] >= found["not_before"]:
        return f"{found['undated']} records wait: the clock was not set when they were measured"
    first = f"{datetime.fromtimestamp(found['not_before'] / 1000, UTC):%Y-%m-%d %H:%MZ}"
    return (
        f"{found['undated']} records wait, nothing is sent before {first}: in_service lies ahead, or the clock is slow"
    )


def _maintenance(found: dict[str, Any]) -> list[str]:
    return [
        f"{name or 'all devices'}: {order['state']} until {clock(order['until'])}"
        for name, order in found["maintenance"].items()
    ]


def _value(row: dict[str, Any]) -> str:
    return "-" if row["value"] is None else f"{row['value']:.6g} {row['unit']}"


def _age(row: dict[str, Any], found: dict[str, Any]) -> str:
    return "never" if row["t"] is None else _span(max(0, found["t"] - row["t"]) / 1000)


def _span(seconds: float) -> str:
    """Return a length of time as people say it."""
    if seconds < MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S:.0f} min {seconds % MINUTE_S:.0f} s"
    return f"{seconds // HOUR_S:.0f} h {seconds % HOUR_S / MINUTE_S:.0f} min"
