"""`quantrac simulate` read by independent masters (pymodbus, pyserial): the journal equals what they read."""

import json
import math
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import serial
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from simulators.service import WATCH_S
from tests.fixtures.timing import ATTEMPTS, eventually

LONGEST_S, SILENCE_S = 60.0, 0.4
"""How long a busy machine may take for an answer; how long one is waited for that does not come."""
FIELD = """
schema: quantrac/field/1
seed: 5
stations:
  st-a:
    water: {oxygen: 4.5, oxygen_swing: 0}
    air: {}
    buses:
      sondes:
        kind: modbus-rtu
        line: 19200 8N1
        instruments:
          - {instrument: aqua-troll, address: 1, latency_s: 0.02, signals: [water_temp, do, do_sat, ph]}
          - {instrument: exo2, address: 2, codes: [1, 212, 6]}
          - {instrument: io-module, address: 9, latency_s: 0.005}
      level: {kind: sdi-12, instruments: [{instrument: ott-pls, address: "0", measuring_s: 0.3}]}
      weather: {kind: ascii, line: 19200 8N1, instruments: [{instrument: wxt536, address: "0"}]}
      dust: {kind: bayern-hessen, instruments: [{instrument: grimm-edm180, address: ""}]}
      analysers: {kind: modbus-tcp, instruments: [{instrument: T400, address: 1}, {instrument: T200, address: 3}]}
  st-b:
    water: {oxygen: 4.5, oxygen_swing: 0}
    buses:
      sondes:
        kind: modbus-rtu
        instruments:
          - {instrument: exo2, address: 1, codes: [212]}
          - {instrument: exo2, address: 2, codes: [212], sleep_after_s: 30}
    script: {faults: [busy@sondes/1]}
  st-c:
    water: {oxygen: 4.5, oxygen_swing: 0}
    buses:
      sondes: {kind: modbus-rtu, instruments: [{instrument: aqua-troll, address: 1, signals: [do]}]}
    script:
      episodes: [{signal: do, start_s: 0.5, for_s: 2.0, to: 2.4, ramp_s: 0}]
"""


class Simulation:
    """A running `quantrac simulate`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.wiring_file, self.journals = folder / "wiring.yaml", folder / "journal"
        self.field = folder / "field.yaml"
        self.field.write_text(FIELD)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "quantrac", "simulate", "--with-parent", "--field", str(self.field), "--wiring",
             str(self.wiring_file), "--journal", str(self.journals), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        deadline = time.monotonic() + 180
        while not self.wiring_file.exists():
            assert self.process.poll() is None, self.process.communicate(timeout=180)
            assert time.monotonic() < deadline, "no wiring file"
            time.sleep(0.02)

    @property
    def buses(self) -> dict[str, dict[str, Any]]:
        wiring = json.loads(self.wiring_file.read_text())
        assert wiring["schema"] == "quantrac/wiring/1"
        return dict(wiring["buses"])

    def journal(self, station: str, bus: str, address: str = "1") -> list[dict[str, Any]]:
        lines = (self.journals / f"{station}.jsonl").read_text().splitlines()
        return [entry for entry in map(json.loads, lines) if (entry["bus"], entry["address"]) == (bus, address)]

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.log = self.process.communicate(timeout=180)[1]
        return self.process.returncode


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    running = Simulation(tmp_path_factory.mktemp("simulation"))
    yield running
    analysers = running.buses["st-a/analysers"]
    with socket.create_connection((analysers["host"], analysers["port"])):
        assert running.end() == 0
    assert "Traceback" not in running.log, "it ends without complaint while an agent is connected"


@pytest.fixture
def rtu(simulation: Simulation) -> Iterator[Callable[..., ModbusSerialClient]]:
    with ExitStack() as closing:

        def connect(bus: str, baud: int = 9600, timeout: float = LONGEST_S) -> ModbusSerialClient:
            client = ModbusSerialClient(simulation.buses[bus]["port"], baudrate=baud, timeout=timeout, retries=0)
            closing.enter_context(client)
            return client

        yield connect


@pytest.fixture
def line(simulation: Simulation) -> Iterator[Callable[[str, int], serial.Serial]]:
    with ExitStack() as closing:
        yield lambda bus, baud: closing.enter_context(
            serial.Serial(simulation.buses[bus]["port"], baud, timeout=LONGEST_S)
        )


def floats(registers: Sequence[int], low_first: bool = False) -> list[float]:
    """Floats of register pairs, decoded apart from the program."""
    pairs = zip(registers[::2], registers[1::2], strict=True)
    ordered = [(b, a) if low_first else (a, b) for a, b in pairs]
    return [struct.unpack(">f", struct.pack(">HH", *pair))[0] for pair in ordered]


def test_the_journal_equals_what_a_modbus_rtu_master_read(
    simulation: Simulation, rtu: Callable[..., ModbusSerialClient]
) -> None:
    client = rtu("st-a/sondes", 19200)
    read: dict[str, list[float]] = {"water_temp": [], "do": [], "do_sat": [], "ph": []}
    asked: list[tuple[float, float]] = []
    for _ in range(5):
        before = time.time()
        for signal_name, address in (("water_temp", 5450), ("do", 5583), ("do_sat", 5590), ("ph", 5562)):
            reply = client.read_holding_registers(address, count=7, device_id=1)
            assert reply.registers[2] == 0
            read[signal_name] += floats(reply.registers[:2])
        asked.append((before, time.time()))
    journal = simulation.journal("st-a", "sondes")
    for signal_name, values in read.items():
        assert [entry["value"] for entry in journal if entry["signal"] == signal_name] == values
    first_sweep = [entry["t"] / 1000 for entry in journal[:4]]
    assert asked[0][0] <= first_sweep[0] <= first_sweep[-1] <= asked[0][1]
    assert all(entry.get("sent", True) and entry["state"] == "ok" for entry in journal)


def test_several_instruments_share_a_line_and_a_missing_address_is_silent(
    simulation: Simulation, rtu: Callable[..., ModbusSerialClient]
) -> None:
    client = rtu("st-a/sondes", 19200)
    values = floats(client.read_holding_registers(384, count=6, device_id=2).registers, low_first=True)
    supply = client.read_input_registers(0, count=2, device_id=9).registers
    contacts = client.read_discrete_inputs(0, count=2, device_id=9).bits[:2]
    client.close()  # type: ignore[no-untyped-call]
    with pytest.raises(ModbusIOException):
        rtu("st-a/sondes", 19200, SILENCE_S).read_holding_registers(0, count=1, device_id=77)
    assert [entry["value"] for entry in simulation.journal("st-a", "sondes", "2")][-3:] == values
    io = {entry["signal"]: entry["value"] for entry in simulation.journal("st-a", "sondes", "9")}
    assert (io["battery_v"], io["shelter_temp"]) == (supply[0], supply[1] / 10)
    assert (io["door"], io["mains"]) == (contacts[0], not contacts[1])


def test_an_exo_takes_a_write_over_the_line(rtu: Callable[..., ModbusSerialClient]) -> None:
    client = rtu("st-a/sondes", 19200)
    assert not client.write_register(0, 2, device_id=2).isError()
    assert client.read_holding_registers(0, count=1, device_id=2).registers == [2]
    assert client.write_registers(200, [1, 2], device_id=2).exception_code == 2


def test_the_journal_equals_what_a_modbus_tcp_master_read(simulation: Simulation) -> None:
    place = simulation.buses["st-a/analysers"]
    with ModbusTcpClient(place["host"], port=place["port"], timeout=LONGEST_S, retries=0) as client:
        ozone = floats(client.read_input_registers(18, count=2, device_id=1).registers)
        oxides = floats(client.read_input_registers(18, count=6, device_id=3).registers)
        well = client.read_discrete_inputs(0, count=24, device_id=1).bits
        assert client.read_input_registers(0, count=2, device_id=5).exception_code == 11
    assert [number for number, bit in enumerate(well) if bit] == [19]
    assert [entry["value"] for entry in simulation.journal("st-a", "analysers", "1")] == ozone
    assert [entry["value"] for entry in simulation.journal("st-a", "analysers", "3")] == oxides
    assert oxides[0] == pytest.approx(oxides[1] + oxides[2], rel=1e-5)


def test_the_journal_equals_what_an_sdi12_master_read(
    simulation: Simulation, line: Callable[[str, int], serial.Serial]
) -> None:
    port = line("st-a/level", 9600)
    answers = []
    for command, lines in ((b"?!", 1), (b"0M!", 2), (b"0D0!", 1), (b"0V!", 1), (b"0D0!", 1), (b"0RC0!", 1), (b"5!", 0)):
        port.write(command)
        answers += [port.readline() for _ in range(lines)]
    assert answers[:3] == [b"0\r\n", b"00012\r\n", b"0\r\n"]
    assert answers[4:6] == [b"00001\r\n", b"0+0\r\n"]
    read = [[float(value) for value in re.findall(rb"[+-][\d.]+", answers[at])] for at in (3, 6)]
    entries = simulation.journal("st-a", "level", "0")
    assert [entry["value"] for entry in entries] == read[0] + read[1]
    assert entries[0]["t"] - entries[0]["measured"] > 0


def test_sdi12_takes_the_time_of_its_1200_baud_line(line: Callable[[str, int], serial.Serial]) -> None:
    port = line("st-a/level", 9600)
    port.write(b"0!")
    assert port.readline() == b"0\r\n"  # the line is free
    took_s, wire_s, until = math.inf, 0.0, time.monotonic() + LONGEST_S
    while took_s > 1.1 * wire_s:  # a busy machine delays the reader, never the wire
        assert time.monotonic() < until, (took_s, wire_s)
        started = time.perf_counter()
        port.write(b"0I!")
        reply = port.readline()
        took_s = time.perf_counter() - started
        wire_s = 3 * 10 / 9600 + 0.021 + 3 * 10 / 1200 + 0.012 + len(reply) * 10 / 1200
    assert took_s > 0.9 * wire_s


def test_the_journal_equals_what_a_weather_master_read(
    simulation: Simulation, line: Callable[[str, int], serial.Serial]
) -> None:
    port = line("st-a/weather", 19200)
    port.write(b"0R0\r\n")
    read = [float(value) for value in re.findall(rb"=([\d.]+)", port.readline())]
    assert [entry["value"] for entry in simulation.journal("st-a", "weather", "0")] == read
    assert len(read) == 16


def test_the_journal_equals_what_a_dust_master_read(
    simulation: Simulation, line: Callable[[str, int], serial.Serial]
) -> None:
    port = line("st-a/dust", 9600)
    port.write(b"\x02DA\x0304\x02DA\x0399")  # the second has a wrong checksum: no answer
    frame = port.read_until(b"\x03") + port.read(2)
    port.timeout = SILENCE_S
    assert port.read(1) == b""
    parity = 0
    for byte in frame[:-2]:
        parity ^= byte
    assert frame[-2:] == b"%02X" % parity
    read = [
        float(f"{m[1].decode()}.{m[2].decode()}e{m[3].decode()}")
        for m in re.finditer(rb"([+-]\d)(\d{3})([+-]\d\d)", frame)
    ]
    assert [entry["value"] for entry in simulation.journal("st-a", "dust", "")] == read


def test_a_fault_of_the_field_file_is_in_force_and_a_sleeping_instrument_misses_the_first_request(
    simulation: Simulation, rtu: Callable[..., ModbusSerialClient]
) -> None:
    client = rtu("st-b/sondes", timeout=SILENCE_S)
    with pytest.raises(ModbusIOException):
        client.read_holding_registers(384, count=2, device_id=2)
    client.close()  # type: ignore[no-untyped-call]
    awake = rtu("st-b/sondes")
    assert not awake.read_holding_registers(384, count=2, device_id=2).isError()
    assert len(simulation.journal("st-b", "sondes", "2")) == 1
    assert awake.read_holding_registers(384, count=2, device_id=1).exception_code == 6
    assert simulation.journal("st-b", "sondes") == []


def course_of(running: Simulation) -> list[tuple[float, float]]:
    """Return the oxygen of the first three seconds: how long behind the first reading, and its value."""
    course = list[tuple[float, float]]()
    port = running.buses["st-c/sondes"]["port"]
    with ModbusSerialClient(port, baudrate=9600, timeout=LONGEST_S, retries=0) as client:
        while not course or course[-1][0] < 3.0:
            client.read_holding_registers(5583, count=2, device_id=1)
            entries = running.journal("st-c", "sondes")
            course = [((entry["t"] - entries[0]["t"]) / 1000, entry["value"]) for entry in entries]
    assert running.end() == 0
    return course


def test_the_script_runs_from_the_first_reading(tmp_path: Path) -> None:
    """Oxygen is low from half a second to two and a half behind the first reading; a busy machine may miss that."""
    course: list[tuple[float, float]] = []
    for tried in map(str, range(ATTEMPTS)):
        if not any(0.6 < after < 2.4 for after, _ in course):
            (tmp_path / tried).mkdir()
            course = course_of(Simulation(tmp_path / tried, "--station", "st-c"))
    assert [value for after, value in course if 0.6 < after < 2.4]
    assert all(value < 3.0 for after, value in course if 0.6 < after < 2.4)
    assert all(value > 4.0 for after, value in course if after < 0.4 or after > 2.6)


def test_sigterm_ends_it_cleanly_and_the_choice_of_stations_holds(tmp_path: Path) -> None:
    running = Simulation(tmp_path, "--station", "st-c")
    assert list(running.buses) == ["st-c/sondes"]
    assert running.end() == 0


def test_a_file_of_faults_is_obeyed_as_it_changes(tmp_path: Path) -> None:
    faults = tmp_path / "faults.txt"
    faults.write_text("dead@sondes/1\n")
    running = Simulation(tmp_path, "--station", "st-c", "--faults", str(faults), "--fault", "latency:10ms@st-c")
    try:
        with ModbusSerialClient(
            running.buses["st-c/sondes"]["port"], baudrate=9600, timeout=SILENCE_S, retries=0
        ) as client:
            with pytest.raises(ModbusIOException):
                client.read_holding_registers(5583, count=2, device_id=1)
            save_whole(faults, "dead@sondes/7\n")  # nobody: what was on stays on
            time.sleep(0.6)
            with pytest.raises(ModbusIOException):
                client.read_holding_registers(5583, count=2, device_id=1)
            save_whole(faults, "busy@sondes  # from now on\n")
            eventually(lambda: _is_busy(client))
    finally:
        assert running.end() == 0
    hit = [json.loads(line)["faults"] for line in (running.journals / "st-c.faults").read_text().splitlines()]
    assert [*map(list, dict.fromkeys(map(tuple, hit)))] == [["latency", "dead"], ["latency", "busy"]]


def save_whole(path: Path, text: str) -> None:
    """Write a file at once: whoever looks while `write_text` works may find it empty."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def _is_busy(client: ModbusSerialClient) -> bool:
    try:
        return client.read_holding_registers(5583, count=2, device_id=1).exception_code == 6
    except ModbusIOException:
        return False


def test_what_was_served_is_on_record_after_a_kill(tmp_path: Path) -> None:
    running = Simulation(tmp_path, "--station", "st-c")
    with ModbusSerialClient(
        running.buses["st-c/sondes"]["port"], baudrate=9600, timeout=LONGEST_S, retries=0
    ) as client:
        read = floats(client.read_holding_registers(5583, count=2, device_id=1).registers)
        running.process.kill()
    running.process.communicate(timeout=180)
    assert [entry["value"] for entry in running.journal("st-c", "sondes")] == read


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "field.yaml").write_text(
            "schema: quantrac/field/1\nstations: {st-d: {water: {}, buses: {cabinet: {kind: modbus-tcp, port: "
            f"{taken.getsockname()[1]}, instruments: [{{instrument: io-module, address: 9}}]}}}}}}}}\n"
        )
        ended = subprocess.run(
            [sys.executable, "-m", "quantrac", "simulate", "--field", str(tmp_path / "field.yaml"), "--wiring",
             str(tmp_path / "w"), "--journal", str(tmp_path)], capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
    assert ended.returncode == 2
    assert re.fullmatch(r"st-d/cabinet: cannot listen on .*in use; choose another port\n", ended.stderr)


@pytest.mark.parametrize(
    ("options", "reason"), [((), "stopped"), (("--with-parent",), "the process that started it is gone")]
)
def test_it_outlives_the_shell_that_started_it_unless_asked_not_to(
    tmp_path: Path, options: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "field.yaml").write_text(FIELD)
    starter = (
        "import subprocess, sys, time, pathlib\n"
        "started = subprocess.Popen([sys.executable, '-m', 'quantrac', 'simulate', '--field', 'field.yaml',"
        " '--station', 'st-c', '--wiring', 'w.yaml', '--journal', 'j', *sys.argv[1:]], stdout=sys.stderr)\n"
        "while started.poll() is None and not pathlib.Path('w.yaml').exists(): time.sleep(0.02)\n"
        "print(started.pid)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    log, command = tmp_path / "log", [sys.executable, "-c", starter, *options]
    with log.open("w") as out:
        shell = subprocess.run(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=out, timeout=180, check=True
        )
    port = tmp_path / "w.ports" / "st-c.sondes"
    if not options:
        time.sleep(3 * WATCH_S)  # it would have noticed
        assert json.loads((tmp_path / "w.yaml").read_text())["buses"]["st-c/sondes"] == {"port": str(port)}
        assert port.is_char_device()
        os.kill(int(shell.stdout), signal.SIGTERM)
    eventually(lambda: "field_stopped" in log.read_text())
    assert f'"reason": "{reason}"' in log.read_text()
    assert not port.is_symlink(), "an agent that still runs must not be led to somebody else's terminal"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--station", "st-x"], "'st-x' is not in the field"),
        (["--replay", "/nowhere.csv"], "/nowhere.csv"),
        (["--fault", "late@sondes"], "fault 'late@sondes': needs a value behind a colon, such as :0.45s"),
        (["--station", "st-tran-de", "--fault", "dead@sondes/7"], "strikes nobody; there are st-tran-de/sondes/1,"),
    ],
)
def test_a_wrong_choice_is_one_line_and_exit_2(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "quantrac", "simulate", "--wiring", str(tmp_path / "w"), "--journal", str(tmp_path),
         *arguments], capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "w").exists()
