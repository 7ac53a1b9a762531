"""The private database and broker of the demo: prepared for the network, started again when they die."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from alerts.people.contacts import save_contacts
from quantrac.config.network import Network
from quantrac.database.edition import tune
from quantrac.database.migration import migrate
from quantrac.database.pool import connect
from quantrac.desks import accounts
from quantrac.desks.network import apply_network
from quantrac.desks.roles import Role, RoleGrant
from quantrac.observe.logs import logger
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.place import account_for, runtime_directory
from quantrac.private_services.postgres import PrivatePostgres
from quantrac.telemetry.errors import QuantracError

log = logger(__name__)

DATABASE: Final = "quantrac"
PERSON: Final = "quantrac demo"
ACCOUNT: Final = "demo"
LINK_LASTS: Final = timedelta(days=1)


def demo_place(project: Path) -> Path:
    """Return the folder that both servers' accounts can enter: the project's `.quantrac`, else one under `/var/tmp`."""
    accounts = (account_for("postgres", "postgresql-17"), account_for("mosquitto", "mosquitto"))
    return runtime_directory(project, *accounts)


def demo_folder(project: Path, *, keep: bool) -> Path:
    """Return the folder of the demo's files, emptied unless the last run's data are to be kept."""
    folder = demo_place(project) / "demo"
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    return folder


def account_key(folder: Path) -> str:
    """Return the key that seals second factors: in its folder the same for every run, and nobody else reads it."""
    return _kept(folder / "account.key", secrets.token_urlsafe(32)).read_text(encoding="ascii")


def command_keys(folder: Path, stations: Iterable[str]) -> Path:
    """Return the file of keys by which the console gives the stations commands; nobody else reads it."""
    lines = (f"{station} {secrets.token_hex(32)}\n" for station in stations)
    return _kept(folder / "command.keys", "".join(lines))


def _kept(path: Path, text: str) -> Path:
    """Return a file of secrets, made with this text where there was none."""
    if not path.exists():
        new = path.with_name(f"{path.name}.new")
        new.touch(0o600)
        new.write_text(text, encoding="ascii")
        new.rename(path)
    return path


class DemoRuns(QuantracError):
    """Another demo of this project is running."""


@contextmanager
def alone(project: Path) -> Iterator[None]:
    """Hold the project's demo for this process; raises DemoRuns when another one holds it."""
    folder = demo_place(project)
    with (folder / "demo.lock").open("a+", encoding="ascii") as lock:
        lock.seek(0)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoRuns(
                f"another demo of this project is running, process {lock.read()}: "
                "stop it with Ctrl-C in its terminal, or with `kill` and that number"
            ) from None
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class Servers:
    """TimescaleDB and Mosquitto under one folder."""

    def __init__(self, folder: Path, stations: Sequence[str]) -> None:
        self.postgres = PrivatePostgres(folder / "postgres")
        self.broker = PrivateMosquitto(folder / "mosquitto", stations=stations)

    def start_database(self) -> str:
        """Start the cluster, make the database if there is none; returns its address."""
        self.postgres.start()
        if not self.postgres.has_database(DATABASE):
            self.postgres.create_database(DATABASE)
        return self.postgres.url(DATABASE)

    def revive(self) -> None:
        """Start again what has died, on the same port with the same data."""
        for title, server in (("TimescaleDB", self.postgres), ("Mosquitto", self.broker)):
            if not server.running:
                log.warning("server_restarted", server=title)
                server.start()

    def stop(self) -> None:
        """Stop both, the broker first."""
        self.broker.stop()
        self.postgres.stop()


def sign_in_link(url: str) -> str:
    """Return the secret of a link that signs in as the demo's administrator for a day, in any browser."""
    now = datetime.now(UTC)
    with connect(url, PERSON) as conn:
        known = {row.login for row in accounts.accounts(conn)}
        if ACCOUNT not in known:
            accounts.add(conn, ACCOUNT, "Trực ban (demo)", [RoleGrant(Role.ADMINISTRATOR)], PERSON, now)
        return accounts.make_link(conn, accounts.account(conn, ACCOUNT).account_id, "sign in", now + LINK_LASTS)


def prepare_database(url: str, network: Network) -> None:
    """Bring the database to the newest schema and apply the network: `db migrate`, `db tune`, `stations apply`."""
    migrate(url)
    now = datetime.now(UTC)
    with connect(url, PERSON) as conn:
        tune(conn)
        apply_network(conn, network, PERSON, now)
        save_contacts(conn, network.settings.contacts, now, PERSON)
