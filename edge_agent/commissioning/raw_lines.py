"""Raw lines: what comes on a line while nobody asks, whatever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from edge_agent.clocks.clock import NowMs
from edge_agent.lines.serial_bus import open_line
from edge_agent.readings.misses import LineDown
from quantrac.config.frames import show_text
from quantrac.config.stations import Bus

SILENCE_S: Final = 0.1
"""What does not go on for so long is over, without an end of line, too."""
LOOK_S: Final = 1.0
"""How often whole lines are shown while bytes come without a pause."""
LONGEST: Final = 512
TEXT_SHARE: Final = 0.8
"""Below it bytes are no text, as a rule: another speed or parity, or a binary protocol."""


class RawLine(NamedTuple):
    """Bytes that came in one piece."""

    t_ms: int
    raw: bytes

    @property
    def shown(self) -> str:
        """As a profile writes it: `<STX>A;23,4<ETX><CR><LF>`."""
        return show_text(self.raw)

    @property
    def is_text(self) -> bool:
        """Whether most of it is printable ASCII or an end of line."""
        return sum(0x20 <= byte < 0x7F or byte in b"\x02\x03\t\r\n" for byte in self.raw) >= TEXT_SHARE * len(self.raw)


def listen(place: Bus, limit_s: float, say: Callable[[RawLine], None], clock: NowMs) -> None:
    """Tell each line or piece that comes within `limit_s`; blocking. Raises LineDown."""
    asyncio.run(_listen(place, limit_s, say, clock))


async def _listen(place: Bus, limit_s: float, say: Callable[[RawLine], None], clock: NowMs) -> None:
    line, loop = open_line(place), asyncio.get_running_loop()
    await line.open()
    try:
        until, rest = loop.time() + limit_s, b""
        while (left_s := until - loop.time()) > 0:
            rest += await line.be_quiet(min(left_s, LOOK_S), SILENCE_S)
            is_over = loop.time() - line.last_byte > SILENCE_S or loop.time() >= until
            whole, rest = pieces(rest, is_over=is_over)
            for raw in whole:
                say(RawLine(clock(), raw))
            if not line.is_open:
                raise LineDown(f"{place.place}: went away")
    finally:
        line.close()


def pieces(heard: bytes, *, is_over: bool) -> tuple[list[bytes], bytes]:
    """Return the lines in what was heard, and what may go on; with `is_over` nothing goes on."""
    lines = [line[at : at + LONGEST] for line in heard.splitlines(keepends=True) for at in range(0, len(line), LONGEST)]
    ends = is_over or (bool(lines) and lines[-1].endswith(b"\n"))
    return (lines, b"") if ends or not lines else (lines[:-1], lines[-1])
