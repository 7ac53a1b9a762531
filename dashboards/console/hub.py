"""The stream for all open pages: encodes each event once and hands it to every listener."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

QUEUE: Final = 64
"""Events a slow page may lag behind before it is cut off; it connects again and gets everything."""

FRESH_S: Final = 3.0
"""What was seen longer ago is shown to nobody who comes: the page would take it for the present."""

encode: Final = msgspec.json.Encoder().encode


def event(name: str, data: Any) -> bytes:
    """Return one server-sent event."""
    return b"event: " + name.encode() + b"\ndata: " + encode(data) + b"\n\n"


Part = frozenset[str] | None
"""The stations that a page may show; None: the whole network."""


@dataclass(slots=True)
class _Listener:
    part: Part
    values: bool
    """Whether it shows values of channels."""
    has_everything: bool
    """Whether it has been sent everything, so that news are enough."""


class Hub:
    """Belongs to the event loop that serves the pages; `publish_threadsafe` may be called from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._listeners: dict[asyncio.Queue[bytes | None], _Listener] = {}
        self._everything: dict[tuple[Part, bool], bytes] = {}
        """By part, and whether values of channels are in it."""
        self._published_at = -math.inf
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def listeners(self) -> int:
        """How many pages listen now."""
        return len(self._listeners)

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say which event loop serves the pages."""
        self._loop = loop

    @property
    def parts(self) -> frozenset[Part]:
        """The parts of the network that are listened to, and the whole; may be asked from any thread."""
        return frozenset((None, *(listener.part for listener in tuple(self._listeners.values()))))

    def publish_threadsafe(self, everything: bytes, news: bytes, part: Part = None, *, values: bool = True) -> None:
        """Keep everything of a part for pages that come soon, and send the news to those that are here.

        `values`: for pages with values of channels, or for those without.
        """
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._publish, everything, news, part, values)

    def close_threadsafe(self) -> None:
        """End every stream."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._close)

    async def listen(self, part: Part = None, *, values: bool = True) -> AsyncIterator[bytes]:
        """Yield everything, at once if it is fresh, then the news as they come; ends when this listener is too slow."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE)
        is_fresh = (part, values) in self._everything and self._clock() - self._published_at < FRESH_S
        if is_fresh:
            queue.put_nowait(self._everything[part, values])
        self._listeners[queue] = _Listener(part, values, is_fresh)
        try:
            while (news := await queue.get()) is not None:
                yield news
        finally:
            self._listeners.pop(queue, None)

    def _close(self) -> None:
        for queue in self._listeners:
            _put(queue, None)

    def _publish(self, everything: bytes, news: bytes, part: Part, values: bool) -> None:
        if part is None and values:  # a look begins with it
            self._everything.clear()
        self._everything[part, values], self._published_at = everything, self._clock()
        for queue, listener in tuple(self._listeners.items()):
            if (listener.part, listener.values) != (part, values):
                continue
            has_everything, listener.has_everything = listener.has_everything, True
            if not _put(queue, news if has_everything else everything):
                del self._listeners[queue]
                queue.get_nowait()
                _put(queue, None)


def _put(queue: asyncio.Queue[bytes | None], item: bytes | None) -> bool:
    try:
        queue.put_nowait(item)
    except asyncio.QueueFull:
        return False
    return True
