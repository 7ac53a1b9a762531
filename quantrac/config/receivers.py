"""Who gets the ministry's files, and by which way: `receivers` of network.yaml."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from quantrac.config.fields import Model, Whole, matching, refused

Way = Literal["sftp", "ftps", "ftp", "mqtt", "mqtts"]
PORTS: Final[Mapping[Way, int]] = {"sftp": 22, "ftps": 21, "ftp": 21, "mqtt": 1883, "mqtts": 8883}
BROKERS: Final = frozenset({"mqtt", "mqtts"})
OPEN: Final = frozenset({"ftp", "mqtt"})
"""Whoever is on the line reads passwords and files."""
NEEDS: Final[Mapping[Way, tuple[str, ...]]] = {"sftp": ("host_key",), "mqtt": ("topic",), "mqtts": ("topic",)}
TAKES: Final[Mapping[Way, tuple[str, ...]]] = {
    "sftp": ("folder",), "ftps": ("folder", "ca", "certificate"), "ftp": ("folder",), "mqtt": ("client_id",),
    "mqtts": ("client_id", "ca"),
}  # fmt: skip
"""Besides what they need and host and port."""


def _host_key(text: str) -> str:
    """A public key as ssh-keyscan prints it: the kind, and bytes that begin with its length and name."""
    kind, encoded = text.split()[:2]
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    start = len(kind).to_bytes(4, "big") + kind.encode()
    if not key.startswith(start) or len(key) < len(start) + 32:
        raise refused(f"a whole key of kind {kind}, as ssh-keyscan prints it")
    return text


def _digest(text: str) -> str:
    """The SHA-256 of a certificate as openssl prints it, `AB:CD:…` or without colons; lower case."""
    plain = text.rpartition("=")[2].replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise refused(
            "the SHA-256 of the server's certificate: openssl x509 -in server.pem -noout -fingerprint -sha256"
        )
    return plain


def _topic(text: str) -> str:
    """A topic that one can publish to, with what a file is called in place of `{path}` and `{name}`."""
    bare = text.replace("{path}", "").replace("{name}", "")
    if set(bare) & set("+#{}\0") or not 1 <= len(text) <= 200 or text.startswith("$"):
        raise refused("a topic without + and #; {path} or {name} stands for the file's")
    return text


class Receiver(Model):
    """Who gets the ministry's files. Its login stands in the file of QUANTRAC_RECEIVER_LOGINS, never here."""

    way: Way = "sftp"
    """`ftps` begins TLS on the port of FTP (explicit); `ftp` and `mqtt` send passwords and files as anyone can read."""
    host: Annotated[str, matching(r"[\w.:-]+", "a host such as ftp.example.vn")]
    port: Annotated[Whole, Field(ge=1, le=65535)] | None = None
    """None: the usual one of the way."""
    folder: str = ""
    """On the server, under which the stations' folders stand; empty: where one is after the login."""
    host_key: (
        Annotated[
            str,
            matching(r"(ssh|ecdsa|sk)-\S+ [A-Za-z0-9+/=]+( .*)?", "the server's public key, such as ssh-ed25519 AAAA…"),
            AfterValidator(_host_key),
        ]
        | None
    ) = None
    """Pinned: a server that shows another one gets nothing."""
    ca: str | None = None
    """File of certificates (PEM) that may sign the server's; None: those of the system."""
    certificate: Annotated[str, AfterValidator(_digest)] | None = None
    """SHA-256 of the server's certificate, pinned, whoever signed it."""
    topic: Annotated[str, AfterValidator(_topic)] = ""
    """Of the messages; `{path}` is the file's folder and name, `{name}` its name."""
    client_id: Annotated[str, matching(r"\S{1,100}", "an identifier without spaces")] | None = None
    """Where the broker's owner has given us one."""

    @model_validator(mode="after")
    def _belongs_to_its_way(self) -> Receiver:
        needed, taken = NEEDS.get(self.way, ()), TAKES[self.way]
        for name in ("host_key", "topic", "folder", "ca", "certificate", "client_id"):
            has = bool(getattr(self, name))
            if name in needed and not has:
                raise refused(f"`{name}` beside `way: {self.way}`")
            if has and name not in (*needed, *taken):
                raise refused(f"no `{name}` beside `way: {self.way}`")
        if self.ca and self.certificate:
            raise refused("`ca` or `certificate`, not both")
        return self

    def place_of(self, path: str) -> str:
        """Return where a file goes: the path on the server, or the topic at the broker."""
        if self.way in BROKERS:
            return self.topic.replace("{path}", path).replace("{name}", path.rpartition("/")[2])
        return str(PurePosixPath(self.folder, path))

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or PORTS[self.way]
