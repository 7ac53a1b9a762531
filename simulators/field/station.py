"""Builds a station of the field: its scene, script, lines, servers and mounted instruments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.buses.bayern_hessen import HessenLine
from simulators.buses.journal import Journal
from simulators.buses.line_faults import LineFaults
from simulators.buses.line_server import LineServer
from simulators.buses.modbus import RtuSlaves
from simulators.buses.modbus_tcp import TcpSlaves
from simulators.buses.mount import Mount
from simulators.buses.sdi12 import Sdi12Bus
from simulators.buses.talker_line import TalkerLine
from simulators.buses.telegram_line import TelegramLine
from simulators.buses.vaisala import WxtLine
from simulators.faults.book import FaultBook
from simulators.faults.fault import InstrumentPlace, Scope
from simulators.field.catalogue import COUNTERS, build
from simulators.field.plan import BusPlan, FieldError, FieldPlan, InstrumentPlan, StationPlan
from simulators.instruments.bam_1020 import BamTerminal
from simulators.lines.serial_line import PtyLine, SerialLine, ServedLine
from simulators.lines.wire import WireSettings
from simulators.signals.air import Air
from simulators.signals.recording import Dithered, Recording
from simulators.signals.scene import (
    Scene,
    air_scene,
    cabinet_scene,
    recorded_water,
    recorded_weather,
    water_scene,
    with_saturation,
)
from simulators.signals.script import ScriptClock, scripted
from simulators.signals.source import ProbeValue, Source
from simulators.signals.water import Water

Clock = Callable[[], float]
BusAddress = dict[str, str | int]
"""A port, or host and port, as the wiring file names it."""


@dataclass
class SimulatedBus:
    """A running bus: its key in the wiring file, how it is started and stopped, where it is once started."""

    key: str
    description: str
    start: Callable[[], Any]
    stop: Callable[[], Any]
    place: Callable[[], BusAddress]
    faults: LineFaults


@dataclass(frozen=True)
class Recordings:
    """The recordings to replay, None where nobody needs one."""

    water: Recording | None
    weather: Recording | None


@dataclass
class SimulatedStation:
    """A station's buses, its journal and its faults."""

    id: str
    buses: list[SimulatedBus]
    journal: Journal
    book: FaultBook
    places: Sequence[InstrumentPlace]


def mount_station(
    station: str,
    plan: StationPlan,
    seed: int,
    recordings: Recordings,
    journal_dir: Path,
    clock: Clock,
    *,
    ports: Path | None = None,
) -> SimulatedStation:
    """Build a station; nothing runs yet. With `ports` serial lines have stable names in that folder.

    Raises FieldError for a plan whose instruments lack signals, FaultError for faults of its script that strike nobody.
    """
    journal = Journal(journal_dir / f"{station}.jsonl")
    script = ScriptClock()
    scene = _scene(station, plan, seed, recordings, script)
    places = {(name, spec.address): _fault_place(station, name, bus, spec)
              for name, bus in plan.buses.items() for spec in bus.instruments}  # fmt: skip
    book = FaultBook(plan.script.faults, list(places.values()))
    buses = []
    for name, bus in plan.buses.items():
        key = f"{station}/{name}"
        mounts = {}
        for spec in bus.instruments:
            place = places[name, spec.address]
            judged = {signal: _judged(source, place, book, script) for signal, source in scene.items()}
            mounts[str(spec.address)] = Mount(
                name, str(spec.address), build(f"{station}.buses.{name}", spec, judged, script), journal, script,
                latency_s=spec.latency_s, sleep_after_s=spec.sleep_after_s, place=place, book=book, seed=seed,
            )  # fmt: skip
        described = ", ".join(f"{spec.instrument} {spec.address}".strip() for spec in bus.instruments)
        link = None if ports is None else ports / f"{station}.{name}"
        buses.append(_bus(key, f"{bus.kind} {described}", bus, mounts, clock, link))
    return SimulatedStation(station, buses, journal, book, list(places.values()))


def _fault_place(station: str, name: str, bus: BusPlan, spec: InstrumentPlan) -> InstrumentPlace:
    names = tuple(word for word in (str(spec.address), spec.name, spec.instrument) if word)
    has: set[Scope] = {"counter"} if spec.instrument in COUNTERS else set()
    has |= {"probes"} if spec.instrument == "exo2" else set()
    return InstrumentPlace(station, name, names, bus.kind, bus.served, frozenset(has))


def _judged(source: Source, place: InstrumentPlace, book: FaultBook, script: ScriptClock) -> Source:
    """The source as an instrument judges it on which a fault may have laid a state."""

    def judged(t: float) -> ProbeValue:
        sample = source(t)
        for fault in book.at(place, script.elapsed(t)):
            if fault.kind == "state":
                return ProbeValue(sample.value, fault.state)
        return sample

    return judged


def _scene(station: str, plan: StationPlan, seed: int, recordings: Recordings, script: ScriptClock) -> Scene:
    scene = cabinet_scene(seed, station)
    if plan.water is not None:
        scene |= water_scene(Water(seed, station, plan.water))
    if plan.air is not None:
        scene |= air_scene(Air(seed, station, plan.air))
    if plan.replay.water and recordings.water is not None:
        replayed = Dithered(recordings.water, seed, station, plan.replay.shift_s)
        scene |= recorded_water(replayed, recordings.water.names)
    if plan.replay.weather and recordings.weather is not None:
        replayed = Dithered(recordings.weather, seed, station, plan.replay.shift_s)
        scene |= recorded_weather(replayed, recordings.weather.names)
    scene["external_power"] = scene["battery_v"]
    episodes, states = plan.script.episodes, plan.script.states
    for signal in {episode.signal for episode in episodes} | {state.signal for state in states}:
        if signal not in scene:
            raise FieldError(
                f"{station}: script: signal {signal!r} is not measured here, but {', '.join(sorted(scene))}"
            )
        scene[signal] = scripted(signal, scene[signal], script, episodes, states)
    return with_saturation(scene)


def _bus(
    key: str, description: str, spec: BusPlan, mounts: dict[str, Mount[Any]], clock: Clock, link: Path | None
) -> SimulatedBus:
    """The server of a bus, by its kind."""
    all_mounts = list(mounts.values())
    if spec.kind == "modbus-tcp":
        tcp = TcpSlaves({int(address): mount for address, mount in mounts.items()}, clock, port=spec.port)
        faults = LineFaults(tcp, all_mounts, clock)
        return SimulatedBus(key, description, tcp.start, tcp.stop, lambda: {"host": tcp.host, "port": tcp.port}, faults)
    settings = WireSettings.parse(spec.line)
    line: SerialLine = ServedLine(settings, port=spec.port) if spec.served else PtyLine(settings, link)
    server: LineServer
    match spec.kind:
        case "modbus-rtu":
            server = RtuSlaves(line, {int(address): mount for address, mount in mounts.items()}, clock)
        case "sdi-12":
            server = Sdi12Bus(line, mounts, clock)
        case "ascii":
            server = WxtLine(line, mounts, clock)
        case "bayern-hessen":
            server = HessenLine(line, _only(key, mounts), clock)
        case "talkers":
            server = TalkerLine(line, mounts, clock)
        case "telegrams":
            server = TelegramLine(line, _only(key, mounts), clock)
        case "terminal":
            server = BamTerminal(line, _only(key, mounts), clock)
    faults = LineFaults(line, all_mounts, clock)
    return SimulatedBus(key, description, server.start, server.stop, lambda: _place(line), faults)


def _only(key: str, mounts: dict[str, Mount[Any]]) -> Mount[Any]:
    if len(mounts) != 1:
        raise FieldError(f"{key}: this line carries one instrument, found {len(mounts)}")
    return next(iter(mounts.values()))


def _place(line: SerialLine) -> BusAddress:
    return {"port": line.path} if isinstance(line, PtyLine) else {"host": line.host, "port": line.port}


def load_recordings(plan: FieldPlan, stations: list[str], files: list[Path]) -> Recordings:
    """The packaged recordings that the chosen stations need, replaced by `files` according to their columns."""
    folder = Path(__file__).parents[1] / "recordings"
    chosen = [plan.stations[station].replay for station in stations]
    given = [Recording.load(file) for file in files]
    water = next((recording for recording in given if "water_temp" in recording.names or "do" in recording.names), None)
    weather = next((recording for recording in given if "air_temp" in recording.names), None)
    if water is None and any(replay.water for replay in chosen):
        water = Recording.load(folder / "estuary_2012.csv.gz")
    if weather is None and any(replay.weather for replay in chosen):
        weather = Recording.load(folder / "weather_2012.csv.gz")
    return Recordings(water, weather)
