"""The plan of an agent: its station as configured, the address of the broker, its folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Self

from edge_agent.control.reconfiguration import Pushed
from quantrac.config.bus_places import Wiring, load_wiring
from quantrac.config.loader import load_station
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.mqtt.address import MqttAddress
from quantrac.observe.logs import logger
from quantrac.telemetry.commands import read_key

log = logger(__name__)


class AgentPlan(NamedTuple):
    """The configuration of an agent, and where it comes from."""

    settings: Settings
    station: Station
    """As it is in force when the agent starts: the centre may have sent another than the local files have."""
    pushed: Pushed
    wiring: Wiring
    address: MqttAddress
    folder: Path

    @classmethod
    def of(cls, settings: Settings, station_id: str) -> Self:
        """Read the plan of a station; raises ConfigErrors, StationNotConfigured, MissingSetting."""
        local, wiring = configured_station(settings, station_id), load_wiring(settings.wiring)
        folder = settings.state_dir / station_id
        folder.mkdir(parents=True, exist_ok=True)
        pushed = Pushed(folder)
        sent = pushed.load(local)
        station = local if sent is None else wiring.wire(sent)
        if station.spool.warning:
            log.warning("spool_keep_cut", station=station_id, why=station.spool.warning)
        return cls(settings, station, pushed, wiring, MqttAddress.parse(settings.mqtt()), folder)

    def local_files(self) -> Station:
        """Read the station's local files again; raises ConfigErrors, StationNotConfigured."""
        local = configured_station(self.settings, self.station.station)
        self.pushed.local_hash = local.config_hash
        return local

    def command_key(self) -> bytes | None:
        """Return the key by which the centre signs commands to this station; None: there is none."""
        keys = self.settings.command_keys
        return None if keys is None else read_key(keys, self.station.station, log.warning)


def configured_station(settings: Settings, station_id: str) -> Station:
    """Return a station of the configuration, its buses at their places; raises ConfigErrors, StationNotConfigured."""
    return load_wiring(settings.wiring).wire(load_station(settings.config, settings.overlay, station_id))
