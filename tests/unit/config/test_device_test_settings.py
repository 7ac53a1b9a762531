"""Tests of whole devices: which channels have them, by what their device measures and what files say."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboards.console.texts.every_page import TEXTS
from ingest.quality.history import TESTS
from quantrac.config.cautions import cautions
from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network, load_station
from quantrac.config.modbus import ModbusSignal
from quantrac.config.station_files import QualitySpec
from quantrac.desks.channel_rows import channel_rows
from quantrac.quality.accuracy import CLASSES, Accuracy
from quantrac.quality.ledger_settings import settings_of
from quantrac.quality.model_file import FORMAT, Card, ChannelScores, ModelFile, SideBySide, written
from quantrac.quality.scores import TestScore
from quantrac.quality.suspicion import DOUBTING
from quantrac.quality.trees import Tree


def rows_with(root: Path, channels: str) -> dict[str, tuple[list[str], dict[str, Any]]]:
    """Tests and limits of the channels of the good station, with other channels of its sonde beside oxygen."""
    file = root / "stations" / "st-a.yaml"
    file.write_text(file.read_text().replace("      water_temp: {}\n      ec: {}\n", channels))
    network = load_network(root)
    rows = channel_rows(network.stations["st-a"].all_channels(), network.models_at("st-a"))
    return {row.name: (row.history_tests, row.history_limits) for row in rows}


def test_every_test_may_be_set_in_a_file_and_has_a_name_on_pages() -> None:
    tests = TESTS.keys() | DOUBTING
    assert set(QualitySpec.model_fields) == tests | {"ledger"}
    assert {f"test_{name}" for name in tests} <= TEXTS.keys()


def test_a_channel_has_a_test_of_its_device_unless_a_file_says_off(root: Path) -> None:
    off, more = (
        "      water_temp: {quality: {out_of_water: off}}\n",
        "      ec: {quality: {out_of_water: 2, spike: off}}\n",
    )
    rows = rows_with(root, off + more)
    assert "out_of_water" in rows["do"][0], "the sonde measures conductivity too"
    assert {"flat", "out_of_water", "rate"} < set(rows["ec"][0]), "and others, but no spike"
    assert ("spike" in rows["ec"][0], rows["ec"][1]) == (False, {"out_of_water": 2.0})
    assert "out_of_water" not in rows["water_temp"][0]


def test_a_value_may_rest_as_many_times_longer_as_the_steps_of_its_instrument_are_coarser(root: Path) -> None:
    # Goodwin Islands 2014 (NOAA NERRS): salinity in steps of 0.2 rests for 83 h, temperature in steps of 0.2 for 21 h.
    written = "      water_temp: {resolution: 0.2}\n      ec: {resolution: 0.005}\n"
    hour = 3600.0
    rows = rows_with(root, written)
    assert 21 * hour < rows["water_temp"][1]["flat"] == 24 * hour
    assert rows["ec"][1] == {}, "as usual"
    assert "flat" not in rows["do"][1], "nobody knows"
    both = "      water_temp: {resolution: 0.2, quality: {flat: 3h}}\n"
    file = root / "stations" / "st-a.yaml"
    file.write_text(file.read_text().replace(written, both))
    limits = {row.name: row.history_limits for row in channel_rows(load_network(root).stations["st-a"].all_channels())}
    assert limits["water_temp"]["flat"] == 3 * hour, "who says a limit has it"


def test_what_quality_fit_printed_is_stored_and_makes_the_test_run(root: Path) -> None:
    numbers = [28.0, *[0.1] * 12, 2.5]
    rows = rows_with(root, f"      water_temp: {{quality: {{climatology: {numbers}, spike: 9}}}}\n")
    assert "climatology" in rows["water_temp"][0]
    assert rows["water_temp"][1] == {"climatology": numbers, "spike": 9.0}
    assert "climatology" not in rows["do"][0]


def test_whole_numbers_of_a_profile_say_how_fine_they_are_and_a_file_says_it_better() -> None:
    number = {"at": 1, "type": "uint16", "unit": "mg/m3", "scale": 0.001}
    assert ModbusSignal(**number).told_step == 0.001
    assert ModbusSignal(**number, resolution=0.01).told_step == 0.01
    assert ModbusSignal(**number | {"type": "float32"}).told_step is None


def test_a_device_that_lacks_what_a_test_needs_does_not_have_it(root: Path) -> None:
    assert not [tests for tests, _ in rows_with(root, "").values() if "out_of_water" in tests]


@pytest.mark.parametrize("odd", [".nan", ".inf", "1.0e+300", "true", "x"])
def test_figures_of_a_climatology_that_no_fit_prints_are_a_finding_with_their_place(root: Path, odd: str) -> None:
    with pytest.raises(ConfigErrors, match=r"st-a\.yaml.*climatology"):
        rows_with(root, f"      water_temp: {{quality: {{climatology: [{odd}, {', '.join(['0.1'] * 12)}, 2.5]}}}}\n")


def test_the_ledger_takes_a_channel_for_what_its_file_says_and_else_the_network_each_key_by_itself(root: Path) -> None:
    network = root / "network.yaml"
    network.write_text(
        network.read_text() + "\nquality: {ec: {ledger: {accuracy: 0.5, confidence: 0.8, proposals: false}}}\n"
    )
    rows = rows_with(root, "      ec: {quality: {ledger: {percent: 2, proposals: true}}}\n      water_temp: {}\n")
    assert settings_of("ec", rows["ec"][1]) == (Accuracy(0.5, 0.02), 0.8)
    assert settings_of("water_temp", rows["water_temp"][1]) == (CLASSES["water_temp"], 0.0), "as usual"
    assert settings_of("orp", {}) is None, "nobody knows how good its sensors are"
    assert settings_of("orp", {"ledger_accuracy": 20.0}) == (Accuracy(20.0), 0.0)
    assert settings_of("ec", {"ledger_accuracy": 0.5, "ledger_off": 1.0}) is None


def model(*channels: str, parameter: str = "water_temp") -> bytes:
    """A file of a model that is good at these channels."""
    good = SideBySide(
        *(TestScore.of(parameter, "", readings=9_000, bad=400, flagged=250, hits=hits) for hits in (200, 90, 200))
    )
    at = datetime(2026, 5, 1, tzinfo=UTC)
    scores = [ChannelScores(channel, at, at, 8_600, 400, 0.5, None, good) for channel in channels]
    stump = Tree([0, -1, -1], [0.5, 0, 0], [True, False, False], [1, 0, 0], [2, 0, 0], [0, -3, 3])
    return written(ModelFile(FORMAT, 1, parameter, Card(at, "", "", 0.01, scores), ["usual"], -1.0, [stump]))


def test_a_trained_model_judges_where_its_card_has_a_good_score_and_says_why_not_elsewhere(root: Path) -> None:
    (root / "models").mkdir()
    (root / "models" / "heat.json").write_bytes(model("st-a/water_temp"))
    name = "quality: {trained: models/heat.json}"
    tests, limits = rows_with(root, f"      water_temp: {{{name}}}\n      warmer: {{signal: water_temp, {name}}}\n")[
        "water_temp"
    ]
    assert "trained" in tests
    assert limits["trained"]["threshold"] == 0.5
    network = load_network(root)
    assert network.models_at("st-a").keys() == {"water_temp"}
    (why,) = [line for line in cautions(network, datetime.now(UTC)) if "trained" in line]
    assert why.startswith("st-a/warmer: trained is off: nobody's reviews of it")
    assert load_station(root, None, "st-a").config_hash == network.stations["st-a"].config_hash
    (root / "models" / "heat.json").write_bytes(model("st-b/water_temp"))
    assert load_network(root).models_at("st-a") == {}
    (root / "models" / "heat.json").unlink()
    assert load_station(root, None, "st-a").channel("water_temp").trained == "models/heat.json", "an agent reads none"


def test_a_network_names_a_model_for_a_parameter_and_a_channel_does_without(root: Path) -> None:
    (root / "models").mkdir()
    (root / "models" / "heat.json").write_bytes(model("st-a/water_temp", "st-a/warmer"))
    with (root / "network.yaml").open("a", encoding="utf-8") as file:
        file.write("quality: {water_temp: {trained: models/heat.json}}\n")
    off = "      water_temp: {}\n      warmer: {signal: water_temp, quality: {trained: off}}\n"
    assert {name for name, (tests, _) in rows_with(root, off).items() if "trained" in tests} == {"water_temp"}
    (root / "models" / "heat.json").write_bytes(b"{}")
    with pytest.raises(
        ConfigErrors, match=r"network\.yaml:\d+:\d+: quality\.water_temp\.trained: models/heat\.json: found no"
    ):
        load_network(root)


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("models/none.json", "models/none.json: found No such file"),
        ("models/heat.json", "found a model of ph, allowed of water_temp"),
        ("/etc/passwd", "allowed off, or a file of the folder models"),
        ("models/../network.yaml", "allowed off, or a file of the folder models"),
        ("3", "allowed off, or a file of the folder models"),
    ],
)
def test_a_model_that_is_not_there_or_does_not_fit_is_a_finding_with_its_place(
    root: Path, named: str, why: str
) -> None:
    (root / "models").mkdir()
    (root / "models" / "heat.json").write_bytes(model(parameter="ph"))
    with pytest.raises(
        ConfigErrors, match=rf"st-a\.yaml:\d+:\d+: devices\.\w+\.channels\.water_temp\.quality\.trained: .*({why})"
    ):
        rows_with(root, f"      water_temp: {{quality: {{trained: {named}}}}}\n")
