"""`quantrac stations new` writes a station that holds nothing of another place; `check` warns of a short spool."""

import json
import shutil
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from quantrac.cli.commands import stations as stations_commands
from quantrac.cli.commands.stations import app
from quantrac.config.loader import load_network
from quantrac.database.migration import MigrationError

CONFIGS = Path(__file__).parents[3] / "station_configs"
NAMES = ("--vi", "Kế Sách: cống 1", "--en", "Ke Sach", "--latitude", "9.77", "--longitude", "105.98",
         "--commune", "xã Kế Sách")  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONFIGS, tmp_path / "configs"))


@pytest.mark.parametrize(
    "error", [MigrationError("a file was edited"), psycopg.errors.InsufficientPrivilege("permission denied\nLINE 1")]
)
def test_a_database_that_cannot_be_asked_makes_no_file_wrong(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: str) -> None:
        raise error

    monkeypatch.setattr(stations_commands, "database", refuses)
    (said,) = stations_commands._refused_contacts(load_network(CONFIGS, "demo"))
    assert said.startswith("network.yaml: contacts: not held against the database: ")
    assert "\n" not in said


def new(root: Path, station: str, like: str, *more: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["new", station, "--like", like, *NAMES, "--config", str(root), *more])
    return done.exit_code, f"{done.output}{done.exception}"


def test_each_has_the_other_ones_instruments_and_nothing_of_its_place(root: Path) -> None:
    like_of = {f"st-ke-sach-{path.stem}": path.stem for path in (CONFIGS / "stations").glob("*.yaml")}
    for station, like in like_of.items():
        status, said = new(root, station, like, "--in-service", "2026-11-01")
        assert status == 0, said
    stations = load_network(root).stations
    for station, like in like_of.items():
        made, other = stations[station], stations[like]
        assert (made.name.vi, made.location.latitude, made.in_service.isoformat()) == (
            "Kế Sách: cống 1", 9.77, "2026-10-31T17:00:00+00:00",
        )  # fmt: skip
        channels = {(channel.name, channel.parameter, channel.expect) for channel in made.all_channels()}
        assert channels == {(channel.name, channel.parameter, channel.expect) for channel in other.all_channels()}
        assert made.ministry is None
        assert {channel.datum_offset for device in made.devices.values() for channel in device.channels.values()} == {0}
        text = (root / "stations" / f"{station}.yaml").read_text("utf-8")
        assert "serial:" not in text
        assert f"Made from {like}" in text.splitlines()[0]


def test_nothing_is_written_that_would_be_refused(root: Path) -> None:
    before = sorted(root.rglob("*.yaml"))
    for station, like, complaint in (
        ("st-my-thanh", "st-tran-de", "st-my-thanh exists"),
        ("st-ke-sach", "st-tran-dee", "there are: st-cu-lao-dung"),
        ("St_Ke", "st-tran-de", "lower-case letters"),
    ):
        status, said = new(root, station, like)
        assert status != 0
        assert complaint in said
        assert sorted(root.rglob("*.yaml")) == before


@pytest.mark.parametrize(
    ("latitude", "complaint"),
    [("9,77", "found '9,77', expected a number such as 9.77; write 9.77"), ("97.7", "expected -90 to 90"),
     ("nan", "expected -90 to 90"), ("N9", "expected a number such as 9.77\n")],
)  # fmt: skip
def test_a_number_that_cannot_be_taken_is_told_with_what_to_write(root: Path, latitude: str, complaint: str) -> None:
    status, said = new(root, "st-ke-sach", "st-tran-de", "--latitude", latitude)
    assert status == 2
    assert complaint in said
    assert not (root / "stations/st-ke-sach.yaml").exists()


def test_a_spool_shorter_than_the_law_wants_is_accepted_with_a_warning(root: Path) -> None:
    station = root / "stations/st-my-thanh.yaml"
    station.write_text(station.read_text("utf-8").replace("keep: 60d", "keep: 36h"), "utf-8")
    done = CliRunner().invoke(app, ["check", str(root)])
    said = "st-my-thanh: spool.keep: found 1.5 days, Circular 10/2021/TT-BTNMT (article 39) wants 60 or more"
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == f"warning: {said}"
    assert json.loads(CliRunner().invoke(app, ["check", str(root), "--json"]).stdout)["warnings"][0] == said


def test_a_text_that_is_not_utf_8_is_refused_at_its_place(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latin = tmp_path / "new.yaml"
    latin.write_bytes(b"name: a\ncommune: x\xe3\n")
    words = ["edit", "network.yaml", "--config", str(root), "--why", "name", "--person", "An"]
    done = CliRunner().invoke(app, [*words, "--from", str(latin)])
    assert done.exit_code == 2, done.exception
    assert "new.yaml:2:11" in "".join(done.output.split()).replace("│", "")
    monkeypatch.setenv("VISUAL", f"cp {latin}")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, done.exception
    assert "network.yaml:2:11" in "".join(done.output.split()).replace("│", "")


def test_contacts_that_would_not_be_taken_are_a_warning(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUANTRAC_DATABASE_URL", raising=False)
    network = root / "network.yaml"
    one = "phone: '+84912345678', groups: [farmers]"
    people = f"contacts: {{a: {{name: A, {one}}}, b: {{name: B, {one}}}}}"
    network.write_text(f"{network.read_text('utf-8')}{people}\n", "utf-8")
    done = CliRunner().invoke(app, ["check", str(root)])
    said = "none is taken while one is refused: b: has an address that stands at a, too; expected each address once"
    assert done.exit_code == 0
    assert f"warning: network.yaml: contacts: {said}" in done.stdout.splitlines()
