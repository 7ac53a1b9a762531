"""A line of bytes over a serial port or TCP: write, read up to an end within a time, keep quiet."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final

from edge_agent.readings.misses import Garbled, LineDown, NoAnswer

LONGEST: Final = 4096
"""Bytes kept without a reader; more is noise."""
STALE_S: Final = 2.0
"""A line that has begun and does not go on for so long is over."""


class ByteLine(ABC):
    """One line, used by the one task that owns its bus."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._heard = bytearray()
        self._news = asyncio.Event()
        self.last_byte = 0.0
        """Loop time of the last byte."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether bytes can come and go."""

    @abstractmethod
    async def open(self) -> None:
        """Open it for ourselves alone; raises LineDown with the reason. Does nothing if it is open."""

    @abstractmethod
    def close(self) -> None:
        """Close it."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send bytes; raises LineDown. Requests are shorter than any driver's buffer, so this does not wait."""

    def discard(self) -> bytes:
        """Return and forget what came unasked."""
        heard = bytes(self._heard)
        self._heard.clear()
        return heard

    async def read_until(self, end: bytes, timeout_s: float, longest: int, more: int = 0) -> bytes:
        """Return what comes up to and including `end`, and `more` bytes behind it.

        Raises:
            NoAnswer: nothing came in time.
            Garbled: something came but no end, or more than `longest` bytes without one.
            LineDown: the port or connection went away.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            if (taken := self._taken(end, more)) is not None:
                return taken
            if end not in self._heard and len(self._heard) > longest:
                heard = self.discard()
                raise Garbled(f"more than {longest} bytes without an end: {heard[:40]!r}", heard)
            if not await self._wait_for_news(deadline):
                heard = self.discard()
                raise (
                    Garbled(f"only {heard[:40]!r} within {timeout_s:.1f} s", heard)
                    if heard
                    else NoAnswer(f"no answer within {timeout_s:.1f} s")
                )

    async def next_line(self, end: bytes, timeout_s: float, longest: int, more: int = 0) -> bytes | None:
        """Return the next line of a talker with `more` bytes behind its end, None if none is whole within `timeout_s`.

        What has come of a line is kept for the next call. Raises Garbled (it stopped in the middle, or never ends) and
        LineDown.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            if (taken := self._taken(end, more)) is not None:
                return taken
            if len(self._heard) > longest or (self._heard and loop.time() - self.last_byte > STALE_S):
                raise Garbled(f"{len(self._heard)} bytes without an end: {self.discard()[:40]!r}")
            if not await self._wait_for_news(deadline):
                return None

    async def be_quiet(self, guard_s: float, silence_s: float) -> bytes:
        """Stay silent for `guard_s`, or until bytes came and then none for `silence_s`; return what came."""
        loop = asyncio.get_running_loop()
        end, came = loop.time() + guard_s, b""
        while (now := loop.time()) < end:
            came += self.discard()
            if came and now - self.last_byte > silence_s:
                break
            await asyncio.sleep(min(0.02, end - now))
        return came + self.discard()

    def _taken(self, end: bytes, more: int = 0) -> bytes | None:
        """Take what came up to `end` and `more` bytes behind it, None if that is not whole; raises LineDown."""
        at = self._heard.find(end)
        if at >= 0 and len(self._heard) >= at + len(end) + more:
            taken = bytes(self._heard[: at + len(end) + more])
            del self._heard[: len(taken)]
            return taken
        if not self.is_open:
            raise LineDown(f"{self._place}: went away")
        return None

    def _forget(self) -> None:
        """Begin afresh after opening."""
        self._heard.clear()
        self._news.clear()

    def _took(self, data: bytes) -> None:
        """Keep bytes that came."""
        self._heard += data
        del self._heard[:-LONGEST]
        self.last_byte = asyncio.get_running_loop().time()
        self._news.set()

    def _went_away(self) -> None:
        """Wake the reader: the bytes that it waits for will not come."""
        self._news.set()

    async def _wait_for_news(self, deadline: float) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout_at(deadline):
                await self._news.wait()
        except TimeoutError:
            return False
        return True
