"""The ways to a receiver: its server as network.yaml names it."""

from __future__ import annotations

from quantrac.config.receivers import BROKERS, Receiver
from reports.ministry.file_server import FileServer
from reports.ministry.ftp import FtpServer
from reports.ministry.logins import BadLogins, ReceiverLogin
from reports.ministry.mqtt import MqttBroker


def server_of(name: str, receiver: Receiver, login: ReceiverLogin) -> FileServer:
    """Return the server of a receiver, not connected yet. Raises BadLogins."""
    if receiver.way == "sftp":
        from reports.ministry.sftp import SftpServer  # 18 MB that the others do not need

        return SftpServer(receiver, login)
    if login.password is None:
        raise BadLogins(f"{name}: found a key, expected a password: {receiver.way} knows no keys")
    if receiver.way in BROKERS:
        return MqttBroker(receiver, login)
    return FtpServer(receiver, login)
