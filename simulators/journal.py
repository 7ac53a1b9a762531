"""What the instruments really served: one JSON line a value, given to the operating system before the reply leaves.

A run is judged by this file: whatever the network stores later must equal it.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True, slots=True)
class Served:
    """One value in one reply: exactly the number that was encoded, in the instrument's own unit.

    `state` is what the instrument's status says of it (`ok suspect cal maint warmup range fault`). `measured` is the
    time of measurement in Unix seconds where the instrument kept the value before it was fetched.
    """

    signal: str
    value: float | None
    unit: str
    state: str = "ok"
    measured: float | None = None


class Journal:
    """Appends to one station's file; survives a kill of the simulator at any moment."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._encode = msgspec.json.Encoder().encode

    def record(self, t: float, bus: str, address: str, served: Iterable[Served], mishap: str | None = None) -> None:
        """Write the values of one reply made at `t` (Unix seconds); `mishap` names why the master cannot use it."""
        lines = [self._line(round(t * 1000), bus, address, value, mishap) for value in served]
        if lines:
            os.write(self._fd, b"".join(lines))

    def _line(self, t_ms: int, bus: str, address: str, value: Served, mishap: str | None) -> bytes:
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
        if mishap is not None:
            entry["sent"] = False
            entry["mishap"] = mishap
        return self._encode(entry) + b"\n"

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
