"""Three nodes of Patroni with TimescaleDB and three members of etcd, with the configuration of deploy/cluster."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from quantrac.private_services import ports
from quantrac.private_services.errors import MissingPackage
from quantrac.private_services.postgres import binaries_with_timescaledb
from tests.cluster.node import SHIPPED, Node, NodePlan
from tests.fixtures.proxy import TcpProxy

NODES: Final = 3
ACCOUNT: Final = {"account": "postgres", "package": "patroni"}
SUPERUSER: Final = "postgres"
ASK_S: Final = 2.0
START_S: Final = 180.0


class DatabaseNode(Node):
    """Patroni and its PostgreSQL: one machine, which dies and freezes as a whole, and its lines to etcd."""

    def __init__(self, folder: Path, plan: NodePlan, lines: Sequence[TcpProxy]) -> None:
        super().__init__(folder, plan, **ACCOUNT)
        self._lines = lines

    def lose_etcd(self) -> None:
        """Let nothing pass between Patroni and etcd; everybody else still reaches the node."""
        for line in self._lines:
            line.deaf()

    def find_etcd(self) -> None:
        """Mend what `lose_etcd` has cut."""
        for line in self._lines:
            line.restore()

    def kill(self) -> None:
        """Kill both and every process of theirs."""
        self._signal(signal.SIGKILL)
        super().kill()

    def kill_patroni(self) -> None:
        """Kill Patroni alone: its PostgreSQL goes on, and nobody looks after it."""
        super().kill()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        roots = [self.pid] if self.running else []
        with contextlib.suppress(OSError, ValueError, IndexError):
            roots.append(int((self.folder / "data" / "postmaster.pid").read_text("ascii").splitlines()[0]))
        for pid in dict.fromkeys(each for root in roots for each in _family(root)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


class DatabaseCluster:
    """`start` it; nodes may be killed and frozen; `stop` it."""

    def __init__(self, folder: Path) -> None:
        for program in ("etcd", "patroni"):
            if shutil.which(program) is None:
                raise MissingPackage(f"{program} not found: ./dev cluster installs it")
        self._password, self._replication = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
        self.ports, self.api_ports, self._client_ports, peers = (
            [ports.free_port() for _ in range(NODES)] for _ in range(4)
        )
        self.members = [self._member(folder / f"etcd{number + 1}", number, peers) for number in range(NODES)]
        self._folder = folder
        self.nodes: list[DatabaseNode] = []

    @property
    def places(self) -> str:
        """Hosts and ports of all nodes, as a connection string has them."""
        return ",".join(f"{ports.LOOPBACK}:{port}" for port in self.ports)

    def url(self, database: str) -> str:
        """Return the address of whichever node may be written."""
        return f"{self.url_at(database, self.places)}?target_session_attrs=read-write"

    def url_at(self, database: str, places: str) -> str:
        """Return the address of a database at hosts and ports."""
        return f"postgresql://{SUPERUSER}:{self._password}@{places}/{database}"

    def start(self) -> None:
        """Start all of it and wait until one node is primary and another its synchronous standby."""
        for member in self.members:
            member.begin()
        for member in self.members:
            member.wait_ready()
        self.nodes = [self._node(self._folder / f"db{number + 1}", number) for number in range(NODES)]
        for node in self.nodes:
            node.begin()
        self.wait_whole()

    def stop(self) -> None:
        """Kill all of it."""
        for node in self.nodes:
            node.kill()
        for member in self.members:
            member.kill()

    def primary(self) -> int | None:
        """Return which node says that it is the primary."""
        return next((number for number in range(NODES) if self._answers(number, "/primary")), None)

    def synchronous(self) -> int | None:
        """Return which node is the synchronous standby."""
        return next((number for number in range(NODES) if self._answers(number, "/synchronous")), None)

    def wait_whole(self) -> None:
        """Wait until there is a primary with a synchronous standby, and every node replicates."""
        until = time.monotonic() + START_S
        while not self._is_whole():
            if time.monotonic() > until:
                raise TimeoutError(f"the database is not whole within {START_S:.0f} s")
            time.sleep(0.2)

    def _is_whole(self) -> bool:
        replicas = sum(self._answers(number, "/replica?lag=16MB") for number in range(NODES))
        return self.primary() is not None and self.synchronous() is not None and replicas == NODES - 1

    def _answers(self, number: int, path: str) -> bool:
        asking = http.client.HTTPConnection(ports.LOOPBACK, self.api_ports[number], timeout=ASK_S)
        try:
            asking.request("GET", path)
            return asking.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asking.close()

    def _member(self, folder: Path, number: int, peers: list[int]) -> Node:
        shipped = (SHIPPED / "etcd.env").read_text("utf-8")
        settings = dict(line.split("=", 1) for line in shipped.splitlines() if line.startswith("ETCD_"))
        client, peer = (f"http://{ports.LOOPBACK}:{each[number]}" for each in (self._client_ports, peers))
        settings |= {
            "ETCD_NAME": f"etcd{number + 1}", "ETCD_DATA_DIR": str(folder / "data"),
            "ETCD_LISTEN_CLIENT_URLS": client, "ETCD_ADVERTISE_CLIENT_URLS": client,
            "ETCD_LISTEN_PEER_URLS": peer, "ETCD_INITIAL_ADVERTISE_PEER_URLS": peer,
            "ETCD_INITIAL_CLUSTER": ",".join(
                f"etcd{each + 1}=http://{ports.LOOPBACK}:{port}" for each, port in enumerate(peers)
            ),
            "ETCD_LOG_LEVEL": "warn",
        }  # fmt: skip
        ready = partial(_has_decided, self._client_ports[number])
        return Node(folder, NodePlan(f"etcd {number + 1}", ["etcd"], settings, ready), **ACCOUNT)

    def _node(self, folder: Path, number: int) -> DatabaseNode:
        own, api = f"{ports.LOOPBACK}:{self.ports[number]}", f"{ports.LOOPBACK}:{self.api_ports[number]}"
        lines = [TcpProxy(port) for port in self._client_ports]
        environment = {
            "HOME": str(folder), "LC_ALL": "C.UTF-8", "PATRONI_NAME": f"db{number + 1}",
            "PATRONI_ETCD3_HOSTS": ",".join(f"{ports.LOOPBACK}:{line.port}" for line in lines),
            "PATRONI_ETCD3_USE_PROXIES": "true",  # else it learns where etcd listens and goes there directly
            "PATRONI_RESTAPI_LISTEN": api, "PATRONI_RESTAPI_CONNECT_ADDRESS": api,
            "PATRONI_POSTGRESQL_LISTEN": own, "PATRONI_POSTGRESQL_CONNECT_ADDRESS": own,
            "PATRONI_POSTGRESQL_DATA_DIR": str(folder / "data"),
            "PATRONI_POSTGRESQL_BIN_DIR": str(binaries_with_timescaledb()),
            "PATRONI_POSTGRESQL_PGPASS": str(folder / "pgpass"),
            "PATRONI_SUPERUSER_USERNAME": SUPERUSER, "PATRONI_SUPERUSER_PASSWORD": self._password,
            "PATRONI_REPLICATION_USERNAME": "replicator", "PATRONI_REPLICATION_PASSWORD": self._replication,
        }  # fmt: skip
        patroni = shutil.which("patroni")
        assert patroni is not None
        plan = NodePlan(f"Patroni {number + 1}", [patroni, str(folder / "config.yml")], environment,
                        _answering(self.api_ports[number]))  # fmt: skip
        node = DatabaseNode(folder, plan, lines)
        shipped = (SHIPPED / "patroni.yml").read_text("utf-8")
        node.write("config.yml", shipped.replace("mode: automatic", "mode: off"))  # the machine's watchdog is not ours
        return node


def _has_decided(port: int) -> bool:
    """Whether a member of etcd knows the cluster's version: Patroni 4.0 dies of an etcd that has not decided it."""
    url = f"http://{ports.LOOPBACK}:{port}/version"
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=ASK_S) as answer:
        return str(json.load(answer)["etcdcluster"])[:1].isdigit()
    return False


def _answering(port: int) -> Callable[[], bool]:
    return lambda: ports.answers(port)


def _family(root: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield root
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{root}/task/{root}/children").read_text("ascii").split():
            yield from _family(int(child))
