"""A receiver's server by SFTP: a file appears there whole or not at all. Host keys are pinned."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

import asyncssh

from quantrac.config.receivers import Receiver
from reports.ministry.file_server import MOST_BYTES, Failure, NotDelivered, part_of, refusal
from reports.ministry.logins import ReceiverLogin

PATIENCE_S: Final = 60.0
"""Longest wait for one file, its connection included."""
FAREWELL_S: Final = 2.0
T = TypeVar("T")


class SftpServer:
    """A connection to a receiver's server, opened when it is first needed; used by one thread.

    Nothing answers the server between two uses: close it before a rest.
    """

    def __init__(self, receiver: Receiver, login: ReceiverLogin) -> None:
        self._receiver, self._login = receiver, login
        self._runner: asyncio.Runner | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    def close(self) -> None:
        """Drop the connection; the next use opens another one."""
        connection, self._connection, self._client = self._connection, None, None
        runner, self._runner = self._runner, None
        if runner is not None:
            if connection is not None:
                with suppress(OSError, asyncssh.Error, TimeoutError):
                    runner.run(asyncio.wait_for(_ended(connection), FAREWELL_S))
            runner.close()

    def put(self, name: str, content: bytes) -> None:
        """Make a file: under a temporary name first, then in one step under its own, in the place of an older one.

        Raises NotDelivered.
        """
        self._do(self._put(self._receiver.place_of(name), content))

    def get(self, name: str) -> bytes | None:
        """Return what a file holds there; None: it is not there. Raises NotDelivered."""
        return self._do(self._get(self._receiver.place_of(name)))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            return self._runner.run(asyncio.wait_for(work, PATIENCE_S))
        except (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded) as error:
            raise NotDelivered(_why(error), Failure.FULL) from None
        except asyncssh.SFTPError as error:
            if not isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection):
                raise refusal(_why(error)) from None
            self.close()
            raise NotDelivered(_why(error), Failure.AWAY) from None
        except (OSError, asyncssh.Error, TimeoutError, ValueError) as error:  # ValueError: a key that is none
            self.close()
            raise NotDelivered(_why(error), Failure.AWAY) from None

    async def _sftp(self) -> asyncssh.SFTPClient:
        if self._client is None:
            server, login = self._receiver, self._login
            self._connection = await asyncssh.connect(
                *server.address,
                username=login.user,
                password=login.password,
                client_keys=None if login.key is None else [str(login.key)],
                known_hosts=([asyncssh.import_public_key(server.host_key or "")], [], []),
                config=None,
                agent_path=None,
            )
            self._client = await self._connection.start_sftp_client()
        return self._client

    async def _put(self, place: str, content: bytes) -> None:
        sftp = await self._sftp()
        folder = place.rpartition("/")[0]
        if folder:
            await _make_folder(sftp, folder)
        part = part_of(place)
        async with sftp.open(part, "wb") as file:
            await file.write(content)
        await _rename(sftp, part, place)

    async def _get(self, place: str) -> bytes | None:
        sftp = await self._sftp()
        try:
            async with sftp.open(place, "rb") as file:
                return cast("bytes", await file.read(MOST_BYTES))
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
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {PATIENCE_S:.0f} s"
    return str(error) or type(error).__name__
