"""`probe --capture` writes what an instrument said into its profile, and `stations check` reads it as it was.

The instruments are not ours: a pymodbus server, and plain scripts on a pseudo terminal.
"""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge_agent.commissioning.captured_exchange import as_golden, given, inserted
from edge_agent.commissioning.golden_exchange import prove
from edge_agent.commissioning.probe import read_profile
from quantrac.config.documents import read_document
from quantrac.config.findings import Findings
from quantrac.config.profile_files import load_profile
from quantrac.config.stations import Bus
from quantrac.private_services.ports import free_port
from quantrac.telemetry.states import State
from tests.fixtures.instruments import now_ms
from tests.fixtures.timing import ended
from tests.integration.edge_agent.test_line_search import ScriptedLine

PROFILE = """\
schema: quantrac/device/1
device: meter
title: A meter
protocol: modbus-rtu
source: "made up for tests"
verified: {verified}
address_base: 1
states: {{quality: {{0: ok, 3: fault}}}}
signals:
  ph: {{at: 46, type: float32, order: CDAB, unit: "[pH]"}}
  water_temp: {{at: 60, type: int16, scale: 0.1, unit: Cel, status: {{at: 61, table: quality}}}}
golden:      # one a state
  - from: computed
    ask: "01 03 00 3B 00 02 B5 C6"
    reply: "01 03 04 01 1C 00 00 3A 09"
    gives: {{water_temp: [28.4, ok]}}

# the end
"""
SDI12 = """\
schema: quantrac/device/1
device: gauge
title: A gauge
protocol: sdi-12
source: "made up for tests"
verified: false
signals:
  water_level: {measure: M, value: 1, unit: m}
  water_temp: {measure: C, value: 2, unit: Cel}
golden:
  - from: computed
    exchanges: [{ask: "0M!", reply: "00001<CR><LF>"}, {ask: "0D0!", reply: "0+1.5<CR><LF>"}]
    gives: {water_level: [1.5, ok]}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A pymodbus server: pH 7.62 low word first at wire 45, 28.4 degrees and a good status at 59 and 60."""
    high, low = struct.unpack(">HH", struct.pack(">f", 7.62))
    data = [
        SimData(address=45, values=[low, high], datatype=DataType.REGISTERS),
        SimData(address=47, count=12, values=0, datatype=DataType.REGISTERS),
        SimData(address=59, values=[284, 0], datatype=DataType.REGISTERS),
    ]
    port = free_port()
    loop = asyncio.new_event_loop()

    async def serve() -> ModbusTcpServer:
        served = ModbusTcpServer(SimDevice(1, simdata=data), address=("127.0.0.1", port))
        await served.serve_forever(background=True)
        return served

    served = loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"127.0.0.1:{port}"
    asyncio.run_coroutine_threadsafe(served.shutdown(), loop).result(60)  # type: ignore[no-untyped-call]
    loop.call_soon_threadsafe(loop.stop)
    ended(thread)
    loop.close()


def probe(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quantrac", "edge", "probe", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def findings_of(path: Path) -> list[str]:
    findings = Findings()
    tree = read_document(path, str(path), findings)
    assert tree is not None
    prove(load_profile(path), tree, findings)
    return [str(problem) for problem in findings.problems]


def test_what_a_foreign_server_said_becomes_a_golden_exchange_if_its_display_agrees(
    server: str, tmp_path: Path
) -> None:
    path = tmp_path / "meter.yaml"
    path.write_text(PROFILE.format(verified="false"))
    words = ["--port", server, "--profile", str(path), "--capture", str(path), "--timeout", "60s"]
    words += ["--note", "serial 21F1"]
    wrong = probe(*words, "--display", "ph=7.26")
    assert wrong.returncode == 1
    assert "ph: the display shows 7.26, the exchange gives 7.62" in wrong.stderr
    assert path.read_text() == PROFILE.format(verified="false"), "nothing was written"
    right = probe(*words, "--display", "ph=7.6", "--display", "water_temp=28.4")
    assert right.returncode == 0, right.stderr
    captured = load_profile(path).golden[1]
    assert captured.origin == "captured"
    assert "serial 21F1" in captured.note
    assert "display: ph 7.6, water_temp 28.4" in captured.note
    assert {name: state for name, (_, state) in captured.gives.items()} == {"ph": State.OK, "water_temp": State.OK}
    values = {name: value for name, (value, _) in captured.gives.items()}
    assert values == {"ph": pytest.approx(7.62, rel=1e-6), "water_temp": pytest.approx(28.4)}
    assert findings_of(path) == []
    text = path.read_text()
    assert text.endswith("\n# the end\n"), "comments stay where they were"
    path.write_text(PROFILE.format(verified="false").partition("golden:")[0])
    first = probe(*words, "--display", "ph=7.62")
    assert (first.returncode, len(load_profile(path).golden)) == (0, 1), "its first exchange, " + first.stderr
    path.write_text(text.replace("verified: false", "verified: true"))
    assert load_profile(path).verified


def test_a_conversation_of_sdi12_is_written_as_it_was_with_its_service_request(tmp_path: Path) -> None:
    """`0M!` announces two seconds and asks for service after some ms; `0C!` frees the line (SDI-12 1.4, 4.4)."""
    answers = {
        b"0M!": b"00021\r\n0\r\n", b"0D0!": b"0-1.25\r\n", b"0C!": b"000002\r\n", b"0!": b"0\r\n",
    }  # fmt: skip
    after_c: list[bool] = []

    def sensor(heard: bytes) -> bytes:
        if heard == b"0C!":
            after_c.append(True)
        if heard == b"0D0!" and after_c:
            return b"0+1.5+28.4\r\n"
        return answers.get(heard, b"")

    line = ScriptedLine(sensor)
    path = tmp_path / "gauge.yaml"
    path.write_text(SDI12)
    profile = load_profile(path)
    bus = Bus(name="probe", kind="sdi-12", port=line.port, guard_ms=50)
    try:
        reading = read_profile(profile, bus, "0", 60_000, now_ms)
    finally:
        line.close()
    exchanges = as_golden(profile, "sdi-12", reading.exchanges)
    asked = [one.ask for one in exchanges]
    assert sorted(asked) == sorted([b"0M!", b"0D0!", b"0C!", b"0D0!"])
    assert exchanges[asked.index(b"0M!")].reply == b"00021\r\n0\r\n"
    found = given(profile, exchanges)
    assert {name: measured.value for name, measured in found.items()} == {"water_level": -1.25, "water_temp": 28.4}


def test_only_a_plain_list_of_golden_exchanges_is_written_to() -> None:
    assert inserted("a: 1\ngolden: []\n", "  - x\n") is None
    assert inserted("a: 1", "  - x\n") == "a: 1\n\ngolden:\n  - x\n"
    assert inserted("golden:\n  - y\n# of b\nb: 1", "  - x\n") == "golden:\n  - y\n  - x\n# of b\nb: 1"
    assert inserted("a: 1\ngolden:\n  - y", "  - x\n") == "a: 1\ngolden:\n  - y\n  - x\n"
