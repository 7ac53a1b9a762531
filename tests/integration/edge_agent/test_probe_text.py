"""What a technician sees of instruments that speak text, without a station file: raw lines, signals of a profile.

The other side says what the profiles' golden exchanges say.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_agent.commissioning.raw_lines import RawLine, pieces
from quantrac.cli.commands.edge import app
from quantrac.config.profile_files import load_profile

DEVICES = Path(__file__).parents[3] / "station_configs" / "devices"


class Said:
    """A serial-device server: answers each request with its reply, and says by itself what has no request."""

    def __init__(self, exchanges: Sequence[tuple[bytes, bytes]]) -> None:
        self._exchanges = exchanges
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(60)

    def _serve(self) -> None:
        with suppress(OSError):  # nobody comes any more, or whoever came is gone
            self._answer(self._server.accept()[0])

    def _answer(self, connection: socket.socket) -> None:
        heard = b""
        with connection:
            connection.sendall(b"".join(reply for ask, reply in self._exchanges if not ask))
            while data := connection.recv(1024):
                heard += data
                for ask, reply in self._exchanges:
                    if ask and heard.endswith(ask):
                        heard = b""
                        connection.sendall(reply)
                        break


@pytest.fixture
def said() -> Iterator[Callable[..., str]]:
    with ExitStack() as closing:

        def make(*exchanges: tuple[bytes, bytes]) -> str:
            made = Said(exchanges)
            closing.callback(made.close)
            return f"127.0.0.1:{made.port}"

        yield make


def probe(*words: str) -> tuple[int, list[dict[str, Any]], str]:
    shown = CliRunner().invoke(app, ["probe", *words, "--json"])
    rows = [json.loads(line) for line in shown.stdout.splitlines() if line.startswith("{")]
    return shown.exit_code, rows, shown.output + str(shown.exception)


@pytest.mark.parametrize(
    ("device", "address"),
    [
        ("thies-first-class", None), ("vaisala-wxt536", "0"), ("acoem-serinus-50", "5"), ("ott-pluvio2", "0"),
        ("gill-windobserver", None), ("nmea-echo-sounder", None), ("vaisala-wxt536-automatic", "0"),
    ],
)  # fmt: skip
def test_a_profile_of_text_is_read_without_a_station(
    said: Callable[..., str], device: str, address: str | None
) -> None:
    profile = load_profile(DEVICES / f"{device}.yaml")
    golden = profile.golden[0]
    exchanges = [(exchange.ask, exchange.reply) for exchange in golden.exchanges]
    given = ["--address", address] if address is not None else []
    words = ["--profile", str(DEVICES / f"{device}.yaml"), "--timeout", "10s", *given]
    code, rows, output = probe("--port", said(*exchanges), *words)
    assert code == 0, output
    read = {row["signal"]: (row["value"], row["state"]) for row in rows}
    for name, (value, state) in golden.gives.items():
        assert read[name] == (None if value is None else pytest.approx(value), state.word), name


def test_what_comes_by_itself_is_shown_as_a_profile_would_write_it(said: Callable[..., str]) -> None:
    def heard(limit: str) -> tuple[int, list[dict[str, Any]], str]:
        port = said((b"", b"\x02A;23,4\xb0C\x03\r\n$SDMTW,26.8,C*08\r\nhalf a l"))
        return probe("--port", port, "--listen", "--limit", limit)

    code, rows, output = heard("1s")
    if len(rows) < 3:  # a busy machine heard it too late
        code, rows, output = heard("30s")
    assert code == 0, output
    assert [row["text"] for row in rows] == ["<STX>A;23,4<B0>C<ETX><CR><LF>", "$SDMTW,26.8,C*08<CR><LF>", "half a l"]
    assert rows[1]["hex"].startswith("24 53 44")


def test_silence_and_bytes_that_are_no_text_are_told_apart(said: Callable[..., str]) -> None:
    code, _, output = probe("--port", said(), "--listen", "--limit", "1s")
    assert code != 0
    assert "nothing came within 1 s" in output
    assert not RawLine(0, bytes.fromhex("01 03 04 41 CA A3 D7 F6 9F")).is_text
    assert RawLine(0, b"\x02A;23,4\xb0C\x03\r\n").is_text


def test_lines_end_where_they_end_or_where_nothing_follows() -> None:
    assert pieces(b"a\r\nb", is_over=False) == ([b"a\r\n"], b"b")
    assert pieces(b"a\r\nb", is_over=True) == ([b"a\r\n", b"b"], b"")
    assert pieces(b"a\n", is_over=False) == ([b"a\n"], b"")
    assert [len(piece) for piece in pieces(b"x" * 1200, is_over=True)[0]] == [512, 512, 176]
    assert pieces(b"", is_over=True) == ([], b"")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--profile", str(DEVICES / "ott-pls.yaml"), "--address", "12"], "allowed one character"),
        (["--profile", str(DEVICES / "generic-io8.yaml"), "--framing", "tls"], "allowed rtu, ascii"),
        (["--listen", "--line", "9600"], "line settings such as"),
    ],
)
def test_options_that_do_not_fit_are_refused_by_name(words: list[str], why: str) -> None:
    shown = CliRunner().invoke(app, ["probe", "--port", "/dev/null", *words])
    assert shown.exit_code == 2
    assert why in " ".join(shown.output.replace("│", " ").split())
