"""The agent of one station: configuration → spool → acquisition → forwarding, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol

from edge_agent.acquiring.miss_counts import MissCounts
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.clocks.clock import Moment
from edge_agent.clocks.system_clock import SystemClock, TimeSource
from edge_agent.clocks.timekeeping import Timekeeper
from edge_agent.control.answering import Draining, report_of
from edge_agent.control.configuring import Pushed
from edge_agent.control.orders import FILE as ORDERS
from edge_agent.control.orders import Orders
from edge_agent.control.replies import Replies
from edge_agent.control.steering import Steering, identity_of
from edge_agent.desk import Desk
from edge_agent.health.housekeeping import Housekeeping
from edge_agent.health.watchdog import Watchdog
from edge_agent.instruments.samples import NO_MEASUREMENT, Measured
from edge_agent.records import Event, RecordSink
from edge_agent.sending import announcement
from edge_agent.sending.forwarding import Forwarder
from edge_agent.sending.forwarding_loop import ForwardingLoop
from edge_agent.slots.continuity import Continuity, last_slots, series_of
from edge_agent.spooling.intake import Intake
from edge_agent.spooling.spool import Spool
from edge_agent.spooling.spool_file import SpoolDamaged, SpoolUnwritable
from quantrac.config.loading import load_network
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.config.wiring import load_wiring
from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.delivery import Delivery, Settled
from quantrac.mqtt.session import Session
from quantrac.mqtt.terms import Subscription, Will
from quantrac.observe import health
from quantrac.observe.logs import logger
from quantrac.telemetry.commands import read_key
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.topics import topic
from quantrac.telemetry.wire import STRICT_ERRORS

if TYPE_CHECKING:
    from edge_agent.cameras.starting import Cameras

log = logger(__name__)

SESSION_EXPIRY_S: Final = 300
"""Longer than the will's delay; nothing of value waits for the edge at the broker."""
LOOKED_BACK: Final = 20_000
"""Newest messages among which the last slot of each device is looked for."""
DRAIN_STEP_S: Final = 0.05
ASK_AGAIN_S: Final = 5.0
"""While draining in silence, the station announces itself this often, which the centre answers with an ack."""


class UnknownStation(QuantracError):
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
    Raises ConfigErrors, UnknownStation, SpoolLocked, MissingSetting, AgentFailed.
    """
    local = configured_station(settings, station_id)
    address = MqttAddress.parse(settings.mqtt())
    folder = settings.state_dir / station_id
    pushed, wiring = Pushed(folder), load_wiring(settings.wiring)
    sent = pushed.load(local)
    station = local if sent is None else wiring.wire(sent)
    failed = threading.Event()
    sampling_stop = threading.Event()
    draining = Draining(timeout_s=drain_s)
    loop = ForwardingLoop(_moment, on_failure=_setting(failed, sampling_stop))
    source = clock or SystemClock()
    watchdog = Watchdog.from_environment()
    orders = Orders(folder / ORDERS, station.devices)

    with ExitStack() as closing:
        folder.mkdir(parents=True, exist_ok=True)
        spool = closing.enter_context(
            Spool(folder, size_bytes=station.spool.size_bytes, keep_ms=station.spool.keep_ms, now_ms=_moment().ms)
        )
        keeper = _timekeeper(source, station, spool)
        closing.callback(keeper.stop)
        intake = Intake(wake=loop.wake, stamp=keeper.stamp)
        commands: SimpleQueue[Delivery] = SimpleQueue()
        replies = Replies(station_id, lambda: _moment().ms)
        session = _session(address, station_id, loop, commands.put, replies)
        forwarder = _forwarder(spool, intake, session, station, keeper)
        restart = _restart(spool, keeper.boot_id)
        loop.start(forwarder)
        closing.callback(loop.stop)
        session.start()
        closing.callback(session.stop)
        misses = MissCounts()
        cameras = _cameras(closing, station, settings, address, source, keeper, forwarder)
        steering = Steering(
            local,
            station,
            pushed,
            loop,
            session,
            load=lambda: configured_station(settings, station_id),
            wire=wiring.wire,
            orders=orders,
            misses=misses,
            draining=draining,
            sampling_stop=sampling_stop,
            photograph=None if cameras is None else cameras.photograph,
            replies=replies,
            now=_moment,
        )
        desk = Desk(folder, steering.answering.answer)
        closing.callback(desk.close)
        steering.obey(commands, _command_key(settings, station_id), folder)
        if reload is not None:
            steering.reload_on(reload)
        if settings.edge_listen is not None:
            closing.enter_context(health.serve(settings.edge_listen, ready=lambda: session.connected or "no broker"))

        _follow(stop, sampling_stop)
        log.info("agent_started", station=station_id, broker=str(address), epoch=spool.epoch, spool=str(folder))
        read = sampling or _sampling()
        read(
            station,
            sink=steering.noted(intake.offer if cameras is None else cameras.looked(intake.offer)),
            restart=restart,
            around=Surroundings(
                source.wall_ms,
                _housekeeping(closing, folder, station, forwarder, keeper, misses),
                orders,
                watchdog,
                _nobody if cameras is None else cameras.note,
                steering.link,
            ),
            stop=sampling_stop,
        )
        watchdog.stopping()
        drained = _drain(loop, draining, failed, stop)
        if not failed.is_set():
            loop.ask(lambda f: f.say_goodbye(_moment()))
        log.info("agent_stops", station=station_id, drained=drained)
    if failed.is_set():
        raise AgentFailed(f"the agent of {station_id} failed; see its log")
    return drained or not (draining.wanted.is_set() or drain_s > 0)


def _forwarder(spool: Spool, intake: Intake, session: Session, station: Station, keeper: Timekeeper) -> Forwarder:
    return Forwarder(
        spool,
        intake,
        session,
        identity_of(station),
        rate=station.backfill_rate,
        continuity=_continuity(station, spool),
        clock=keeper,
    )


def _housekeeping(
    closing: ExitStack, folder: Path, station: Station, forwarder: Forwarder, keeper: Timekeeper, misses: MissCounts
) -> Housekeeping:
    return Housekeeping(
        folder,
        lambda: forwarder.depth,
        spool_lost=lambda: forwarder.lost,
        clock_offset=keeper.offset,
        signal=_modem(closing, station),
        misses=misses,
    )


def configured_station(settings: Settings, station_id: str) -> Station:
    """Return a station of the configuration, its buses at their places; raises ConfigErrors, UnknownStation."""
    stations = load_network(settings.config, settings.overlay).stations
    if station_id not in stations:
        raise UnknownStation(f"station {station_id!r} is not configured; there are: {', '.join(sorted(stations))}")
    return load_wiring(settings.wiring).wire(stations[station_id])


def _session(
    address: MqttAddress,
    station_id: str,
    loop: ForwardingLoop,
    on_command: Callable[[Delivery], None],
    replies: Replies,
) -> Session:
    acks = topic(station_id, "ack")

    def on_message(delivery: Delivery) -> None:
        if delivery.topic == acks:
            loop.post(lambda f, now: f.heard(delivery.payload, now, retained=delivery.retain))
        else:
            on_command(delivery)
        session.acknowledge([(delivery.generation, delivery.mid)])

    def on_settled(settled: Settled) -> None:
        replies.settled(settled)
        loop.post(lambda f, now: f.answered(settled, now))

    session = Session(
        address,
        f"edge-{station_id}",
        expiry_s=SESSION_EXPIRY_S,
        receive_maximum=16,
        subscriptions=[Subscription(acks, retained_always=True), Subscription(topic(station_id, "cmd", "+"))],
        will=Will(topic(station_id, "status"), announcement.last_will(_moment().ms)),
        on_connect=lambda _: loop.post(lambda f, now: f.connected(now)),
        on_disconnect=lambda: loop.post(lambda f, _: f.disconnected()),
        on_message=on_message,
        on_publish_settled=on_settled,
    )
    replies.transport = session
    return session


def _continuity(station: Station, spool: Spool) -> Continuity:
    series = series_of(station)
    try:
        return Continuity(series, last_slots(series, spool.newest_first(LOOKED_BACK)))
    except (SpoolDamaged, *STRICT_ERRORS) as damage:  # the forwarder finds out, too, and renews the spool
        log.warning("last_slots_unknown", error=str(damage))
        return Continuity(series)


def _cameras(
    closing: ExitStack,
    station: Station,
    settings: Settings,
    address: MqttAddress,
    source: TimeSource,
    keeper: Timekeeper,
    forwarder: Forwarder,
) -> Cameras | None:
    """Start the cameras, if the station has any."""
    if not station.cameras:
        return None
    from edge_agent.cameras.starting import start_cameras

    cameras = start_cameras(closing, station, settings, address, source.wall_ms, keeper.stamp, _moment)
    forwarder.others = cameras.lane.said
    return cameras


def _command_key(settings: Settings, station_id: str) -> bytes | None:
    return None if settings.command_keys is None else read_key(settings.command_keys, station_id)


def _nobody(_: Event) -> None:
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


def _timekeeper(source: TimeSource, station: Station, spool: Spool) -> Timekeeper:
    known = source.boot_id()
    keeper = Timekeeper(source, station.clock, was_synchronised=bool(known) and spool.synchronised_boot() == known)
    keeper.start()
    return keeper


def _restart(spool: Spool, boot_id: str) -> str:
    try:
        boots, starts = spool.number_of_starts(boot_id)
    except SpoolUnwritable as full:  # the agent runs all the same, and keeps in memory what it can
        log.warning("spool_unwritable", error=str(full))
        return "agent start; the disk cannot be written"
    return f"boot {boots}, agent start {starts}"


def _drain(loop: ForwardingLoop, draining: Draining, failed: threading.Event, stop: threading.Event) -> bool:
    """Publish until all is acknowledged, nothing can be any more, or the time is over."""
    started = asked = time.monotonic()
    drained = False
    while not failed.is_set():
        drained = loop.ask(lambda f: f.drained)
        now = time.monotonic()
        told_twice = draining.wanted.is_set() and stop.is_set()
        if drained or told_twice or now - started >= draining.timeout_s:
            break
        if now - asked >= ASK_AGAIN_S:
            asked = now
            loop.post(lambda f, at: f.announce(at) if f.is_connected else None)
        time.sleep(DRAIN_STEP_S)
    with suppress(TimeoutError):
        draining.outcome = {} if failed.is_set() else {**report_of(loop), "drained": drained}
    draining.ended.set()
    return drained


def _follow(stop: threading.Event, sampling_stop: threading.Event) -> None:
    """Stop sampling when `stop` is set."""

    def wait() -> None:
        stop.wait()
        sampling_stop.set()

    threading.Thread(target=wait, name="stop", daemon=True).start()


def _sampling() -> Sampling:
    from edge_agent.acquiring.sampling import sample  # the drivers of the buses

    return sample


def _setting(*events: threading.Event) -> Callable[[], None]:
    def set_all() -> None:
        for event in events:
            event.set()

    return set_all


def _moment() -> Moment:
    return Moment(time.monotonic(), time.time_ns() // 1_000_000)
