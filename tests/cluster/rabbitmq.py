"""Three nodes of RabbitMQ as one broker, with the configuration of deploy/cluster."""

from __future__ import annotations

import itertools
import secrets
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from quantrac.private_services import ports
from quantrac.private_services.broker_config import users
from quantrac.private_services.errors import MissingPackage, ServiceError
from quantrac.private_services.rabbitmq_definitions import render_definitions
from tests.cluster.node import SHIPPED, Node, NodePlan

SCRIPTS: Final = Path("/usr/lib/rabbitmq/bin")
NODES: Final = 3
ACCOUNT: Final = {"account": "rabbitmq", "package": "rabbitmq-server"}
CTL_S: Final = 60


class RabbitCluster:
    """`start` it; its nodes may be killed, frozen and split; `stop` it."""

    def __init__(self, folder: Path, stations: Iterable[str]) -> None:
        if not (SCRIPTS / "rabbitmq-server").exists():
            raise MissingPackage("rabbitmq-server not found: ./dev cluster installs it")
        stations = list(stations)
        self._passwords = {user: secrets.token_urlsafe(18) for user in users(stations)}
        self._cookie, self._mapper_port = secrets.token_hex(16), ports.free_port()
        self._turns = itertools.count()
        self.mqtt_ports, self.api_ports = ([ports.free_port() for _ in range(NODES)] for _ in range(2))
        epmd = shutil.which("epmd")
        assert epmd is not None
        self._mapper = Node(
            folder / "epmd",
            NodePlan("epmd", [epmd, "-port", str(self._mapper_port), "-address", ports.LOOPBACK], {},
                     lambda: ports.answers(self._mapper_port)),
            **ACCOUNT,
        )  # fmt: skip
        self._mapper.write(".erlang.cookie", self._cookie, 0o400)
        definitions = render_definitions(stations, self._passwords, lambda _: secrets.token_bytes(4))
        self.nodes = [self._node(folder / f"mq{number}", number, definitions) for number in range(1, NODES + 1)]

    def url(self, user: str) -> str:
        """Return the address of all nodes, each time beginning with another one, so that clients spread."""
        first = next(self._turns)
        places = [f"{ports.LOOPBACK}:{self.mqtt_ports[(first + n) % NODES]}" for n in range(NODES)]
        return self.url_at(user, ",".join(places))

    def url_at(self, user: str, places: str) -> str:
        """Return the address for a user at hosts and ports."""
        return f"mqtt://{user}:{self._passwords[user]}@{places}"

    def start(self) -> None:
        """Start all nodes together and wait until each serves."""
        self._mapper.start()
        for node in self.nodes:
            node.begin()
        for node in self.nodes:
            node.wait_ready()

    def stop(self) -> None:
        """Stop all of it; what hangs is killed."""
        for node in self.nodes:
            node.kill()
        self._mapper.kill()

    def split(self, number: int) -> None:
        """Cut a node off from the other nodes; clients still reach it. Both sides refuse each other's cookie."""
        self._at(number, "".join(
            f"erlang:set_cookie('{other}', nonsense), erlang:disconnect_node('{other}'), "
            for other in self._others(number)
        ) + "ok.")  # fmt: skip

    def heal(self, number: int) -> None:
        """Join what `split` has cut."""
        self._at(number, "".join(
            f"erlang:set_cookie('{other}', '{self._cookie}'), " for other in self._others(number)) + "ok.")  # fmt: skip

    def serves(self, number: int) -> bool:
        """Whether a node takes clients: one that is in the minority does not."""
        return ports.answers(self.mqtt_ports[number])

    def _others(self, number: int) -> list[str]:
        return [_name(other + 1) for other in range(NODES) if other != number]

    def _at(self, number: int, code: str) -> str:
        done = subprocess.run(
            [SCRIPTS / "rabbitmqctl", "--erlang-cookie", self._cookie, "-n", _name(number + 1), "eval", code],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self._mapper.folder), "ERL_EPMD_PORT": str(self._mapper_port),
                 "RABBITMQ_CONF_ENV_FILE": "/dev/null", "LC_ALL": "C.UTF-8"},
            capture_output=True, text=True, check=False, timeout=CTL_S,
        )  # fmt: skip
        if done.returncode:
            raise ServiceError(f"rabbitmqctl on {_name(number + 1)}: {done.stderr or done.stdout}")
        return done.stdout

    def _node(self, folder: Path, number: int, definitions: str) -> Node:
        port, api, between = self.mqtt_ports[number - 1], self.api_ports[number - 1], ports.free_port()
        environment = {
            "HOME": str(folder), "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._mapper_port), "ERL_EPMD_ADDRESS": ports.LOOPBACK,
            "RABBITMQ_NODENAME": _name(number), "RABBITMQ_DIST_PORT": str(between),
            "RABBITMQ_CONFIG_FILES": str(folder / "*.conf"), "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"), "RABBITMQ_MNESIA_BASE": str(folder),
            "RABBITMQ_LOG_BASE": str(folder), "RABBITMQ_LOGS": "-", "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
        }  # fmt: skip
        node = Node(
            folder,
            NodePlan(f"RabbitMQ {number}", [str(SCRIPTS / "rabbitmq-server"), "-noinput"], environment,
                     lambda: ports.answers(port)),
            **ACCOUNT,
        )  # fmt: skip
        node.write(".erlang.cookie", self._cookie, 0o400)
        node.write("enabled_plugins", "[rabbitmq_mqtt, rabbitmq_prometheus].\n")
        node.write("10-shipped.conf", (SHIPPED / "rabbitmq.conf").read_text("utf-8"))
        path = node.write("definitions.json", definitions)
        nodes = "".join(
            f"cluster_formation.classic_config.nodes.{each} = {_name(each)}\n" for each in range(1, NODES + 1)
        )
        node.write(
            "20-here.conf",
            f"mqtt.listeners.tcp.default = {ports.LOOPBACK}:{port}\n"
            f"prometheus.tcp.ip = {ports.LOOPBACK}\nprometheus.tcp.port = {api}\n"
            f"definitions.local.path = {path}\n{nodes}"
            "log.console = true\nlog.console.level = info\n",
        )
        return node


def _name(number: int) -> str:
    return f"mq{number}@localhost"
