"""The centre changes a running station over a real broker: what is good stays, what is bad does not."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent import desk
from edge_agent.spooling import inspection
from quantrac.config.loader import load_station
from quantrac.config.settings import Settings
from quantrac.config.station_json import dumps
from quantrac.config.stations import Device, Station
from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.delivery import Delivery
from quantrac.mqtt.session import Session
from quantrac.mqtt.terms import Subscription
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry.commands import encode_command
from quantrac.telemetry.topics import topic
from quantrac.telemetry.wire import decode_message
from tests.fixtures.simulation import simulated
from tests.fixtures.timing import PATIENCE_S, eventually
from tests.integration.edge_agent.agent import AgentThread
from tests.integration.edge_agent.centre import Centre
from tests.unit.edge_agent.test_trial import changed

ROOT = Path(__file__).parents[3]
STATION = "st-tran-de"
KEY = bytes(range(32))
REPORT_MS = 2_000
WIPER = "wiper_v: {code: 229, parameter: battery_v, unit: V, range: [0, 5]}"
"""The EXO2's wiper position (parameter code 229): about 1 V parked, 2 V while it turns."""
DEFAULTS = "defaults: {sample: 500ms, report: 2s, housekeeping: 2s}\n"


@pytest.fixture(scope="module")
def wiring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("field")
    with simulated(folder, "--station", STATION):
        yield folder / "wiring.yaml"


class Rig:
    """An agent over simulated instruments, a centre that acknowledges, and a console that asks."""

    def __init__(self, broker: PrivateMosquitto, wiring: Path, folder: Path) -> None:
        self.config = folder / "config"
        if not self.config.exists():
            shutil.copytree(ROOT / "station_configs", self.config)
            text = self.file.read_text().replace("\nbuses:", f"\n{DEFAULTS}buses:", 1).replace("keep: 60d", "keep: 7d")
            text = text.replace("      chl_a: {}\n", "      chl_a: {}\n      wiper_v: {parameter: battery_v}\n")
            text = text.replace("    channels:", f"    signals: {{{WIPER}}}\n    channels:", 1)
            self.file.write_text(text.replace("sample: 1m", "report: 10m"))
        (folder / "keys").write_text(f"{STATION} {KEY.hex()}\n")
        self.settings = Settings(
            mqtt_url=broker.url(STATION), state_dir=folder, config=self.config, wiring=wiring,
            command_keys=folder / "keys",
        )  # fmt: skip
        self.folder = folder / STATION
        self.station = load_station(self.config, None, STATION)
        self.replies: dict[str, dict[str, Any]] = {}
        self.centre = Centre(broker.url("ingest"), STATION)
        self._console = Session(
            MqttAddress.parse(broker.url("console")), "console-test", expiry_s=0, receive_maximum=10,
            subscriptions=[Subscription(topic(STATION, "reply"))], on_message=self._hear,
        )  # fmt: skip
        self._console.start()
        assert self._console.wait_subscribed(60)
        self._count = 0
        self.start()
        assert self.centre.holds(lambda c: any(v is not None for v in c.values.values()))

    @property
    def file(self) -> Path:
        return self.config / "stations" / f"{STATION}.yaml"

    def start(self) -> None:
        self.hup = threading.Event()
        self._agent = AgentThread(self.settings, STATION, reload=self.hup)

    def wait_for_its_desk(self) -> None:
        """Return when the agent answers at its desk."""
        eventually(self._agent.answers)

    def end(self) -> None:
        self._agent.end()

    def close(self) -> None:
        self.end()
        self._console.stop()
        self.centre.close()

    def order(self, order: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        name, now_ms = f"command-{self._count}", time.time_ns() // 1_000_000
        payload = encode_command(KEY, STATION, name, order, issued_ms=now_ms, expires_ms=now_ms + 60_000)
        return self.send(name, payload)

    def send(self, name: str, payload: bytes) -> dict[str, Any]:
        self.replies.pop(name, None)
        self._console.publish(topic(STATION, "cmd", name), payload)
        return eventually(lambda: self.replies.get(name))

    def push(self, station: Station, within_s: float = 60.0) -> dict[str, Any]:
        return self.order({"do": "push", "station": json.loads(dumps(station)), "within_s": within_s})

    def events(self, kind: str) -> list[str]:
        return [detail for found, detail in list(self.centre.events) if found == kind]

    def slots(self, channel: str) -> dict[int, tuple[float | None, str]]:
        """What the spool holds of a channel, by time."""
        messages = [decode_message(line) for line in inspection.export(self.folder)]
        return {m.t: (value, state) for m in messages for name, value, state in m.r if name == channel}

    def _hear(self, delivery: Delivery) -> None:
        reply = json.loads(delivery.payload)
        self.replies[reply["id"]] = reply
        self._console.acknowledge([(delivery.generation, delivery.mid)])


@pytest.fixture
def rig(broker: PrivateMosquitto, wiring: Path, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(broker, wiring, tmp_path)
    yield made
    made.close()


def first_modbus(station: Station) -> Device:
    return next(d for d in station.devices.values() if d.profile.protocol.startswith("modbus"))


def assert_no_slot_is_missing(rig: Rig, channels: list[str]) -> None:
    found = inspection.inspect(rig.folder)
    assert [*inspection.verify(rig.folder)] == []
    assert len([*inspection.export(rig.folder)]) == found.produced  # gapless
    for channel in channels:
        times = sorted(rig.slots(channel))
        assert times == [*range(times[0], times[-1] + 1, REPORT_MS)], channel


def test_a_good_change_is_put_in_force_without_losing_a_reading(rig: Rig) -> None:
    device = first_modbus(rig.station)
    name, channel = next(iter(device.channels.items()))
    shifted = channel.model_copy(update={"datum_offset": 1000.0, "span": (-1e9, 1e9)})
    rig.centre.holds(lambda c: sum(1 for v in c.values.values() if v is not None) > 60)
    new = changed(rig.station, device.name, channels={**device.channels, name: shifted})
    answer = rig.push(new)
    assert (answer["ok"], answer["outcome"], answer["changes"]["changed"]) == (True, "confirmed", [device.name])
    others = [c for d in rig.station.devices.values() for c in d.channels if c != name and d.report_ms == REPORT_MS]
    assert rig.centre.holds(lambda c: any((v or 0) > 900 for (n, _), v in c.values.items() if n == name))
    switched = min(t for (n, t), v in [*rig.centre.values.items()] if n == name and (v or 0) > 900)

    def all_are_read(centre: Centre) -> bool:
        return {n for (n, t), v in [*centre.values.items()] if t > switched and v is not None} >= {*others}

    assert rig.centre.holds(all_are_read)
    status = desk.live(rig.folder)
    assert status["config"] == new.config_hash
    rig.end()
    assert_no_slot_is_missing(rig, [name, *others])
    (first, *_), values = sorted(rig.slots(name)), rig.slots(name)
    lost = [t for t, (value, state) in values.items() if value is None and state != "comm" and t > first]
    assert len(lost) <= 1, "only the slot that belongs to both configurations"
    for other in others:
        found = {t: state for t, (value, state) in rig.slots(other).items() if value is None and t > first}
        assert set(found.values()) <= {"comm"}, other  # replies that a busy machine brings too late
    rig.start()  # and it outlives the agent
    rig.wait_for_its_desk()
    assert desk.live(rig.folder)["config"] == new.config_hash


def test_a_device_that_does_not_answer_is_refused_with_its_reason(rig: Rig) -> None:
    device = first_modbus(rig.station)
    answer = rig.push(changed(rig.station, device.name, address=77))
    assert answer["ok"] is False
    assert f"{device.name}: unit 77: no answer" in answer["error"]
    assert desk.live(rig.folder)["config"] == rig.station.config_hash
    assert rig.centre.holds(lambda _: any("refused" in detail for detail in rig.events("configuration")))
    rig.end()
    assert_no_slot_is_missing(rig, list(device.channels))


def test_unsigned_expired_wrongly_signed_and_replayed_commands_are_refused_and_recorded(rig: Rig) -> None:
    now_ms = time.time_ns() // 1_000_000
    order = {"do": "maint", "device": None, "for_ms": 60_000, "state": "maint"}
    unsigned = json.dumps({**order, "issued": now_ms, "expires": now_ms + 60_000}).encode()
    forged = encode_command(bytes(32), STATION, "forged-0001", order, issued_ms=now_ms, expires_ms=now_ms + 60_000)
    old = encode_command(KEY, STATION, "expired-001", order, issued_ms=now_ms - 9_000, expires_ms=now_ms - 1)
    for name, payload, why in (
        ("unsigned-01", unsigned, "not signed"), ("forged-0001", forged, "signature is wrong"),
        ("expired-001", old, "expired"),
    ):  # fmt: skip
        answer = rig.send(name, payload)
        assert answer["refused"] is True
        assert why in answer["error"]
    assert desk.maintenance(rig.folder)["maintenance"] == {}
    good = encode_command(KEY, STATION, "genuine-001", order, issued_ms=now_ms, expires_ms=now_ms + 3_600_000)
    assert rig.send("genuine-001", good)["maintenance"][""]["state"] == "maint"
    desk.end_maintenance(rig.folder, None)
    rig.end()
    rig.start()  # the ids outlive the agent
    rig.wait_for_its_desk()
    rig._console.publish(topic(STATION, "cmd", "genuine-001"), good)
    assert rig.centre.holds(lambda _: any("a replay" in said for said in rig.events("command_refused")))
    assert len(rig.events("command_refused")) == 4
    assert desk.maintenance(rig.folder)["maintenance"] == {}


def test_read_now_send_again_and_what_is_not_there(rig: Rig) -> None:
    device = first_modbus(rig.station)
    until, whole = time.monotonic() + 60, False
    while not whole:  # a busy machine may bring an answer too late
        assert time.monotonic() < until
        readings = rig.order({"do": "read", "device": device.name})["readings"]
        assert [one["channel"] for one in readings] == list(device.channels)
        whole = all(one["value"] is not None for one in readings)
    assert "expected" in rig.order({"do": "act", "device": "nobody", "action": "wipe"})["error"]
    assert "declares no actions" in rig.order({"do": "act", "device": "gauge", "action": "wipe"})["error"]
    assert "no camera" in rig.order({"do": "picture", "camera": "gate"})["error"]
    assert "allowed" in rig.order({"do": "drain", "timeout_s": 1})["error"]
    before = len(rig.centre.kinds)
    now_ms = time.time_ns() // 1_000_000
    count = rig.order({"do": "again", "from": now_ms - 60_000, "to": now_ms})["messages"]
    assert count > 0
    assert rig.centre.holds(lambda c: "backfill" in c.kinds[before:])


def test_a_wiper_turns_once_and_what_the_sonde_reads_meanwhile_is_maintenance(rig: Rig) -> None:
    def turning() -> bool:
        (now,) = [one for one in desk.live(rig.folder)["rows"] if one["channel"] == "wiper_v"]
        return now["value"] is not None and now["value"] > 2.0

    assert not turning()
    assert rig.order({"do": "act", "device": "sonde"})["actions"]["wipe"]["takes"] == "30000ms"
    assert "takes none" in rig.order({"do": "act", "device": "sonde", "action": "wipe", "value": 2})["error"]
    assert desk.maintenance(rig.folder)["maintenance"] == {}, "what is refused holds nothing"
    answer = rig.order({"do": "act", "device": "sonde", "action": "wipe"})
    assert answer["ok"] is True, answer
    orders = desk.maintenance(rig.folder)["maintenance"]
    assert orders == {"sonde": {"state": "maint", "until": answer["until"]}}
    eventually(turning)
    said = "on, maint for 2 min: its wipe"
    assert rig.centre.holds(lambda c: said in [d for kind, d in c.events if kind == "maintenance"])
    assert rig.centre.holds(lambda _: "act sonde wipe: done" in rig.events("command"))
    longer = rig.order({"do": "maint", "device": "sonde", "for_ms": 3_600_000, "state": "cal"})
    rig.order({"do": "act", "device": "sonde", "action": "wipe"})
    assert desk.maintenance(rig.folder)["maintenance"] == longer["maintenance"], "an hour's calibration goes on"


def quantrac(rig: Rig, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "QUANTRAC_STATE_DIR": str(rig.folder.parent)}
    command = [sys.executable, "-m", "quantrac", "edge", *words, "--station", STATION]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False)


def test_the_commands_beside_the_instruments(rig: Rig) -> None:
    device = first_modbus(rig.station)
    shown = quantrac(rig, "watch", "--once")
    assert "uplink connected" in shown.stdout, shown.stderr
    for channel in device.channels:
        assert f"{device.name}/{channel}: " in shown.stdout
    raw_registers = r"\[[0-9A-F]{4} [0-9A-F]{4}\]"  # a busy machine's simulator answers too late at times
    eventually(lambda: re.search(raw_registers, quantrac(rig, "watch", "--once").stdout))
    assert quantrac(rig, "reload").stdout == f"{STATION}: unchanged; nothing differs\n"
    rig.file.write_text(rig.file.read_text().replace('serial: "19D100742"', 'serial: "another probe"', 1))
    assert quantrac(rig, "reload").stdout == f"{STATION}: confirmed; changed: {device.name}\n"


HEED_CTRL_C = (
    "import runpy, signal; signal.signal(2, signal.default_int_handler); runpy.run_module('quantrac', {}, '__main__')"
)
"""A test run in the background hands on to its children that Ctrl-C is ignored."""


def test_the_live_view_on_a_terminal_shows_the_station_and_ends_with_ctrl_c(rig: Rig) -> None:
    environment = {**os.environ, "QUANTRAC_STATE_DIR": str(rig.folder.parent), "TERM": "xterm"}
    command = [sys.executable, "-c", HEED_CTRL_C, "edge", "watch", "--station", STATION, "--every", "200ms"]
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 160, 0, 0))
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    seen, until, told = "", time.monotonic() + 180, False
    try:
        while process.poll() is None:
            assert time.monotonic() < until, seen[-2000:]
            if select.select([terminal], [], [], 0.2)[0]:
                with contextlib.suppress(OSError):  # the other end is closed
                    seen += os.read(terminal, 65_536).decode("utf-8", "replace")
            if not told and "uplink connected" in seen and "water_level" in seen:
                told = True
                process.send_signal(signal.SIGINT)
    finally:
        process.kill()
        os.close(terminal)
    assert (told, process.wait(PATIENCE_S)) == (True, 0), seen[-2000:]


def test_each_instrument_is_read_once_by_the_command_line_where_no_agent_runs(wiring: Path) -> None:
    command = [sys.executable, "-m", "quantrac", "edge", "probe", "--station", STATION, "--wiring", str(wiring)]
    lines = ("sonde/do", "sonde/water_temp", "gauge/water_level", "io/battery_v")

    def all_are_read() -> bool:  # a busy machine may bring an answer too late
        shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
        assert shown.returncode == 0, shown.stdout + shown.stderr
        return all(re.search(rf"^{line}: -?[\d.]+ \S+  ok$", shown.stdout, re.MULTILINE) for line in lines)

    eventually(all_are_read)


def test_a_wrong_file_is_refused_by_line_and_a_right_one_put_in_force(rig: Rig) -> None:
    text = rig.file.read_text()
    device = first_modbus(rig.station)
    rig.file.write_text(text.replace(f"profile: {device.profile.device}", "profile: no-such", 1))
    with pytest.raises(desk.AgentRefused, match=rf"{STATION}.yaml:\d+:\d+: devices.{device.name}.profile"):
        desk.ask(rig.folder, {"do": "reload"}, 60)
    assert desk.live(rig.folder)["config"] == rig.station.config_hash
    rig.file.write_text(text.replace("sample: 500ms", "sample: 1s"))
    rig.hup.set()  # what SIGHUP does
    new = load_station(rig.config, None, STATION).config_hash
    eventually(lambda: desk.live(rig.folder)["config"] == new)
    assert rig.centre.holds(lambda _: any("confirmed" in said for said in rig.events("configuration")))
    assert signal.SIGHUP
