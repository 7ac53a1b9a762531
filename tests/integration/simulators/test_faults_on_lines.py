"""Faults on real ports, seen by independent masters (pymodbus, pyserial, sockets); the journal says what was done."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serial
from pymodbus.client import ModbusSerialClient

from quantrac.private_services.ports import free_port
from simulators.faults.fault import FaultError
from simulators.single_bus import SingleBus
from tests.fixtures.timing import eventually

RTU: dict[str, Any] = {
    "kind": "modbus-rtu", "line": "19200 8N1",
    "instruments": [{"instrument": "tally", "address": unit, "latency_s": 0.01} for unit in (1, 2)],
}  # fmt: skip
TCP: dict[str, Any] = {"kind": "modbus-tcp", "instruments": [{"instrument": "tally", "address": 1}]}
ASK = bytes.fromhex("010300000004 4409")  # unit 1, four holding registers from 0
ANSWER = 13
"""Bytes of a good answer."""
SILENCE_S, LONGEST_S = 0.25, 60.0
"""How long nobody speaks where nobody should; how long a busy machine may take where somebody should."""


@contextmanager
def port_of(bus: SingleBus) -> Iterator[serial.Serial]:
    with serial.Serial(str(bus.place["port"]), 19200, timeout=SILENCE_S) as port:
        yield port


def answered(port: serial.Serial, count: int = ANSWER) -> bytes:
    """So many bytes that come after a request, and what comes behind them until the line is silent."""
    port.write(ASK)
    return _read(port, count)


def damaged(port: serial.Serial, bus: SingleBus) -> bytes:
    """The answer to a request that a fault hits: as many bytes as are on record."""
    before = len(bus.struck())
    port.write(ASK)
    eventually(lambda: len(bus.struck()) > before)
    return _read(port, len(bytes.fromhex(bus.struck()[-1]["wire"])))


def _read(port: serial.Serial, count: int) -> bytes:
    port.timeout = LONGEST_S
    answer = bytes(port.read(count))
    port.timeout = SILENCE_S
    return answer + bytes(port.read(64))


def heard(port: serial.Serial) -> bytes:
    """What comes after a request until the line is silent: on a busy machine, only the first of it."""
    port.write(ASK)
    answer = b""
    while len(answer) < 64 and (more := port.read(1)):
        answer += more
    return answer


def test_what_the_journal_says_of_a_damaged_answer_is_what_was_on_the_line(tmp_path: Path) -> None:
    """Each fault of bytes and frames in turn, seen by pyserial: the bytes on record are the bytes that came."""
    kinds = ["garble", "truncate", "noise-before", "noise-after", "foreign", "length", "exception:4", "split:60ms"]
    with SingleBus(RTU, journal_dir=tmp_path) as bus, port_of(bus) as port:
        well = answered(port)
        assert (well[:3], len(well)) == (b"\x01\x03\x08", ANSWER)
        came = {}
        for kind in kinds:
            bus.switch([f"{kind}@1"])
            came[kind] = damaged(port, bus)
        bus.switch([])
        assert answered(port)[:3] == b"\x01\x03\x08"
        struck = {exchange["faults"][0]: exchange for exchange in bus.struck()}
        sent = [entry.get("sent", True) for entry in bus.served() if entry["signal"] == "tally_0"]
    assert [kind.partition(":")[0] for kind in kinds] == list(struck)
    for kind, wire in came.items():
        exchange = struck[kind.partition(":")[0]]
        assert bytes.fromhex(exchange["wire"]) == wire
        assert bytes.fromhex(exchange["request"]) == ASK
    assert came["foreign"][0] == 2
    assert came["length"][2] == 6
    assert came["exception:4"][:3] == b"\x01\x83\x04"
    assert sent == [True, False, False, True, True, False, False, True, True], "all but the exception have values"


def test_a_late_answer_is_old_when_it_comes_and_nobody_overtakes_it(tmp_path: Path) -> None:
    with SingleBus(RTU, ["late:0.4s@1"], journal_dir=tmp_path) as bus, port_of(bus) as port:
        begun = time.monotonic()
        port.write(ASK)
        eventually(lambda: bool(bus.struck()))
        bus.switch([])
        port.write(ASK)
        port.timeout = LONGEST_S
        first, second = port.read(13), port.read(13)
        assert time.monotonic() - begun >= 0.4
        numbers = [struct.unpack(">I", answer[3:7])[0] for answer in (first, second)]
        assert numbers == [64, 128], "in the order they were asked"
        late = bus.served()[0]
        assert (late["value"], late["left"] - late["t"]) == (64, 400)


def test_who_sleeps_misses_what_wakes_it(tmp_path: Path) -> None:
    with SingleBus(RTU, journal_dir=tmp_path) as bus, port_of(bus) as port:
        bus.switch(["sleep:0.5s@1"])
        eventually(lambda: len(heard(port)) == ANSWER)
        eventually(lambda: _slept_and_woke(port))


def _slept_and_woke(port: serial.Serial) -> bool:
    """Nothing after a pause, and an answer at once behind that; a busy machine may let it fall asleep in between."""
    time.sleep(0.6)
    port.timeout = SILENCE_S
    return [len(heard(port)), len(heard(port))] == [0, ANSWER]


def test_faults_of_the_line_begin_and_end(tmp_path: Path) -> None:
    """Echo, another's chatter, a crawling line, and an adapter that is taken out and put back in."""
    with SingleBus(RTU, ["echo@*"], journal_dir=tmp_path) as bus, port_of(bus) as port:
        heard(port)  # the script begins
        eventually(lambda: heard(port).startswith(ASK + b"\x01\x03"))
        port.timeout = LONGEST_S
        bus.switch(["chatter:50ms@*", "dead@1"])
        assert len(port.read(64)) == 64, "and nobody asked"
        bus.switch(["baud:600@1"])
        eventually(lambda: _took(port) > 0.3)
        bus.switch(["unplug@1", "unplug@2"])
        eventually(lambda: not Path(str(bus.place["port"])).exists())
        bus.switch([])
        eventually(lambda: Path(str(bus.place["port"])).exists())
        with port_of(bus) as again:
            assert answered(again)[:3] == b"\x01\x03\x08"


def _took(port: serial.Serial) -> float:
    """Seconds from a request to the last of its thirteen bytes: 12 ms of wire at 19200 baud, 350 ms at 600."""
    port.reset_input_buffer()
    begun = time.monotonic()
    port.write(ASK)
    port.read(13)
    return time.monotonic() - begun


def connected(bus: SingleBus) -> socket.socket:
    return socket.create_connection((str(bus.place["host"]), int(bus.place["port"])), timeout=LONGEST_S)


def asked(client: socket.socket, within_s: float = LONGEST_S) -> bytes | None:
    """The answer to a request by Modbus TCP, b"" for a closed connection, None for silence."""
    client.settimeout(within_s)
    try:
        client.sendall(struct.pack(">HHHBBHH", 7, 0, 6, 1, 3, 0, 2))
        return client.recv(64)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


def test_a_network_instrument_hangs_up_goes_deaf_is_full_and_goes_away(tmp_path: Path) -> None:
    with SingleBus(TCP | {"port": free_port()}, journal_dir=tmp_path) as bus:
        first = connected(bus)
        assert asked(first) == struct.pack(">HHHBBBI", 7, 0, 7, 1, 3, 4, 64)
        bus.switch(["hangup@1"])
        assert asked(first) == b""
        second = connected(bus)
        bus.switch(["half-open@1"])
        eventually(lambda: _is_deaf(second))
        bus.switch([])
        eventually(lambda: _is_back(bus))
        assert _is_deaf(second), "for good"
        third = connected(bus)
        assert asked(third)
        bus.switch(["connections:1@1"])
        eventually(lambda: _is_refused(bus))
        bus.switch(["unplug@1"])
        eventually(lambda: asked(third) == b"")
        with pytest.raises(ConnectionRefusedError):
            connected(bus)
        bus.switch([])
        eventually(lambda: _is_back(bus))
        for client in (first, second, third):
            client.close()


def _is_deaf(client: socket.socket) -> bool:
    """Whether nothing comes of three requests, not even late."""
    return [asked(client, SILENCE_S) for _ in range(3)] == [None] * 3


def _is_back(bus: SingleBus) -> bool:
    """Whether a new connection is answered; one that was made a moment ago may be deaf, or closed."""
    try:
        with connected(bus) as client:
            return bool(asked(client, SILENCE_S))
    except ConnectionRefusedError:
        return False


def test_the_same_values_stand_still_or_carry_a_state_on_a_real_instrument(tmp_path: Path) -> None:
    sonde = {"instrument": "aqua-troll", "address": 1, "signals": ["do"], "latency_s": 0.01}
    line = {"kind": "modbus-rtu", "line": "19200 8N1", "instruments": [sonde]}
    with (
        SingleBus(line, journal_dir=tmp_path) as bus,
        ModbusSerialClient(str(bus.place["port"]), baudrate=19200, timeout=LONGEST_S, retries=0) as client,
    ):
        read = []
        for fault in ("frozen@1", "frozen@1", "state:fault@1"):
            bus.switch([fault])
            read.append(client.read_holding_registers(5583, count=3, device_id=1).registers)
        entries = bus.served()
    assert read[0] == read[1], "oxygen and its quality id"
    assert read[2] == [0, 0, 3], "the sentinel, and the quality id of an error"
    assert [(entry["state"], entry["faults"]) for entry in entries] == [
        ("ok", ["frozen"]), ("ok", ["frozen"]), ("fault", ["state"]),
    ]  # fmt: skip


def test_a_fault_that_strikes_nobody_is_refused_and_the_old_ones_stay(tmp_path: Path) -> None:
    with SingleBus(RTU, ["dead@1"], journal_dir=tmp_path) as bus, port_of(bus) as port:
        with pytest.raises(FaultError, match="strikes nobody"):
            bus.switch(["dead@9"])
        assert heard(port) == b""


def _is_refused(bus: SingleBus) -> bool:
    with connected(bus) as client:
        return asked(client) == b""
