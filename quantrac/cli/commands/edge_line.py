"""`quantrac edge probe --port`: finds the instruments on a line and shows what their registers can mean."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from pydantic_core import PydanticCustomError

from quantrac.cli.commands.edge_options import clock_ms
from quantrac.config.devices import BusKind
from quantrac.config.fields import parse_line
from quantrac.config.profile_files import load_profile
from quantrac.telemetry.errors import QuantracError

if TYPE_CHECKING:
    from edge_agent.commissioning.interpretations import Interpretation

BASES = {0: "from 0", 1: "from 1"}


class LineOptions(NamedTuple):
    """The options of the command."""

    port: str
    line: str
    rtu: bool
    scan: bool
    units: str | None
    unit: int
    register: int | None
    table: str
    type: str | None
    expect: float | None
    profile: Path | None
    timeout_ms: int
    limit_s: float
    as_json: bool


class Nothing(QuantracError):
    """Nobody answered."""


def look_round(wish: LineOptions) -> None:
    """Look round on a port, or read registers or a profile of one unit."""
    if wish.scan:
        _scan(wish)
    elif wish.profile is not None:
        _read_profile(wish)
    elif wish.register is not None:
        _read_registers(wish)
    else:
        raise typer.BadParameter("--port needs --scan, --register or --profile")


def _scan(wish: LineOptions) -> None:
    from edge_agent.commissioning.line_search import COMMON, LinePlace, find

    place = LinePlace.parse(wish.port)
    lines = [wish.line] if wish.line else list(COMMON)
    found = find(
        place, units=_units(wish.units), lines=lines, limit_s=wish.limit_s, clock=clock_ms,
        say=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip
    for one in found:
        if wish.as_json:
            print(json.dumps(one._asdict()))
        else:
            print(f"{one.kind} {one.line} address {one.address or '-'}: {one.said}".replace("  ", " "))
    if not found:
        raise Nothing(f"{place.text}: nobody answered; are A and B crossed, is it powered, is it the right port?")


def _read_registers(wish: LineOptions) -> None:
    from edge_agent.commissioning.interpretations import TYPES, best, readings
    from edge_agent.commissioning.line_search import LinePlace, read_words
    from edge_agent.modbus.codec import NUMBER_TYPES, width
    from edge_agent.modbus.request_plan import Function, RegisterSpan

    assert wish.register is not None
    if wish.type is not None and wish.type not in NUMBER_TYPES:
        raise typer.BadParameter(f"--type: found {wish.type!r}, allowed {', '.join(NUMBER_TYPES)}")
    types = [kind for kind in NUMBER_TYPES if kind == wish.type] or list(TYPES)
    first = max(0, wish.register - 1)
    function = Function.INPUT if wish.table == "input" else Function.HOLDING
    span = RegisterSpan(function, first, wish.register - first + max(map(width, types)))
    place = LinePlace.parse(wish.port)
    words = asyncio.run(read_words(place, _kind(wish), _line(wish), wish.unit, span, wish.timeout_ms, clock_ms))
    found = readings(words, wish.register, types, wish.expect)
    chosen = best(found)
    if wish.as_json:
        rows = [one._asdict() for one in found]
        print(json.dumps({"registers": {f"{at}": f"{word:04X}" for at, word in words.items()}, "readings": rows}))
    else:
        print(f"unit {wish.unit}, {wish.table} registers, wire addresses:")
        print("  " + "  ".join(f"{at}: {word:04X}" for at, word in sorted(words.items())))
        _show(found)
        _conclude(wish, chosen)
    if wish.expect is not None and not any(one.mark == "match" for one in found):
        raise Nothing(f"nothing at {wish.register} reads {wish.expect:g}: another register, table or type?")


def _show(found: list[Interpretation]) -> None:
    """Print a row a type and address base, the byte orders side by side; * marks the plausible, = what matches."""
    print(
        f"{'type':<9}{'counts':<8}{'raw':<12}" + "".join(f"{order:>16}" for order in ("ABCD", "CDAB", "BADC", "DCBA"))
    )
    rows: dict[tuple[str, int, str], dict[str, str]] = {}
    signs = {"match": "=", "plausible": "*", "": " "}
    for one in found:
        value = "-" if one.value is None else f"{one.value:.7g}"
        rows.setdefault((one.type, one.base, one.raw), {})[one.order] = value + signs[one.mark]
    for (kind, base, raw), cells in rows.items():
        values = "".join(f"{cells.get(order, ' '):>16}" for order in ("ABCD", "CDAB", "BADC", "DCBA"))
        print(f"{kind:<9}{BASES[base]:<8}{raw:<12}{values}".rstrip())


def _conclude(wish: LineOptions, chosen: list[Interpretation]) -> None:
    for one in chosen:
        scale = "" if one.scale == 1.0 else f", scale: {one.scale:g}"
        word = f"reads {wish.expect:g}" if one.mark == "match" else f"plausible, {one.value:.7g}"
        print(
            f"{word}: address_base: {one.base}, at: {wish.register}, read: {wish.table}, "
            f"type: {one.type}, order: {one.order}{scale}"
        )


def _read_profile(wish: LineOptions) -> None:
    from edge_agent.commissioning.line_search import LinePlace, bus_at
    from edge_agent.commissioning.probe import read_profile

    assert wish.profile is not None

    bus = bus_at(LinePlace.parse(wish.port), _kind(wish), _line(wish))
    rows = read_profile(load_profile(wish.profile), bus, wish.unit, wish.timeout_ms, clock_ms)
    for row in rows:
        if wish.as_json:
            print(json.dumps(row._asdict()))
        else:
            value = "-" if row.value is None else f"{row.value:g} {row.unit}"
            print(f"{row.signal}: {value}  {row.state}  {row.raw}  {row.why}".rstrip())
    if all(row.why for row in rows):
        raise typer.Exit(1)


def _kind(wish: LineOptions) -> BusKind:
    if "/" in wish.port or ":" not in wish.port:
        return "modbus-rtu"
    return "modbus-rtu-tcp" if wish.rtu else "modbus-tcp"


def _line(wish: LineOptions) -> Any:
    if _kind(wish) != "modbus-rtu":
        return None
    try:
        return parse_line(wish.line or "9600 8N1")
    except PydanticCustomError as error:
        raise typer.BadParameter(f"--line: found {wish.line!r}, allowed {error.message()}") from error


def _units(text: str | None) -> list[int] | None:
    if text is None:
        return None
    first, _, last = text.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal():
        raise typer.BadParameter(f"--units: found {text!r}, allowed a number or a range such as 1-20")
    return list(range(int(first), int(last or first) + 1))
