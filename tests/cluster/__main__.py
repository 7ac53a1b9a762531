"""`./dev cluster`: brings the cluster of deploy/cluster up on free ports of this machine and ends it on Ctrl-C."""

from __future__ import annotations

import signal
import sys

from quantrac.cli.demo.servers import prepare_database
from quantrac.config.loader import load_network
from quantrac.private_services import ports
from quantrac.private_services.broker_config import users
from quantrac.telemetry.errors import QuantracError
from tests.cluster.cluster import PROJECT, Cluster


def main() -> None:
    network = load_network(PROJECT / "station_configs")
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    with Cluster.folder("cluster-") as folder:
        print("starting three nodes of RabbitMQ, etcd and Patroni, and HAProxy (half a minute)", file=sys.stderr)
        with Cluster(folder, sorted(network.stations)) as cluster:
            prepare_database(cluster.database_url(), network)
            print(addresses(cluster, sorted(network.stations)), flush=True)
            signal.pause()


def addresses(cluster: Cluster, stations: list[str]) -> str:
    """Return what a person sets to run the services on the cluster, and where its nodes are."""
    mqtt = ", ".join(f"{ports.LOOPBACK}:{port}" for port in cluster.broker.mqtt_ports)
    lines = [
        "The services of the centre take",
        f"  QUANTRAC_DATABASE_URL={cluster.database_url()}",
        f"  QUANTRAC_MQTT_URL={cluster.mqtt_url('ingest')}",
        f"and stations one of {len(stations)} addresses such as",
        f"  QUANTRAC_MQTT_URL={cluster.mqtt_url(stations[0])}",
        "or the same by HAProxy",
        f"  QUANTRAC_DATABASE_URL={cluster.database_url(by_proxy=True)}",
        f"  QUANTRAC_MQTT_URL={cluster.mqtt_url('ingest', by_proxy=True)}",
        f"and what only reads goes to replicas at port {cluster.replicas_port}.",
        f"RabbitMQ: {mqtt}. PostgreSQL: {cluster.database.places}. {len(users(stations))} users of the broker.",
        "Ctrl-C ends all of it and removes its data.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    except QuantracError as error:
        sys.exit(str(error))
