"""Connections of browsers: how many there may be, and how long one may wait for a request or for its reader.

uvicorn closes an idle connection after an answer, but waits for ever for a first request that never becomes whole: a
thousand such connections used up the process's files, and no page could be opened.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST: Final = 4000
RESERVED_FILES: Final = 100
"""Files that the process needs besides: of the database, the log, the pages."""
REQUEST_S: float = 10.0
"""Longest wait for the whole head of a request, also of the next one on the same connection."""
READ_S: float = 60.0
"""Longest wait for a browser that takes nothing of what it was sent."""


def most_connections() -> int:
    """Return how many connections the process's limit of open files allows."""
    return max(1, min(MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVED_FILES))


def protocol_of(most: int) -> type[BoundedConnection]:
    """Return the protocol of a server that holds so many connections."""
    return type("BoundedConnection", (BoundedConnection,), {"most": most, "waiting": {}})


class BoundedConnection(H11Protocol):
    """One of a bounded number; beyond it the connection that has waited longest for a request gives way."""

    most: ClassVar[int]
    waiting: ClassVar[dict[BoundedConnection, float]]
    """The connections without a request and since when, the longest first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._check: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection; where all others are being answered it is the one that gives way."""
        super().connection_made(transport)
        self.waiting[self] = self.loop.time()
        self._check = self.loop.call_later(REQUEST_S, self._end_if_idle)
        if len(self.connections) > self.most:
            next(iter(self.waiting)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it, and its timers."""
        super().connection_lost(exc)
        self.waiting.pop(self, None)
        for timer in (self._check, self._stuck):
            if timer is not None:
                timer.cancel()

    def handle_events(self) -> None:
        """Take what has come; a whole head of a request ends the wait."""
        super().handle_events()
        if not getattr(self.cycle, "response_complete", True):
            self.waiting.pop(self, None)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self.waiting[self] = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Stop writing, since the browser does not read; not for ever."""
        super().pause_writing()
        self._stuck = self.loop.call_later(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on, since the browser reads."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()

    def _end_if_idle(self) -> None:
        now = self.loop.time()
        left = self.waiting.get(self, now) + REQUEST_S - now
        if left > 0:
            self._check = self.loop.call_later(left, self._end_if_idle)
        else:
            self.transport.abort()
