"""A private PostgreSQL with TimescaleDB: own folder, own free port of the loopback address.

No system cluster is touched. It listens on TCP only: no Unix socket, so no path to keep short and nothing for other
accounts to reach.
"""

import json
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType

import psycopg
from psycopg import sql

from quantrac.private_services import ports
from quantrac.private_services.errors import MissingPackage, StartFailed
from quantrac.private_services.server import PrivateServer, ServerPlan, run_as

SUPERUSER = "quantrac"
OLDEST_MAJOR = 15
DEBIAN_ROOT = Path("/usr/lib/postgresql")

SETTINGS: Mapping[str, str] = {
    "shared_preload_libraries": "timescaledb",
    # The scheduler would hold a connection to every database, the template of the tests among them.
    "timescaledb.max_background_workers": "0",
    "timescaledb.telemetry_level": "off",
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}

VOLATILE: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""For tests that own their data: survives kill -9 of the server, but not a power cut of the machine."""

SHARED_MEMORY_GRACE_S = 60.0
ALONE_WITHIN_S = 180.0
"""How long a database that is copied, renamed or dropped is waited for: PostgreSQL gives those in it 5 s to leave, and
a busy machine takes longer."""


class PrivatePostgres(PrivateServer):
    """One cluster in one folder; port, password and data outlive stop, kill and restart.

    ``volatile`` trades durability for speed and must be asked for. ``transient`` folders are removed when the last
    owner died without stopping the cluster. ``settings`` of postgresql.conf override ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        volatile: bool = False,
        transient: bool = False,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(folder, account="postgres", package="postgresql-17")
        self._volatile = volatile
        self._transient = transient
        self._settings = settings
        self._password = ""
        self._kept: psycopg.Connection | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the superuser's address of a database of this cluster."""
        return f"postgresql://{SUPERUSER}:{self._password}@{ports.LOOPBACK}:{self._port}/{database}"

    def start(self) -> None:
        """Make the cluster if there is none, start it and wait until it accepts connections."""
        if self.running:
            return
        binaries = binaries_with_timescaledb()
        self._remember_or_make(binaries)
        self._ownership.take()
        deadline = time.monotonic() + SHARED_MEMORY_GRACE_S
        while True:
            try:
                self._launch(binaries)
            except StartFailed as failure:
                # After a kill the old backends need a moment to notice that their postmaster is gone.
                if "shared memory block" not in str(failure) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def join(self) -> None:
        """Take a share in the running cluster of this folder, which another process started."""
        self._ownership.take()
        remembered = json.loads((self.folder / "cluster.json").read_text(encoding="utf-8"))
        self._port, self._password = remembered["port"], remembered["password"]

    def leave(self, within_s: float = 20.0) -> None:
        """Give up the share; the last one to leave waits until the watchdog has stopped the cluster.

        For transient clusters, which the watchdog removes.
        """
        if self._ownership.give_up():
            deadline = time.monotonic() + within_s
            while self.folder.exists() and time.monotonic() < deadline:
                time.sleep(0.05)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Make and drop databases by one connection meanwhile: connecting is half of what they cost."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            self._kept = connection
            try:
                yield
            finally:
                self._kept = None

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Create a database, optionally as a copy of another one, and return its address."""
        create = sql.SQL("create database {}").format(sql.Identifier(name))
        if template is not None:
            create += sql.SQL(" template {} strategy file_copy").format(sql.Identifier(template))  # a third of the time
        self._execute(create)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, ending what is still connected to it."""
        self._execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def rename_database(self, name: str, to: str) -> None:
        """Give a database another name."""
        self._execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(name), sql.Identifier(to)))

    def has_database(self, name: str) -> bool:
        """Tell whether the cluster has a database of this name."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
        return found is not None

    def remove(self) -> None:
        """Stop and delete the cluster with all its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _execute(self, statement: sql.Composed) -> None:
        deadline = time.monotonic() + ALONE_WITHIN_S
        kept = None if self._kept is None or self._kept.closed else self._kept
        with nullcontext(kept) if kept else psycopg.connect(self.url(), autocommit=True) as connection:
            while True:
                try:
                    connection.execute(statement)
                except psycopg.errors.ObjectInUse:
                    if time.monotonic() > deadline:
                        raise
                else:
                    return

    def _remember_or_make(self, binaries: Path) -> None:
        known = self.folder / "cluster.json"
        if known.exists():
            remembered = json.loads(known.read_text(encoding="utf-8"))
            self._password = remembered["password"]
            wanted = self._port or int(remembered["port"])
            self._port = wanted if self._port or ports.is_free(wanted) else ports.free_port()
        else:
            self._port, self._password = ports.free_port(), secrets.token_urlsafe(18)
            self._make(binaries)
        known.write_text(json.dumps({"port": self._port, "password": self._password}), encoding="utf-8")
        known.chmod(0o600)

    def _make(self, binaries: Path) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(self.folder / "data", ignore_errors=True)  # of an initdb that was interrupted
        self._account.own(self.folder)
        secret = self.folder / "initial-password"
        secret.touch(mode=0o600)
        secret.write_text(self._password, encoding="ascii")
        self._account.own(secret)
        run_as(
            self._account,
            [
                str(binaries / "initdb"), "--pgdata", str(self.folder / "data"), "--username", SUPERUSER,
                "--pwfile", str(secret), "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8",
                "--no-sync",
            ],
            folder=self.folder,
        )  # fmt: skip
        secret.unlink()

    def _launch(self, binaries: Path) -> None:
        volatile = VOLATILE if self._volatile else {}
        settings = {**SETTINGS, **volatile, **self._settings, "port": str(self._port)}
        self._run(
            ServerPlan(
                title="PostgreSQL",
                argv=[
                    str(binaries / "postgres"), "-D", str(self.folder / "data"),
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                account=self._account,
                folder=self.folder,
                log=self._fresh_log(),
                stop_signal=signal.SIGINT,
                ready=self._accepts_connections,
                remove=self.folder if self._transient else None,
            )
        )  # fmt: skip

    def _fresh_log(self) -> Path:
        log = self.folder / "postgres.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        return log

    def _accepts_connections(self) -> bool:
        """Read the status line that the postmaster keeps in its pid file, beside a path in whatever bytes it has."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_bytes().split(b"\n")
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == b"ready" and ports.answers(self._port)


def binaries_with_timescaledb() -> Path:
    """Return the folder of the newest installed PostgreSQL that has TimescaleDB.

    Raises MissingPackage naming what to install.
    """
    majors = sorted((int(found.name) for found in DEBIAN_ROOT.glob("[0-9]*") if found.name.isdecimal()), reverse=True)
    for major in majors:
        home = DEBIAN_ROOT / str(major)
        if major >= OLDEST_MAJOR and (home / "bin/postgres").exists() and (home / "lib/timescaledb.so").exists():
            return home / "bin"
    raise MissingPackage(
        f"no PostgreSQL {OLDEST_MAJOR} or newer with TimescaleDB under {DEBIAN_ROOT}: "
        "install postgresql-17 and postgresql-17-timescaledb (./dev setup does)"
    )
