"""`quantrac edge probe --port`: finds the instruments on a line and shows what their registers can mean."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer
from pydantic_core import PydanticCustomError

from quantrac.cli.commands.edge_capture import CaptureWish, write_capture
from quantrac.cli.commands.edge_options import clock_ms
from quantrac.config.devices import PROTOCOLS, Address, BusKind
from quantrac.config.fields import LineSettings, parse_line
from quantrac.config.modbus import ModbusProfile
from quantrac.config.profile_files import load_profile
from quantrac.config.stations import Bus
from quantrac.telemetry.errors import QuantracError

if TYPE_CHECKING:
    from edge_agent.commissioning.interpretations import Interpretation
    from edge_agent.commissioning.line_search import Discovery
    from edge_agent.commissioning.probe import ProfileReading

TIMEOUT_MS = 1_500
"""For an answer, where no profile says it."""
LAST_UNIT = 247
BASES = {0: "from 0", 1: "from 1"}


class LineOptions(NamedTuple):
    """The options of the command."""

    port: str
    line: str
    framing: str | None
    echo: bool
    scan: bool
    listen: bool
    units: str | None
    unit: int
    address: str | None
    register: int | None
    table: str
    type: str | None
    expect: float | None
    profile: Path | None
    timeout_ms: int | None
    limit_s: float
    as_json: bool
    capture: CaptureWish | None = None


class Nothing(QuantracError):
    """Nobody answered."""


def look_round(wish: LineOptions) -> None:
    """Look round on a port, listen, or read registers or a profile of one instrument."""
    if not (wish.scan or wish.listen) and _modbus(wish) != "modbus-tcp" and not 1 <= wish.unit <= LAST_UNIT:
        raise typer.BadParameter(f"--unit: found {wish.unit}, allowed 1-{LAST_UNIT} on a serial line")
    if wish.scan:
        _scan(wish)
    elif wish.listen:
        _listen(wish)
    elif wish.profile is not None:
        _read_profile(wish)
    elif wish.register is not None:
        _read_registers(wish)
    else:
        raise typer.BadParameter("--port needs --scan, --listen, --register or --profile")


def _scan(wish: LineOptions) -> None:
    from edge_agent.commissioning.line_place import LinePlace
    from edge_agent.commissioning.line_search import find

    place, units, lines = LinePlace.parse(wish.port), _units(wish.units), [wish.line] if wish.line else []
    if lines:
        _line(wish, "")  # refuses what are no settings
    if place.port is not None and units is not None and not all(1 <= unit <= LAST_UNIT for unit in units):
        raise typer.BadParameter(f"--units: found {wish.units!r}, allowed 1-{LAST_UNIT} on a serial line")
    searched = find(
        place, units=units, lines=lines, limit_s=wish.limit_s, clock=clock_ms,
        say=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip
    for one in searched.found or searched.noise:
        if wish.as_json:
            print(json.dumps(one._asdict()))
        else:
            print(f"{one.kind} {one.line} address {one.address or '-'}: {one.said}".replace("  ", " "))
    if searched.found:
        print(f"next: {_next_command(wish, searched.found[0])}", file=sys.stderr)
    if searched.noise and not searched.found:
        heard = ", ".join(one.line or "the network" for one in searched.noise)
        raise Nothing(
            f"{place.text}: nobody answered in a frame, but bytes came ({heard}): another speed, parity or protocol, "
            "two units of one address, or a bad cable"
        )
    if not searched.found:
        raise Nothing(
            f"{place.text}: not a byte came, nobody answered; are A and B crossed, is it powered, is it the right port?"
        )


def _next_command(wish: LineOptions, found: Discovery) -> str:
    """Return what to type next about something that was found."""
    command = f"quantrac edge probe --port {wish.port}" + (f" --line '{found.line}'" if found.line else "")
    if found.kind == "sdi-12":
        return f"{command} --address {found.address} --profile station_configs/devices/NAME.yaml"
    if found.kind == "ascii":
        return f"{command} --listen"
    framing = {"modbus-ascii": " --framing ascii", "modbus-rtu-tcp": " --framing rtu"}.get(found.kind, "")
    table = " --table input" if found.said.startswith("input") else ""
    return f"{command}{framing} --unit {found.address}{table} --register NUMBER --expect WHAT_ITS_DISPLAY_SHOWS"


def _listen(wish: LineOptions) -> None:
    """Show what comes, as a profile would write it, until the time is over or Ctrl-C."""
    from edge_agent.commissioning.raw_lines import RawLine, listen

    heard: list[bool] = []

    def show(line: RawLine) -> None:
        heard.append(line.is_text)
        if wish.as_json:
            print(json.dumps({"t": line.t_ms, "text": line.shown, "hex": line.raw.hex(" ")}), flush=True)
        else:
            moment = datetime.fromtimestamp(line.t_ms / 1000, UTC)
            print(f"{moment:%H:%M:%S}.{line.t_ms % 1000:03d}  {line.shown}", flush=True)

    bus = _bus(wish, "ascii", wish.line or "9600 8N1")
    with suppress(KeyboardInterrupt):
        listen(bus, wish.limit_s, show, clock_ms)
    if not heard:
        raise Nothing(
            f"{bus.place}: nothing came within {wish.limit_s:g} s; an instrument that is asked says nothing by itself, "
            "else: is it powered, are A and B crossed, is it the right port?"
        )
    if not any(heard):
        print(
            "bytes came, but no text: other line settings (--line), or a binary protocol such as Modbus",
            file=sys.stderr,
        )


def _read_registers(wish: LineOptions) -> None:
    from edge_agent.commissioning.interpretations import TYPES, best, readings
    from edge_agent.commissioning.line_place import LinePlace, read_words
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
    timeout_ms = wish.timeout_ms or TIMEOUT_MS
    words = asyncio.run(
        read_words(place, _modbus(wish), _line(wish, "9600 8N1"), wish.unit, span, timeout_ms, clock_ms)
    )
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
    from edge_agent.commissioning.probe import read_profile

    assert wish.profile is not None
    profile = load_profile(wish.profile)
    protocol = PROTOCOLS[profile.protocol]
    kind = _modbus(wish) if protocol.profile is ModbusProfile else protocol.bus_kinds[0]
    factory = profile.line
    settings = f"{factory.baud} {factory.bits}{factory.parity}{factory.stop}" if factory else "9600 8N1"
    bus = _bus(wish, kind, wish.line or settings)
    address = wish.unit if protocol.profile is ModbusProfile else _address(wish.address, profile.protocol)
    reading = read_profile(profile, bus, address, wish.timeout_ms or profile.timeout_ms, clock_ms)
    show_reading(reading, as_json=wish.as_json)
    if wish.capture is not None:
        write_capture(wish.capture, profile, bus.kind, reading)


def show_reading(reading: ProfileReading, *, as_json: bool) -> None:
    """Print each signal; exit code 1 if none came."""
    for row in reading.signals:
        if as_json:
            print(json.dumps(row._asdict()))
        else:
            value = "-" if row.value is None else f"{row.value:g} {row.unit}"
            print(f"{row.signal}: {value}  {row.state}  {row.raw}  {row.why}".rstrip())
    if all(row.state == "comm" for row in reading.signals):
        raise typer.Exit(1)


def _address(text: str | None, protocol: str) -> Address:
    """Return the address of an instrument that speaks a protocol of text: as given, or the usual one."""
    addresses, has_address = PROTOCOLS[protocol].addresses, PROTOCOLS[protocol].has_address
    usual: list[Address] = [None, "0"]
    given: list[Address] = usual if text is None else [text, int(text) if text.isdecimal() else text]
    for address in given:
        if has_address(address):
            return address
    raise typer.BadParameter(f"--address: found {text!r}, allowed {addresses}")


def _bus(wish: LineOptions, kind: BusKind, line: str) -> Bus:
    from edge_agent.commissioning.line_place import LinePlace, bus_at

    bus = bus_at(LinePlace.parse(wish.port), kind, _line(wish, line))
    return bus.model_copy(update={"echo": wish.echo})


def _is_network(wish: LineOptions) -> bool:
    return "/" not in wish.port and ":" in wish.port


def _modbus(wish: LineOptions) -> BusKind:
    """Return how Modbus is framed there."""
    kinds: dict[str | None, BusKind] = {
        None: "modbus-tcp" if _is_network(wish) else "modbus-rtu",
        "rtu": "modbus-rtu-tcp" if _is_network(wish) else "modbus-rtu",
        "ascii": "modbus-ascii",
    }
    if wish.framing not in kinds:
        raise typer.BadParameter(f"--framing: found {wish.framing!r}, allowed rtu, ascii")
    return kinds[wish.framing]


def _line(wish: LineOptions, usual: str) -> LineSettings | None:
    """Return the settings of a serial port."""
    if _is_network(wish):
        return None
    try:
        return parse_line(wish.line or usual)
    except PydanticCustomError as error:
        raise typer.BadParameter(f"--line: found {wish.line!r}, allowed {error.message()}") from error


def _units(text: str | None) -> list[int] | None:
    if text is None:
        return None
    first, _, last = text.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal():
        raise typer.BadParameter(f"--units: found {text!r}, allowed a number or a range such as 1-20")
    return list(range(int(first), int(last or first) + 1))
