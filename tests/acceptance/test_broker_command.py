"""`quantrac broker config` renders what a real Mosquitto accepts, and refuses to open a door by accident."""

import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from quantrac.private_services import ports
from quantrac.private_services.mosquitto import _program
from tests.fixtures.program import WITHIN_S, killed, quantrac
from tests.fixtures.timing import eventually


def logs_in(port: int, user: str, password: str) -> bool:
    """Whether the broker takes a user with a password, by a CONNECT of MQTT 3.1.1 (3.1, 3.2)."""
    fields = b"".join(len(each).to_bytes(2, "big") + each for each in (b"", user.encode(), password.encode()))
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + fields
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(bytes([0x10, len(body)]) + body)
        return line.recv(4) == b"\x20\x02\x00\x00"


def test_the_rendered_files_start_a_broker_and_name_who_lacks_a_password(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    (tmp_path / "p").mkdir()
    words = ("broker", "config", "--out", tmp_path, "--port", port, "--persistence", tmp_path / "p")
    done = quantrac(*words)
    assert done.returncode == 0, done.stderr
    missing = [line for line in done.stdout.splitlines() if line.startswith("no password yet: ")]
    assert {line.split()[-1] for line in missing} >= {"ingest", "console", "st-my-thanh"}
    assert sum(" -c " in line for line in missing) == 1, "each -c empties the file that the line before it filled"
    assert "chown mosquitto:" in done.stdout.splitlines()[-1]
    passwords = [_program("mosquitto_passwd"), "-b", "-c", str(tmp_path / "passwords"), "ingest", "x"]
    subprocess.run(passwords, check=True, timeout=WITHIN_S)
    again = quantrac(*words)
    assert " ingest" not in "".join(line for line in again.stdout.splitlines() if line.startswith("no password"))
    clear = tmp_path / "clear"
    clear.write_text("console:given\n")
    made = quantrac(*words, "--make-passwords", clear)
    assert made.returncode == 0, made.stderr
    assert "no password yet" not in made.stdout
    known = dict(line.split(":") for line in clear.read_text("utf-8").splitlines())
    assert (known["console"], "ingest" in known, len(known["st-my-thanh"])) == ("given", False, 24)
    assert "0 of them new" in quantrac(*words, "--make-passwords", clear).stdout
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("quantrac.conf", "quantrac.acl", "passwords")}
    assert modes == {"quantrac.conf": 0o644, "quantrac.acl": 0o600, "passwords": 0o600}
    owners = {(tmp_path / name).owner() for name in modes}
    assert owners == {"mosquitto"} if os.getuid() == 0 else "then, as root: chown mosquitto:" in made.stdout
    known["ingest"] = "x"
    configuration = tmp_path / "quantrac.conf"
    configuration.write_text(configuration.read_text() + "user root\n")  # the test's folder is closed to others
    broker = subprocess.Popen([_program("mosquitto"), "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: broker.poll() is not None or ports.answers(port))
        assert broker.poll() is None
        for user, word in (*known.items(), ("console", "wrong")):
            said = logs_in(port, user, word)
            assert said is (word != "wrong"), user
    finally:
        killed(broker)


def test_a_listener_beyond_this_machine_without_tls_is_refused_with_what_to_do(tmp_path: Path) -> None:
    done = quantrac("broker", "config", "--out", tmp_path, "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "give --certificate and --key, or --without-tls" in done.stderr
    assert not list(tmp_path.iterdir())


def test_rabbitmq_gets_every_user_once_and_who_has_a_password_keeps_it(tmp_path: Path) -> None:
    done = quantrac("broker", "rabbitmq", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    passwords = (tmp_path / "passwords.txt").read_text("utf-8")
    users = [each["name"] for each in json.loads((tmp_path / "definitions.json").read_text("utf-8"))["users"]]
    assert {"ingest", "console", "st-my-thanh"} <= set(users)
    assert [line.partition(":")[0] for line in passwords.splitlines()] == users
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    again = quantrac("broker", "rabbitmq", "--out", tmp_path)
    assert "0 of them new" in again.stdout
    assert (tmp_path / "passwords.txt").read_text("utf-8") == passwords
