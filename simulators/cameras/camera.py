"""A network camera: JPEG snapshots by HTTP in the requested size, behind a basic or digest login (RFC 7616).

Its pictures are baseline JPEG: grey, of 8 x 8 blocks, each of one brightness (ITU-T T.81, Annexes B, F).
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Literal, Self
from urllib.parse import parse_qs, urlsplit

REALM: Final = "camera"
Scheme = Literal["none", "basic", "digest", "digest-sha256"]
DC_COUNTS: Final = bytes([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
"""Codes of each length, 1 to 16 bits, of the differences' categories 0 to 11 (table K.3)."""
DC_CODES: Final = ("00", "010", "011", "100", "101", "110", *("1" * n + "0" for n in range(3, 9)))
END_OF_BLOCK: Final = "0"
"""The only AC code used: a table of one code of one bit."""

Brightness = Callable[[int, int], int]
"""Column and row of a block → 0 black … 255 white."""


class SimulatedCamera:
    """Serves `/snapshot.jpg?width=…&height=…` on a port of the loopback address inside a `with` block."""

    def __init__(self, scheme: Scheme = "none", user: str = "", password: str = "") -> None:
        self.scheme, self.user, self.password = scheme, user, password
        self.nonce = secrets.token_hex(8)
        self._given = 0
        handler = type("Handler", (_Handler,), {"camera": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of its snapshots, without a size."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/snapshot.jpg"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def lets_in(self, method: str, said: str) -> bool:
        """Return whether an Authorization header opens the door."""
        if self.scheme == "none":
            return True
        if self.scheme == "basic":
            return said == "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        fields = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', said)}
        if not said.startswith("Digest ") or fields.get("nonce") != self.nonce:
            return False
        digest = _sha256 if self.scheme == "digest-sha256" else _md5
        secret = digest(f"{self.user}:{REALM}:{self.password}")
        asked = digest(f"{method}:{fields.get('uri')}")
        middle = ":".join(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
        return fields.get("response") == digest(f"{secret}:{middle}:{asked}")

    def picture(self, path: str) -> bytes:
        """Return a picture of the size that a path asks for: water that moves with each one."""
        self._given += 1
        query = parse_qs(urlsplit(path).query)
        sizes = (("width", "1920"), ("height", "1080"))
        width, height = (int(query.get(name, [default])[0]) for name, default in sizes)
        shift = self._given * 31
        return grey_jpeg(width, height, lambda x, y: (x * 7 + y * 13 + shift) % 200 + 20)


class _Handler(BaseHTTPRequestHandler):
    camera: SimulatedCamera

    def do_GET(self) -> None:
        """Answer one request."""
        camera = self.camera
        if not camera.lets_in("GET", self.headers.get("Authorization", "")):
            challenge = f'Basic realm="{REALM}"'
            if camera.scheme != "basic":
                algorithm = "SHA-256" if camera.scheme == "digest-sha256" else "MD5"
                challenge = f'Digest realm="{REALM}", nonce="{camera.nonce}", qop="auth", algorithm={algorithm}'
            self.send_response(401)
            self.send_header("WWW-Authenticate", challenge)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        jpeg = camera.picture(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(jpeg)))
        self.end_headers()
        self.wfile.write(jpeg)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class calls it so)
        """Say nothing."""


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def grey_jpeg(width: int, height: int, brightness: Brightness) -> bytes:
    """Return a JPEG of the given size in pixels."""
    header = (
        b"\xff\xd8"
        + _segment(0xE0, b"JFIF\0\x01\x01\0" + struct.pack(">HHBB", 1, 1, 0, 0))
        + _segment(0xDB, b"\0" + bytes([8] * 64))  # every coefficient in steps of 8: DC in steps of one brightness
        + _segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0")
        + _segment(0xC4, b"\0" + DC_COUNTS + bytes(range(12)))
        + _segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0")
        + _segment(0xDA, b"\x01\x01\0\0\x3f\0")
    )
    bits = "".join(_blocks(-(-width // 8), -(-height // 8), brightness))
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return header + scan + b"\xff\xd9"


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return width and height as the frame header of a baseline JPEG says them."""
    at = 2
    while jpeg[at + 1] != 0xC0:
        at += 2 + int(struct.unpack(">H", jpeg[at + 2 : at + 4])[0])
    height, width = struct.unpack(">HH", jpeg[at + 5 : at + 9])
    return width, height


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _blocks(columns: int, rows: int, brightness: Brightness) -> Iterator[str]:
    before = 0
    for row in range(rows):
        for column in range(columns):
            level = min(255, max(0, brightness(column, row))) - 128
            difference, before = level - before, level
            category = abs(difference).bit_length()
            yield DC_CODES[category]
            if category:
                yield format(difference if difference > 0 else difference + 2**category - 1, f"0{category}b")
            yield END_OF_BLOCK
