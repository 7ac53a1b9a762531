"""An SDI-12 sensor with more values than fit into one answer, read by a master of the test's own."""

import asyncio
import re
import time
from pathlib import Path

import pytest
import serial

from simulators.buses.journal import Journal, ServedValue
from simulators.buses.mount import Mount
from simulators.buses.sdi12 import Sdi12Bus, SensorValue
from simulators.lines.serial_line import PtyLine
from simulators.lines.wire import WireSettings

VALUES = ["+1.234567", "-22.5", "+333", "+0.004", "+5.55555", "+66.6", "+7", "-8.88", "+9.9999"]


class Rain9:
    """Nine values."""

    identification = "14MAKER   RAIN9 001SN1"

    def __init__(self, measuring_s: float = 0.3) -> None:
        self.measuring_s = measuring_s

    def measure(self, t: float) -> list[SensorValue]:
        return [
            SensorValue(text, ServedValue(f"value_{n}", float(text), "1", measured=t)) for n, text in enumerate(VALUES)
        ]

    def verify(self, t: float) -> list[SensorValue]:
        return [SensorValue("+0")]


async def converse(journal_file: Path, *exchange: tuple[str, int], measuring_s: float = 0.3) -> list[str]:
    """Send each command and read so many lines for it, for none wait in vain; then return all lines."""
    line = PtyLine(WireSettings(9600))
    bus = Sdi12Bus(line, {"3": Mount("rain", "3", Rain9(measuring_s), Journal(journal_file))}, time.time)
    bus.start()

    def talk() -> list[str]:
        lines = []
        with serial.Serial(line.path, 9600) as port:
            for command, count in exchange:
                port.timeout = 60 if count else 1.5
                port.write(command.encode())
                lines += [port.readline().decode().rstrip("\r\n") for _ in range(max(count, 1))]
        return lines

    try:
        return await asyncio.to_thread(talk)
    finally:
        bus.stop()


@pytest.mark.parametrize(("kind", "limit"), [("M", 35), ("C", 75)])
async def test_values_are_divided_over_as_many_answers_as_they_need(tmp_path: Path, kind: str, limit: int) -> None:
    waits = [("3M!", 2)] if kind == "M" else [("3C!", 1), ("4!", 0)]  # a silent address passes the time
    answers = await converse(tmp_path / "j", *waits, *((f"3D{n}!", 1) for n in range(4)))
    assert answers[:2] == (["30019", "3"] if kind == "M" else ["300109", ""])
    data = [answer[1:] for answer in answers[2:]]
    assert all(len(part) <= limit for part in data)
    assert re.findall(r"[+-][\d.]+", "".join(data)) == VALUES
    assert data[-1] == ""  # a group that does not exist is empty


async def test_a_new_command_aborts_a_measurement(tmp_path: Path) -> None:
    answers = await converse(tmp_path / "j", ("3M!", 1), ("3D0!", 1), measuring_s=100.0)
    assert answers == ["31009", "3"]
    assert (tmp_path / "j").read_text() == ""


async def test_a_sensor_takes_a_new_address(tmp_path: Path) -> None:
    answers = await converse(tmp_path / "j", ("?!", 1), ("3A7!", 1), ("3!", 0), ("7I!", 1))
    assert answers == ["3", "7", "", "714MAKER   RAIN9 001SN1"]
