"""When which camera takes a picture: each `every` on the wall clock, and when something happens at the station."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from typing import Final

from edge_agent.acquiring.schedule import next_due
from edge_agent.cameras.album import Album
from edge_agent.cameras.snapshot import NoPicture, Snapshot
from edge_agent.clocks.trust import Stamp
from edge_agent.records import Event
from quantrac.config.stations import Camera
from quantrac.observe.logs import logger
from quantrac.observe.metrics import counter

log = logger(__name__)

LOOK_EVERY_S: Final = 1.0
SAME_EVENT_MS: Final = 60_000
"""A door that bangs gives one picture a minute."""
SCHEDULED: Final = "scheduled"
CAUSES: Final = {("door", "open"), ("mains", "off"), ("maintenance", "on")}
"""Events of which a camera with `on_alarm` takes a picture: kind, and how its text begins."""

PICTURES = counter("quantrac_edge_pictures_total", "Pictures by what became of them.", ["camera", "outcome"])


class Timetable:
    """Which camera is due. Pure; the time is passed in."""

    def __init__(self, cameras: Mapping[str, Camera], now_ms: int) -> None:
        self._cameras = cameras
        self._due = {name: next_due(now_ms, camera.every_ms) for name, camera in cameras.items()}
        self._last_event: dict[str, int] = {}

    def due(self, now_ms: int) -> list[str]:
        """Return the cameras whose time has come; missed times are not made up for."""
        found = []
        for name, camera in self._cameras.items():
            if abs(self._due[name] - now_ms) > camera.every_ms:  # the clock was set
                self._due[name] = next_due(now_ms, camera.every_ms)
            if now_ms >= self._due[name]:
                found.append(name)
                self._due[name] = next_due(now_ms + 1, camera.every_ms)
        return found

    def asked(self, event: Event) -> list[str]:
        """Return the cameras that take a picture of an event."""
        if not any(event.kind == kind and event.detail.startswith(begin) for kind, begin in CAUSES):
            return []
        if 0 <= event.t_ms - self._last_event.get(event.kind, -SAME_EVENT_MS) < SAME_EVENT_MS:
            return []
        self._last_event[event.kind] = event.t_ms
        return [name for name, camera in self._cameras.items() if camera.on_alarm]


class Photographer:
    """Takes pictures into the album, in a thread of its own: a camera may take seconds."""

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        album: Album,
        snapshot: Snapshot,
        clock: Callable[[], int],
        stamp: Callable[[], Stamp],
        on_taken: Callable[[], None],
    ) -> None:
        """`clock`: wall clock, ms; without a clock that can be believed there are no pictures."""
        self._cameras, self._album, self._snapshot = cameras, album, snapshot
        self._clock, self._stamp, self._on_taken = clock, stamp, on_taken
        self._timetable = Timetable(cameras, clock())
        self._asked: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, when a picture that is being taken is there."""
        self._asked.put(None)
        self._thread.join()

    def note(self, event: Event) -> None:
        """Something happened at the station; returns at once."""
        for camera in self._timetable.asked(event):
            self._asked.put((camera, event.kind))

    def ask(self, camera: str, cause: str) -> bool:
        """Take a picture now, from any thread; returns whether there is such a camera."""
        if camera in self._cameras:
            self._asked.put((camera, cause))
        return camera in self._cameras

    def _run(self) -> None:
        while True:
            try:
                asked = self._asked.get(timeout=LOOK_EVERY_S)
            except queue.Empty:
                for camera in self._timetable.due(self._clock()):
                    self._take(camera, SCHEDULED)
                continue
            if asked is None:
                return
            self._take(*asked)

    def _take(self, name: str, cause: str) -> None:
        t_ms, camera = self._clock(), self._cameras[name]
        if not self._stamp().trusted:
            return
        try:
            jpeg = self._snapshot(camera.url, camera.max_kb * 1024)
            self._album.put(t_ms, name, cause, jpeg)
        except NoPicture as why:
            PICTURES.labels(name, "none").inc()
            log.warning("no_picture", camera=name, why=str(why))
        except sqlite3.Error as error:
            PICTURES.labels(name, "not stored").inc()
            log.warning("picture_not_stored", camera=name, error=str(error))
        else:
            PICTURES.labels(name, "taken").inc()
            self._on_taken()
