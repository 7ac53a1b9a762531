"""`./dev containers`: follows docs/containers.md with Podman, on a Debian image that debootstrap made. Needs root.

The processes and mounts of Podman stand in namespaces of their own and end with the trial, however it ends; its
networks are described in the trial's folder. So no trial meets what an earlier one left.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.acceptance.installation.machine import debian_base, pack_project, package_variables, put_package_settings
from tests.acceptance.installation.page import commands, say

PORTS: Final = (8883, 8080)
"""Those of deploy/compose.yaml, of the broker and of the console."""

SECTIONS: Final = ("1. Secrets", "2. Images and the broker's files", "3. Start", "Grafana")
AS_DOCKER: Final = """
set -exo pipefail
trap end EXIT
end() {
  trap - EXIT
  echo "· stopping the containers"
  kill "$checks" || true
  podman rm --all --force --time 20
  podman volume prune --force
  podman network rm --force quantrac_default
}
# Podman leaves health checks to systemd.
while sleep 3; do
  for one in $(podman ps --quiet); do podman healthcheck run "$one" || true; done
done > /dev/null 2>&1 &
checks=$!
docker() { if [ "$1" = compose ]; then shift; podman-compose --profile centre "$@"; else podman "$@"; fi; }
"""
BASE_IMAGE: Final = """
cp --archive "$DEBIAN" system
cp --recursive settings/. system
tar -C system -c . | podman import "$@" - docker.io/library/debian:trixie-slim
rm --recursive system settings
tar -C project -xf project.tar
"""
SEND: Final = """
import json, sys, time
from paho.mqtt.client import Client, CallbackAPIVersion, MQTTv5
client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5, client_id="st-my-thanh")
client.username_pw_set("st-my-thanh", sys.argv[1])
client.tls_set("/ca.pem")
client.connect("broker", 8883)
client.loop_start()
said = {"epoch": "9f31c2ab", "seq": 1, "t": int(time.time()) // 60 * 60_000, "r": [["do", 5.1, "ok"]]}
done = client.publish("quantrac/v1/st-my-thanh/readings", json.dumps(said), qos=1)
done.wait_for_publish(20)
assert done.is_published()
"""
HEALTHY: Final = """
for second in $(seq 120); do
  healthy=$(podman ps --filter health=healthy --quiet | wc -l)
  [ "$healthy" -lt 3 ] || break
  sleep 1
done
podman ps
[ "$healthy" -ge 3 ]
"""
NOT_TRIED: Final = (
    "Not started: Grafana, whose image its maker publishes, and the demo, which is `./dev demo` as elsewhere."
)
STATUS: Final = "docker compose exec centre quantrac status"
PROOF: Final = """
password=$(sed -n 's/^st-my-thanh://p' broker.passwords)
docker compose exec -T centre python3 -c "$SEND" "$password"
sleep 5
docker compose exec -T centre quantrac ledger
docker compose exec -T centre sh -c 'psql -At "$QUANTRAC_DATABASE_URL" -c "select value from v_reading"' | grep -qx 5.1
docker compose exec -T centre env | grep -q POSTGRES_PASSWORD && exit 1
docker compose exec -T broker env | grep -q PASSWORD && exit 1
docker compose exec -T centre sh -c 'ls /broker' && exit 1
docker compose exec -T broker ls -la /var/lib/mosquitto
podman stop --time 30 quantrac_broker_1
podman start quantrac_broker_1
sleep 3
podman exec quantrac_broker_1 ls -l /var/lib/mosquitto/mosquitto.db
test -s quantrac.dump
"""
STORAGE: Final = """
[storage]
driver = "overlay"
graphroot = "{folder}/images"
runroot = "{folder}/run"
"""
ENGINE: Final = """
[engine]
runtime = "runc"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[network]
network_config_dir = "{folder}/networks"
"""
"""crun refuses a machine with both kinds of control groups; Podman would ask for more than a sandbox may."""


def main() -> int:
    """Try the page; returns the exit status."""
    if os.geteuid() != 0:
        print("./dev containers makes images of whole systems: run it as root", file=sys.stderr)
        return 2
    if taken := [port for port in PORTS if _is_in_use(port)]:
        print(f"./dev containers needs port {taken[0]}, and something listens there: end it first", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="quantrac-containers-", dir=debian_base().parent))
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder), encoding="utf-8")
    (folder / "containers.conf").write_text(ENGINE.format(folder=folder), encoding="utf-8")
    (folder / "settings/etc/apt").mkdir(parents=True)
    (folder / "project").mkdir()
    put_package_settings(folder / "settings")
    pack_project(folder / "project.tar")
    changes = [word for name, value in package_variables().items() for word in ("--change", f"ENV {name}={value}")]
    blocks = "\n".join(commands("containers", *SECTIONS)).replace(STATUS, f"{HEALTHY}\n{STATUS} || true")
    try:
        say("a Debian image, then the page")
        done = _run(folder, f"{BASE_IMAGE}\n{AS_DOCKER}\ncd project\n{blocks}\n{PROOF}", *changes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say("FAILED, see above" if done else f"every command of the page did what it says. {NOT_TRIED}")
    return done


def _is_in_use(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _run(folder: Path, script: str, *words: str) -> int:
    environment = os.environ | {
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"), "CONTAINERS_CONF": str(folder / "containers.conf"),
        "PODMAN_IGNORE_CGROUPSV1_WARNING": "1", "DEBIAN": str(debian_base()), "SEND": SEND,
    }  # fmt: skip
    argv = [
        "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
        "timeout", "--kill-after", "1m", "30m", "bash", "-exo", "pipefail", "-c", script, "bash", *words,
    ]  # fmt: skip
    return subprocess.run(argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
