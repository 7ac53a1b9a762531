"""Tests of whole devices: which channels have them, by what their device measures and what files say."""

from pathlib import Path
from typing import Any

import pytest

from dashboards.console.texts.every_page import TEXTS
from ingest.quality.history import TESTS
from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network
from quantrac.config.modbus import ModbusSignal
from quantrac.config.station_files import QualitySpec
from quantrac.desks.channel_rows import channel_rows
from quantrac.quality.accuracy import CLASSES, Accuracy
from quantrac.quality.ledger_settings import settings_of
from quantrac.quality.suspicion import DOUBTING


def rows_with(root: Path, channels: str) -> dict[str, tuple[list[str], dict[str, Any]]]:
    """Tests and limits of the channels of the good station, with other channels of its sonde beside oxygen."""
    file = root / "stations" / "st-a.yaml"
    file.write_text(file.read_text().replace("      water_temp: {}\n      ec: {}\n", channels))
    rows = channel_rows(load_network(root).stations["st-a"].all_channels())
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
