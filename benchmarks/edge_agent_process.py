"""Memory and CPU of the whole agent: `quantrac edge run`, ten devices read and sent each second, a real broker.

Its baseline is the same interpreter with nothing but the agent's modules loaded. Every second is also acknowledged, as
ingest does it.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

from benchmarks.edge_field import simulated
from benchmarks.process_use import cpu_seconds
from benchmarks.servers import PROJECT, memory_mb, running
from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.delivery import Delivery
from quantrac.mqtt.session import Session
from quantrac.mqtt.terms import Subscription
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.place import private_folder
from quantrac.telemetry.topics import topic
from quantrac.telemetry.wire import Ack, Settled, decode_messages, encode

STATION: Final = "st-bench-agent"
WARM_UP_S: Final = 15.0
IMPORTS: Final = "import edge_agent.service, time; print('up', flush=True); time.sleep(60)"


class Centre:
    """Counts what comes and acknowledges it once a second."""

    def __init__(self, url: str) -> None:
        self.messages = self.readings = 0
        self.without: Counter[str] = Counter()
        """Readings without a value, by channel."""
        self._upto: dict[str, int] = {}
        self._stop = threading.Event()
        self._session = Session(
            MqttAddress.parse(url), "bench-centre", expiry_s=60, receive_maximum=1000, on_message=self._hear,
            subscriptions=[Subscription(topic(STATION, kind)) for kind in ("readings", "backfill")],
        )  # fmt: skip
        self._thread = threading.Thread(target=self._acknowledge, daemon=True)

    def __enter__(self) -> Centre:
        self._session.start()
        assert self._session.wait_subscribed(10)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._session.stop()

    def _hear(self, delivery: Delivery) -> None:
        for message in decode_messages(delivery.payload):
            self.messages += 1
            self.readings += len(message.r)
            self.without.update(name for name, _, state in message.r if state not in ("ok", "suspect"))
            self._upto[message.epoch] = max(message.seq, self._upto.get(message.epoch, 0))
        self._session.acknowledge([(delivery.generation, delivery.mid)])

    def _acknowledge(self) -> None:
        while not self._stop.wait(1.0):
            settled = {epoch: Settled(upto, []) for epoch, upto in self._upto.copy().items()}
            payload = encode(Ack(time.time_ns() // 1_000_000, settled))
            self._session.publish(topic(STATION, "ack"), payload, retain=True)


def run(seconds: float) -> Iterator[str]:
    """Run the agent for `seconds` after its first ones."""
    with (
        simulated([STATION]) as field,
        private_folder(PROJECT, "bench-") as folder,
        PrivateMosquitto(folder / "mq", stations=[STATION]) as broker,
        Centre(broker.url("ingest")) as centre,
    ):
        log, state = field.folder / "agent.log", field.folder / "state"
        settings = {"config": field.configs, "wiring": field.wiring, "state_dir": state}
        command = ("quantrac", "edge", "run", "--station", STATION)
        with running(log, *command, mqtt_url=broker.url(STATION), **settings) as agent:
            time.sleep(WARM_UP_S)
            before, without = (centre.messages, centre.readings), centre.without.copy()
            used, began = cpu_seconds(agent.pid), time.monotonic()
            time.sleep(seconds)
            took = time.monotonic() - began
            core = (cpu_seconds(agent.pid) - used) / took
            messages, readings = centre.messages - before[0], centre.readings - before[1]
            without = centre.without - without
            assert agent.poll() is None, log.read_text()
            rss, most = memory_mb(agent.pid)
    yield (
        f"agent, ten devices each s   {rss:.1f} MB (at most {most:.1f}; its modules alone {_imports_mb():.1f}),"
        f" {100 * core:.1f} % of a core over {took:.0f} s; {messages} messages, {readings} readings,"
        f" {100 * (1 - without.total() / readings):.1f} % valid"
        + "".join(f"; {count} of {name} without a value" for name, count in without.items())
    )


def _imports_mb() -> float:
    with subprocess.Popen([sys.executable, "-c", IMPORTS], cwd=PROJECT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        rss, _ = memory_mb(process.pid)
        process.terminate()
    return rss
