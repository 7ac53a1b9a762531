"""A receiver's server by FTP, or by FTP over TLS (RFC 4217, explicit): passive, and a file appears there whole.

By TLS the certificate is proven before the password is sent, on each data connection again: by those who may sign it,
or by its own digest.
"""

from __future__ import annotations

import ftplib  # the way that some receivers have; `stations check` warns of it
import hashlib
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any, Final, NoReturn, TypeVar

from quantrac.config.receivers import Receiver
from reports.ministry.file_server import MOST_BYTES, Failure, NotDelivered, part_of, refusal
from reports.ministry.logins import ReceiverLogin

PATIENCE_S: Final = 20.0
"""Longest wait for one answer."""
NOT_NOW: Final = ("421", "425", "426", "530")
"""Closing, no data connection, data connection lost, not logged in: nothing else would be taken either (RFC 959). So
would nothing whatever the server says before we are in."""
NO_ROOM: Final = ("452", "552")
T = TypeVar("T")


class FtpServer:
    """A connection to a receiver's server, opened when it is first needed."""

    def __init__(self, receiver: Receiver, login: ReceiverLogin) -> None:
        self._receiver, self._login = receiver, login
        self._ftp: ftplib.FTP | None = None

    def close(self) -> None:
        """Drop the connection; the next use opens another one."""
        if self._ftp is not None:
            with suppress(OSError, EOFError, ftplib.Error):
                self._ftp.quit()
        self._drop()

    def _drop(self) -> None:
        """Close without a word: nobody listens."""
        ftp, self._ftp = self._ftp, None
        if ftp is not None:
            ftp.close()

    def put(self, name: str, content: bytes) -> None:
        """Make a file: under a temporary name first, then under its own, in the place of an older one.

        Raises NotDelivered.
        """
        self._do(lambda ftp: _put(ftp, self._receiver.place_of(name), content))

    def get(self, name: str) -> bytes | None:
        """Return what a file holds there; None: it is not there, or nobody may read it. Raises NotDelivered."""
        return self._do(lambda ftp: _get(ftp, self._receiver.place_of(name)))

    def _do(self, work: Callable[[ftplib.FTP], T]) -> T:
        is_in = False
        try:
            ftp = self._connected()
            is_in = True
            return work(ftp)
        except (OSError, EOFError, ftplib.Error) as error:
            if is_in and isinstance(error, ftplib.error_temp | ftplib.error_perm):
                self._tell(error)
            self._drop()
            raise NotDelivered(str(error) or "the server ended the connection", Failure.AWAY) from None

    def _tell(self, error: ftplib.Error) -> NoReturn:
        code = str(error)[:3]
        if code in NOT_NOW:
            self._drop()
            raise NotDelivered(str(error), Failure.AWAY) from None
        raise (NotDelivered(str(error), Failure.FULL) if code in NO_ROOM else refusal(str(error))) from None

    def _connected(self) -> ftplib.FTP:
        if self._ftp is None:
            receiver = self._receiver
            self._ftp = ftp = _Ftps(receiver) if receiver.way == "ftps" else _Ftp(timeout=PATIENCE_S)
            ftp.connect(*receiver.address)
            ftp.login(self._login.user, self._login.password or "")
            if isinstance(ftp, _Ftps):
                ftp.prot_p()
            ftp.voidcmd("TYPE I")
        return self._ftp


class _Ftp(ftplib.FTP):
    """Reads whatever a server says: letters of an older Windows are no UTF-8, and become marks."""

    _answers: Any = None

    @property
    def file(self) -> Any:
        """Where the answers are read."""
        return self._answers

    @file.setter
    def file(self, file: Any) -> None:
        if file is not None:
            file.reconfigure(errors="replace")
        self._answers = file


class _Ftps(_Ftp, ftplib.FTP_TLS):
    """Proves the server on every connection, and takes the session of the first one up on the others, as many ask."""

    def __init__(self, receiver: Receiver) -> None:
        self._digest = receiver.certificate
        context = ssl.create_default_context(cafile=receiver.ca)
        if self._digest is not None:  # then nobody else's word counts
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(context=context, timeout=PATIENCE_S)

    def auth(self) -> str:
        """Begin TLS, before the password."""
        answer = super().auth()
        self._prove(self.sock)
        return answer

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> Any:
        """Open a data connection of the same server."""
        plain, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        data = self.context.wrap_socket(plain, server_hostname=self.host, session=session)
        self._prove(data)
        return data, size

    def _prove(self, connection: Any) -> None:
        if self._digest is None:
            return
        shown = hashlib.sha256(connection.getpeercert(binary_form=True)).hexdigest()
        if shown != self._digest:
            raise ConnectionRefusedError(f"the server shows another certificate than network.yaml: {shown}")


def _put(ftp: ftplib.FTP, place: str, content: bytes) -> None:
    part = part_of(place)
    try:
        _store(ftp, part, content)
    except ftplib.error_perm:  # perhaps for want of its folder
        _make_folders(ftp, place)
        _store(ftp, part, content)
    try:
        ftp.rename(part, place)
    except ftplib.error_perm:  # a server that renames over nothing
        with suppress(ftplib.error_perm):
            ftp.delete(place)
        ftp.rename(part, place)


def _make_folders(ftp: ftplib.FTP, place: str) -> None:
    for folder in [str(each) for each in PurePosixPath(place).parents][::-1]:
        if folder not in (".", "/"):
            with suppress(ftplib.error_perm):  # it is there; else storing says what is wrong
                ftp.mkd(folder)


def _store(ftp: ftplib.FTP, place: str, content: bytes) -> None:
    with ftp.transfercmd(f"STOR {place}") as data:
        data.sendall(content)
        _end_tls(data)
    ftp.voidresp()


def _get(ftp: ftplib.FTP, place: str) -> bytes | None:
    found = bytearray()
    try:
        with ftp.transfercmd(f"RETR {place}") as data:
            while len(found) < MOST_BYTES and (more := data.recv(8192)):
                found += more
            _end_tls(data)
    except ftplib.error_perm as error:
        if str(error).startswith("550"):
            return None
        raise
    ftp.voidresp()
    return bytes(found)


def _end_tls(data: Any) -> None:
    """Say that these are all bytes; that they came is what the server says on the other connection."""
    if isinstance(data, ssl.SSLSocket):
        with suppress(OSError):
            data.unwrap()
