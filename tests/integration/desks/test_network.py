"""Applying station files: the database then knows exactly what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quantrac.config.loader import load_network
from quantrac.config.network import Network, Quotas, Retention, Rollups, Samples
from quantrac.config.stations import Channel, Station
from quantrac.database.feed import Cause, Consumer
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.desks.network import Applied, ChannelChangesMeaning, apply_network, foresee
from quantrac.desks.setting_changes import SettingChange

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
CONFIGS = Path(__file__).parents[3] / "station_configs"
STATION = "st-my-thanh"


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(CONFIGS)


@pytest.fixture
def known(conn: Connection, network: Network) -> Connection:
    """The connection to a database that knows the network."""
    apply(conn, network)
    return conn


def apply(conn: Connection, network: Network) -> dict[str, Applied]:
    return {row.station: row for row in apply_network(conn, network, "an", NOW).stations}


def with_station(network: Network, station: Station) -> Network:
    return replace(network, stations={**network.stations, station.station: station})


def with_channels(network: Network, change: Callable[[dict[str, Channel]], dict[str, Channel]]) -> Network:
    """The network with other channels at each device of STATION."""
    station = network.stations[STATION]
    devices = {
        name: device.model_copy(update={"channels": change(device.channels)})
        for name, device in station.devices.items()
    }
    return with_station(network, station.model_copy(update={"devices": devices, "config_hash": "other"}))


def without(network: Network, name: str) -> Network:
    """The network as if the file of STATION had never named a channel."""
    return with_channels(network, lambda channels: {n: c for n, c in channels.items() if n != name})


def altered(network: Network, **update: Any) -> Network:
    """The network with another channel `do` at STATION."""
    return with_channels(
        network, lambda channels: {n: c.model_copy(update=update) if n == "do" else c for n, c in channels.items()}
    )


def test_all_stations_and_every_channel_are_known(conn: Connection, network: Network) -> None:
    applied = apply(conn, network)
    assert [(name, row.outcome) for name, row in applied.items()] == [
        (name, "new") for name in sorted(network.stations)
    ]
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


def test_applying_again_changes_nothing_and_says_so(known: Connection, network: Network) -> None:
    before = known.execute("select max(id) from change").fetchone()
    again = apply_network(known, network, "an", NOW + timedelta(hours=1))
    assert ({row.outcome for row in again.stations}, again.settings) == ({"unchanged"}, [])
    assert known.execute("select max(id) from change").fetchone() == before
    assert known.execute("select count(distinct applied_at) from station").fetchone() == (1,)


def test_limits_of_decrees_stand_in_a_view_with_the_days_on_which_they_hold(
    known: Connection, network: Network
) -> None:
    """The figures of QCVN 05:2023/BTNMT for PM2.5 over a day, which fall from 50 to 45 on 1 January 2026."""
    pm2_5 = """select low, high, valid_from, valid_to, unit, confirmed, in_force from v_limit
               where parameter = 'pm2_5' and average = '24h' order by valid_from"""
    known.execute("set role quantrac_reader")
    until, since = known.execute(pm2_5).fetchall()
    assert until[:6] == (None, 50.0, date(2023, 9, 12), date(2025, 12, 31), "ug/m3", True)
    assert since[:6] == (None, 45.0, date(2026, 1, 1), None, "ug/m3", True)
    assert until[6] is not since[6], "one of them is in force, whatever day it is"
    decrees = {decree for (decree,) in known.execute("select decree from v_limit")}
    known.execute("reset role")
    assert decrees == {versions[0].decree for versions in network.limits.values()}
    name = "qcvn-05-2023/pm2_5/24h"
    stricter = replace(network, limits={**network.limits, name: (replace(network.limits[name][-1], high=40.0),)})
    foreseen = foresee(known, stricter, NOW).settings
    (change,) = apply_network(known, stricter, "an", NOW).settings
    assert foreseen == [change]
    assert (change.name, len(change.before), change.after) == (
        "limits/qcvn-05-2023", 2, ["pm2_5/24h: high 40 from 2026-01-01 to …"],
    )  # fmt: skip
    assert known.execute(pm2_5).fetchall()[0][1] == 40.0
    said = known.execute("select detail from audit where subject = 'limits' order by audit_id desc limit 1").fetchone()
    assert said is not None
    assert said[0] == {"limits/qcvn-05-2023": {"before": change.before, "after": change.after}}


def test_what_applying_would_do_is_shown_and_nothing_is_done(known: Connection, network: Network) -> None:
    hashes = {name: station.config_hash for name, station in network.stations.items()}
    known.execute("update station set config_reported = %s where station = %s", [hashes[STATION], STATION])
    known.execute("update station set config_reported = 'old' where station = 'st-tran-de'")
    wanted = altered(without(network, "ph"), expect=(1.0, 9.0))
    wanted = replace(wanted, stations={n: s for n, s in wanted.stations.items() if n != "st-vinh-chau"})
    before = known.execute("select * from channel order by channel_id").fetchall()
    by_name = {each.applied.station: each for each in foresee(known, wanted, NOW).stations}
    assert by_name[STATION].applied.removed == ("ph",)
    assert by_name[STATION].applied.changed == ("do", "do_sat"), "saturation was judged beside the pH that goes"
    assert by_name["st-vinh-chau"].applied.outcome == "deactivated"
    assert by_name["st-dai-ngai"].applied.outcome == "unchanged"
    agents = {name: by_name[name].agent for name in (STATION, "st-tran-de", "st-dai-ngai")}
    assert agents == {STATION: "other", "st-tran-de": "other", "st-dai-ngai": "unheard"}
    found = foresee(known, network, NOW).stations
    assert {each.agent for each in found if each.applied.station == STATION} == {"same"}
    assert known.execute("select * from channel order by channel_id").fetchall() == before


def test_what_vanished_is_deactivated_and_comes_back_as_it_was(known: Connection, network: Network) -> None:
    number = "select channel_id from channel where channel = 'st-my-thanh/do'"
    before = known.execute(number).fetchone()
    fewer = without(network, "do")
    fewer = replace(fewer, stations={name: s for name, s in fewer.stations.items() if name != "st-tran-de"})
    outcome = apply(known, fewer)
    assert outcome["st-tran-de"].outcome == "deactivated"
    assert (outcome[STATION].outcome, outcome[STATION].removed) == ("changed", ("do",))
    assert known.execute("select count(*) from v_station").fetchone() == (5,)
    assert known.execute("select count(*) from v_channel where station = 'st-tran-de' or name = 'do'").fetchone() == (
        sum("do" in {c.name for c in s.channel_list()} for n, s in fewer.stations.items()),
    )
    again = apply(known, network)
    assert again["st-tran-de"].outcome == "new"
    assert again[STATION].added == ("do",)
    assert known.execute(number).fetchone() == before, "its readings are found again"


def test_consumers_and_the_audit_learn_of_each_changed_station(conn: Connection, network: Network) -> None:
    consumer = Consumer(conn, "rollups", [Cause.CONFIGURATION])
    apply(conn, network)
    taken = consumer.take(100)
    assert [(row.station, row.channels) for row in taken] == [(name, ()) for name in sorted(network.stations)]
    audit = conn.execute("select person, action, subject from audit order by audit_id limit 1").fetchone()
    assert audit == ("an", "apply", f"station {min(network.stations)}")


def test_a_changed_limit_reaches_the_channel(known: Connection, network: Network) -> None:
    assert apply(known, altered(network, expect=(1.0, 12.0)))[STATION].changed == ("do",)
    limits = known.execute("select expect_low, expect_high from v_channel where channel = 'st-my-thanh/do'").fetchone()
    assert limits == (1.0, 12.0)


def test_a_series_never_changes_its_meaning(known: Connection, network: Network) -> None:
    other = altered(network, parameter="do_sat", unit="%")
    known.execute(
        "insert into latest select channel_id, now(), 5, 0, 0, now() from channel where channel = 'st-my-thanh/do'"
    )
    with pytest.raises(ChannelChangesMeaning, match="channels do have readings of another parameter"):
        apply(known, other)
    assert known.execute("select unit from channel where channel = 'st-my-thanh/do'").fetchone() == ("mg/L",)
    known.execute("delete from latest")
    apply(known, other)
    assert known.execute("select unit from channel where channel = 'st-my-thanh/do'").fetchone() == ("%",)


def test_the_share_that_makes_an_hour_valid_and_four_eyes_reach_the_database(
    known: Connection, network: Network
) -> None:
    asked = "select valid_share, four_eyes from network"
    assert known.execute(asked).fetchone() == (0.75, False)
    settings = network.settings.model_copy(update={"rollups": Rollups(valid_share=0.9), "four_eyes": True})
    for _ in range(2):
        apply(known, replace(network, settings=settings))
    assert known.execute(asked).fetchone() == (0.9, True)
    acts = known.execute("select count(*) from audit where subject = 'network' and detail ? 'four_eyes'").fetchone()
    assert acts == (1,)


@pytest.mark.parametrize("setting", [{"rollups": Rollups(valid_share=0.9)}, {"time_zone": "Asia/Jayapura"}])
def test_what_holds_for_all_stations_is_a_change_of_each_and_an_act(
    known: Connection, network: Network, setting: dict[str, Any]
) -> None:
    """Derived values depend on it: whoever follows the feed must hear of it."""
    newest = known.execute("select coalesce(max(id), 0) from change").fetchone()
    other = replace(network, settings=network.settings.model_copy(update=setting))
    for _ in range(2):
        assert {applied.outcome for applied in apply(known, other).values()} == {"unchanged"}
    told = known.execute("select station, cause from change where id > %s order by station", newest).fetchall()
    assert told == [(name, "configuration") for name in sorted(network.stations)]
    acts = known.execute("select action from audit where subject = 'network'").fetchall()
    assert acts == [("apply",)]


@pytest.mark.parametrize(
    ("setting", "subject", "name", "before", "after"),
    [
        ({"retention": Retention(readings="730d")}, "network", "retention.readings", None, "730d"),
        ({"quotas": Quotas(oldest="1000h", epochs=50)}, "network", "quotas.oldest", None, "1000h"),
        ({"four_eyes": True}, "network", "four_eyes", False, True),
        ({"time_zone": "Asia/Jayapura"}, "network", "time_zone", "Asia/Ho_Chi_Minh", "Asia/Jayapura"),
        ({"samples": Samples(around="90s")}, "tolerances", "samples.around", None, "90s"),
    ],
)
def test_a_changed_setting_is_foreseen_told_and_audited_with_its_reason(
    known: Connection, network: Network, setting: dict[str, Any], subject: str, name: str, before: Any, after: Any
) -> None:
    other = replace(network, settings=network.settings.model_copy(update={"samples": Samples()}))
    apply(known, other)
    other = replace(other, settings=other.settings.model_copy(update=setting))
    foreseen = foresee(known, other, NOW).settings
    assert SettingChange(name, before, after) in foreseen
    done = apply_network(known, other, "an", NOW, "vì sao")
    assert (done.settings, {one.outcome for one in done.stations}) == (foreseen, {"unchanged"})
    assert apply_network(known, other, "an", NOW, "lần nữa").settings == foresee(known, other, NOW).settings == []
    acts = known.execute("select reason, detail -> %s from audit where subject = %s and reason is not null",
                         [name, subject])  # fmt: skip
    assert acts.fetchall() == [("vì sao", {"before": before, "after": after})]


def test_an_interval_that_changed_is_remembered_for_the_time_before(known: Connection, network: Network) -> None:
    apply(known, altered(network, interval_ms=300_000))
    apply(known, network)
    rows = known.execute(
        "select interval_s, upper_inf(during), lower_inf(during) from channel_interval order by interval_s"
    ).fetchall()
    assert rows == [(60.0, False, True), (300.0, False, False)]
    expected = (
        "select expected_readings(channel_id, now() + '1 hour', now() + '2 hours') from channel where channel = %s"
    )
    assert known.execute(expected, [f"{STATION}/do"]).fetchone() == (60,)


def test_derived_channels_say_what_they_are_made_of_and_follow_the_file(known: Connection, network: Network) -> None:
    station = network.stations["st-dai-ngai"]
    query = """
    select d.formula, d.options, array(select c.name from jsonb_each_text(d.inputs) i
      join channel c on c.channel_id = i.value::int4 order by i.key)
    from derived_channel d join channel c using (channel_id) where c.channel = 'st-dai-ngai/nh3'
    """
    assert known.execute(query).fetchall() == [
        ("toxic-ammonia", {"probe": "ion"}, ["nh4_n", "ph", "salinity", "water_temp"])
    ]
    total = station.derived["nh3"].model_copy(update={"options": {"probe": "total"}})
    applied = apply(known, with_station(network, station.model_copy(update={"derived": {"nh3": total}})))
    assert {(name, row.outcome, row.changed) for name, row in applied.items() if row.outcome != "unchanged"} == {
        (station.station, "changed", ("nh3",))
    }
    apply(known, with_station(network, station.model_copy(update={"derived": {}})))
    assert known.execute(query).fetchall() == []
    assert known.execute("select active from channel where channel = 'st-dai-ngai/nh3'").fetchone() == (False,)


def test_another_time_zone_is_in_the_database_and_has_the_rollups_made_anew(
    known: Connection, network: Network
) -> None:
    def consumers() -> list[str]:
        return [name for (name,) in known.execute("select consumer from consumer")]

    Consumer(known, "rollups", [Cause.READING])
    apply(known, network)
    assert (time_zone(known).key, consumers()) == ("Asia/Ho_Chi_Minh", ["rollups"])
    settings = network.settings.model_copy(update={"time_zone": "Asia/Jayapura"})
    apply(known, replace(network, settings=settings))
    assert (time_zone(known).key, consumers()) == ("Asia/Jayapura", [])
    detail = {"time_zone": {"before": "Asia/Ho_Chi_Minh", "after": "Asia/Jayapura"}}
    assert known.execute("select person, detail from audit where subject = 'network'").fetchall() == [("an", detail)]
