"""The whole chain on one machine: stations, broker, ingest, database, quality, alerts, console, and a carrier.

Every process is started as the product's command line starts it; the stations are one light process with a connection
each (`benchmarks/station_load.py`). Now and then the oxygen of a station falls below a limit, so that it is known which
alarms must come, and by which reading. Nobody looks at the console. `find` raises the number of stations until people
are told late.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.network_figures import CONSUMERS, LAG_MOST_S, Alarms, NetworkFigures, NetworkLoad
from benchmarks.network_files import DELAY_INTERVALS, RULE, phone_of, station_name, write_network
from benchmarks.network_watch import NetworkWatch, Spread
from benchmarks.servers import Servers, scalar, servers
from benchmarks.station_load import EPOCH, LoadPlan, LoadReport, PlannedStation
from edge_agent.sending import announcement
from quantrac.cli.demo.servers import prepare_database
from quantrac.cli.processes import CENTRE_SERVICES, Program, Supervisor, quantrac
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.database.pool import Connection, connect
from quantrac.private_services import ports
from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from quantrac.telemetry.wire import Held

STEPS: Final = (50, 100, 200, 400, 700, 1000, 1500, 2000, 3000, 5000)
ENDS_FINDING: Final = frozenset({"alarms", "readings", "stations"})
START_S: Final = 300.0
"""Every service reads all files: a thousand stations take it ten seconds."""
SETTLE_S: Final = 30.0
"""How long after the last message the system may take for what is left."""
STATION = "stations"
SETTINGS: Final = {"track_commit_timestamp": "on"}
STATEMENTS: Final = """
select round(100 * total_exec_time / sum(total_exec_time) over ()) || ' %  ' || calls || ' x '
  || round(mean_exec_time::numeric, 2) || ' ms  ' || left(regexp_replace(query, '\\s+', ' ', 'g'), 100)
from pg_stat_statements s join pg_database d on d.oid = s.dbid and d.datname = current_database()
order by total_exec_time desc limit 15
"""
SENSOR_TO_ROW: Final = """
select extract(epoch from pg_xact_commit_timestamp(r.xmin) - r.time)::float8
from reading r join channel c using (channel_id) where c.name = 'do'
"""


def find(load: NetworkLoad) -> Iterator[str]:
    """Run with more and more stations, from those of `load`, on a fresh database each, until people are told late.

    Yields the figures of each run, and at the end which targets were missed from which number of stations on.
    """
    missed: dict[str, str] = {}
    for stations in (each for each in STEPS if each >= load.stations):
        figures = run(dataclasses.replace(load, stations=stations))
        yield str(figures)
        for target, words in figures.misses():
            missed.setdefault(target, f"{target} from {stations} stations on: {words}")
        if missed.keys() & ENDS_FINDING:
            break
    yield from missed.values() or [f"no target is missed at {STEPS[-1]} stations"]


def run(load: NetworkLoad) -> NetworkFigures:
    """Start everything, publish for the length of the run, wait until it is settled, and stop everything."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    settings = SETTINGS | ({"shared_preload_libraries": "timescaledb,pg_stat_statements"} if load.statements else {})
    names = [station_name(number) for number in range(load.stations)]
    with servers(names, settings) as system, MailCatcher() as mail, SmsCatcher() as sms:
        config = write_network(system.folder / "configs", load.stations, load.channels, load.interval_s)
        network = load_network(config)
        prepare_database(system.database, network)
        environment = {
            "QUANTRAC_DATABASE_URL": system.database, "QUANTRAC_CONFIG": str(config), "QUANTRAC_LOG": "json",
            "QUANTRAC_STATE_DIR": str(system.folder / "state"), "QUANTRAC_SMTP_URL": mail.url,
            "QUANTRAC_SMS_PROVIDER": "esms", "QUANTRAC_SMS_URL": sms.url, "QUANTRAC_SMS_KEY": "k",
            "QUANTRAC_SMS_SECRET": "s",
        }  # fmt: skip
        with connect(system.database, "benchmark") as conn, _programs(system.folder / "processes") as programs:
            _start_centre(programs, system, environment, conn)
            return _measured(load, system, network, programs, conn, sms)


@contextlib.contextmanager
def _programs(folder: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(folder)
    try:
        yield supervisor
    finally:
        supervisor.stop()


def _start_centre(programs: Supervisor, system: Servers, environment: Mapping[str, str], conn: Connection) -> None:
    """Start every service of the centre and wait until each of them serves."""
    console = ports.free_port()
    for service in CENTRE_SERVICES:
        user = "console" if service == "console" else "ingest"
        own = {"QUANTRAC_MQTT_URL": system.broker.url(user), "QUANTRAC_CONSOLE_LISTEN": f"127.0.0.1:{console}"}
        programs.start(Program(service, quantrac(service, "run"), {**environment, **own}), time.monotonic())
    waiting = _Waiting(programs, CENTRE_SERVICES)
    waiting.until(lambda: "mqtt_subscribed" in programs.log_of("ingest").read_text(), "ingest subscribed")
    following = "select count(*) from v_feed where consumer = any(%s)"
    waiting.until(
        lambda: conn.execute(following, [list(CONSUMERS)]).fetchone() == (len(CONSUMERS),), "the feed followed"
    )
    waiting.until(lambda: ports.answers(console), "the console answering")


@dataclass(frozen=True)
class _Waiting:
    """Waits for something while programs live."""

    programs: Supervisor
    names: tuple[str, ...]

    def until(self, done: Callable[[], bool], what: str, within_s: float = START_S) -> None:
        """Wait until something is so; raises TimeoutError, and RuntimeError when a program has ended."""
        deadline = time.monotonic() + within_s
        while not done():
            self._look()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {within_s:.0f} s")
            time.sleep(0.1)

    def _look(self) -> None:
        for name in self.names:
            if (status := self.programs.wait(name, 0)) is not None and (name, status) != (STATION, 0):
                raise RuntimeError(f"{name} ended with {status}:\n{self.programs.log_of(name).read_text()[-2000:]}")


def _measured(
    load: NetworkLoad, system: Servers, network: Network, programs: Supervisor, conn: Connection, sms: SmsCatcher
) -> NetworkFigures:
    """Let the stations publish, watch meanwhile, and look at what became of it."""
    plan, report_file = _plan(load, system, network), system.folder / "report.json"
    waiting = _start_stations(programs, plan, report_file)
    ids: dict[str, int] = json.loads((programs.directory / "processes.json").read_text())
    ids |= {"broker": system.broker.pid, "postgresql": system.postgres.pid}
    watch = NetworkWatch(conn, ids, load.seconds)
    if load.statements:
        conn.execute("create extension pg_stat_statements")
        conn.execute("select pg_stat_statements_reset()")
    watch.run()
    waiting.until(report_file.exists, "every message published", load.seconds + SETTLE_S)
    stations = msgspec.json.decode(report_file.read_bytes(), type=LoadReport)
    expected = _expected(plan, stations.started_ms)
    with contextlib.suppress(TimeoutError):  # what is not there by then counts as missing
        waiting.until(lambda: _settled(watch, conn, stations, len(expected), sms), "all is settled", SETTLE_S)
    return NetworkFigures(
        load=load,
        stations=stations,
        row=Spread.of([seconds for (seconds,) in conn.execute(SENSOR_TO_ROW)]),
        lags=watch.lags(),
        first_beyond=watch.first_beyond(LAG_MOST_S),
        alarms=_alarms(conn, expected, sms),
        uses=watch.uses(),
        online=scalar(conn, "select count(*) from v_station where online and config_reported = config_applied"),
        rows=scalar(conn, "select count(*) from reading"),
        duplicates=scalar(conn, "select coalesce(sum(duplicate), 0) from v_ledger"),
        other_cores=watch.other_cores(),
        sessions=watch.sessions(),
        statements=[line for (line,) in conn.execute(STATEMENTS)] if load.statements else [],
    )


def _start_stations(programs: Supervisor, plan: LoadPlan, report_file: Path) -> _Waiting:
    """Start the process of the stations and wait until all of them are connected."""
    plan_file = report_file.with_name("plan.json")
    plan_file.touch(mode=0o600)  # it holds the passwords of the broker
    plan_file.write_bytes(msgspec.json.encode(plan))
    argv = [sys.executable, "-m", "benchmarks.station_load", str(plan_file), str(report_file)]
    programs.start(Program(STATION, argv), time.monotonic())
    waiting = _Waiting(programs, (*CENTRE_SERVICES, STATION))
    waiting.until(lambda: b"started_ms" in programs.log_of(STATION).read_bytes(), "all stations connected")
    return waiting


def _plan(load: NetworkLoad, system: Servers, network: Network) -> LoadPlan:
    low_from, now_ms, stations = load.low_from(), round(time.time() * 1000), []
    for number in range(load.stations):
        name = station_name(number)
        birth = announcement.birth(announcement.identity_of(network.stations[name]), EPOCH, {EPOCH: Held(1, 0)}, now_ms)
        stations.append(PlannedStation(name, system.broker.url(name), birth.decode(), low_from.get(number)))
    return LoadPlan(stations, load.channels, round(load.interval_s * 1000), round(load.seconds / load.interval_s))


def _expected(plan: LoadPlan, started_ms: int) -> dict[int, int]:
    """Return for each station whose oxygen fell the time of the reading that completes the delay, ms since 1970.

    A reading counts for its interval, so the delay of five intervals is complete with the fifth reading.
    """
    return {
        number: plan.due_ms(started_ms, number, station.low_from + DELAY_INTERVALS - 1)
        for number, station in enumerate(plan.stations) if station.low_from is not None
    }  # fmt: skip


def _settled(watch: NetworkWatch, conn: Connection, stations: LoadReport, alarms: int, sms: SmsCatcher) -> bool:
    stored = scalar(conn, "select coalesce(sum(new), 0) from v_ledger")
    told = len({message.phone for message in sms.messages})
    return stored >= stations.published and told >= alarms and max(watch.lags_now().values()) == 0


def _alarms(conn: Connection, expected: Mapping[int, int], sms: SmsCatcher) -> Alarms:
    handed: dict[str, datetime] = {}
    for message in sms.messages:
        handed.setdefault(message.phone, datetime.fromisoformat(message.at))
    due = {station_name(number): (at_ms, phone_of(number)) for number, at_ms in expected.items()}
    false, took = [], []
    for rule, station, raised_ms in conn.execute(
        "select rule, station, round(extract(epoch from raised_at) * 1000)::int8 from v_alarm order by raised_at"
    ):
        at_ms, phone = due.get(station, (None, ""))
        if rule != RULE or raised_ms != at_ms:
            false.append(f"{rule} at {station}")
        elif phone in handed:
            took.append(handed[phone].timestamp() - raised_ms / 1000)
    return Alarms(len(expected), len(took), false, Spread.of(took))
