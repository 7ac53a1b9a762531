"""What is wrong is refused before anything starts: place, what was found, what to do; never a traceback."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import psycopg
import pytest

from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.postgres import PrivatePostgres

PROJECT = Path(__file__).parents[2]
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
PLACED = re.compile(r"^(?P<file>[^:]+\.yaml):(?P<line>\d+):(?P<column>\d+): (?P<key>\S+): (?P<what>.+)$")
STATION = "st-my-thanh"


def quantrac(
    *words: str | Path, cwd: Path = PROJECT, settings: Mapping[str, object] = MappingProxyType({}), **more: object
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; settings are variables without their QUANTRAC_."""
    return subprocess.run(
        [sys.executable, "-m", "quantrac", *map(str, words)],
        cwd=cwd, env=environment(**settings, **more), capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip


def environment(**settings: object) -> dict[str, str]:
    variables = {f"QUANTRAC_{name.upper()}": str(value) for name, value in settings.items()}
    return {**os.environ, "PYTHONPATH": str(PROJECT), **variables}


def one_line(done: subprocess.CompletedProcess[str], status: int) -> str:
    """Return the one line that a refused command says."""
    said = done.stderr.strip()
    assert done.returncode == status, done.stdout + done.stderr
    assert "\n" not in said, said
    assert "Traceback" not in said
    return said


# ---- configuration files


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder whose station files may be spoilt."""
    shutil.copytree(PROJECT / "station_configs", tmp_path / "station_configs")
    return tmp_path


def spoil(project: Path, file: str, old: str, new: str) -> int:
    """Replace the first occurrence in a file; returns the line on which it stands."""
    path = project / "station_configs" / file
    text = path.read_text("utf-8")
    assert old in text, f"{file} has no {old!r}"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return text[: text.index(old)].count("\n") + 1 + new[: len(new) - len(new.lstrip("\n"))].count("\n")


MISTAKES = {
    "an unknown key": ("stations/st-my-thanh.yaml", "tags: [", "tagz: [", "tagz", "did you mean 'tags'?"),
    "a wrong type": ("stations/st-my-thanh.yaml", "line: 9600 8N1", "line: fast 8N1", "line", "found 'fast 8N1'"),
    "an unknown profile": (
        "stations/st-my-thanh.yaml", "profile: ott-pls", "profile: ott-plx", "profile", "did you mean 'ott-pls'?",
    ),
    "an unknown parameter": (
        "rules/oxygen.yaml", "parameter: do,", "parameter: doo,", "parameter", "found 'doo', allowed",
    ),
    "a duplicate key": ("network.yaml", "schema:", "schema: quantrac/network/1\nschema:", "schema", "a second time"),
}  # fmt: skip
COMMANDS: dict[str, Callable[[Path], tuple[str | Path, ...]]] = {
    "stations check": lambda project: ("stations", "check", project / "station_configs"),
    "stations apply": lambda project: ("stations", "apply", project / "station_configs"),
    "edge run": lambda _: ("edge", "run", "--station", STATION),
    "demo": lambda project: ("demo", "--project", project, "--seconds", "5"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_shown_with_its_place_its_key_and_what_is_allowed(project: Path, mistake: str) -> None:
    file, old, new, key, says = MISTAKES[mistake]
    line = spoil(project, file, old, new)
    done = quantrac("stations", "check", project / "station_configs")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    places = [found for row in done.stdout.splitlines() if (found := PLACED.match(row))]
    assert len(places) == len(done.stdout.splitlines()), done.stdout
    right = [
        at
        for at in places
        if at["file"].endswith(file)
        and at["key"].split(".")[-1] == key
        and says in at["what"]
        and "found" in at["what"]
    ]
    assert right, done.stdout
    assert abs(int(right[0]["line"]) - line) <= 1


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_starts_anything_on_bad_files_and_all_mistakes_come_at_once(
    project: Path, command: str, tmp_path: Path
) -> None:
    for file, old, new, _, _ in MISTAKES.values():
        spoil(project, file, old, new)
    before = set(tmp_path.iterdir())
    done = quantrac(
        *COMMANDS[command](project), cwd=project, database_url=NOWHERE, mqtt_url="mqtt://127.0.0.1:1",
        config=project / "station_configs", state_dir=tmp_path / "state",
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    for _, _, _, key, says in MISTAKES.values():
        assert any(says in row and key in row for row in said.splitlines()), (says, said)
    assert set(tmp_path.iterdir()) == before  # no state, no server's folder


def test_two_devices_with_one_address_on_a_bus_are_refused(project: Path) -> None:
    path = project / "station_configs/stations/st-my-thanh.yaml"
    text = path.read_text("utf-8")
    addresses = re.findall(r"bus: sondes, address: (\d+)", text) or re.findall(r"address: (\d+)", text)
    assert len(set(addresses)) > 1, "the station has too few devices for this test"
    path.write_text(text.replace(f"address: {addresses[1]}", f"address: {addresses[0]}"), "utf-8")
    done = quantrac("stations", "check", project / "station_configs")
    assert done.returncode == 2, done.stdout
    (line,) = [row for row in done.stdout.splitlines() if "address" in row]
    assert re.search(r"st-my-thanh\.yaml:\d+:\d+: devices\.\S+\.address: found", line)


def test_a_channel_name_given_twice_at_a_station_is_refused_with_a_way_out(project: Path) -> None:
    line = spoil(project, "stations/st-my-thanh.yaml", "level_temp: {", "ph: {")
    done = quantrac("stations", "check", project / "station_configs")
    assert done.returncode == 2
    assert f"st-my-thanh.yaml:{line}:7: devices.gauge.channels.ph: found channel 'ph' a second time" in done.stdout
    assert "give this one another name and say `parameter:`" in done.stdout


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
    settings = {"database_url": NOWHERE, "mqtt_url": "mqtt://127.0.0.1:1", "state_dir": tmp_path, variable: value}
    said = one_line(quantrac(*command, settings=settings), 2)
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
    done = quantrac(
        service, "run", *options, database_url=database, mqtt_url=broker.url("ingest"), state_dir=tmp_path,
        log="text", settings={f"{service}_listen": f"127.0.0.1:{taken_port}"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last == f"cannot listen on 127.0.0.1:{taken_port}: Address already in use; choose another host:port"


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


def test_a_wrong_password_of_the_database_is_said_in_one_line(postgres: PrivatePostgres) -> None:
    url = re.sub(r":[^:@/]+@", ":wr0ng@", postgres.url())
    said = one_line(quantrac("status", database_url=url), 1)
    assert "password authentication failed" in said
    assert "wr0ng" not in said


@pytest.mark.parametrize(
    "command",
    [
        *((service, "run") for service in ("ingest", "quality", "alerts", "jobs", "console")),
        ("status",),
        ("ledger",),
        ("alarms", "list"),
        ("contacts", "list"),
        ("deadletters", "list"),
        ("stations", "apply"),
        ("export", "readings", "--from", "2026-11-24", "--to", "2026-11-25"),
    ],
)
def test_a_database_without_our_tables_is_said_with_the_command_that_makes_them(
    command: tuple[str, ...], empty_database: str, broker: PrivateMosquitto, free_port: Callable[[], int]
) -> None:
    done = quantrac(
        *command, database_url=empty_database, mqtt_url=broker.url("ingest"), log="text",
        console_listen=f"127.0.0.1:{free_port()}",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].endswith("run quantrac db migrate")


def test_a_user_without_rights_is_told_what_was_refused(postgres: PrivatePostgres, database: str) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as conn:
        if conn.execute("select from pg_roles where rolname = 'user_without_rights'").fetchone() is None:
            conn.execute("create role user_without_rights login password 'pw'")
    url = re.sub("//[^@]+@", "//user_without_rights:pw@", database)
    for command in (("ledger",), ("alarms", "list"), ("status",)):
        said = one_line(quantrac(*command, database_url=url), 1)
        assert "permission denied" in said
        assert "docs/database.md" in said


@contextmanager
def running(tmp_path: Path, *words: str, **settings: object) -> Iterator[Callable[[str], str]]:
    """Run a service beside the test; gives a function that waits for words in its log and returns that line."""
    log = tmp_path / "log"
    command = [sys.executable, "-m", "quantrac", *words]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment(**settings), stdout=out, stderr=out)

    def says(wanted: str) -> str:
        until = time.monotonic() + 180
        while True:
            for line in log.read_text("utf-8").splitlines():
                if wanted in line:
                    return line
            assert process.poll() is None, f"it ended:\n{log.read_text('utf-8')}"
            assert time.monotonic() < until, f"it did not say {wanted!r}:\n{log.read_text('utf-8')}"
            time.sleep(0.05)

    try:
        yield says
        process.terminate()
        assert process.wait(180) == 0, log.read_text("utf-8")
        assert "Traceback" not in log.read_text("utf-8")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("service", ["ingest", "edge"])
def test_a_broker_that_refuses_the_password_is_said_in_the_log_and_tried_again(
    service: str, broker: PrivateMosquitto, database: str, tmp_path: Path
) -> None:
    options = ("--station", STATION) if service == "edge" else ()
    url = re.sub(r":[^:@/]+@", ":wr0ng@", broker.url(STATION if service == "edge" else "ingest"))
    with running(
        tmp_path, service, "run", *options, mqtt_url=url, database_url=database, state_dir=tmp_path / "state",
        log="text",
    ) as says:  # fmt: skip
        line = says("ot authori")
        assert "wr0ng" not in line
        assert "127.0.0.1" in line
        assert "password" in line


def test_a_broker_that_is_away_is_said_in_the_log_and_waited_for(database: str, tmp_path: Path) -> None:
    with running(
        tmp_path, "ingest", "run", mqtt_url="mqtt://127.0.0.1:1", database_url=database, log="text"
    ) as says:  # fmt: skip
        assert "Connection refused" in says("mqtt://127.0.0.1:1")


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
    command: tuple[str, ...], settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "station_configs").symlink_to(PROJECT / "station_configs")
    done = quantrac(
        *command, cwd=tmp_path, database_url=NOWHERE, mqtt_url="mqtt://127.0.0.1:1", log="text", settings=settings
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert re.match(r"/sys/\S+: .+; no right to do that; run as the user who owns it", last)


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    done = quantrac("edge", "run", "--station", STATION, mqtt_url="mqtt://127.0.0.1:1", state_dir=tmp_path / "state")
    assert str(tmp_path / "state") in one_line(done, 1)


# ---- what was not installed


@pytest.mark.parametrize(
    ("package", "command", "extra"),
    [
        ("psycopg", ("ledger",), "centre"),
        ("fastapi", ("console", "run"), "centre"),
        ("pymodbus", ("edge", "probe", "--station", STATION), "edge"),
        ("psycopg", ("demo",), "demo"),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_installs_it(
    package: str, command: tuple[str, ...], extra: str, tmp_path: Path
) -> None:
    without = f"import sys; sys.modules[{package!r}] = None; from quantrac.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", without, *command],
        cwd=PROJECT, env=environment(database_url=NOWHERE, mqtt_url="mqtt://127.0.0.1:1", state_dir=tmp_path),
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert one_line(done, 1) == f"{package} is not installed: pip install 'quantrac[{extra}]'"
