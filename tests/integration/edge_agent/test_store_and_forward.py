"""Whatever is killed, cut or restored between spool and centre: nothing is lost, nothing counts twice."""

import contextlib
import random
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent import desk
from edge_agent.spooling import inspection
from quantrac.mqtt import MqttAddress, Session, session
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry.wire import decode_message
from tests.fixtures.program import killed
from tests.fixtures.proxy import TcpProxy
from tests.fixtures.timing import eventually
from tests.integration.edge_agent.agent import PROJECT, RESEND_AFTER_S, STATION, Numbers, Running, settings
from tests.integration.edge_agent.centre import Centre

pytestmark = pytest.mark.usefixtures("_impatient")


@pytest.fixture
def centre(broker: PrivateMosquitto) -> Iterator[Centre]:
    with Centre(broker.url("ingest"), STATION) as made:
        yield made


def drained(agent: Running) -> dict[str, object]:
    eventually(agent.answers)
    outcome = desk.drain(agent.folder, 180)
    agent.end()
    assert outcome["drained"] is True, outcome
    return outcome


def test_everything_produced_is_acknowledged_and_the_agent_ends(
    broker: PrivateMosquitto, centre: Centre, tmp_path: Path
) -> None:
    agent = Running(broker.url(STATION), tmp_path, Numbers())
    agent.wait_made(100)
    outcome = drained(agent)
    assert agent.drained is True
    produced = agent.sampling.made + 1  # and the restart
    assert outcome["produced"] == outcome["acknowledged"] == produced
    assert centre.has_all(agent.sampling.made)
    assert [value for _, value in sorted(centre.values.items())] == [*range(1, agent.sampling.made + 1)]
    found = inspection.inspect(agent.folder)  # the same books when the agent is gone
    assert (found.produced, found.acknowledged, found.running) == (produced, produced, False)
    assert [*inspection.verify(agent.folder)] == []
    assert len([*inspection.export(agent.folder)]) == produced
    assert ("restart", "boot 1, agent start 1") in centre.events


def test_a_session_that_another_client_takes_is_an_event_of_the_station(
    broker: PrivateMosquitto, centre: Centre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TAKEN_OVER_S", 1.0)
    agent = Running(broker.url(STATION), tmp_path, Numbers(most=1))
    assert centre.holds(lambda c: c.has_all(1))
    has_taken = threading.Event()
    thief = Session(
        MqttAddress.parse(broker.url(STATION)), f"edge-{STATION}", expiry_s=0, receive_maximum=1,
        on_connect=lambda _: has_taken.set(),
    )  # fmt: skip
    thief.start()
    assert has_taken.wait(60)
    thief.stop()
    taken = "another client came to the broker with this station's identifier"
    assert centre.holds(lambda c: ("session_taken", taken) in c.events)
    drained(agent)


def test_kill_9_of_the_agent(broker: PrivateMosquitto, centre: Centre, tmp_path: Path) -> None:
    chance = random.Random(3)
    command = [sys.executable, "-m", "tests.integration.edge_agent.agent", broker.url(STATION), str(tmp_path)]
    for _ in range(4):
        before = sum(map(len, centre.seqs.values()))
        wanted = before + chance.randrange(20, 150)
        child = subprocess.Popen(command, cwd=PROJECT)
        try:
            assert centre.holds(lambda c: sum(map(len, c.seqs.values())) >= wanted)
        finally:
            killed(child)
    assert [*inspection.verify(tmp_path / STATION)] == []
    agent = Running(broker.url(STATION), tmp_path, Numbers(most=0))
    outcome = drained(agent)
    (seqs,) = centre.seqs.values()
    assert centre.has_all(len(seqs) - 1)
    assert outcome["produced"] == len(seqs)
    assert len([1 for kind, _ in centre.events if kind == "restart"]) >= 5


def disk(folder: Path) -> str:
    """What a running agent says of its disk, empty while none answers."""
    with contextlib.suppress(desk.AgentNotRunning):
        return str(desk.status(folder)["disk"])
    return ""


def test_a_disk_that_is_full_when_the_agent_starts(broker: PrivateMosquitto, centre: Centre, tmp_path: Path) -> None:
    """No file of the agent can grow from its start on; it measures all the same, and nothing of it is lost."""
    settings(broker.url(STATION), tmp_path)  # makes the files of the configuration
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    command = [sys.executable, "-m", "tests.integration.edge_agent.agent", broker.url(STATION), str(tmp_path)]
    limit = ["prlimit", "--fsize=0:", "--", *command]
    child = subprocess.Popen(limit, cwd=PROJECT, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: "cannot be written" in disk(tmp_path / STATION))
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert centre.holds(lambda c: any(kind == "spool_unwritable" for kind, _ in c.events))
    finally:
        killed(child)
    messages = [decode_message(line) for line in inspection.export(tmp_path / STATION)]
    assert [m.seq for m in messages] == [*range(1, len(messages) + 1)]
    values = [m.r[0][1] for m in messages if m.r]
    assert values == [*range(1, len(values) + 1)]
    assert len(values) > 10
    assert messages[0].e[0][2] == "agent start; the disk cannot be written"


@pytest.mark.parametrize("more", [300, 0], ids=["and more follows", "and nothing overtakes what it lost"])
def test_a_broker_killed_before_it_saved_what_it_had_acknowledged(
    broker: PrivateMosquitto, tmp_path: Path, more: int
) -> None:
    Centre(broker.url("ingest"), STATION).close()  # its session stays, the broker queues
    agent = Running(broker.url(STATION), tmp_path, Numbers(0.005, most=300 + more))
    agent.wait_made(300)
    if not more:
        time.sleep(0.5)
    broker.kill()
    broker.start()
    with Centre(broker.url("ingest"), STATION) as centre:
        assert not centre.connected_as[0].session_present
        agent.wait_made(300 + more)
        drained(agent)
        assert centre.has_all(300 + more)


def test_an_ack_that_goes_back_brings_everything_again(
    broker: PrivateMosquitto, centre: Centre, tmp_path: Path
) -> None:
    agent = Running(broker.url(STATION), tmp_path, Numbers(most=200))
    agent.wait_made(200)
    assert centre.holds(lambda c: [*map(len, c.seqs.values())] == [201])
    (epoch,) = centre.seqs
    centre.forget(epoch, 50)
    centre.say()
    drained(agent)
    assert centre.has_all(200)
    assert len(centre.values) == 200


def test_nobody_subscribed_is_not_delivery(broker: PrivateMosquitto, tmp_path: Path) -> None:
    """The broker answers 0x10 to every publish until the centre comes for the first time."""
    agent = Running(broker.url(STATION), tmp_path, Numbers(0.005, most=500))
    agent.wait_made(500)
    time.sleep(0.3)
    assert inspection.inspect(agent.folder).acknowledged == 0
    with Centre(broker.url("ingest"), STATION) as centre:
        drained(agent)
        assert centre.has_all(500)


def test_a_cloned_card_begins_an_epoch_of_its_own_and_loses_nothing(
    broker: PrivateMosquitto, centre: Centre, tmp_path: Path
) -> None:
    original = Running(broker.url(STATION), tmp_path / "a", Numbers(most=50))
    original.wait_made(50)
    assert centre.holds(lambda c: len(c.values) == 50)
    original.end()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    original = Running(broker.url(STATION), tmp_path / "a", Numbers(most=100))
    original.wait_made(100)
    assert centre.holds(lambda c: len(c.values) == 150)
    drained(original)
    clone = Running(broker.url(STATION), tmp_path / "b", Numbers(most=30, channel="ph"))
    clone.wait_made(30)
    drained(clone)
    assert len(centre.seqs) == 2
    assert len([1 for name, _ in centre.values if name == "ph"]) == 30
    assert len([1 for name, _ in centre.values if name == "do"]) == 150
    assert "epoch_changed" in [kind for kind, _ in centre.events]


def test_a_line_that_breaks_every_second_still_brings_everything(
    broker: PrivateMosquitto, centre: Centre, tcp_proxy: Callable[[int], TcpProxy], tmp_path: Path
) -> None:
    line = tcp_proxy(broker.port)
    url = broker.url(STATION).replace(f":{broker.port}", f":{line.port}")
    line.cut()
    agent = Running(url, tmp_path, Numbers(0.001, most=3000))
    agent.wait_made(3000)
    for _ in range(4):
        line.restore()
        more = min(len(centre.values) + 1, 3000)
        assert centre.holds(lambda c: len(c.values) >= more)
        time.sleep(0.2)
        line.cut()
    line.restore()
    drained(agent)
    assert centre.has_all(3000)


def test_a_silent_centre_is_never_taken_for_a_loss(broker: PrivateMosquitto, centre: Centre, tmp_path: Path) -> None:
    centre.silent = True
    agent = Running(broker.url(STATION), tmp_path, Numbers(most=50))
    agent.wait_made(50)
    assert centre.holds(lambda c: len(c.values) == 50)
    time.sleep(RESEND_AFTER_S * 3)
    assert centre.kinds.count("readings") == 51
    assert "backfill" not in centre.kinds
    centre.silent = False
    centre.say()
    drained(agent)


def test_drain_that_cannot_succeed_ends_in_time_and_says_so(broker: PrivateMosquitto, tmp_path: Path) -> None:
    agent = Running(broker.url(STATION), tmp_path, Numbers(most=5))
    agent.wait_made(5)
    outcome = desk.drain(agent.folder, 0.5)
    agent.end()
    assert (outcome["drained"], outcome["waiting"], agent.drained) == (False, 6, False)
    with pytest.raises(desk.AgentNotRunning):
        desk.status(agent.folder)
