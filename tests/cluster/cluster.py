"""The cluster: broker, database and the proxy in front of both, as one thing to start, address, break and stop."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Self

import psycopg

from quantrac.private_services import ports
from quantrac.private_services.errors import MissingPackage
from quantrac.private_services.place import account_for, private_folder
from tests.cluster.database import DatabaseCluster
from tests.cluster.node import SHIPPED, Node, NodePlan
from tests.cluster.rabbitmq import NODES, RabbitCluster

PROJECT: Final = Path(__file__).parents[2]
DATABASE: Final = "quantrac"
RESTART_S: Final = 120.0
LONG_S: Final = 40.0
"""Longer than Patroni and RabbitMQ believe in a node that says nothing."""


class Fault(NamedTuple):
    """Something that goes wrong, and how it is put right."""

    name: str
    begin: Callable[[], object]
    end: Callable[[], object]
    lasts_s: float = 12.0
    """From the beginning to the end."""


class Cluster:
    """All nodes; a context that starts and stops them."""

    def __init__(self, folder: Path, stations: Sequence[str]) -> None:
        self.broker, self.database = RabbitCluster(folder, stations), DatabaseCluster(folder)
        self.mqtt_port, self.primary_port, self.replicas_port = (ports.free_port() for _ in range(3))
        self._proxy = self._haproxy(folder / "haproxy")
        self._stack = ExitStack()

    @staticmethod
    def folder(prefix: str) -> AbstractContextManager[Path]:
        """A folder that the accounts of all nodes can enter; it goes in the end."""
        return private_folder(PROJECT, prefix, account_for("rabbitmq", "rabbitmq-server"))

    def database_url(self, *, by_proxy: bool = False) -> str:
        """Return the address of the database that may be written: all nodes, or HAProxy."""
        if by_proxy:
            return self.database.url_at(DATABASE, f"{ports.LOOPBACK}:{self.primary_port}")
        return self.database.url(DATABASE)

    def mqtt_url(self, user: str, *, by_proxy: bool = False) -> str:
        """Return the address of the broker for a user: all nodes, or HAProxy."""
        if by_proxy:
            return self.broker.url_at(user, f"{ports.LOOPBACK}:{self.mqtt_port}")
        return self.broker.url(user)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self.broker.stop)
            self.broker.start()
            stack.callback(self.database.stop)
            self.database.start()
            stack.callback(self._proxy.kill)
            self._proxy.start()
            with psycopg.connect(self.database.url("postgres"), autocommit=True) as conn:
                conn.execute(f"create database {DATABASE}")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def faults(self) -> Iterator[Fault]:
        """Yield every way in which nodes fail; which node is the primary is looked up when its fault begins."""
        yield from self._faults_of_the_broker()
        yield from self._faults_of_the_database()
        yield Fault("HAProxy killed", self._proxy.kill, self._proxy.start)

    def _faults_of_the_broker(self) -> Iterator[Fault]:
        nodes, numbers = self.broker.nodes, range(NODES)
        yield from (Fault(f"RabbitMQ {n + 1} killed", nodes[n].kill, nodes[n].start) for n in numbers)
        for n in numbers:
            name = f"RabbitMQ {n + 1} cut off from the others"
            yield Fault(name, partial(self.broker.split, n), partial(self._heal, n))
        yield Fault("RabbitMQ 2 frozen", nodes[1].freeze, nodes[1].thaw, LONG_S)
        yield Fault("RabbitMQ 1 and 2 killed", *_together(nodes[:2]))
        yield Fault("RabbitMQ 2 and 3 killed", *_together(nodes[1:]))

    def _faults_of_the_database(self) -> Iterator[Fault]:
        whole, nodes, members = self.database.wait_whole, self.database.nodes, self.database.members
        for member in members:
            yield Fault(f"{member.plan.title} killed", member.kill, member.start)
        yield Fault("etcd 1 and 2 killed", *_together(members[:2], whole))
        primary = self.database.primary()
        assert primary is not None
        for n in (primary, *(n for n in range(len(nodes)) if n != primary)):
            yield Fault(f"Patroni {n + 1} killed", nodes[n].kill, partial(_back, nodes[n].start, whole), LONG_S)
        frozen = nodes[self._primary()]
        yield Fault("primary frozen", frozen.freeze, partial(_back, frozen.thaw, whole), LONG_S)
        parted = nodes[self._primary()]
        yield Fault("primary cut off from etcd", parted.lose_etcd, partial(_back, parted.find_etcd, whole), LONG_S)
        alone = nodes[self._primary()]
        yield Fault("primary without its Patroni", alone.kill_patroni, partial(_back, alone.start, whole), LONG_S)
        pair = [nodes[self._primary()], nodes[self._synchronous()]]
        yield Fault("primary and synchronous standby killed", *_together(pair, whole), LONG_S)

    def _primary(self) -> int:
        self.database.wait_whole()
        found = self.database.primary()
        assert found is not None
        return found

    def _synchronous(self) -> int:
        found = self.database.synchronous()
        assert found is not None
        return found

    def _heal(self, number: int) -> None:
        self.broker.heal(number)
        until = time.monotonic() + RESTART_S
        while not all(self.broker.serves(each) for each in range(NODES)):
            if time.monotonic() > until:
                raise TimeoutError(f"RabbitMQ {number + 1} did not come back within {RESTART_S:.0f} s")
            time.sleep(0.1)

    def _haproxy(self, folder: Path) -> Node:
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise MissingPackage("haproxy not found: ./dev cluster installs it")
        binds = {"MQTT_BIND": self.mqtt_port, "PRIMARY_BIND": self.primary_port, "REPLICAS_BIND": self.replicas_port}
        environment = {name: f"{ports.LOOPBACK}:{port}" for name, port in binds.items()}
        for n in range(NODES):
            environment[f"MQ{n + 1}"] = f"{ports.LOOPBACK}:{self.broker.mqtt_ports[n]}"
            environment[f"MQ{n + 1}_API"] = str(self.broker.api_ports[n])
            environment[f"DB{n + 1}"] = f"{ports.LOOPBACK}:{self.database.ports[n]}"
            environment[f"DB{n + 1}_API"] = str(self.database.api_ports[n])
        argv = [program, "-db", "-f", str(folder / "haproxy.cfg")]
        plan = NodePlan("HAProxy", argv, environment, lambda: ports.answers(self.mqtt_port))
        node = Node(folder, plan, account="postgres", package="patroni")
        node.write("haproxy.cfg", (SHIPPED / "haproxy.cfg").read_text("utf-8"))
        return node


def _together(
    nodes: Sequence[Node], then: Callable[[], object] = lambda: None
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return what kills these nodes at once, and what starts them together and waits."""

    def kill() -> None:
        for node in nodes:
            node.kill()

    def start() -> None:
        for node in nodes:
            node.begin()
        for node in nodes:
            node.wait_ready()
        then()

    return kill, start


def _back(mend: Callable[[], object], whole: Callable[[], object]) -> None:
    mend()
    whole()
