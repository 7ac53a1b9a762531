"""A station's cameras from settings to running threads: photographer → album → a session of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

from edge_agent.cameras.departures import Departures
from edge_agent.cameras.photographer import Photographer
from edge_agent.cameras.picture_sender import PictureService
from edge_agent.cameras.picture_spool import PictureSpool
from edge_agent.cameras.snapshot import HttpSnapshot, Login
from edge_agent.clocks.clock import Now
from edge_agent.clocks.trust import ClockStamp
from edge_agent.readings.records import RecordSink, SlotRecord, StationEvent
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.mqtt.address import MqttAddress
from quantrac.telemetry.wire import Held


class Cameras(NamedTuple):
    """What the rest of the agent has to do with the cameras."""

    said: Callable[[], dict[str, Held]]
    """What birth and status say of the pictures' spool."""
    note: Callable[[StationEvent], None]
    """Takes an event of the station; returns at once."""
    look: RecordSink
    """Takes a record; returns at once."""
    photograph: Callable[[str, str], dict[str, Any]]
    """Has a camera take a picture for a cause; see `Photographer.ask`."""

    def looked(self, sink: RecordSink) -> RecordSink:
        """Return a sink whose records the cameras see, too."""

        def take(record: SlotRecord) -> None:
            self.look(record)
            sink(record)

        return take


def start_cameras(
    closing: ExitStack,
    station: Station,
    settings: Settings,
    address: MqttAddress,
    wall_ms: Callable[[], int],
    stamp: Callable[[], ClockStamp],
    now: Now,
) -> Cameras:
    """Start the cameras of a station; `closing` ends them. Raises SpoolUnwritable."""
    album = PictureSpool(settings.state_dir / station.station)
    closing.callback(album.close)
    pictures = PictureService(station.station, address, album, now)
    pictures.start()
    closing.callback(pictures.stop)
    login = None if settings.camera_login is None else Login.parse(settings.camera_login.get_secret_value())
    expected = {one.name: one.expect for one in station.channel_list() if one.expect is not None}
    photographer = Photographer(
        station.cameras, album, HttpSnapshot(login), wall_ms, stamp, pictures.wake, Departures(expected)
    )
    photographer.start()
    closing.callback(photographer.stop)
    return Cameras(pictures.lane.said, photographer.note, photographer.look, photographer.ask)
