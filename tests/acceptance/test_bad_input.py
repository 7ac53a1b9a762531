"""What is wrong is refused before anything starts: place, what was found, what to do; never a traceback."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.postgres import PrivatePostgres
from tests.fixtures.program import PROJECT, environment, quantrac, running

NOWHERE = "postgresql://nobody:s3cret@127.0.0.1:1/nothing"
NO_BROKER = "mqtt://127.0.0.1:1"
PLACED = re.compile(r"^(?P<file>[^:]+\.yaml):(?P<line>\d+):(?P<column>\d+): (?P<key>\S+): (?P<what>.+)$")
STATION = "st-my-thanh"


def last_line(done: subprocess.CompletedProcess[str], status: int) -> str:
    """Return the last line that a refused command says."""
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def one_line(done: subprocess.CompletedProcess[str], status: int) -> str:
    """Return the one line that a refused command says."""
    said = last_line(done, status)
    assert said == done.stderr.strip()
    return said


# ---- configuration files


MISTAKES = (
    ("stations/st-my-thanh.yaml", "tags: [", "tagz: [", "tagz", "did you mean 'tags'?"),
    ("stations/st-my-thanh.yaml", "line: 9600 8N1", "line: fast 8N1", "line", "found 'fast 8N1'"),
    ("stations/st-my-thanh.yaml", "profile: ott-pls", "profile: ott-plx", "profile", "did you mean 'ott-pls'?"),
    ("rules/oxygen.yaml", "parameter: do,", "parameter: doo,", "parameter", "found 'doo', allowed"),
    ("network.yaml", "schema:", "schema: quantrac/network/1\nschema:", "schema", "a second time"),
)
"""File, what is right, what is wrong, key and part of the finding. Each kind by itself: tests/unit/config/bad."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder whose configuration has all of the mistakes."""
    root = tmp_path / "station_configs"
    shutil.copytree(PROJECT / "station_configs", root)
    for file, right, wrong, _, _ in MISTAKES:
        text = (root / file).read_text("utf-8")
        assert right in text, f"{file} has no {right!r}"
        (root / file).write_text(text.replace(right, wrong, 1), "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ("stations", "check", "station_configs"), ("stations", "apply", "station_configs"), ("demo", "--seconds", "5"),
        ("edge", "run", "--station", STATION),
    ],
)  # fmt: skip
def test_no_command_starts_anything_on_bad_files_and_each_mistake_is_shown_with_its_place(
    project: Path, command: tuple[str, ...]
) -> None:
    before = set(project.iterdir())
    done = quantrac(*command, cwd=project, database_url=NOWHERE, mqtt_url=NO_BROKER, state_dir=project / "state")
    assert done.returncode == 2, done.stdout + done.stderr
    said = done.stdout + done.stderr
    places = [PLACED.match(row) for row in said.splitlines()]
    assert all(places), said
    for file, _, _, key, says in MISTAKES:
        if command[0] == "edge" and file.startswith("rules/"):
            continue  # no agent reads them
        assert any(
            at and at["file"].endswith(file) and at["key"].split(".")[-1] == key and says in at["what"] for at in places
        ), (says, said)
    assert set(project.iterdir()) == before  # no state, no server's folder


# ---- the environment


@pytest.mark.parametrize(
    ("command", "variable", "value", "expected"),
    [
        (("console", "run"), "console_listen", "foo", "expected host:port"),
        (("ingest", "run"), "ingest_listen", "127.0.0.1:99999", "expected host:port"),
        (("status",), "database_url", "mysql://root:s3cret@db/x", "expected postgresql://user@host:port/database"),
        (("alerts", "run"), "alerts_database_url", "s3cret", "expected postgresql://user@host:port/database"),
        (("ingest", "run"), "log", "loud", "allowed 'json' or 'text'"),
        (("edge", "run", "--station", STATION), "mqtt_url", "http://x:s3cret@b", "expected mqtt://host:port"),
        (("alerts", "run"), "smtp_url", "mail:s3cret", "expected smtp://"),
        (("alerts", "run"), "sms_provider", "pigeon", "allowed one or several of zns, esms"),
    ],
)
def test_a_bad_variable_is_named_in_one_line(
    command: tuple[str, ...], variable: str, value: str, expected: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"database_url": NOWHERE, "mqtt_url": NO_BROKER, "state_dir": tmp_path, variable: value}
    said = one_line(quantrac(*command, **settings), 2)
    assert f"QUANTRAC_{variable.upper()}" in said
    assert expected in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    "command", [("status",), ("ingest", "run"), ("console", "run"), ("ledger",), ("db", "migrate")]
)
def test_a_setting_that_is_missing_is_named_with_an_example(command: tuple[str, ...], tmp_path: Path) -> None:
    said = one_line(quantrac(*command, cwd=tmp_path), 2)
    assert said == "QUANTRAC_DATABASE_URL is not set: postgresql://user@host:port/database"


# ---- what is taken, away, forbidden


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("service", ["ingest", "quality", "alerts", "jobs", "console", "edge"])
def test_a_port_in_use_ends_a_service_with_one_line(
    service: str, taken_port: int, database: str, broker: PrivateMosquitto, tmp_path: Path
) -> None:
    options = ("--station", STATION) if service == "edge" else ()
    listen: dict[str, Any] = {f"{service}_listen": f"127.0.0.1:{taken_port}"}
    done = quantrac(
        service, "run", *options, database_url=database, mqtt_url=broker.url("ingest"), state_dir=tmp_path,
        log="text", **listen,
    )  # fmt: skip
    assert (
        last_line(done, 1)
        == f"cannot listen on 127.0.0.1:{taken_port}: Address already in use; choose another host:port"
    )


@pytest.mark.parametrize(
    "command",
    [
        ("status",), ("ledger",), ("alarms", "list"), ("deadletters", "list"), ("contacts", "list"), ("db", "status"),
        ("db", "migrate"), ("stations", "apply", "station_configs"),
        ("export", "readings", "--from", "2026-11-24", "--to", "2026-11-25"),
    ],
)  # fmt: skip
def test_a_database_that_is_away_is_said_in_one_line(command: tuple[str, ...]) -> None:
    said = one_line(quantrac(*command, database_url=NOWHERE), 1)
    assert said.startswith("database 127.0.0.1:1/nothing: ")
    assert "refused" in said
    assert "s3cret" not in said


def test_a_wrong_password_of_the_database_is_said_in_one_line(postgres: PrivatePostgres) -> None:
    url = re.sub(r":[^:@/]+@", ":wr0ng@", postgres.url())
    said = one_line(quantrac("status", database_url=url), 1)
    assert "password authentication failed" in said
    assert "wr0ng" not in said


@pytest.mark.parametrize(
    "command",
    [
        *((service, "run") for service in ("ingest", "quality", "alerts", "jobs", "console")),
        ("status",), ("ledger",), ("alarms", "list"), ("contacts", "list"), ("deadletters", "list"), ("db", "tune"),
        ("stations", "apply"), ("export", "readings", "--from", "2026-11-24", "--to", "2026-11-25"),
    ],
)  # fmt: skip
def test_a_database_without_our_tables_is_said_with_the_command_that_makes_them(
    command: tuple[str, ...], empty_database: str, broker: PrivateMosquitto, free_port: Callable[[], int]
) -> None:
    done = quantrac(
        *command, database_url=empty_database, mqtt_url=broker.url("ingest"), log="text",
        console_listen=f"127.0.0.1:{free_port()}",
    )  # fmt: skip
    said = last_line(done, 1)
    assert "is older than this program, pending: 0001_words, 0002_network, " in said
    assert said.endswith("; run quantrac db migrate")


def test_a_user_without_rights_is_told_what_was_refused(postgres: PrivatePostgres, database: str) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as conn:
        if conn.execute("select from pg_roles where rolname = 'user_without_rights'").fetchone() is None:
            conn.execute("create role user_without_rights login password 'pw'")
    url = re.sub("//[^@]+@", "//user_without_rights:pw@", database)
    for command in (("ledger",), ("alarms", "list"), ("status",)):
        said = one_line(quantrac(*command, database_url=url), 1)
        assert "permission denied" in said
        assert "docs/database.md" in said


@pytest.mark.parametrize("service", ["ingest", "edge"])
def test_a_broker_that_refuses_the_password_is_said_in_the_log_and_tried_again(
    service: str, broker: PrivateMosquitto, database: str, tmp_path: Path
) -> None:
    options = ("--station", STATION) if service == "edge" else ()
    url = re.sub(r":[^:@/]+@", ":wr0ng@", broker.url(STATION if service == "edge" else "ingest"))
    with running(
        tmp_path / "log", service, "run", *options, mqtt_url=url, database_url=database, state_dir=tmp_path / "state"
    ) as says:
        line = says("ot authori")
        assert "wr0ng" not in line
        assert "127.0.0.1" in line
        assert "password" in line


def test_a_broker_that_is_away_is_said_in_the_log_and_waited_for(database: str, tmp_path: Path) -> None:
    with running(tmp_path / "log", "ingest", "run", mqtt_url=NO_BROKER, database_url=database) as says:
        assert "Connection refused" in says(NO_BROKER)


FORBIDDEN = "/sys/quantrac"
"""Where nobody may make a folder, not even root."""


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (("edge", "run", "--station", STATION), {"state_dir": FORBIDDEN}),
        (("simulate", "--wiring", "wiring.yaml", "--journal", FORBIDDEN), {}),
        (("simulate", "--wiring", f"{FORBIDDEN}.yaml", "--journal", "journal"), {}),
        (("centre", "run", "--logs", FORBIDDEN), {}),
        (("broker", "config", "--out", FORBIDDEN), {}),
        (("demo", "--seconds", "5", "--report", f"{FORBIDDEN}.json"), {}),
    ],
)
def test_a_folder_without_rights_is_named_with_what_to_do(
    command: tuple[str, ...], settings: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "station_configs").symlink_to(PROJECT / "station_configs")
    done = quantrac(*command, cwd=tmp_path, database_url=NOWHERE, mqtt_url=NO_BROKER, log="text", **settings)
    assert re.match(r"/sys/\S+: .+; no right to do that; run as the user who owns it", last_line(done, 1))


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    done = quantrac("edge", "run", "--station", STATION, mqtt_url=NO_BROKER, state_dir=tmp_path / "state")
    assert str(tmp_path / "state") in one_line(done, 1)


# ---- what was not installed


@pytest.mark.parametrize(
    ("package", "command", "extra"),
    [
        ("psycopg", ("ledger",), "centre"),
        ("fastapi", ("console", "run"), "centre"),
        ("pymodbus", ("edge", "probe", "--station", STATION), "edge"),
        ("psycopg", ("demo",), "demo"),
        ("sklearn", ("quality", "train", "--parameter", "ph", "--out", "ph.json"), "training"),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_installs_it(
    package: str, command: tuple[str, ...], extra: str, tmp_path: Path
) -> None:
    without = f"import sys; sys.modules[{package!r}] = None; from quantrac.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", without, *command],
        cwd=PROJECT, env=environment(database_url=NOWHERE, mqtt_url=NO_BROKER, state_dir=tmp_path),
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert one_line(done, 1) == f"{package} is not installed: pip install 'quantrac[{extra}]'"
