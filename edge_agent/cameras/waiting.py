"""Cameras of a station whose disk has no room when its agent starts: they begin as soon as it has."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from edge_agent.cameras.cameras import Cameras
from edge_agent.readings.records import SlotRecord, StationEvent
from edge_agent.spooling.spool_file import SpoolUnwritable
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.wire import Held

log = logger(__name__)

TRY_AGAIN_S: Final = 10.0


class NoPicturesYet(QuantracError):
    """The album cannot be opened: the disk has no room."""


def cameras_when_there_is_room(
    closing: ExitStack, start: Callable[[ExitStack], Cameras], try_again_s: float = TRY_AGAIN_S
) -> Cameras:
    """Call `start` until it no longer raises SpoolUnwritable; what the agent tells the cameras meanwhile is forgotten.

    `closing` ends the wait, or the cameras.
    """
    waiting = _Waiting(start, try_again_s)
    closing.callback(waiting.stop)
    return Cameras(waiting.said, waiting.note, waiting.look, waiting.photograph)


class _Waiting:
    def __init__(self, start: Callable[[ExitStack], Cameras], try_again_s: float) -> None:
        self._start, self._try_again_s = start, try_again_s
        self._cameras: Cameras | None = None
        self._closing, self._stop = ExitStack(), threading.Event()
        self._thread = threading.Thread(target=self._wait, name="cameras", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._closing.close()

    def said(self) -> dict[str, Held]:
        return {} if self._cameras is None else self._cameras.said()

    def note(self, event: StationEvent) -> None:
        if self._cameras is not None:
            self._cameras.note(event)

    def look(self, record: SlotRecord) -> None:
        if self._cameras is not None:
            self._cameras.look(record)

    def photograph(self, camera: str, cause: str) -> dict[str, Any]:
        if self._cameras is None:
            raise NoPicturesYet("no picture can be stored: the disk has no room")
        return self._cameras.photograph(camera, cause)

    def _wait(self) -> None:
        while not self._stop.wait(self._try_again_s):
            try:
                self._cameras = self._start(self._closing)
            except SpoolUnwritable as full:
                log.debug("no_pictures", error=str(full))
            else:
                log.info("pictures_begin")
                return
