"""The agent of one station: instruments → records → spool → broker, controlled from its desk and by the centre."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from edge_agent.acquiring.acquisition import Sampling, sample
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.clocks.clock import Moment
from edge_agent.clocks.system_clock import SystemClock
from edge_agent.clocks.timekeeper import Timekeeper
from edge_agent.control.agent_control import AgentControl
from edge_agent.control.agent_plan import AgentPlan
from edge_agent.control.run_end import RunEnd
from edge_agent.health.agent_channels import AgentChannels
from edge_agent.health.modem import modem_signal
from edge_agent.health.watchdog import SystemdWatchdog
from edge_agent.readings.counts import MissCounts
from edge_agent.sending.uplink import Uplink
from edge_agent.slots.maintenance import FILE, MaintenanceOrders
from quantrac.config.settings import Settings
from quantrac.observe import health
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError

if TYPE_CHECKING:
    from edge_agent.cameras.cameras import Cameras, RunningCameras

log = logger(__name__)


class AgentFailed(QuantracError):
    """The agent had to stop because of a mistake of its own; the log says which."""


def run(
    settings: Settings,
    station_id: str,
    *,
    stop: threading.Event,
    drain_s: float = 0.0,
    sampling: Sampling = sample,
    clock: SystemClock | None = None,
    reload: threading.Event | None = None,
) -> bool:
    """Run the agent until `stop` is set or a drain has been asked for at its desk.

    On `stop` it goes on publishing for up to `drain_s` seconds. Returns False when it was asked to drain and something
    was left unacknowledged. Each time `reload` is set, the local files are read again and put in force.
    Raises ConfigErrors, StationNotConfigured, SpoolLocked, MissingSetting, AgentFailed.
    """
    plan, source = AgentPlan.of(settings, station_id), clock or SystemClock()
    station, end, watchdog = plan.station, RunEnd(stop, drain_s), SystemdWatchdog.from_environment()
    with ExitStack() as closing:
        keeper = Timekeeper(source, station.clock)
        uplink = Uplink(station, plan.folder, plan.address, keeper, _now, on_failure=end.fail)
        restart = uplink.start(closing)
        cameras = _cameras(closing, plan, source, keeper, uplink)
        orders, misses = MaintenanceOrders(plan.folder / FILE, station.devices), MissCounts()
        channels = AgentChannels(
            plan.folder,
            uplink.depth,
            spool_lost=uplink.lost,
            clock_offset=keeper.offset,
            signal=modem_signal(closing, station.modem),
            misses=misses,
        )
        control = AgentControl(plan, uplink, end, orders, misses, None if cameras is None else cameras.photograph, _now)
        control.listen(closing, reload)
        if settings.edge_listen is not None:
            closing.enter_context(health.serve(settings.edge_listen, ready=uplink.is_ready))
        end.follow()
        log.info("agent_started", station=station_id, broker=str(plan.address), spool=str(plan.folder), start=restart)
        sink = uplink.intake.offer if cameras is None else cameras.looked(uplink.intake.offer)
        on_event = None if cameras is None else cameras.note
        around = Surroundings(source.wall_ms, channels, control.noted(sink), restart, orders, watchdog, on_event)
        sampling(station, around, end.sampling, control.link)
        watchdog.stopping()
        drained = end.drain(uplink.loop, _now)
        log.info("agent_stopped", station=station_id, drained=drained)
    if end.failed.is_set():
        raise AgentFailed(f"the agent of {station_id} failed; see its log")
    return drained or not end.drain_was_wanted


def _cameras(
    closing: ExitStack, plan: AgentPlan, source: SystemClock, keeper: Timekeeper, uplink: Uplink
) -> Cameras | None:
    """Start the cameras, if the station has any."""
    if not plan.station.cameras:
        return None
    from edge_agent.cameras.cameras import Cameras, run_cameras  # an HTTP client that most stations do not need

    def run(stack: ExitStack) -> RunningCameras:
        return run_cameras(
            stack, plan.station, plan.settings, plan.address, source.wall_ms, keeper.stamp, _now, uplink.session_taken
        )

    cameras = Cameras(run)
    closing.callback(cameras.stop)
    cameras.start()
    uplink.speak_of(cameras.said)
    return cameras


def _now() -> Moment:
    return Moment(time.monotonic(), time.time_ns() // 1_000_000)
