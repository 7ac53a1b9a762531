"""An edge box installs the wheel with the extra `edge` alone, and its agent reads instruments and sends."""

import json
import queue
import re
import resource
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from packaging.requirements import Requirement
from paho.mqtt.enums import CallbackAPIVersion

from quantrac.private_services.mosquitto import PrivateMosquitto
from tests.fixtures.program import PROJECT, WITHIN_S, running
from tests.fixtures.timing import eventually, quickest

STATION = "st-my-thanh"

pytestmark = pytest.mark.slow


def run(*command: str | Path) -> str:
    words = [str(part) for part in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=WITHIN_S)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def edge_box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a fresh virtual environment with the wheel, the extra `edge`, and nothing else.

    Its packages come from here, where pip has checked the same hashes: no index is asked, which may be away or slow.
    """
    folder = tmp_path_factory.mktemp("edge-box")
    wheels, box = folder / "wheels", folder / "venv"
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, PROJECT)
    venv.create(box)
    for pin in map(Requirement, locked("edge")):
        if pin.marker is None or pin.marker.evaluate():
            put_into(box, pin)
    pip(box, "install", "-q", "--no-deps", *wheels.glob("quantrac-*.whl"))
    pip(box, "check")
    return box


def locked(extra: str) -> dict[str, str]:
    """Return the hashes of each pinned package of an extra, by name, version and marker."""
    text = (PROJECT / f"requirements/{extra}.txt").read_text("ascii")
    pins = re.finditer(r"^(\w.*==.*)((?:\n    --hash.*)+)", text, re.MULTILINE)
    return {pin[1].rstrip(" \\"): pin[2] for pin in pins}


def put_into(box: Path, pin: Requirement) -> None:
    """Copy a package of our own environment, but for its programs."""
    here, (there,) = distribution(pin.name), box.glob("lib/python*/site-packages")
    assert pin.specifier.contains(here.version), f"{pin.name} {here.version}: ./dev setup"
    for file in here.files or ():
        if file.parts[0] != ".." and Path(str(file.locate())).exists():
            target = there / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), target)


def pip(box: Path, *words: str | Path) -> str:
    """Run pip for a box; one of its own would take longer to make than all that it installs."""
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", box / "bin/python", *words)


def test_it_has_no_database_driver_no_pandas_and_no_web_framework(edge_box: Path) -> None:
    installed = {package["name"].lower() for package in json.loads(pip(edge_box, "list", "--format", "json"))}
    assert "quantrac" in installed
    assert not installed & {"psycopg", "psycopg-binary", "psycopg-pool", "pandas", "numpy", "fastapi", "uvicorn"}


def test_its_packages_are_those_that_are_tested() -> None:
    edge, dev = locked("edge"), locked("dev")
    assert len(edge) > 20
    assert edge.items() <= dev.items()


def test_its_help_opens_quickly(edge_box: Path) -> None:
    def opening() -> float:
        """Seconds of the processor, which others on this machine cost it hardly any of."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert "edge" in run(edge_box / "bin/quantrac", "--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert quickest(opening, 2) < 2


def test_it_shows_the_help_of_the_agent_and_checks_station_files(edge_box: Path) -> None:
    assert "probe" in run(edge_box / "bin/quantrac", "edge", "--help")
    assert "6 stations" in run(edge_box / "bin/quantrac", "stations", "check", PROJECT / "station_configs")


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Path]:
    """The station's instruments, simulated; the wiring file that says where they are."""
    wiring, journal = tmp_path / "wiring.yaml", tmp_path / "journal"
    options = ("--with-parent", "--station", STATION, "--wiring", wiring, "--journal", journal)
    with running(tmp_path / "field.log", "simulate", *options):
        eventually(wiring.exists)
        yield wiring


def test_its_agent_announces_itself_and_sends_what_the_instruments_say(
    edge_box: Path, broker: PrivateMosquitto, field: Path, tmp_path: Path
) -> None:
    messages: dict[str, dict[str, Any]] = {}
    agent = running(
        tmp_path / "agent.log", "edge", "run", "--station", STATION, program=[edge_box / "bin/quantrac"],
        mqtt_url=broker.url(STATION), config=PROJECT / "station_configs", overlay="demo", wiring=field,
        state_dir=tmp_path / "state",
    )  # fmt: skip
    with listening(broker.url("ingest"), f"quantrac/v1/{STATION}/+") as arrived, agent:
        while not {"birth", "readings"} <= messages.keys():
            message = arrived.get(timeout=WITHIN_S)
            messages[message.topic.rpartition("/")[2]] = json.loads(message.payload)
    assert len(messages["birth"]["channels"]) >= 12
    assert messages["readings"]["epoch"] == messages["birth"]["epoch"]
    assert messages["readings"]["r"]


@contextmanager
def listening(url: str, topic: str) -> Iterator[queue.Queue[mqtt.MQTTMessage]]:
    """Subscribe, and give the queue into which messages fall."""
    where = urlsplit(url)
    arrived: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
    ready: queue.Queue[bool] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "listener", protocol=mqtt.MQTTv5)
    client.username_pw_set(where.username, where.password)
    client.on_message = lambda c, u, message: arrived.put(message)
    client.on_subscribe = lambda *_: ready.put(True)
    client.connect(where.hostname or "", where.port or 0)
    client.loop_start()
    try:
        client.subscribe(topic, 1)
        ready.get(timeout=WITHIN_S)
        yield arrived
    finally:
        client.disconnect()
        client.loop_stop()
