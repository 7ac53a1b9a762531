"""Captured exchanges: what an instrument was asked and said, as a golden exchange for its profile."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from edge_agent.commissioning.golden_exchange import WrongGolden, decoded, shown
from edge_agent.commissioning.interpretations import TOLERANCE
from edge_agent.lines.shared_bus import RecordedExchange
from edge_agent.modbus.frames import crc16
from edge_agent.modbus.numbered_frames import HEADER
from edge_agent.readings.samples import Measured
from quantrac.config.devices import AnyProfile, BusKind
from quantrac.config.frames import show_hex, show_text
from quantrac.config.modbus import ModbusProfile
from quantrac.config.profiles import HexExchange, TextExchange

MOST_LINES: Final = 12
"""Lines of a talker that are kept, the newest."""
TRANSACTION: Final = b"\x00\x01"
_GOLDEN: Final = re.compile(r"golden:\s*(#.*)?")

AnyExchanges = Sequence[HexExchange] | Sequence[TextExchange]


def as_golden(profile: AnyProfile, kind: BusKind, exchanges: Sequence[RecordedExchange]) -> AnyExchanges:
    """Return what was recorded on a bus of a kind, framed as the profile's golden exchanges are."""
    if isinstance(profile, ModbusProfile):
        by_tcp = profile.protocol == "modbus-tcp"
        return [
            HexExchange(ask=_framed(ask, kind, by_tcp=by_tcp), reply=_framed(reply, kind, by_tcp=by_tcp))
            for ask, reply in exchanges
        ]
    said = [TextExchange(ask=show_text(ask), reply=show_text(reply)) for ask, reply in exchanges]
    return [one for one in said if _is_read(profile, one)][-MOST_LINES:] if profile.is_talker else said


def given(profile: AnyProfile, exchanges: AnyExchanges) -> dict[str, Measured]:
    """Return what the exchanges decode to on paper, without what they do not carry; raises WrongGolden."""
    return decoded(profile, exchanges, profile.signals)


def differing(found: Mapping[str, Measured], displays: Mapping[str, str]) -> list[str]:
    """Return what does not agree with what the display shows, a line each: by half a per cent, or its last digit."""
    lines = []
    for name, text in displays.items():
        display, measured = float(text), found.get(name)
        digit = 10.0 ** -len(text.partition(".")[2])
        if measured is None or measured.value is None:
            lines.append(
                f"{name}: the display shows {text}, the exchange gives {shown(measured) if measured else 'nothing'}"
            )
        elif abs(measured.value - display) > max(TOLERANCE * abs(display), 1.001 * digit):
            lines.append(f"{name}: the display shows {text}, the exchange gives {measured.value:.7g}")
    return lines


def entry(exchanges: AnyExchanges, found: Mapping[str, Measured], note: str) -> str:
    """Return the golden exchange as an item of the list in a profile."""
    lines = ["  - from: captured", f"    note: {json.dumps(note, ensure_ascii=False)}", "    exchanges:"]
    for one in exchanges:
        show = show_hex if isinstance(one, HexExchange) else show_text
        lines += [f"      - ask: {json.dumps(show(one.ask))}", f"        reply: {json.dumps(show(one.reply))}"]
    lines.append("    gives:")
    for name, measured in found.items():
        value = "null" if measured.value is None else f"{measured.value:.9g}"
        lines.append(f"      {name}: [{value}, {measured.state.word}]")
    return "\n".join(lines) + "\n"


def inserted(profile_text: str, item: str) -> str | None:
    """Return the text of a profile with one more golden exchange; None where its `golden:` is no plain list."""
    lines = profile_text.splitlines(keepends=True)
    heads = [number for number, line in enumerate(lines) if _GOLDEN.fullmatch(line.rstrip())]
    if not heads and not re.search(r"(?m)^golden:", profile_text):
        return f"{profile_text.rstrip()}\n\ngolden:\n{item}"
    if len(heads) != 1:
        return None
    ends = (number for number in range(heads[0] + 1, len(lines)) if re.match(r"[A-Za-z]", lines[number]))
    end = next(ends, len(lines))
    while end > heads[0] + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    return "".join([*lines[:end], item, *lines[end:]])


def _framed(frame: bytes, kind: BusKind, *, by_tcp: bool) -> str:
    """Return a recorded frame as RTU or TCP frames it."""
    body = frame[HEADER:] if kind == "modbus-tcp" else frame[:-2]
    if by_tcp:
        return show_hex(TRANSACTION + b"\0\0" + len(body).to_bytes(2, "big") + body)
    return show_hex(body + crc16(body))


def _is_read(profile: AnyProfile, exchange: TextExchange) -> bool:
    """Return whether a talker's line can be read; the first is heard from its middle."""
    try:
        decoded(profile, [exchange], profile.signals)
    except WrongGolden:
        return False
    return bool(exchange.reply.strip())
