"""A receiver's server by SFTP: a file appears there whole or not at all. Host keys are pinned."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Final, NamedTuple, TypeVar, cast

import asyncssh

from quantrac.config.network import Receiver
from quantrac.telemetry.errors import QuantracError
from reports.ministry.sender import NotDelivered

PATIENCE_S: Final = 60.0
"""Longest wait for one file, its connection included."""
FAREWELL_S: Final = 2.0
PART: Final = ".part"
T = TypeVar("T")


class ReceiverLogin(NamedTuple):
    """What a receiver knows us by: a password, or the file of a private key."""

    user: str
    password: str | None = None
    key: Path | None = None


class BadLogins(QuantracError):
    """The file of logins is not what it should be."""

    exit_code = 2


def logins(file: Path) -> dict[str, ReceiverLogin]:
    """Read a file of lines `<receiver> <user> password <password>` or `<receiver> <user> key <file>`.

    Raises BadLogins with file and line, never with what stands there.
    """
    found: dict[str, ReceiverLogin] = {}
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadLogins(f"{file}: {error}, expected lines `<receiver> <user> password <password>`") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = line.strip().split(maxsplit=3)
        if len(words) != 4 or words[2] not in ("password", "key"):
            expected = "<receiver> <user> password <password>, or <receiver> <user> key <file>"
            raise BadLogins(f"{file}:{number}: found another line, expected {expected}")
        receiver, user, way, secret = words
        found[receiver] = ReceiverLogin(user, secret) if way == "password" else ReceiverLogin(user, key=Path(secret))
    return found


class SftpServer:
    """A connection to a receiver's server, opened when it is first needed; used by one thread.

    Nothing answers the server between two uses: close it before a rest.
    """

    def __init__(self, receiver: Receiver, login: ReceiverLogin) -> None:
        self._receiver, self._login = receiver, login
        self._runner = asyncio.Runner()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    def __enter__(self) -> SftpServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._runner.close()

    def close(self) -> None:
        """Drop the connection; the next use opens another one."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            with suppress(OSError, asyncssh.Error, TimeoutError):
                self._runner.run(asyncio.wait_for(_ended(connection), FAREWELL_S))

    def put(self, name: str, content: bytes) -> None:
        """Make a file: under a temporary name first, then in one step under its own, in the place of an older one.

        Raises NotDelivered.
        """
        self._do(self._put(self._place(name), content))

    def get(self, name: str) -> bytes | None:
        """Return what a file holds there; None: it is not there. Raises NotDelivered."""
        return self._do(self._get(self._place(name)))

    def _place(self, name: str) -> str:
        return str(PurePosixPath(self._receiver.folder, name))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(asyncio.wait_for(work, PATIENCE_S))
        except asyncssh.SFTPError as error:
            is_away = isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection)
            if is_away:
                self.close()
            raise NotDelivered(_why(error), is_away=is_away) from None
        except (OSError, asyncssh.Error, TimeoutError, ValueError) as error:  # ValueError: a key that is none
            self.close()
            raise NotDelivered(_why(error), is_away=True) from None

    async def _sftp(self) -> asyncssh.SFTPClient:
        if self._client is None:
            server, login = self._receiver, self._login
            self._connection = await asyncssh.connect(
                server.host,
                server.port,
                username=login.user,
                password=login.password,
                client_keys=None if login.key is None else [str(login.key)],
                known_hosts=([asyncssh.import_public_key(server.host_key)], [], []),
                config=None,
                agent_path=None,
            )
            self._client = await self._connection.start_sftp_client()
        return self._client

    async def _put(self, place: str, content: bytes) -> None:
        sftp = await self._sftp()
        folder, _, name = place.rpartition("/")
        if folder:
            await _make_folder(sftp, folder)
        part = f"{folder}/.{name}{PART}" if folder else f".{name}{PART}"
        async with sftp.open(part, "wb") as file:
            await file.write(content)
        await _rename(sftp, part, place)

    async def _get(self, place: str) -> bytes | None:
        sftp = await self._sftp()
        try:
            async with sftp.open(place, "rb") as file:
                return cast("bytes", await file.read())
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return None


async def _ended(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    await connection.wait_closed()


async def _make_folder(sftp: asyncssh.SFTPClient, folder: str) -> None:
    try:
        await sftp.makedirs(folder, exist_ok=True)
    except asyncssh.SFTPPermissionDenied:  # so say servers of folders that are there, where nobody may make any
        if not await sftp.isdir(folder):
            raise


async def _rename(sftp: asyncssh.SFTPClient, part: str, place: str) -> None:
    """Rename over what is there: in one step, or where the server cannot by removing that first."""
    try:
        await sftp.posix_rename(part, place)
    except asyncssh.SFTPOpUnsupported:
        if await sftp.exists(place):
            await sftp.remove(place)
        await sftp.rename(part, place)


def _why(error: BaseException) -> str:
    said = str(error) or type(error).__name__
    return f"no answer within {PATIENCE_S:.0f} s" if isinstance(error, TimeoutError) and not str(error) else said[:300]
