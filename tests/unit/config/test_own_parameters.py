"""A network's own parameters: known to its files, its stations, its agents and the ministry's files."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from ingest.quality.history import limits_of
from quantrac.cli.commands import samples
from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network
from quantrac.config.station_json import dumps, loads
from quantrac.desks import channel_rows
from quantrac.telemetry import parameters
from quantrac.telemetry.parameters import BUILT_IN, CATALOGUE, Kind

OWN = (
    'parameters:\n  cyanide: {title: {vi: "Xyanua", en: "Cyanide"}, unit: ug/L, label: µg/l, decimals: 1,'
    " span: [0, 500], plausible: [0, 90], kind: mean, symbol: CN}\n"
)


@pytest.fixture(autouse=True)
def _catalogue() -> Iterator[None]:
    """Nothing that a test declares is known to the next one."""
    yield
    CATALOGUE.__init__()  # type: ignore[misc]


@pytest.fixture
def with_own(root: Path) -> Path:
    """The good network with an instrument for something that no catalogue has."""
    network, station = root / "network.yaml", root / "stations" / "st-a.yaml"
    network.write_text(network.read_text().replace("groups:\n", f"{OWN}groups:\n"))
    text = station.read_text().replace(
        "    address: 1\n", "    address: 1\n    signals: {cyanide: {at: 21, unit: mg/L}}\n"
    )
    text = text.replace("buses:\n", "ministry: {code: ST_TRMA_NUO009}\nbuses:\n")
    station.write_text(text.replace("      ec: {}\n", "      ec: {}\n      cyanide: {}\n"))
    return root


def test_a_channel_of_it_has_its_unit_kind_and_symbol_also_where_no_file_is(with_own: Path) -> None:
    station = load_network(with_own).stations["st-a"]
    channel = station.channel("cyanide")
    assert (channel.unit, channel.kind, channel.span, channel.factor) == ("ug/L", Kind.MEAN, (0, 500), 1000)
    assert CATALOGUE["cyanide"].title_vi == "Xyanua"
    assert station.ministry is not None
    line = {each.channel: each for each in station.ministry.lines}["cyanide"]
    assert (line.symbol, line.unit, line.decimals) == ("CN", "ug/l", 1)
    arrived = loads(dumps(station))  # at the agent, which has no network.yaml
    assert arrived.channel("cyanide") == channel
    assert arrived.ministry is None


def test_its_spikes_are_tested_though_the_consumer_reads_no_file(with_own: Path) -> None:
    row = channel_rows.channel_row(load_network(with_own).stations["st-a"].channel("cyanide"))
    assert (row.kind, row.history_tests, row.history_limits) == ("mean", ["spike"], {"spike": 9.0})
    CATALOGUE.__init__()  # type: ignore[misc]  # as in a process without the files
    assert limits_of("cyanide", cast(dict[str, float], row.history_limits)) == {"spike": 9.0}


def test_what_a_file_does_not_declare_is_refused_though_an_earlier_one_did(with_own: Path) -> None:
    network = with_own / "network.yaml"
    load_network(with_own)
    text = network.read_text().replace(OWN, "")
    for proposed in ({network: text}, None):
        if proposed is None:
            network.write_text(text)
        with pytest.raises(ConfigErrors, match=r"devices.sonde.channels.cyanide: found a channel without a parameter"):
            load_network(with_own, proposed=proposed)
    assert CATALOGUE["cyanide"].label == "µg/l"  # rules in force may still name it


def test_a_proposal_changes_nothing_that_is_in_force(with_own: Path) -> None:
    load_network(with_own)
    network = with_own / "network.yaml"
    load_network(with_own, proposed={network: network.read_text().replace("Xyanua", "Xianua")})
    assert CATALOGUE["cyanide"].title_vi == "Xyanua"
    network.write_text(network.read_text().replace("Xyanua", "Xianua"))
    load_network(with_own)
    assert CATALOGUE["cyanide"].title_vi == "Xianua"


def test_commands_of_samples_know_it_where_the_files_are(with_own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, is_known in ((with_own / "nowhere", False), (with_own, True)):
        monkeypatch.setenv("QUANTRAC_CONFIG", str(folder))
        samples._know_own_parameters()
        assert ("cyanide" in CATALOGUE) == is_known


def test_nobody_declares_what_is_built_in() -> None:
    other = parameters.parameter("do")
    CATALOGUE.declare({"do": parameters.parameter("ph"), "mine": other}, in_force=True)
    assert CATALOGUE["do"] is other
    assert CATALOGUE["mine"] is other
    assert set(CATALOGUE) == {*BUILT_IN, "mine"}
