"""The agent of one station: configuration → spool → acquisition → forwarding, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.clocks.clock import Moment
from edge_agent.clocks.system_clock import SystemClock, TimeSource
from edge_agent.clocks.timekeeper import Timekeeper
from edge_agent.control.agent_control import AgentControl, identity_of
from edge_agent.control.answers import Draining, report_of
from edge_agent.control.reconfiguration import Pushed
from edge_agent.control.replies import Replies
from edge_agent.desk import Desk
from edge_agent.health.agent_channels import AgentChannels
from edge_agent.health.watchdog import SystemdWatchdog
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.records import RecordSink, StationEvent
from edge_agent.readings.samples import NO_MEASUREMENT, Measured
from edge_agent.sending.forwarder import Forwarder
from edge_agent.sending.forwarding_loop import ForwardingLoop
from edge_agent.sending.start import Beginning
from edge_agent.sending.uplink import uplink
from edge_agent.slots.continuity import series_of
from edge_agent.slots.orders import FILE as ORDERS
from edge_agent.slots.orders import MaintenanceOrders
from edge_agent.spooling.intake import Intake
from edge_agent.spooling.spool import Spool
from edge_agent.spooling.spool_file import SpoolUnwritable
from edge_agent.spooling.spool_start import continuity_of
from quantrac.config.loading import load_network
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.config.wiring import Wiring, load_wiring
from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.delivery import Delivery
from quantrac.mqtt.session import Session
from quantrac.observe import health
from quantrac.observe.logs import logger
from quantrac.telemetry.commands import read_key
from quantrac.telemetry.errors import QuantracError

if TYPE_CHECKING:
    from edge_agent.cameras.cameras import Cameras

log = logger(__name__)

DRAIN_STEP_S: Final = 0.05
ASK_AGAIN_S: Final = 5.0
"""While draining in silence, the station announces itself this often, which the centre answers with an ack."""


class StationNotConfigured(QuantracError):
    """The configuration has no such station."""

    exit_code = 2


class AgentFailed(QuantracError):
    """The agent had to stop because of a mistake of its own; the log says which."""


class Sampling(Protocol):
    """Reads the station's devices into the sink until `stop` is set; blocking."""

    def __call__(
        self,
        station: Station,
        *,
        sink: RecordSink,
        restart: str,
        around: Surroundings,
        stop: threading.Event,
        link: FieldLink,
    ) -> None:
        """`restart` is the text of the event that says why the first slots are not whole."""


def run(
    settings: Settings,
    station_id: str,
    *,
    stop: threading.Event,
    drain_s: float = 0.0,
    sampling: Sampling | None = None,
    clock: TimeSource | None = None,
    reload: threading.Event | None = None,
) -> bool:
    """Run the agent until `stop` is set or a drain has been asked for at its desk.

    On `stop` it goes on publishing for up to `drain_s` seconds. Returns False when it was asked to drain and something
    was left unacknowledged. Each time `reload` is set, the local files are read again and put in force.
    Raises ConfigErrors, StationNotConfigured, SpoolLocked, MissingSetting, AgentFailed.
    """
    plan, source = _plan(settings, station_id), clock or SystemClock()
    end, watchdog = End(stop, Draining(timeout_s=drain_s)), SystemdWatchdog.from_environment()
    with ExitStack() as closing:
        keeper, loop = Timekeeper(source, plan.station.clock), ForwardingLoop(_moment, on_failure=end.fail)
        intake = Intake(wake=loop.wake, stamp=keeper.stamp)
        commands, replies = SimpleQueue[Delivery](), Replies(station_id, lambda: _moment().ms)
        session = uplink(plan.address, station_id, loop, _moment, on_command=commands.put, on_settled=replies.settled)
        replies.transport = session
        restart = _begin(closing, plan, keeper, intake, loop, session)
        cameras = _cameras(closing, plan, source, keeper, loop)
        orders, misses = MaintenanceOrders(plan.folder / ORDERS, plan.station.devices), MissCounts()
        housekeeping = _housekeeping(closing, plan, loop, intake, keeper, misses)
        steering = _steering(plan, loop, session, end, orders, misses, cameras, replies)
        _listen(closing, plan, steering, commands, session, reload)
        end.follow()
        log.info("agent_started", station=station_id, broker=str(plan.address), spool=str(plan.folder), start=restart)
        note = _nobody if cameras is None else cameras.note
        (sampling or _sampling())(
            plan.station,
            sink=steering.noted(intake.offer if cameras is None else cameras.looked(intake.offer)),
            restart=restart,
            around=Surroundings(source.wall_ms, housekeeping, orders, watchdog, note),
            stop=end.sampling,
            link=steering.link,
        )
        watchdog.stopping()
        drained = _drain(loop, end)
        log.info("agent_stops", station=station_id, drained=drained)
    if end.failed.is_set():
        raise AgentFailed(f"the agent of {station_id} failed; see its log")
    return drained or not (end.draining.wanted.is_set() or drain_s > 0)


class AgentPlan(NamedTuple):
    """What is configured, and where it comes from."""

    settings: Settings
    local: Station
    """As the files say."""
    station: Station
    """As it is in force: the centre may have sent another."""
    pushed: Pushed
    wiring: Wiring
    address: MqttAddress
    folder: Path


@dataclass(frozen=True, slots=True)
class End:
    """The ways in which a run ends."""

    stop: threading.Event
    draining: Draining
    sampling: threading.Event = field(default_factory=threading.Event)
    """No more samples: the agent is stopped, drained, or has failed."""
    failed: threading.Event = field(default_factory=threading.Event)

    def fail(self) -> None:
        """A thread has ended by a mistake of ours."""
        self.failed.set()
        self.sampling.set()

    def follow(self) -> None:
        """From now on no more samples once `stop` is set."""

        def wait() -> None:
            self.stop.wait()
            self.sampling.set()

        threading.Thread(target=wait, name="stop", daemon=True).start()


def _plan(settings: Settings, station_id: str) -> AgentPlan:
    local, wiring = configured_station(settings, station_id), load_wiring(settings.wiring)
    folder = settings.state_dir / station_id
    folder.mkdir(parents=True, exist_ok=True)
    pushed = Pushed(folder)
    sent = pushed.load(local)
    station = local if sent is None else wiring.wire(sent)
    if station.spool.warning:
        log.warning("spool_keep_short", station=station_id, why=station.spool.warning)
    return AgentPlan(settings, local, station, pushed, wiring, MqttAddress.parse(settings.mqtt()), folder)


def _begin(
    closing: ExitStack, plan: AgentPlan, keeper: Timekeeper, intake: Intake, loop: ForwardingLoop, session: Session
) -> str:
    """Start spool, clock, forwarding and session; returns how a `restart` event names this start."""
    station = plan.station

    def forwarder_of(spool: Spool) -> Forwarder:
        return Forwarder(
            spool,
            intake,
            session,
            identity_of(station),
            rate=station.backfill_rate,
            continuity=continuity_of(series_of(station), spool),
            clock=keeper,
        )

    beginning = Beginning(
        plan.folder, station.spool, keeper, intake, forwarder_of, _moment, connected=lambda: session.connected
    )
    closing.callback(beginning.close)
    restart = beginning.begin(loop)
    closing.callback(loop.stop)
    closing.callback(beginning.give_up)
    keeper.start()
    closing.callback(keeper.stop)
    session.start()
    closing.callback(session.stop)
    return restart


def _steering(
    plan: AgentPlan,
    loop: ForwardingLoop,
    session: Session,
    end: End,
    orders: MaintenanceOrders,
    misses: MissCounts,
    cameras: Cameras | None,
    replies: Replies,
) -> AgentControl:
    return AgentControl(
        plan.local,
        plan.station,
        plan.pushed,
        loop,
        session,
        load=lambda: configured_station(plan.settings, plan.local.station),
        wire=plan.wiring.wire,
        orders=orders,
        misses=misses,
        draining=end.draining,
        sampling_stop=end.sampling,
        photograph=None if cameras is None else cameras.photograph,
        replies=replies,
        now=_moment,
    )


def _listen(
    closing: ExitStack,
    plan: AgentPlan,
    steering: AgentControl,
    commands: SimpleQueue[Delivery],
    session: Session,
    reload: threading.Event | None,
) -> None:
    """Hear what people want: at the desk, by commands of the centre, by a signal; and let health be asked for."""
    settings = plan.settings
    closing.callback(Desk(plan.folder, steering.answering.answer).close)
    steering.obey(commands, _command_key(settings, plan.station.station), plan.folder)
    if reload is not None:
        steering.reload_on(reload)
    if settings.edge_listen is not None:
        closing.enter_context(health.serve(settings.edge_listen, ready=lambda: session.connected or "no broker"))


def _housekeeping(
    closing: ExitStack, plan: AgentPlan, loop: ForwardingLoop, intake: Intake, keeper: Timekeeper, misses: MissCounts
) -> AgentChannels:
    return AgentChannels(
        plan.folder,
        lambda: len(intake) if loop.forwarder is None else loop.forwarder.depth,
        spool_lost=lambda: None if loop.forwarder is None else loop.forwarder.lost,
        clock_offset=keeper.offset,
        signal=_modem(closing, plan.station),
        misses=misses,
    )


def configured_station(settings: Settings, station_id: str) -> Station:
    """Return a station of the configuration, its buses at their places; raises ConfigErrors, StationNotConfigured."""
    stations = load_network(settings.config, settings.overlay).stations
    if station_id not in stations:
        raise StationNotConfigured(
            f"station {station_id!r} is not configured; there are: {', '.join(sorted(stations))}"
        )
    return load_wiring(settings.wiring).wire(stations[station_id])


def _cameras(
    closing: ExitStack, plan: AgentPlan, source: TimeSource, keeper: Timekeeper, loop: ForwardingLoop
) -> Cameras | None:
    """Start the cameras, if the station has any."""
    if not plan.station.cameras:
        return None
    from edge_agent.cameras.cameras import start_cameras
    from edge_agent.cameras.waiting import cameras_when_there_is_room

    def start(stack: ExitStack) -> Cameras:
        return start_cameras(stack, plan.station, plan.settings, plan.address, source.wall_ms, keeper.stamp, _moment)

    try:
        cameras = start(closing)
    except SpoolUnwritable as full:
        log.warning("no_pictures", error=str(full), until="the disk has room")
        cameras = cameras_when_there_is_room(closing, start)
    loop.post(lambda forwarder, _: forwarder.speak_of(cameras.said))
    return cameras


def _command_key(settings: Settings, station_id: str) -> bytes | None:
    return None if settings.command_keys is None else read_key(settings.command_keys, station_id)


def _nobody(_: StationEvent) -> None:
    """Nobody wants to know of events."""


def _modem(closing: ExitStack, station: Station) -> Callable[[], Measured]:
    """Watch the modem's signal, if the station has one; returns where to ask for it."""
    if station.modem is None:
        return lambda: NO_MEASUREMENT
    from edge_agent.health.modem import ModemWatch  # the serial driver

    watch = ModemWatch(station.modem)
    watch.start()
    closing.callback(watch.stop)
    return watch.signal


def _drain(loop: ForwardingLoop, end: End) -> bool:
    """Publish until all is acknowledged, nothing can be any more, or the time is over; then say goodbye."""
    started = asked = time.monotonic()
    drained = False
    while not end.failed.is_set() and loop.forwarder is not None:
        drained = loop.ask(lambda f: f.drained)
        now = time.monotonic()
        told_twice = end.draining.wanted.is_set() and end.stop.is_set()
        if drained or told_twice or now - started >= end.draining.timeout_s:
            break
        if now - asked >= ASK_AGAIN_S:
            asked = now
            loop.post(lambda f, at: f.announce(at) if f.is_connected else None)
        time.sleep(DRAIN_STEP_S)
    with suppress(TimeoutError, SpoolUnwritable):
        end.draining.outcome = {} if end.failed.is_set() else {**report_of(loop), "drained": drained}
    end.draining.ended.set()
    if not end.failed.is_set():
        with suppress(SpoolUnwritable):
            loop.ask(lambda f: f.say_goodbye(_moment()))
    return drained


def _sampling() -> Sampling:
    from edge_agent.acquiring.sampling import sample  # the drivers of the buses

    return sample


def _moment() -> Moment:
    return Moment(time.monotonic(), time.time_ns() // 1_000_000)
