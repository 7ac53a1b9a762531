"""From the field file to instruments mounted on buses: scenes, scripts, lines and servers of every station."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.bam_terminal import Bam1020, BamTerminal
from simulators.bayern_hessen_device import HessenLine
from simulators.field import BusSpec, FieldError, FieldPlan, InstrumentSpec, StationSpec
from simulators.instruments.aqua_troll import AquaTroll
from simulators.instruments.exo2 import Exo2
from simulators.instruments.grimm_edm180 import GrimmEdm180
from simulators.instruments.io_module import IoModule
from simulators.instruments.liquiline import Liquiline
from simulators.instruments.ott_pls import OttPls
from simulators.instruments.rain_bucket import PulseModule, RainBucket
from simulators.instruments.talking import AutomaticWxt, GrimmLines, MaxiMet, NmeaWeather
from simulators.instruments.teledyne import MODELS, TeledyneAnalyser
from simulators.instruments.thermo_49i import Thermo49i
from simulators.instruments.wtw_iq import IqSensorNet
from simulators.instruments.wxt536 import Wxt536
from simulators.journal import Journal
from simulators.lines import LineSettings, PtyLine, SerialLine, TcpLine
from simulators.modbus_server import RtuSlaves, TcpSlaves
from simulators.mount import Mount, ScriptClock, Window
from simulators.replay import Dithered, Recording
from simulators.scene import (
    Scene,
    air_scene,
    cabinet_scene,
    recorded_water,
    recorded_weather,
    water_scene,
    with_saturation,
)
from simulators.sdi12_sensor import Sdi12Bus
from simulators.signals.air import Air, AirMass
from simulators.signals.episode import Episode, StateWindow, scripted
from simulators.signals.water import Water, WaterBody
from simulators.talker_line import TalkerLine
from simulators.vaisala_wxt import WxtLine

Clock = Callable[[], float]
Place = dict[str, str | int]


@dataclass
class Bus:
    """A running bus: its key in the wiring file, how it is started and stopped, where it is once started."""

    key: str
    description: str
    start: Callable[[], Any]
    stop: Callable[[], Any]
    place: Callable[[], Place]


@dataclass(frozen=True)
class Recordings:
    """The recordings to replay, None where nobody needs one."""

    water: Recording | None
    weather: Recording | None


@dataclass
class Station:
    """A station's buses and its journal."""

    id: str
    buses: list[Bus]
    journal: Journal


def mount_station(
    station: str, plan: StationSpec, seed: int, recordings: Recordings, journal_dir: Path, clock: Clock
) -> Station:
    """Build a station; nothing runs yet. Raises FieldError for a plan whose instruments lack signals."""
    journal = Journal(journal_dir / f"{station}.jsonl")
    script = ScriptClock()
    scene = _scene(station, plan, seed, recordings, script)
    buses = []
    for name, bus in plan.buses.items():
        mounts = {}
        for spec in bus.instruments:
            mounts[str(spec.address)] = Mount(
                name, str(spec.address), _instrument(station, name, spec, scene, script), journal, script,
                latency_s=spec.latency_s, sleep_after_s=spec.sleep_after_s,
                mishaps=[(m.kind, Window(m.start_s, m.for_s, m.every_s)) for m in plan.script.mishaps
                         if m.bus == name and str(m.address) == str(spec.address)],
            )  # fmt: skip
        described = ", ".join(f"{spec.instrument} {spec.address}".strip() for spec in bus.instruments)
        buses.append(_bus(f"{station}/{name}", f"{bus.kind} {described}", bus, mounts, clock))
    return Station(station, buses, journal)


def _scene(station: str, plan: StationSpec, seed: int, recordings: Recordings, script: ScriptClock) -> Scene:
    scene = cabinet_scene(seed, station)
    if plan.water is not None:
        scene |= water_scene(Water(seed, station, WaterBody(**plan.water.model_dump())))
    if plan.air is not None:
        scene |= air_scene(Air(seed, station, AirMass(**plan.air.model_dump())))
    if plan.replay.water and recordings.water is not None:
        replayed = Dithered(recordings.water, seed, station, plan.replay.shift_s)
        scene |= recorded_water(replayed, recordings.water.names)
    if plan.replay.weather and recordings.weather is not None:
        replayed = Dithered(recordings.weather, seed, station, plan.replay.shift_s)
        scene |= recorded_weather(replayed, recordings.weather.names)
    scene["external_power"] = scene["battery_v"]
    for signal in {e.signal for e in plan.script.episodes} | {s.signal for s in plan.script.states}:
        if signal in scene:
            episodes = [Episode(e.start_s, e.for_s, e.to, e.ramp_s) for e in plan.script.episodes if e.signal == signal]
            states = [
                StateWindow(s.start_s, s.for_s, s.state, s.every_s) for s in plan.script.states if s.signal == signal
            ]
            scene[signal] = scripted(scene[signal], script, episodes, states)
        else:
            raise FieldError(
                f"{station}: script: signal {signal!r} is not measured here, but {', '.join(sorted(scene))}"
            )
    return with_saturation(scene)


def _instrument(station: str, bus: str, spec: InstrumentSpec, scene: Scene, script: ScriptClock) -> Any:
    """The instrument of a specification, connected to its station's scene."""
    if spec.instrument == "rain-bucket":
        return RainBucket(script, spec.count, spec.rate, spec.reboot_s)
    if spec.instrument == "pulse-module":
        return PulseModule(script, spec.count, spec.rate, spec.reboot_s)
    try:
        return BUILDERS[spec.instrument](spec, scene)
    except KeyError as missing:
        raise FieldError(
            f"{station}.buses.{bus}: {spec.instrument} needs the signal {missing}, found {', '.join(sorted(scene))}"
        ) from missing


def _analyser(spec: InstrumentSpec, scene: Scene) -> TeledyneAnalyser:
    gases = MODELS[spec.instrument].gases
    return TeledyneAnalyser(spec.instrument, {gas.signal: scene[gas.signal] for gas in gases})


BUILDERS: Mapping[str, Callable[[InstrumentSpec, Scene], Any]] = {
    "aqua-troll": lambda spec, scene: AquaTroll({signal: scene[signal] for signal in spec.signals}),
    "exo2": lambda spec, scene: Exo2(scene, spec.codes),
    "io-module": lambda _, scene: IoModule(scene),
    "ott-pls": lambda spec, scene: OttPls(scene["water_level"], scene["water_temp"], spec.measuring_s),
    "wxt536": lambda _, scene: Wxt536(scene),
    "grimm-edm180": lambda _, scene: GrimmEdm180(scene),
    "wtw-iq": lambda _, scene: IqSensorNet(scene),
    "liquiline": lambda _, scene: Liquiline(scene),
    "thermo-49i": lambda _, scene: Thermo49i(scene),
    "bam-1020": lambda _, scene: Bam1020(scene),
    "maximet": lambda _, scene: MaxiMet(scene),
    "nmea-weather": lambda _, scene: NmeaWeather(scene),
    "wxt536-automatic": lambda spec, scene: AutomaticWxt(scene, str(spec.address)),
    "grimm-lines": lambda _, scene: GrimmLines(scene),
} | dict.fromkeys(MODELS, _analyser)


def _bus(key: str, description: str, spec: BusSpec, mounts: dict[str, Mount[Any]], clock: Clock) -> Bus:
    """The server of a bus, by its kind."""
    if spec.kind == "modbus-tcp":
        tcp = TcpSlaves({int(address): mount for address, mount in mounts.items()}, clock, port=spec.port)
        return Bus(key, description, tcp.start, tcp.stop, lambda: {"host": tcp.host, "port": tcp.port})
    settings = LineSettings.parse(spec.line)
    line: SerialLine = TcpLine(settings, port=spec.port) if spec.served else PtyLine(settings)
    server: RtuSlaves | Sdi12Bus | WxtLine | HessenLine | TalkerLine | BamTerminal
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
        case "terminal":
            server = BamTerminal(line, _only(key, mounts), clock)
    return Bus(key, description, server.start, server.stop, lambda: _place(line))


def _only(key: str, mounts: dict[str, Mount[Any]]) -> Mount[Any]:
    if len(mounts) != 1:
        raise FieldError(f"{key}: this line carries one instrument, found {len(mounts)}")
    return next(iter(mounts.values()))


def _place(line: SerialLine) -> Place:
    return {"port": line.path} if isinstance(line, PtyLine) else {"host": line.host, "port": line.port}


def load_recordings(plan: FieldPlan, stations: list[str], files: list[Path]) -> Recordings:
    """The packaged recordings that the chosen stations need, replaced by `files` according to their columns."""
    folder = Path(__file__).parent / "recordings"
    chosen = [plan.stations[station].replay for station in stations]
    given = [Recording.load(file) for file in files]
    water = next((recording for recording in given if "water_temp" in recording.names or "do" in recording.names), None)
    weather = next((recording for recording in given if "air_temp" in recording.names), None)
    if water is None and any(replay.water for replay in chosen):
        water = Recording.load(folder / "estuary_2012.csv.gz")
    if weather is None and any(replay.weather for replay in chosen):
        weather = Recording.load(folder / "weather_2012.csv.gz")
    return Recordings(water, weather)
