"""A station's cameras while the agent runs: photographer → picture spool → a session of its own.

Where the disk has no room when the agent starts, they begin as soon as it has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from edge_agent.cameras.photographer import Departures, Photographer
from edge_agent.cameras.picture_sender import PictureSender
from edge_agent.cameras.picture_spool import PictureSpool
from edge_agent.cameras.snapshot import HttpSnapshot, Login
from edge_agent.clocks.clock import Now, NowMs
from edge_agent.clocks.trust import ClockStamp
from edge_agent.readings.records import RecordSink, SlotRecord, StationEvent
from edge_agent.spooling.spool_file import SpoolUnwritable
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.mqtt.address import MqttAddress
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.wire import Held

log = logger(__name__)

TRY_AGAIN_S: Final = 10.0


class NoPicturesYet(QuantracError):
    """The picture spool cannot be opened: the disk has no room."""


class RunningCameras(NamedTuple):
    """The agent's handle on its running cameras."""

    said: Callable[[], dict[str, Held]]
    note: Callable[[StationEvent], None]
    look: RecordSink
    photograph: Callable[[str, str], dict[str, Any]]


class Cameras:
    """The cameras of a station; events and records that come before they run are dropped."""

    def __init__(self, run: Callable[[ExitStack], RunningCameras], try_again_s: float = TRY_AGAIN_S) -> None:
        """`run` starts them, to be ended by its argument; it raises SpoolUnwritable where the disk has no room."""
        self._run, self._try_again_s = run, try_again_s
        self._closing, self._stop = ExitStack(), threading.Event()
        self._running: RunningCameras | None = None
        self._waiting: threading.Thread | None = None

    def start(self) -> None:
        """Begin, now or when the disk has room."""
        try:
            self._running = self._run(self._closing)
        except SpoolUnwritable as full:
            log.warning("pictures_postponed", error=str(full), until="the disk has room")
            self._waiting = threading.Thread(target=self._wait, name="cameras", daemon=True)
            self._waiting.start()

    def stop(self) -> None:
        """End, when a picture that is being taken is stored."""
        self._stop.set()
        if self._waiting is not None:
            self._waiting.join()
        self._closing.close()

    def said(self) -> dict[str, Held]:
        """Return what birth and status say of the picture spool."""
        return {} if self._running is None else self._running.said()

    def note(self, event: StationEvent) -> None:
        """Take an event of the station; returns at once."""
        if self._running is not None:
            self._running.note(event)

    def looked(self, sink: RecordSink) -> RecordSink:
        """Return a sink whose records the cameras see, too."""

        def take(record: SlotRecord) -> None:
            if self._running is not None:
                self._running.look(record)
            sink(record)

        return take

    def photograph(self, camera: str, cause: str) -> dict[str, Any]:
        """Have a camera take a picture now; returns its time, size and number. Raises NoPicture, NoPicturesYet."""
        if self._running is None:
            raise NoPicturesYet("no picture can be stored: the disk has no room")
        return self._running.photograph(camera, cause)

    def _wait(self) -> None:
        while not self._stop.wait(self._try_again_s):
            try:
                self._running = self._run(self._closing)
            except SpoolUnwritable as full:
                log.debug("pictures_postponed", error=str(full))
            else:
                log.info("pictures_started")
                return


def run_cameras(
    closing: ExitStack,
    station: Station,
    settings: Settings,
    address: MqttAddress,
    wall_ms: NowMs,
    stamp: Callable[[], ClockStamp],
    now: Now,
    on_taken_over: Callable[[], None],
) -> RunningCameras:
    """Start the cameras of a station; `closing` ends them. Raises SpoolUnwritable."""
    spool = PictureSpool(settings.state_dir / station.station)
    closing.callback(spool.close)
    sender = PictureSender(station.station, address, spool, now, on_taken_over)
    sender.start()
    closing.callback(sender.stop)
    login = None if settings.camera_login is None else Login.parse(settings.camera_login.get_secret_value())
    expected = {one.name: one.expect for one in station.channel_list() if one.expect is not None}
    photographer = Photographer(
        station.cameras, spool, HttpSnapshot(login), wall_ms, stamp, sender.wake, Departures(expected)
    )
    photographer.start()
    closing.callback(photographer.stop)
    return RunningCameras(sender.lane.said, photographer.note, photographer.look, photographer.ask)
