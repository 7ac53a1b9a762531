"""A private Mosquitto: own folder, own free port of the loopback address, passwords and access list even in a demo."""

import contextlib
import json
import os
import secrets
import shutil
import signal
from collections.abc import Iterable
from pathlib import Path

from quantrac.private_services import broker_config, ports
from quantrac.private_services.broker_config import BrokerPlan
from quantrac.private_services.errors import MissingPackage, ServiceError, StartFailed
from quantrac.private_services.server import PrivateServer, ServerPlan, run_as

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
"""Debian keeps the broker here, and a plain user's PATH has none of it."""

START_TRIES = 5


class PrivateMosquitto(PrivateServer):
    """One broker in one folder; port, passwords and persisted sessions outlive stop, kill and restart.

    ``stations`` names the stations that may connect; ``ingest`` and ``console`` always may.
    """

    def __init__(self, folder: Path, *, stations: Iterable[str]) -> None:
        super().__init__(folder, account="mosquitto", package="mosquitto")
        self._stations = sorted(stations)
        self._passwords: dict[str, str] = {}

    def url(self, user: str) -> str:
        """Return the address with user and password: ``mqtt://user:password@127.0.0.1:port``."""
        return f"mqtt://{user}:{self.password(user)}@{ports.LOOPBACK}:{self._port}"

    def password(self, user: str) -> str:
        """Return the password of a user of this broker."""
        try:
            return self._passwords[user]
        except KeyError:
            raise ServiceError(f"the broker has no user {user}; it has {', '.join(sorted(self._passwords))}") from None

    def start(self) -> None:
        """Start on the port of last time, else on a free one, and wait until it answers."""
        if self.running:
            return
        program = _program("mosquitto")
        self._make_folder()
        first_time = not self._port
        for left in reversed(range(START_TRIES)):
            if first_time:
                self._port = ports.free_port()
            elif not ports.is_free(self._port):
                raise ServiceError(f"port {self._port} of the broker was taken by another program while it was down")
            self._write_files()
            try:
                self._launch(program)
            except StartFailed:
                # Somebody may have taken the free port in between; a port given out earlier must stay the same.
                if not (first_time and left) or ports.is_free(self._port):
                    raise
            else:
                return

    def _launch(self, program: str) -> None:
        self._ownership.take()
        self._run(
            ServerPlan(
                title="Mosquitto",
                argv=[program, "-c", str(self.folder / "mosquitto.conf")],
                account=self._account,
                folder=self.folder,
                log=self.folder / "mosquitto.log",
                stop_signal=signal.SIGTERM,
                ready=lambda: ports.answers(self._port),
            )
        )

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._account.own(self.folder)
        persistence = self.folder / "persistence"
        persistence.mkdir(mode=0o700, exist_ok=True)
        self._account.own(persistence)
        known = self.folder / "broker.json"
        if known.exists() and not self._port:
            remembered = json.loads(known.read_text(encoding="utf-8"))
            self._passwords = remembered["passwords"]
            if ports.is_free(remembered["port"]):
                self._port = remembered["port"]

    def _write_files(self) -> None:
        for user in broker_config.users(self._stations):
            self._passwords.setdefault(user, secrets.token_urlsafe(18))
        plan = BrokerPlan(
            host=ports.LOOPBACK,
            port=self._port,
            persistence=self.folder / "persistence",
            passwords=self.folder / "passwords",
            acl=self.folder / "acl",
        )
        self._write("mosquitto.conf", broker_config.render_config(plan))
        self._write("acl", broker_config.render_acl(self._stations))
        self._write("passwords", "".join(f"{user}:{word}\n" for user, word in self._passwords.items()))
        run_as(self._account, [_program("mosquitto_passwd"), "-U", "passwords"], folder=self.folder)
        self._write("broker.json", json.dumps({"port": self._port, "passwords": self._passwords}))

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
        self._account.own(path)


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=SBIN)
    if found is None:
        raise MissingPackage(f"{name} not found: install the package mosquitto (./dev setup does)")
    return found
