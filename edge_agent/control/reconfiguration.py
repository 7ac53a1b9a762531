"""Reconfiguration of a running agent: tried on the instruments, put in force, watched, taken back if need be.

The way of a change: compare → read each changed device once → switch → birth → trial → confirmed, or the old one again.
Until it is confirmed nothing of it is kept: an agent that dies on trial starts with the old one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from edge_agent.acquiring.field_link import FieldLink, NothingIsRead
from edge_agent.acquiring.spot_read import SpotReading
from edge_agent.clocks.clock import Now
from edge_agent.control.trial import Deliveries, Trial, TrialVerdict
from edge_agent.sending.uplink import Uplink
from edge_agent.slots.changes import Changes, changes
from edge_agent.slots.kept_file import replace_file
from quantrac.config.station_json import BadStation, dumps, loads
from quantrac.config.stations import Station
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError

log = logger(__name__)

FILE: Final = "configuration.json"
STEP_S: Final = 0.2
TRY_S: Final = 30.0
TRY_DEVICE_S: Final = 30.0
SWITCH_S: Final = 60.0
RESTART_NEEDED: Final = "restart needed"
NAMED: Final = 12
"""Digits of a configuration's hash by which people know it."""


class ChangeRefused(QuantracError):
    """The new configuration was not put in force; the old one goes on."""


class Pushed:
    """The file that keeps a configuration sent by the centre, for the agent's next start."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self.local_hash = ""
        """Of the local files, as they were read last."""

    def load(self, local: Station) -> Station | None:
        """Return what the centre has sent, unless the local files have changed since: a technician's word is newer."""
        self.local_hash = local.config_hash
        try:
            saved = json.loads(self._path.read_text("utf-8"))
            if saved["over"] != local.config_hash:
                log.warning("pushed_configuration_set_aside", why="the local files have changed since it was sent")
                return None
            return loads(json.dumps(saved["station"]))
        except (FileNotFoundError, NotADirectoryError):
            return None  # the spool, which needs the folder, says what is wrong with it
        except (OSError, ValueError, RecursionError, TypeError, KeyError, BadStation) as error:
            log.warning("pushed_configuration_refused", file=str(self._path), error=str(error))
            return None

    def save(self, station: Station) -> None:
        """Keep what the centre has sent, valid as long as the local files stay what they are; raises OSError."""
        replace_file(self._path, json.dumps({"over": self.local_hash, "station": json.loads(dumps(station))}))

    def forget(self) -> None:
        """The local files hold again; raises OSError."""
        with suppress(FileNotFoundError):
            self._path.unlink()


class Reconfiguration:
    """Changes the configuration of a running agent, one change at a time; any thread may call everything here."""

    def __init__(
        self,
        station: Station,
        *,
        wire: Callable[[Station], Station],
        link: FieldLink,
        deliveries: Deliveries,
        uplink: Uplink,
        now: Now,
        ending: threading.Event,
    ) -> None:
        """Prepare.

        Args:
            station: in force now, wired.
            wire: puts a station's buses at their places on this machine.
            link: to the instruments.
            deliveries: what comes of them.
            uplink: goes on as another configuration, too; keeps the events; may be connected.
            now: both clocks.
            ending: the agent ends; a trial under way is given up.
        """
        self.station = self._at_start = station
        self._wire, self._link, self._deliveries, self._uplink = wire, link, deliveries, uplink
        self._now, self._ending = now, ending
        self._busy = threading.Lock()

    def change(self, new: Station, source: str, within_s: float, confirmed: Callable[[], None]) -> dict[str, Any]:
        """Put another configuration in force, and return what came of it: blocks until that is known.

        `confirmed` is called when the new one has proved itself; if it raises OSError, the old one comes back.
        Raises ChangeRefused, NothingIsRead, TimeoutError, Unsuitable.
        """
        if not self._busy.acquire(blocking=False):
            raise ChangeRefused("another change of the configuration is under way; ask again when it is over")
        try:
            return self._change(self._wire(new), source, within_s, confirmed)
        except QuantracError as refusal:
            self._uplink.record("configuration", f"{source} {new.config_hash[:NAMED]} refused: {refusal}")
            raise
        finally:
            self._busy.release()

    def _change(self, new: Station, source: str, within_s: float, confirmed: Callable[[], None]) -> dict[str, Any]:
        old = self.station
        if new.station != old.station:
            raise ChangeRefused(f"it is the configuration of {new.station}, this is {old.station}")
        found = changes(old, new)
        is_in_force = not found.any and new.config_hash == old.config_hash
        found = found._replace(at_next_start=changes(self._at_start, new).at_next_start)
        if is_in_force:
            if why := _not_kept(confirmed):
                raise ChangeRefused(f"it is in force, but {why}")
            with suppress(NothingIsRead):
                self._link.ask(lambda sweeps: sweeps.forget(), SWITCH_S)
            return _outcome("unchanged", new, found)
        self._try_out(new, found)
        trial = self._switch(old, new, within_s)
        self._uplink.record("configuration", f"{source} {new.config_hash[:NAMED]} on trial: {found}")
        verdict = self._watch(trial)
        why = _not_kept(confirmed) if verdict.confirmed else verdict.why
        if not why:
            outcome = _outcome("confirmed", new, found)
            self._uplink.record("configuration", f"{source} {new.config_hash[:NAMED]} {outcome['outcome']}: {found}")
            return outcome
        if not self._ending.is_set():
            self._put_in_force(old)
        self._uplink.record("configuration", f"{source} {new.config_hash[:NAMED]} rolled back: {why}")
        log.error("configuration_rolled_back", config=new.config_hash, why=why)
        return _outcome("rolled back", new, found) | {"why": why}

    def _try_out(self, new: Station, found: Changes) -> None:
        """Read each new or changed device once; raises ChangeRefused for those that do not answer."""
        if not found.to_try:
            return
        timeout_s = TRY_S + TRY_DEVICE_S * len(found.to_try)
        heard = self._link.ask(lambda sweeps: sweeps.try_out(new, found.to_try), timeout_s)
        if silent := silent_devices(heard):
            raise ChangeRefused("; ".join(f"{device}: {why}" for device, why in silent.items()))

    def _switch(self, old: Station, new: Station, within_s: float) -> Trial:
        linked, before = self._uplink.session.connected, self._deliveries.delivering()
        try:
            self._put_in_force(new)
        except (QuantracError, TimeoutError):
            with suppress(QuantracError, TimeoutError):
                self._put_in_force(old)
            raise
        moment = self._now()  # the switch may have waited for seconds, and the old one went on delivering
        return Trial(
            new, self._deliveries, before, switched_ms=moment.ms, began_s=moment.s, within_s=within_s, linked=linked
        )

    def _put_in_force(self, station: Station) -> None:
        self._link.ask(lambda sweeps: sweeps.switch(station), SWITCH_S)
        self.station = station
        self._uplink.become(station)
        log.info("configuration_applied", config=station.config_hash)

    def _watch(self, trial: Trial) -> TrialVerdict:
        while True:
            if self._ending.wait(STEP_S):
                return TrialVerdict(False, True, "the agent ended before it was proved")
            verdict = trial.verdict(self._now().s, self._uplink.session.connected)
            if verdict.confirmed or verdict.rolled_back:
                return verdict


def silent_devices(found: Sequence[SpotReading]) -> dict[str, str]:
    """Return the devices of which no channel answered, and why."""
    devices: dict[str, list[SpotReading]] = {}
    for one in found:
        devices.setdefault(one.device, []).append(one)
    return {name: rows[0].why for name, rows in devices.items() if all(row.state == "comm" for row in rows)}


def _not_kept(confirmed: Callable[[], None]) -> str:
    """Keep a configuration that has proved itself for the next start; return why that cannot be, or nothing."""
    try:
        confirmed()
    except OSError as error:
        return f"the disk does not keep it for the agent's next start: {error}"
    return ""


def _outcome(outcome: str, new: Station, found: Changes) -> dict[str, Any]:
    """Return what came of a change; what holds from the agent's next start is not in force, so not confirmed."""
    if found.at_next_start and outcome != "rolled back":
        outcome = RESTART_NEEDED
    return {"outcome": outcome, "config": new.config_hash, "changes": found._asdict(), "said": str(found)}
