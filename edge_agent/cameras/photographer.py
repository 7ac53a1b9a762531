"""The photographer: takes a picture each `every` on the wall clock, and when something happens at the station."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from edge_agent.acquiring.schedule import next_due
from edge_agent.cameras.picture_spool import PictureSpool
from edge_agent.cameras.snapshot import NoPicture, scaled
from edge_agent.clocks.trust import ClockStamp
from edge_agent.readings.records import SlotRecord, StationEvent
from edge_agent.spooling.spool_file import SpoolError
from quantrac.config.stations import Camera
from quantrac.observe.logs import logger
from quantrac.observe.metrics import counter

log = logger(__name__)

LOOK_EVERY_S: Final = 1.0
SAME_EVENT_MS: Final = 60_000
"""A door that bangs gives one picture a minute."""
SCHEDULED: Final = "scheduled"
ALARM: Final = "alarm"
ASKED_S: Final = 90.0
"""Longest wait for a picture on demand."""
CAUSES: Final = {("door", "open"), ("mains", "off"), ("maintenance", "on")}
"""Events of which a camera with `on_alarm` takes a picture: kind, and how its text begins."""

REST_MS: Final = 30 * 60_000
"""A value that crosses its limit again and again is news once in so long."""

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

    def asked(self, event: StationEvent) -> list[str]:
        """Return the cameras that take a picture of an event."""
        if not any(event.kind == kind and event.detail.startswith(begin) for kind, begin in CAUSES):
            return []
        if 0 <= event.t_ms - self._last_event.get(event.kind, -SAME_EVENT_MS) < SAME_EVENT_MS:
            return []
        self._last_event[event.kind] = event.t_ms
        return [name for name, camera in self._cameras.items() if camera.on_alarm]


class Departures:
    """Notices channels that leave the range in which they are expected (`expect` of the station file). Pure."""

    def __init__(self, expected: Mapping[str, tuple[float, float]]) -> None:
        """`expected`: channel → lowest and highest value, in its published unit."""
        self._expected = dict(expected)
        self._outside: dict[str, bool] = {}
        self._told_ms: dict[str, int] = {}

    def of(self, record: SlotRecord) -> list[str]:
        """Return the channels that left their range with this record; one that begins outside has left it, too."""
        return [
            reading.name
            for reading in record.readings
            if reading.value is not None
            and reading.state.is_valid
            and self._left(reading.name, reading.value, record.t_ms)
        ]

    def _left(self, name: str, value: float, t_ms: int) -> bool:
        if name not in self._expected:
            return False
        low, high = self._expected[name]
        was_outside, self._outside[name] = self._outside.get(name, False), not low <= value <= high
        if was_outside or not self._outside[name] or 0 <= t_ms - self._told_ms.get(name, t_ms - REST_MS) < REST_MS:
            return False
        self._told_ms[name] = t_ms
        return True


@dataclass(frozen=True)
class _Wish:
    camera: str
    cause: str
    answer: Future[dict[str, Any]] = field(default_factory=Future)
    """Read by the caller of `ask`; unread for other pictures."""


class Photographer:
    """Takes pictures into the spool, in a thread of its own: a camera may take seconds."""

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        spool: PictureSpool,
        snapshot: Callable[[str], bytes],
        clock: Callable[[], int],
        stamp: Callable[[], ClockStamp],
        on_taken: Callable[[], None],
        departures: Departures,
    ) -> None:
        """`snapshot` fetches the JPEG at a camera's address.

        `clock`: wall clock, ms; without a clock that can be believed there are no pictures.
        """
        self._cameras, self._spool, self._snapshot = cameras, spool, snapshot
        self._clock, self._stamp, self._on_taken = clock, stamp, on_taken
        self._departures = departures
        self._timetable = Timetable(cameras, clock())
        self._wishes: queue.Queue[_Wish | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, when a picture that is being taken is there."""
        self._wishes.put(None)
        self._thread.join()

    def note(self, event: StationEvent) -> None:
        """Take an event of the station; returns at once."""
        for camera in self._timetable.asked(event):
            self._wishes.put(_Wish(camera, event.kind))

    def look(self, record: SlotRecord) -> None:
        """Take note of a record on its way to the spool; returns at once."""
        if self._departures.of(record):
            for name, camera in self._cameras.items():
                if camera.on_alarm:
                    self._wishes.put(_Wish(name, ALARM))

    def ask(self, camera: str, cause: str) -> dict[str, Any]:
        """Take a picture now, and return its time, size and number when it is in the spool; blocking, any thread.

        Raises NoPicture, TimeoutError.
        """
        if camera not in self._cameras:
            raise NoPicture(f"the station has no camera {camera!r}; it has: {', '.join(sorted(self._cameras))}")
        wish = _Wish(camera, cause)
        self._wishes.put(wish)
        try:
            return wish.answer.result(ASKED_S)
        except TimeoutError as error:
            raise TimeoutError(f"no picture of {camera} within {ASKED_S:g} s; another camera may be slow") from error

    def _run(self) -> None:
        while True:
            try:
                wish = self._wishes.get(timeout=LOOK_EVERY_S)
            except queue.Empty:
                for camera in self._timetable.due(self._clock()):
                    self._fulfil(_Wish(camera, SCHEDULED))
                continue
            if wish is None:
                return
            self._fulfil(wish)

    def _fulfil(self, wish: _Wish) -> None:
        """Take a picture, count what came of it, and tell who asked."""
        outcome = "taken"
        try:
            told = self._take(wish.camera, wish.cause)
            wish.answer.set_result(told)
            self._on_taken()
        except NoPicture as why:
            outcome = "none"
            log.warning("picture_missed", camera=wish.camera, why=str(why))
            wish.answer.set_exception(why)
        except Exception as error:  # the boundary of the task: the other cameras' pictures go on
            outcome = "not stored" if isinstance(error, SpoolError) else "failed"
            log.exception("picture_failed", camera=wish.camera)
            wish.answer.set_exception(error)
        PICTURES.labels(wish.camera, outcome).inc()

    def _take(self, name: str, cause: str) -> dict[str, Any]:
        t_ms, camera = self._clock(), self._cameras[name]
        if not self._stamp().trusted:
            raise NoPicture("the station's clock is not believed yet, so a picture would have no time")
        jpeg = scaled(self._snapshot(camera.url), camera.width, camera.height, camera.max_kb * 1024)
        return {"camera": name, "t": t_ms, "bytes": len(jpeg), "seq": self._spool.put(t_ms, name, cause, jpeg)}
