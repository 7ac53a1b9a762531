"""Text search: who talks by himself on a line, and which SDI-12 addresses answer on it."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from edge_agent.lines.byte_line import ByteLine
from edge_agent.readings.misses import Garbled, NoAnswer

SDI12_ADDRESSES: Final = string.digits
"""Sensors come with 0; installers use 1-9 (SDI-12 1.4, 4.4.4: other addresses only where ten are not enough)."""
ANSWER_S: Final = 0.35
LONGEST: Final = 512
LEAST_TEXT: Final = 4
"""So many printable characters are somebody who talks, fewer may be noise."""
LONGEST_TEXT: Final = 60
_ANSWER: Final = re.compile(r"([0-9A-Za-z])\s*")
_IDENTITY: Final = re.compile(r"[0-9A-Za-z](\d)(\d)(.{8})(.{6})(.{3})(.*)")


class HeardText(NamedTuple):
    """Text that came while nothing was asked."""

    text: str
    """Printable; empty if there is none."""
    noise: bytes
    """Bytes that are no text."""


async def hear(line: ByteLine, for_s: float) -> HeardText:
    """Return what an open line says by itself: the first line of text, however it ends, or noise."""
    try:
        raw = await line.read_until(b"\n", for_s, LONGEST)
    except NoAnswer:
        return HeardText("", b"")
    except Garbled as garbled:
        raw = garbled.heard
    text = re.sub(r"[\x00-\x1f]+", " ", raw.decode("latin-1")).strip()
    if text.isascii() and text.isprintable() and len(text) >= LEAST_TEXT:
        return HeardText(text[:LONGEST_TEXT], b"")
    return HeardText("", raw)


class Sdi12Answers:
    """Asks for SDI-12 sensors on an open line, whether its adapter repeats what is sent or not."""

    def __init__(self, line: ByteLine, is_over: Callable[[], bool]) -> None:
        self._line, self._is_over = line, is_over
        self.echoes = False
        """The adapter repeats what is sent."""
        self.noise = b""

    async def addresses(self, asked: Sequence[str] = SDI12_ADDRESSES) -> list[str]:
        """Return who answers `?!` (all do, so only one alone is understood) and `a!`, each asked twice."""
        found: dict[str, None] = {}
        for command in ("?!", "?!", *(f"{address}!" for address in (*asked, *asked) if address not in found)):
            if self._is_over() or command[0] in found:
                continue
            for answer in await self._ask(command):
                if match := _ANSWER.fullmatch(answer):
                    found[match[1]] = None
        return sorted(found)

    async def identity(self, address: str) -> str:
        """Return version, maker and model as a sensor says (`aI!`; SDI-12 1.4, 4.4.3), empty if it does not."""
        for answer in [one for _ in range(2) for one in await self._ask(f"{address}I!")]:
            if match := _IDENTITY.fullmatch(answer):
                words = " ".join(part.strip() for part in match.groups()[2:] if part.strip())
                return f"SDI-12 {match[1]}.{match[2]} {words}"
        return ""

    async def _ask(self, command: str) -> list[str]:
        """Return the lines that answer a command, without its echo."""
        self._line.discard()
        self._line.write(command.encode("ascii"))
        try:
            raw = await self._line.read_until(b"\n", ANSWER_S, LONGEST)
        except NoAnswer:
            return []
        except Garbled as garbled:
            raw = garbled.heard
        text = raw.replace(b"\0", b"").replace(b"\xff", b"").decode("latin-1")
        if text.lstrip().startswith(command):
            self.echoes = True
            text = text.lstrip().removeprefix(command)
        if not text.isascii():
            self.noise = raw
            return []
        return [line.strip() for line in text.splitlines() if line.strip()]
