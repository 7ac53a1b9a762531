"""How a running agent is steered: by its desk, by the centre's commands, by SIGHUP; all through the same answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from edge_agent.acquiring.field_link import FieldLink
from edge_agent.clocks.clock import Moment, Now
from edge_agent.control.answers import Answers, Draining, Files
from edge_agent.control.commands import Commands
from edge_agent.control.reconfiguration import Pushed, Reconfiguration
from edge_agent.control.replies import Replies
from edge_agent.control.trial import Deliveries
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.records import RecordSink, SlotRecord
from edge_agent.sending.announcement import Identity
from edge_agent.sending.forwarder import Forwarder
from edge_agent.sending.forwarding_loop import ForwardingLoop
from edge_agent.slots.continuity import series_of
from edge_agent.slots.orders import MaintenanceOrders
from quantrac.config.stations import Station
from quantrac.mqtt.delivery import Delivery
from quantrac.mqtt.session import Session
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.wire import BirthChannel

log = logger(__name__)

LOOK_S: Final = 0.5


def identity_of(station: Station) -> Identity:
    """Return what the birth says of a station."""
    channels = [BirthChannel(c.name, c.parameter, c.unit, c.interval_ms / 1000) for c in station.channel_list()]
    return Identity(station.station, f"quantrac {version('quantrac')}", station.config_hash, channels)


class AgentControl:
    """See the module."""

    def __init__(
        self,
        local: Station,
        station: Station,
        pushed: Pushed,
        loop: ForwardingLoop,
        session: Session,
        *,
        load: Callable[[], Station],
        wire: Callable[[Station], Station],
        orders: MaintenanceOrders,
        misses: MissCounts,
        draining: Draining,
        sampling_stop: threading.Event,
        photograph: Callable[[str, str], Mapping[str, Any]] | None,
        replies: Replies,
        now: Now,
    ) -> None:
        """`local`: what the files say; `station`: what is in force; `load` reads the files, `wire` places the buses."""
        self.link = FieldLink()
        self._deliveries = Deliveries()
        self._loop, self._stop, self._now = loop, sampling_stop, now
        self._station, self._local, self._load = station.station, local, load
        self._replies = replies
        configuring = Reconfiguration(
            station,
            wire=wire,
            link=self.link,
            deliveries=self._deliveries,
            become=self._become,
            record=lambda detail: self._record("configuration", detail),
            connected=lambda: session.connected,
            now=now,
            ending=sampling_stop,
        )
        files = Files(self._read_files, lambda sent: pushed.save(sent, self._local.config_hash), pushed.forget)
        self.answering = Answers(
            loop, draining, sampling_stop, orders, misses, configuring, files, self.link, photograph, now
        )

    def noted(self, sink: RecordSink) -> RecordSink:
        """Return a sink that also notes what each channel delivers."""

        def take(record: SlotRecord) -> None:
            self._deliveries.note(record)
            sink(record)

        return take

    def obey(self, commands: SimpleQueue[Delivery], key: bytes | None, folder: Path) -> None:
        """Carry out commands as they come, those first that came while the agent was starting."""
        commanding = Commands(
            self._station,
            key,
            folder,
            answer=self.answering.answer,
            reply=self._replies.say,
            record=self._record,
            now_ms=lambda: self._now().ms,
        )

        def take() -> None:
            while not self._stop.is_set():
                with suppress(Empty):
                    commanding.offer(commands.get(timeout=LOOK_S))
                self._replies.turn()

        threading.Thread(target=take, name="commands", daemon=True).start()

    def reload_on(self, wanted: threading.Event) -> None:
        """Read the local files again each time this is set."""

        def wait() -> None:
            while not self._stop.is_set():
                if wanted.wait(LOOK_S):
                    wanted.clear()
                    self._reload()

        threading.Thread(target=wait, name="reload", daemon=True).start()

    def _reload(self) -> None:
        try:
            log.info("configuration_reloaded", **self.answering.reload())
        except (QuantracError, TimeoutError) as refusal:
            log.warning("configuration_not_reloaded", error=str(refusal))

    def _read_files(self) -> Station:
        self._local = self._load()
        return self._local

    def _become(self, station: Station) -> None:
        def become(forwarder: Forwarder, now: Moment) -> None:
            forwarder.become(identity_of(station), series_of(station), station.backfill_rate, now, station.spool)

        self._loop.post(become)

    def _record(self, kind: str, detail: str) -> None:
        self._loop.post(lambda forwarder, now: forwarder.record_event(kind, detail, now))
