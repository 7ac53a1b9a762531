"""The centre changes and asks stations that run, all by the command line: real broker, database, ingest, two agents.

One agent's link passes through a proxy that can be cut. The instruments' journals and the ledger say whether a reading
was lost.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from edge_agent import desk
from quantrac.cli.demo.comparison import EDGE_MS
from quantrac.cli.demo.journals import channel_series, read_journal
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.mqtt import MqttAddress, Session
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry.commands import encode_command
from quantrac.telemetry.topics import topic
from simulators.cameras.camera import SimulatedCamera, size_of
from tests.fixtures.program import PROJECT, QUANTRAC, WITHIN_S, environment, running
from tests.fixtures.proxy import TcpProxy
from tests.fixtures.timing import eventually

STEADY, CUT_OFF = "st-tran-de", "st-dai-ngai"
STATIONS = (STEADY, CUT_OFF)
REPORT_MS = {STEADY: 2_000, CUT_OFF: 5_000}
"""A change is confirmed behind the first whole slot: the line has to be cut before, by a busy machine, too."""
DEFAULTS = "defaults: {{sample: 500ms, report: {0}ms, housekeeping: {0}ms}}\n"
BUSY_OR_ASKED = ("comm", "maint")
"""Null in these states is no doing of a change: the simulator's machine was busy, or the test ordered maintenance."""
RULES = f"""
schema: quantrac/rules/1
rules:
  water-seen:
    title: {{vi: "Có nước", en: "There is water"}}
    watch: {{parameter: water_temp, stations: [{STEADY}]}}
    above: {{act: {{limit: -40, clear: -41, on_delay: 0s, off_delay: 1h, severity: low, to: [operators]}}}}
    picture: true
    source: a rule that stands in alarm wherever the sonde works
    sms: "{{station}}"
"""
KEYS = {STEADY: "11" * 32, CUT_OFF: "22" * 32}


class Rig:
    """A centre and two stations, each a program of its own."""

    def __init__(self, folder: Path, database: str, broker: PrivateMosquitto, proxy: TcpProxy, camera: str) -> None:
        self.folder, self.broker, self.proxy = folder, broker, proxy
        self.config = folder / "config"
        shutil.copytree(PROJECT / "station_configs", self.config)
        for station in STATIONS:
            defaults = DEFAULTS.format(REPORT_MS[station])
            text = self.file(station).read_text().replace("\nbuses:", f"\n{defaults}buses:", 1)
            text = text.replace("keep: 60d", "keep: 7d").replace("sample: 1m", "report: 10m")
            self.file(station).write_text(text)
        with self.file(STEADY).open("a") as file:
            file.write(f'cameras: {{gate: {{url: "{camera}", every: 1h, width: 320, height: 240}}}}\n')
        (self.config / "rules" / "water-seen.yaml").write_text(RULES)
        (folder / "keys").write_text("".join(f"{name} {key}\n" for name, key in KEYS.items()))
        self.settings: dict[str, Any] = {
            "database_url": database, "command_mqtt_url": broker.url("console"), "command_keys": folder / "keys",
            "config": self.config, "state_dir": folder / "state", "wiring": folder / "wiring.yaml", "log": "json",
        }  # fmt: skip
        self.closing = ExitStack()

    def file(self, station: str) -> Path:
        return self.config / "stations" / f"{station}.yaml"

    def network(self) -> Network:
        return load_network(self.config)

    def start(self, name: str, *words: object, **settings: Any) -> None:
        """Run a service until the end of the test."""
        self.closing.enter_context(running(self.folder / f"{name}.log", *words, **self.settings, **settings))

    def run(self, *words: str) -> Callable[..., str]:
        """Begin a command; returns a function that waits for its end with an exit code and returns what it said."""
        process = subprocess.Popen(
            [*QUANTRAC, *words], cwd=PROJECT, env=environment(**self.settings), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.closing.enter_context(process)
        self.closing.callback(process.kill)

        def ends(code: int = 0) -> str:
            out, err = process.communicate(timeout=WITHIN_S)
            assert process.returncode == code, f"{out}\n{err}"
            return out if code == 0 else out + err

        return ends

    def edit(self, station: str, old: str, new: str) -> None:
        text = self.file(station).read_text()
        assert old in text
        self.file(station).write_text(text.replace(old, new, 1))

    def config_in_force(self, station: str) -> str:
        found: str = desk.live(self.folder / "state" / station)["config"]
        return found


@pytest.fixture
def network(
    tmp_path: Path, database: str, broker: PrivateMosquitto, tcp_proxy: Callable[[int], TcpProxy]
) -> Iterator[Rig]:
    with SimulatedCamera() as camera:
        made = Rig(tmp_path, database, broker, tcp_proxy(broker.port), camera.url)
        with made.closing:
            stations = [word for name in STATIONS for word in ("--station", name)]
            files = ("--journal", tmp_path / "journal", "--wiring", tmp_path / "wiring.yaml")
            made.start("field", "simulate", "--with-parent", *stations, *files)
            made.run("stations", "apply", "--person", "an")()
            made.start("ingest", "ingest", "run", mqtt_url=broker.url("ingest"))
            made.start("alerts", "alerts", "run", mqtt_url="")
            eventually((tmp_path / "wiring.yaml").exists)
            through_proxy = broker.url(CUT_OFF).replace(f":{broker.port}", f":{made.proxy.port}")
            for station, url in ((STEADY, broker.url(STEADY)), (CUT_OFF, through_proxy)):
                made.start(station, "edge", "run", "--station", station, mqtt_url=url)
            yield made


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as made:
        yield made


DELIVERING = """
select count(*) from v_channel c join v_latest l using (channel)
 where c.station = any(%s) and l.value is not null and l.channel like '%%/do'
"""
LEDGER = "select station, highest_seq = stored, dead + lost + missing + conflict from v_ledger where epoch <> ''"
TIMES = (
    "select (extract(epoch from time) * 1000)::int8, raw_value, state from v_reading where channel = %s order by time"
)
EVENTS = "select detail from v_event where station = %s and kind = %s order by time"
OUTCOMES = "select detail from audit where action = 'command outcome' and subject = 'station ' || %s order by at"


def test_stations_are_changed_from_the_centre_and_nothing_is_lost(network: Rig, conn: psycopg.Connection[Any]) -> None:
    eventually(lambda: conn.execute(DELIVERING, [list(STATIONS)]).fetchone() == (2,))
    before = {station: network.config_in_force(station) for station in STATIONS}

    # A change that the centre itself does not know yet is not sent.
    network.edit(STEADY, "ph: {expect: [6.0, 9.0]}", "ph: {expect: [6.0, 9.0], statistics: [min, max]}")
    network.edit(CUT_OFF, "do_sat: {}", "do_sat: {expect: [1, 300]}")
    early = network.run("stations", "push", STEADY)
    assert "run `quantrac stations apply` first" in early(2)
    network.run("stations", "apply", "--person", "an")()

    # A good change; and one under which the link stays away: the old one comes back by itself, and says so later.
    good = network.run("stations", "push", STEADY, "--within", "40s", "--person", "an", "--why", "statistics")
    cut = network.run("stations", "push", CUT_OFF, "--within", "20s", "--person", "bình")
    eventually(lambda: network.config_in_force(CUT_OFF) != before[CUT_OFF])
    network.proxy.cut()
    assert "st-tran-de: confirmed; changed: sonde; channels added: ph_max, ph_min" in good()
    changed = network.config_in_force(STEADY)
    assert changed == network.network().stations[STEADY].config_hash

    # A change under which a channel that was valid is so no more: taken back by itself, too.
    network.edit(STEADY, "    channels:", "    signals: {do: {range: [1000, 2000]}}\n    channels:")
    network.run("stations", "apply", "--person", "an")()
    bad = network.run("stations", "push", STEADY, "--within", "8s", "--person", "bình")
    eventually(lambda: network.config_in_force(CUT_OFF) == before[CUT_OFF])
    network.proxy.restore()
    assert "rolled back; changed: sonde; the link has not returned" in cut(1)
    assert "st-tran-de: rolled back; changed: sonde; no valid reading of do" in bad(1)
    assert network.config_in_force(STEADY) == changed

    assert_an_alarm_is_pictured(conn)
    assert_commands_are_answered(network, conn)
    assert_what_is_not_genuine_is_refused(network, conn)
    assert_on_record(network, conn)
    assert_nothing_is_lost(network, conn)


def assert_commands_are_answered(network: Rig, conn: psycopg.Connection[Any]) -> None:
    """Read now, maintenance, send again, picture: asked side by side, each answered with what came of it."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 10))
    asked = {
        "read": network.run("commands", "read-now", STEADY, "--device", "sonde"),
        "maint": network.run("commands", "maint", STEADY, "--device", "io", "--for", "30m", "--why", "door"),
        "again": network.run("commands", "again", CUT_OFF, "--from", moment, "--to", "2099-01-01T00:00"),
        "wipe": network.run("commands", "act", STEADY, "--device", "sonde", "--action", "wipe"),
        "picture": network.run("commands", "picture", STEADY, "--camera", "gate"),
    }
    read = asked["read"]()
    assert all(f"{STEADY} sonde/{name}: " in read for name in ("do", "ph", "water_temp"))
    assert f"{STEADY} io: maint until 20" in asked["maint"]()
    assert int(asked["again"]().split()[1]) > 0
    assert f"{STEADY} sonde: wipe is done; maint until " in asked["wipe"]()
    assert f"{STEADY} gate: a picture of " in asked["picture"]()
    picture = "select bytes from v_image where station = %s and camera = 'gate' and cause = 'asked'"
    (jpeg,) = eventually(lambda: conn.execute(picture, [STEADY]).fetchone())
    assert size_of(bytes(jpeg)) == (320, 180)


def assert_an_alarm_is_pictured(conn: psycopg.Connection[Any]) -> None:
    """A rule that asks for it: alarm, command, picture, and the picture found by the alarm; asked once."""
    seen = "select outcome, bytes from v_alarm_picture where station = %s and camera = 'gate' and time is not null"
    outcome, jpeg = eventually(lambda: conn.execute(seen, [STEADY]).fetchone())
    assert (outcome, size_of(bytes(jpeg))) == ("taken", (320, 180))
    asked = "select reason, detail->'order' from audit where action = 'command' and person = 'alerts'"
    ((reason, order),) = conn.execute(asked).fetchall()
    assert (reason.partition(": ")[2], order) == ("water-seen", {"do": "picture", "camera": "gate"})


def assert_what_is_not_genuine_is_refused(network: Rig, conn: psycopg.Connection[Any]) -> None:
    """Unsigned, expired, replayed: put on the wire by somebody who may publish, beside the centre's own desk."""
    key, now_ms = bytes.fromhex(KEYS[STEADY]), time.time_ns() // 1_000_000
    order = {"do": "maint", "device": None, "for_ms": 60_000, "state": "maint"}
    genuine = encode_command(key, STEADY, "genuine-1", order, issued_ms=now_ms, expires_ms=now_ms + 60_000)
    sent = {
        "unsigned-1": json.dumps({**order, "issued": now_ms, "expires": now_ms + 60_000}).encode(),
        "expired-11": encode_command(key, STEADY, "expired-11", order, issued_ms=now_ms - 9_000, expires_ms=now_ms - 1),
    }
    session = Session(MqttAddress.parse(network.broker.url("console")), "intruder", expiry_s=0, receive_maximum=4)
    session.start()
    eventually(lambda: session.connected)
    try:
        for name, payload in [*sent.items(), ("genuine-1", genuine), ("genuine-1", genuine)]:
            session.publish(topic(STEADY, "cmd", name), payload)
        eventually(lambda: len(_column(conn, EVENTS, STEADY, "command_refused")) >= 3)
        refusals = _column(conn, EVENTS, STEADY, "command_refused")
    finally:
        session.stop()
    for name, why in (("unsigned-1", "not signed"), ("expired-11", "expired"), ("genuine-1", "a replay")):
        assert any(one.startswith(name) and why in one for one in refusals), refusals
    assert len(refusals) == 3


def assert_on_record(network: Rig, conn: psycopg.Connection[Any]) -> None:
    """Orders and outcomes in the audit, what stations did in their events; `commands list` shows both."""
    pushed, *asked = [one["outcome"] for one in _column(conn, OUTCOMES, CUT_OFF)]
    assert (pushed["outcome"], pushed["why"]) == ("rolled back", "the link has not returned")
    assert [one["ok"] for one in asked] == [True]
    trial = "on trial: changed: sonde"
    for station, ends in (
        (CUT_OFF, [trial, "rolled back: the link has not returned"]),
        (STEADY, [trial, "confirmed", trial, "rolled back: no valid reading of do"]),
    ):
        said = _column(conn, EVENTS, station, "configuration")
        assert [detail.startswith("push ") for detail in said] == [True] * len(ends)
        assert all(end in detail for detail, end in zip(said, ends, strict=True)), said
    shown = network.run("commands", "list", "--station", STEADY)()
    assert "push station=" in shown
    assert shown.count("confirmed") == 1


def assert_nothing_is_lost(network: Rig, conn: psycopg.Connection[Any]) -> None:
    """Ledger balanced without a gap, no slot missing, each value among those that the instrument served in its slot."""
    eventually(lambda: {row[1:] for row in conn.execute(LEDGER)} == {(True, 0)})
    for station in STATIONS:
        for name in ("do", "water_temp", "battery_v"):
            found = conn.execute(TIMES, [f"{station}/{name}"]).fetchall()
            times = [t for t, *_ in found]
            assert times == [*range(times[0], times[-1] + 1, REPORT_MS[station])], f"{station}/{name}"
            nulls = [state for _, value, state in found[1:] if value is None and state not in BUSY_OR_ASKED]
            # On trial its readings were out of range; a slot before and behind belongs to two configurations.
            on_trial = (station, name) == (STEADY, "do")
            assert set(nulls) <= ({"range", "warmup"} if on_trial else set()), f"{station}/{name}"
    compared = 0
    for station in STATIONS:
        served = read_journal(network.folder / "journal" / f"{station}.jsonl")
        for channel, series in channel_series(network.network().stations[station], served):
            for t, value, _ in conn.execute(TIMES, [channel]).fetchall():
                if value is not None:
                    near = [*series.between(t - series.width_ms - EDGE_MS, t), *series.behind(t)]
                    values = [entry.value for entry in near if entry.value is not None]
                    assert values, (channel, t)
                    assert min(values) - 1e-5 <= value <= max(values) + 1e-5, (channel, t)
                    compared += 1
    assert compared > 200


def _column(conn: psycopg.Connection[Any], query: str, *values: str) -> list[Any]:
    return [one for (one,) in conn.execute(query, values).fetchall()]
