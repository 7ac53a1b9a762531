"""The journal: one JSON line for each value that an instrument served, written before the reply leaves.

A run is judged by this file: whatever the network stores later must equal it. Beside it stands `<station>.faults`: one
JSON line for each exchange that a fault hit, with the bytes that were asked, made and put on the line.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True, slots=True)
class ServedValue:
    """One value in one reply: exactly the number that was encoded, in the instrument's own unit.

    `state` is what the instrument's status says of it (`ok suspect cal maint warmup range fault`). `measured` is the
    time of measurement in Unix seconds where the instrument kept the value before it was fetched.
    """

    signal: str
    value: float | None
    unit: str
    state: str = "ok"
    measured: float | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer made at `t` (Unix seconds): as it was made, and as it goes on the line."""

    t: float
    request: bytes
    made: bytes = b""
    wire: bytes = b""


class Journal:
    """Appends to one station's files; survives a kill of the simulator at any moment."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = _appending(path)
        self._faults = path.with_suffix(".faults")
        self._faults_fd: int | None = None
        self._encode = msgspec.json.Encoder().encode

    def record(
        self,
        t: float,
        bus: str,
        address: str,
        served: Iterable[ServedValue],
        faults: Sequence[str] = (),
        *,
        sent: bool = True,
        late_s: float = 0.0,
    ) -> None:
        """Write the values of one reply made at `t` (Unix seconds), what hit it, and whether it is `sent` unharmed."""
        marks: dict[str, object] = {"faults": faults} if faults else {}
        if late_s:
            marks["left"] = round((t + late_s) * 1000)
        if not sent:
            marks["sent"] = False
        lines = [self._line(round(t * 1000), bus, address, value, marks) for value in served]
        if lines:
            os.write(self._fd, b"".join(lines))

    def _line(self, t_ms: int, bus: str, address: str, value: ServedValue, marks: dict[str, object]) -> bytes:
        entry: dict[str, object] = {
            "t": t_ms,
            "bus": bus,
            "address": address,
            "signal": value.signal,
            "value": value.value,
            "unit": value.unit,
            "state": value.state,
        }
        if value.measured is not None:
            entry["measured"] = round(value.measured * 1000)
        return self._encode(entry | marks) + b"\n"

    def record_exchange(
        self, bus: str, address: str, exchange: Exchange, faults: Sequence[str], late_s: float = 0.0
    ) -> None:
        """Write what a fault did to an exchange: all bytes in hexadecimal digits, `wire` empty if nothing was said."""
        if self._faults_fd is None:
            self._faults_fd = _appending(self._faults)
        entry = {
            "t": round(exchange.t * 1000),
            "left": round((exchange.t + late_s) * 1000),
            "bus": bus,
            "address": address,
            "faults": faults,
            "request": exchange.request.hex(),
            "made": exchange.made.hex(),
            "wire": exchange.wire.hex(),
        }
        os.write(self._faults_fd, self._encode(entry) + b"\n")

    def close(self) -> None:
        """Close the files."""
        os.close(self._fd)
        if self._faults_fd is not None:
            os.close(self._faults_fd)


def _appending(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
