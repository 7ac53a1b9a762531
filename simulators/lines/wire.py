"""One direction of a serial line: its settings, and the time that each byte takes."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class WireSettings:
    """Baud rate and character format of a serial line."""

    baud: int = 9600
    bits: int = 8
    parity: str = "N"
    stop: int = 1

    @classmethod
    def parse(cls, text: str) -> "WireSettings":
        """Read `9600 8N1`; raises ValueError for anything else."""
        match = re.fullmatch(r"(\d+) ([78])([NEO])([12])", text)
        if match is None:
            raise ValueError(f"line settings: found {text!r}, expected such as '9600 8N1' or '19200 8E1'")
        return cls(int(match[1]), int(match[2]), match[3], int(match[4]))

    @property
    def character_s(self) -> float:
        """Seconds that one character takes: start bit, data bits, parity bit if any, stop bits."""
        return (1 + self.bits + (self.parity != "N") + self.stop) / self.baud


class Wire:
    """One direction of a line: what is written now comes out at the far end, piece by piece, at these times."""

    def __init__(self, settings: WireSettings, chunk_s: float = 0.008) -> None:
        self.character_s = settings.character_s
        self.chunk = max(1, round(chunk_s / self.character_s))
        self._busy_until = 0.0

    def put(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Return (time of arrival, bytes) for each chunk of `data`; a chunk arrives when its last bit has."""
        arrivals = []
        due = max(now, self._busy_until)
        for at in range(0, len(data), self.chunk):
            piece = data[at : at + self.chunk]
            due += len(piece) * self.character_s
            arrivals.append((due, piece))
        self._busy_until = due
        return arrivals

    def put_whole(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Like `put`, in one piece at the time of the last bit: enough where the receiver needs the whole."""
        arrivals = self.put(data, now)
        return [(arrivals[-1][0], data)] if arrivals else []
