"""Catchers of mail and short messages for demo and tests: servers that keep what they receive and send nothing on.

`python -m quantrac.private_services.catchers --mail-port 0 --sms-port 0 --out DIR` prints one line an address and runs
until SIGTERM; DIR/mail.jsonl and DIR/sms.jsonl get one JSON line a message.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from aiosmtpd.smtp import SMTP, Envelope, Session

from quantrac.observe.health import LocalHttpServer

HOST = "127.0.0.1"
STOP_WITHIN_S = 60.0
ESMS_PATH = "/MainService.svc/json/SendMultipleMessage_V4_post_json/"


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail that arrived."""

    at: str
    """When, ISO 8601 UTC."""
    to: list[str]
    subject: str
    message_id: str
    body: str


@dataclass(frozen=True, slots=True)
class Sms:
    """A short message that arrived."""

    at: str
    phone: str
    text: str
    request_id: str
    brandname: str


Caught = TypeVar("Caught", Mail, Sms)


class _Catcher(ABC, Generic[Caught]):
    """The base of both: the messages, in a list, and in a file where one is named."""

    def __init__(self, file: Path | None, clock: Callable[[], datetime] | None) -> None:
        self._caught: list[Caught] = []
        self._file = file
        self._clock = clock or _wall_clock
        self._lock = threading.Lock()

    @property
    def messages(self) -> list[Caught]:
        """The messages that have been taken so far."""
        return list(self._caught)

    @abstractmethod
    def close(self) -> None:
        """Stop listening."""

    def _keep(self, message: Caught) -> None:
        with self._lock:
            self._caught.append(message)
            if self._file is not None:
                with self._file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(asdict(message), ensure_ascii=False) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class MailCatcher(_Catcher[Mail]):
    """An SMTP server on 127.0.0.1; `url` is what QUANTRAC_SMTP_URL takes."""

    def __init__(self, port: int = 0, file: Path | None = None, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(file, clock)
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(lambda: SMTP(self, hostname="catcher", loop=self._loop), HOST, port)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"smtp://{HOST}:{self.port}"
        self._thread = threading.Thread(target=self._loop.run_forever, name="mail-catcher", daemon=True)
        self._thread.start()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Take one mail (the name is aiosmtpd's hook)."""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        letter = message_from_bytes(content, policy=policy.default)
        body = letter.get_body(("plain",))
        self._keep(
            Mail(
                at=self._clock().isoformat(),
                to=[str(address) for address in envelope.rcpt_tos],
                subject=str(letter["Subject"] or ""),
                message_id=str(letter["Message-ID"] or ""),
                body="" if body is None else body.get_content().replace("\r\n", "\n"),
            )
        )
        return "250 caught"

    def close(self) -> None:
        """Stop listening, cut open sessions."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(STOP_WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_WITHIN_S)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # their transports close


class SmsCatcher(_Catcher[Sms]):
    """An HTTP server that answers like eSMS: a RequestId counts once, a malformed request gets the provider's code."""

    def __init__(self, port: int = 0, file: Path | None = None, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(file, clock)
        self._ids: set[str] = set()
        handler = type("Handler", (_EsmsHandler,), {"answer_to": staticmethod(self._answer_to)})
        self._server = LocalHttpServer((HOST, port), handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://{HOST}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="sms-catcher", daemon=True
        )
        self._thread.start()

    def _answer_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the provider's answer to one request."""
        if not request.get("ApiKey") or not request.get("SecretKey"):
            return {"CodeResult": "101", "ErrorMessage": "Authorize Failed"}
        if not re.fullmatch(r"(84|0)\d{9}", str(request.get("Phone", ""))):
            return {"CodeResult": "108", "ErrorMessage": "Phone number invalid"}
        request_id = str(request.get("RequestId", ""))
        with self._lock:
            if request_id in self._ids:
                return {"CodeResult": "124", "ErrorMessage": "RequestId duplicated"}
            self._ids.add(request_id)
        self._keep(
            Sms(
                at=self._clock().isoformat(),
                phone=str(request["Phone"]),
                text=str(request.get("Content", "")),
                request_id=request_id,
                brandname=str(request.get("Brandname", "")),
            )
        )
        return {"CodeResult": "100", "CountRegenerate": 0, "SMSID": f"catcher-{len(self._ids)}"}

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(STOP_WITHIN_S)


class _EsmsHandler(BaseHTTPRequestHandler):
    answer_to: Callable[[dict[str, Any]], dict[str, Any]]
    timeout = 30

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            request = json.loads(body)
        except ValueError:
            request = None
        if self.path != ESMS_PATH or not isinstance(request, dict):
            self._send(404 if self.path != ESMS_PATH else 400, {})
        else:
            self._send(200, type(self).answer_to(request))

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class' names)
        """Stay silent: what was received stands with the catcher."""


def _wall_clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 (a server's own clock: when a message arrived)


def main(arguments: list[str] | None = None) -> None:
    """Run both catchers until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="Catch e-mail and short messages on this machine.")
    parser.add_argument("--mail-port", type=int, default=0, help="0: any free port")
    parser.add_argument("--sms-port", type=int, default=0, help="0: any free port")
    parser.add_argument("--out", type=Path, required=True, help="folder for mail.jsonl and sms.jsonl")
    wanted = parser.parse_args(arguments)
    wanted.out.mkdir(parents=True, exist_ok=True)
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # also in the threads of both: `sigwait` alone gets them
    with (
        MailCatcher(wanted.mail_port, wanted.out / "mail.jsonl") as mail,
        SmsCatcher(wanted.sms_port, wanted.out / "sms.jsonl") as sms,
    ):
        print(f"mail {mail.url}", flush=True)
        print(f"sms {sms.url}", flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
