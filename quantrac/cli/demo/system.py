"""The whole system in one folder: servers, simulated field, centre, agents, started in order and stopped together."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from quantrac.cli.demo.servers import Servers, account_key, command_keys, demo_folder, sign_in_link
from quantrac.cli.processes import CENTRE_SERVICES, Program, Supervisor, quantrac
from quantrac.config.network import Network
from quantrac.private_services import ports
from quantrac.telemetry.errors import QuantracError

POLL_S: Final = 0.05
OVERLAY: Final = "demo"
"""The overlay of `station_configs` that sets short intervals."""


@dataclass(frozen=True)
class DemoOptions:
    """`quantrac demo`'s options.

    Args:
        project: holds `station_configs`; the run's files go to its `.quantrac/demo` or, where a system user could not
            enter that, to a folder of our own under `/var/tmp`.
        seconds: how long to run from the first reading; None: until Ctrl-C.
        report: where to write the JSON report; None: nowhere.
        keep: go on with the data of the last run.
    """

    project: Path
    seconds: float | None = None
    report: Path | None = None
    keep: bool = False


class DemoError(QuantracError):
    """Part of the demo did not start or did not end as it should; the text names it and its log."""


class DemoSystem:
    """The whole system in one folder. Use as a context manager: whatever was started is stopped at its end.

    Args:
        say: takes one line for each thing that has come up.
    """

    def __init__(self, options: DemoOptions, network: Network, say: Callable[[str], None]) -> None:
        self.options, self.network, self._say = options, network, say
        self.folder = demo_folder(options.project, keep=options.keep)
        self.journals = self.folder / "journal"
        self.caught = self.folder / "caught"
        self.servers = Servers(self.folder, list(network.stations))
        self.supervisor = Supervisor(self.folder / "processes")
        self._keys = {"QUANTRAC_COMMAND_KEYS": str(command_keys(self.folder, network.stations))}
        self.database_url = ""
        self._console_port = 0
        self._people: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.supervisor.stop()
        self.servers.stop()

    def start_servers(self) -> None:
        """Start TimescaleDB, Mosquitto and the catchers of mail and SMS."""
        self.database_url = self.servers.start_database()
        self._say(f"TimescaleDB   {_without_password(self.database_url)}")
        self.servers.broker.start()
        self._say(f"MQTT broker   mqtt://127.0.0.1:{self.servers.broker.port}")
        self._start_catchers()

    def start_field(self) -> None:
        """Start the simulated instruments and wait until they are wired."""
        wiring = self.folder / "wiring.yaml"
        wiring.unlink(missing_ok=True)
        argv = quantrac("simulate", "--wiring", str(wiring), "--journal", str(self.journals))
        self._start(Program("simulate", argv))
        while not wiring.exists():
            self._pause_for("simulate")
        self._say(f"instruments   {sum(len(s.devices) for s in self.network.stations.values())}, wired as in {wiring}")

    def start_centre(self) -> None:
        """Start the services of the centre and the console."""
        self._console_port = ports.free_port()
        console = {
            "QUANTRAC_CONSOLE_LISTEN": f"127.0.0.1:{self._console_port}",
            "QUANTRAC_CONSOLE_ANONYMOUS": "viewer",
            "QUANTRAC_ACCOUNT_KEY": account_key(self.folder),
            **self._keys,
        }
        for service in CENTRE_SERVICES:
            own = {**self._environment("console"), **console} if service == "console" else self._environment("ingest")
            self._start(Program(service, quantrac(service, "run"), own))

    def start_agents(self) -> None:
        """Start one edge agent a station."""
        for station in self.network.stations:
            own = {**self._environment(station), **self._keys}
            self._start(Program(station, quantrac("edge", "run", "--station", station), own))
        self._say(f"edge agents   {', '.join(self.network.stations)}")

    def show_console(self, stopped: Callable[[], bool]) -> None:
        """Wait until the console answers, then say its address and the link that signs in."""
        while not ports.answers(self._console_port):
            if stopped():
                return
            self._pause_for("console")
        address = f"http://127.0.0.1:{self._console_port}"
        self._say(f"console       {address}/ to read")
        self._say(f"              {address}/public as everybody sees it")
        self._say(f"              {address}/enter/{sign_in_link(self.database_url)} to act, signed in")

    def watch(self) -> None:
        """Start again whatever has died."""
        self.servers.revive()
        self.supervisor.watch(time.monotonic())

    def agent_command(self, station: str, *words: str) -> tuple[Sequence[str], Mapping[str, str]]:
        """Return a command about one agent, with the environment it needs."""
        return quantrac("edge", *words, "--station", station), self._environment(station)

    def spool_of(self, station: str) -> Path:
        """Return the folder in which an agent keeps what it sends."""
        return self._state / station

    @property
    def _state(self) -> Path:
        return self.folder / "state"

    def _start_catchers(self) -> None:
        argv = (sys.executable, "-m", "quantrac.private_services.catchers", "--out", str(self.caught))
        self.supervisor.log_of("catchers").unlink(missing_ok=True)
        self._start(Program("catchers", argv))
        found = self._addresses("catchers", ("mail", "sms"))
        self._people = {
            "QUANTRAC_SMTP_URL": found["mail"],
            "QUANTRAC_SMTP_FROM": "canh-bao@quantrac.example",
            "QUANTRAC_SMS_PROVIDER": "esms",
            "QUANTRAC_SMS_URL": found["sms"],
            "QUANTRAC_SMS_KEY": "demo",
            "QUANTRAC_SMS_SECRET": "demo",
            "QUANTRAC_SMS_BRANDNAME": "QUANTRAC",
        }
        self._say(f"mail catcher  {found['mail']}, SMS catcher {found['sms']}, kept in {self.caught}")

    def _environment(self, user: str) -> dict[str, str]:
        return {
            **self._people,
            "QUANTRAC_DATABASE_URL": self.database_url,
            "QUANTRAC_MQTT_URL": self.servers.broker.url(user),
            "QUANTRAC_CONFIG": str(self.options.project / "station_configs"),
            "QUANTRAC_OVERLAY": OVERLAY,
            "QUANTRAC_STATE_DIR": str(self._state),
            "QUANTRAC_WIRING": str(self.folder / "wiring.yaml"),
            "QUANTRAC_LOG": "json",
        }

    def _start(self, program: Program) -> None:
        self.supervisor.start(program, time.monotonic())

    def _addresses(self, program: str, names: Sequence[str]) -> dict[str, str]:
        """Wait until a program has printed `name address` for each name."""
        printed: dict[str, str] = {}
        while not set(names) <= printed.keys():
            self._pause_for(program)
            lines = self.supervisor.log_of(program).read_text("utf-8").splitlines()
            printed = {name: address for name, _, address in (line.partition(" ") for line in lines)}
        return printed

    def _pause_for(self, program: str) -> None:
        if program in self.supervisor.watch(time.monotonic()):
            raise DemoError(f"{program} did not come up; see {self.supervisor.log_of(program)}")
        time.sleep(POLL_S)


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    user, _, place = rest.rpartition("@")
    return f"{scheme}://{user.split(':')[0]}@{place}"
