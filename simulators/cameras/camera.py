"""A network camera: JPEG snapshots by HTTP in the requested size, behind a basic or digest login (RFC 7616)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Literal, Self
from urllib.parse import parse_qs, urlsplit

from simulators.cameras.jpeg import grey_jpeg

REALM: Final = "camera"
Scheme = Literal["none", "basic", "digest", "digest-sha256"]


class SimulatedCamera:
    """Serves `/snapshot.jpg?width=…&height=…` on a port of the loopback address until closed."""

    def __init__(self, scheme: Scheme = "none", user: str = "", password: str = "", port: int = 0) -> None:
        self.scheme, self.user, self.password = scheme, user, password
        self.nonce = secrets.token_hex(8)
        self.asked: list[str] = []
        """Paths of the snapshots that were given."""
        self.reply: Callable[[bytes], bytes] = lambda jpeg: jpeg
        """What becomes of a picture on its way: a fault."""
        handler = type("Handler", (_Handler,), {"camera": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of its snapshots, without a size."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/snapshot.jpg"

    def close(self) -> None:
        """Switch it off."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        self.asked.append(path)
        query = parse_qs(urlsplit(path).query)
        sizes = (("width", "1920"), ("height", "1080"))
        width, height = (int(query.get(name, [default])[0]) for name, default in sizes)
        shift = len(self.asked)
        return self.reply(grey_jpeg(width, height, lambda x, y: (x * 7 + y * 13 + shift * 31) % 200 + 20))


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
