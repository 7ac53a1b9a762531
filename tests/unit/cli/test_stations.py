"""`quantrac stations new` writes a station that holds nothing of another place; `check` warns of a short spool."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quantrac.cli.commands.stations import app
from quantrac.config.loader import load_network

CONFIGS = Path(__file__).parents[3] / "station_configs"
NAMES = ("--vi", "Kế Sách: cống 1", "--en", "Ke Sach", "--latitude", "9.77", "--longitude", "105.98",
         "--commune", "xã Kế Sách")  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONFIGS, tmp_path / "configs"))


def new(root: Path, station: str, like: str, *more: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["new", station, "--like", like, *NAMES, "--config", str(root), *more])
    return done.exit_code, f"{done.output}{done.exception}"


@pytest.mark.parametrize("like", sorted(path.stem for path in (CONFIGS / "stations").glob("*.yaml")))
def test_it_has_the_other_ones_instruments_and_nothing_of_its_place(root: Path, like: str) -> None:
    status, said = new(root, "st-ke-sach", like, "--in-service", "2026-11-01")
    assert status == 0, said
    stations = load_network(root).stations
    made, other = stations["st-ke-sach"], stations[like]
    assert (made.name.vi, made.location.latitude, made.in_service.isoformat()) == (
        "Kế Sách: cống 1", 9.77, "2026-10-31T17:00:00+00:00",
    )  # fmt: skip
    channels = {(channel.name, channel.parameter, channel.expect) for channel in made.all_channels()}
    assert channels == {(channel.name, channel.parameter, channel.expect) for channel in other.all_channels()}
    assert made.ministry is None
    assert {channel.datum_offset for device in made.devices.values() for channel in device.channels.values()} == {0}
    text = (root / "stations" / "st-ke-sach.yaml").read_text("utf-8")
    assert "serial:" not in text
    assert f"Made from {like}" in text.splitlines()[0]


@pytest.mark.parametrize(
    ("station", "like", "complaint"),
    [
        ("st-my-thanh", "st-tran-de", "st-my-thanh exists"),
        ("st-ke-sach", "st-tran-dee", "there are: st-cu-lao-dung"),
        ("St_Ke", "st-tran-de", "lower-case letters"),
    ],
)
def test_nothing_is_written_that_would_be_refused(root: Path, station: str, like: str, complaint: str) -> None:
    before = sorted(root.rglob("*.yaml"))
    status, said = new(root, station, like)
    assert status != 0
    assert complaint in said
    assert sorted(root.rglob("*.yaml")) == before


def test_a_spool_shorter_than_the_law_wants_is_accepted_with_a_warning(root: Path) -> None:
    station = root / "stations/st-my-thanh.yaml"
    station.write_text(station.read_text("utf-8").replace("keep: 60d", "keep: 36h"), "utf-8")
    done = CliRunner().invoke(app, ["check", str(root)])
    said = "st-my-thanh: spool.keep: found 1.5 days, Circular 10/2021/TT-BTNMT (article 39) wants 60 or more"
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == f"warning: {said}"
    assert json.loads(CliRunner().invoke(app, ["check", str(root), "--json"]).stdout)["warnings"] == [said]
