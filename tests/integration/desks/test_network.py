"""Applying station files: the database then knows exactly what they say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quantrac.config.loader import load_network
from quantrac.config.network import NetworkFile, Rollups
from quantrac.config.stations import Station
from quantrac.database.feed import Cause, Consumer
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.desks.network import ChannelChangesMeaning, apply_network, foresee

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
CONFIGS = Path(__file__).parents[3] / "station_configs"
STATION = "st-my-thanh"


@dataclass
class Some:
    stations: dict[str, Station]
    settings: NetworkFile


@pytest.fixture(scope="module")
def network() -> Some:
    loaded = load_network(CONFIGS)
    return Some(dict(loaded.stations), loaded.settings)


def without(station: Station, *names: str) -> Station:
    """The station as if its file had never named some channels."""
    devices = {
        key: device.model_copy(update={"channels": {n: c for n, c in device.channels.items() if n not in names}})
        for key, device in station.devices.items()
    }
    return station.model_copy(update={"devices": devices, "config_hash": "other"})


def altered(station: Station, name: str, **update: Any) -> Station:
    devices = {
        key: device.model_copy(
            update={
                "channels": {n: c.model_copy(update=update) if n == name else c for n, c in device.channels.items()}
            }
        )
        for key, device in station.devices.items()
    }
    return station.model_copy(update={"devices": devices, "config_hash": "other"})


def test_all_stations_and_every_channel_are_known(conn: Connection, network: Some) -> None:
    applied = apply_network(conn, network, "an", NOW)
    assert [(row.station, row.outcome) for row in applied] == [(name, "new") for name in sorted(network.stations)]
    stations = conn.execute("select station, config_applied from v_station order by station").fetchall()
    assert stations == [(name, network.stations[name].config_hash) for name in sorted(network.stations)]
    channels = {name for (name,) in conn.execute("select channel from v_channel")}
    assert channels == {
        f"{name}/{c.name}" for name, station in network.stations.items() for c in station.all_channels()
    }
    made = {name for (name,) in conn.execute("select channel from v_channel where derived")}
    assert made == {f"{name}/{c}" for name, station in network.stations.items() for c in station.derived}
    for housekeeping in ("disk_free", "clock_offset", "bus_errors", "spool_depth"):
        assert f"{STATION}/{housekeeping}" in channels


def test_applying_again_changes_nothing_and_says_so(conn: Connection, network: Some) -> None:
    apply_network(conn, network, "an", NOW)
    before = conn.execute("select max(id) from change").fetchone()
    assert {row.outcome for row in apply_network(conn, network, "an", NOW + timedelta(hours=1))} == {"unchanged"}
    assert conn.execute("select max(id) from change").fetchone() == before
    assert conn.execute("select count(distinct applied_at) from station").fetchone() == (1,)


def test_what_applying_would_do_is_shown_and_nothing_is_done(conn: Connection, network: Some) -> None:
    apply_network(conn, network, "an", NOW)
    hashes = {name: station.config_hash for name, station in network.stations.items()}
    conn.execute("update station set config_reported = %s where station = %s", [hashes[STATION], STATION])
    conn.execute("update station set config_reported = 'old' where station = 'st-tran-de'")
    other = altered(without(network.stations[STATION], "ph"), "do", expect=(1.0, 9.0))
    wanted = Some({**network.stations, STATION: other, "st-tran-de": network.stations["st-tran-de"]}, network.settings)
    del wanted.stations["st-vinh-chau"]
    before = conn.execute("select * from channel order by channel_id").fetchall()
    by_name = {each.applied.station: each for each in foresee(conn, wanted, NOW)}
    assert by_name[STATION].applied.removed == ("ph",)
    assert by_name[STATION].applied.changed == ("do",)
    assert by_name["st-vinh-chau"].applied.outcome == "deactivated"
    assert by_name["st-dai-ngai"].applied.outcome == "unchanged"
    agents = {name: by_name[name].agent for name in (STATION, "st-tran-de", "st-dai-ngai")}
    assert agents == {STATION: "other", "st-tran-de": "other", "st-dai-ngai": "unheard"}
    assert {each.agent for each in foresee(conn, network, NOW) if each.applied.station == STATION} == {"same"}
    assert conn.execute("select * from channel order by channel_id").fetchall() == before


def test_what_vanished_is_deactivated_and_comes_back_as_it_was(conn: Connection, network: Some) -> None:
    apply_network(conn, network, "an", NOW)
    number = "select channel_id from channel where channel = 'st-my-thanh/do'"
    before = conn.execute(number).fetchone()
    fewer = replace(network, stations={name: s for name, s in network.stations.items() if name != "st-tran-de"})
    fewer.stations[STATION] = without(fewer.stations[STATION], "do")
    outcome = {row.station: row for row in apply_network(conn, fewer, "an", NOW)}
    assert outcome["st-tran-de"].outcome == "deactivated"
    assert (outcome[STATION].outcome, outcome[STATION].removed) == ("changed", ("do",))
    assert conn.execute("select count(*) from v_station").fetchone() == (5,)
    assert conn.execute("select count(*) from v_channel where station = 'st-tran-de' or name = 'do'").fetchone() == (
        sum("do" in {c.name for c in s.channel_list()} for n, s in fewer.stations.items()),
    )
    again = {row.station: row for row in apply_network(conn, network, "an", NOW)}
    assert again["st-tran-de"].outcome == "new"
    assert again[STATION].added == ("do",)
    assert conn.execute(number).fetchone() == before, "its readings are found again"


def test_consumers_and_the_audit_learn_of_each_changed_station(conn: Connection, network: Some) -> None:
    consumer = Consumer(conn, "rollups", [Cause.CONFIGURATION])
    apply_network(conn, network, "an", NOW)
    taken = consumer.take(100)
    assert [(row.station, row.channel_id) for row in taken] == [(name, None) for name in sorted(network.stations)]
    audit = conn.execute("select person, action, subject from audit order by audit_id limit 1").fetchone()
    assert audit == ("an", "apply", f"station {min(network.stations)}")


def test_a_changed_limit_reaches_the_channel(conn: Connection, network: Some) -> None:
    apply_network(conn, network, "an", NOW)
    changed = altered(network.stations[STATION], "do", expect=(1.0, 12.0))
    narrower = replace(network, stations={**network.stations, STATION: changed})
    outcome = {row.station: row for row in apply_network(conn, narrower, "an", NOW)}
    assert outcome[STATION].changed == ("do",)
    limits = conn.execute("select expect_low, expect_high from v_channel where channel = 'st-my-thanh/do'").fetchone()
    assert limits == (1.0, 12.0)


def test_a_series_never_changes_its_meaning(conn: Connection, network: Some) -> None:
    apply_network(conn, network, "an", NOW)
    other = replace(
        network,
        stations={**network.stations, STATION: altered(network.stations[STATION], "do", parameter="do_sat", unit="%")},
    )
    conn.execute(
        "insert into latest select channel_id, now(), 5, 0, 0, now() from channel where channel = 'st-my-thanh/do'"
    )
    with pytest.raises(ChannelChangesMeaning, match="channels do have readings of another parameter"):
        apply_network(conn, other, "an", NOW)
    assert conn.execute("select unit from channel where channel = 'st-my-thanh/do'").fetchone() == ("mg/L",)
    conn.execute("delete from latest")
    apply_network(conn, other, "an", NOW)
    assert conn.execute("select unit from channel where channel = 'st-my-thanh/do'").fetchone() == ("%",)


def test_the_share_that_makes_an_hour_valid_reaches_the_database(conn: Connection, network: Some) -> None:
    apply_network(conn, network, "an", NOW)
    assert conn.execute("select valid_share from network").fetchone() == (0.75,)
    settings = network.settings.model_copy(update={"rollups": Rollups(valid_share=0.9)})
    apply_network(conn, replace(network, settings=settings), "an", NOW)
    assert conn.execute("select valid_share from network").fetchone() == (0.9,)


def test_an_interval_that_changed_is_remembered_for_the_time_before(conn: Connection, network: Some) -> None:
    apply_network(conn, network, "an", NOW)
    changed = altered(network.stations[STATION], "do", interval_ms=300_000)
    apply_network(conn, replace(network, stations={**network.stations, STATION: changed}), "an", NOW)
    apply_network(conn, network, "an", NOW)
    rows = conn.execute(
        "select interval_s, upper_inf(during), lower_inf(during) from channel_interval order by interval_s"
    ).fetchall()
    assert rows == [(60.0, False, True), (300.0, False, False)]
    expected = (
        "select expected_readings(channel_id, now() + '1 hour', now() + '2 hours') from channel where channel = %s"
    )
    assert conn.execute(expected, [f"{STATION}/do"]).fetchone() == (60,)


def test_derived_channels_say_what_they_are_made_of_and_follow_the_file(conn: Connection, network: Some) -> None:
    station = "st-dai-ngai"
    apply_network(conn, network, "an", NOW)
    query = """
    select d.formula, d.options, array(select c.name from jsonb_each_text(d.inputs) i
      join channel c on c.channel_id = i.value::int4 order by i.key)
    from derived_channel d join channel c using (channel_id) where c.channel = 'st-dai-ngai/nh3'
    """
    assert conn.execute(query).fetchall() == [
        ("toxic-ammonia", {"probe": "ion"}, ["nh4_n", "ph", "salinity", "water_temp"])
    ]
    nh3 = network.stations[station].derived["nh3"]
    other = nh3.model_copy(update={"options": {"probe": "total"}})
    changed = network.stations[station].model_copy(update={"derived": {"nh3": other}})
    applied = apply_network(conn, replace(network, stations={**network.stations, station: changed}), "an", NOW)
    assert {(row.station, row.outcome, row.changed) for row in applied if row.outcome != "unchanged"} == {
        (station, "changed", ("nh3",))
    }
    gone = network.stations[station].model_copy(update={"derived": {}})
    apply_network(conn, replace(network, stations={**network.stations, station: gone}), "an", NOW)
    assert conn.execute(query).fetchall() == []
    assert conn.execute("select active from channel where channel = 'st-dai-ngai/nh3'").fetchone() == (False,)


def test_another_time_zone_is_in_the_database_and_has_the_rollups_made_anew(conn: Connection, network: Some) -> None:
    def consumers() -> list[str]:
        return [name for (name,) in conn.execute("select consumer from consumer")]

    apply_network(conn, network, "an", NOW)
    Consumer(conn, "rollups", [Cause.READING])
    apply_network(conn, network, "an", NOW)
    assert (time_zone(conn).key, consumers()) == ("Asia/Ho_Chi_Minh", ["rollups"])
    moved = Some(network.stations, network.settings.model_copy(update={"time_zone": "Asia/Jayapura"}))
    apply_network(conn, moved, "an", NOW)
    assert (time_zone(conn).key, consumers()) == ("Asia/Jayapura", [])
    detail = {"time_zone": "Asia/Jayapura", "before": "Asia/Ho_Chi_Minh"}
    assert conn.execute("select person, detail from audit where subject = 'network'").fetchall() == [("an", detail)]
