"""Public pages: their addresses, how often one may ask, the official colours of VN_AQI."""

from __future__ import annotations

import re
import threading
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Final, cast

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.console import public_reader
from dashboards.console.assets import HERE
from dashboards.console.public_pages import PublicAddress, address_in
from dashboards.console.public_reader import PublicReader
from dashboards.console.public_view import PublicIntake, alarms_of, public_view, slug
from dashboards.console.strangers import DEEP_S, StrangerRates, network_of
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.public import PublicPages
from quantrac.database.pool import Connection
from quantrac.telemetry.indices.vn_aqi import CLASSES
from reports.public.answer import Answer, Finding, Hindrance, NewestValue
from reports.public.figure_reader import be_reader, channels_of
from reports.public.figures import PublicAlarm, PublicFigures

NOW: Final = datetime(2026, 11, 24, 3, 7, tzinfo=UTC)


class WithoutRoles:
    """A connection to a database whose users may make no roles."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def execute(self, sql: str, _: object = ()) -> None:
        if "pg_has_role" in sql:
            raise psycopg.errors.UndefinedObject
        if sql.startswith("set role"):
            raise psycopg.errors.InvalidParameterValue
        self.done.append(sql)


def test_a_database_without_roles_is_read_with_the_rights_there_are() -> None:
    conn = WithoutRoles()
    be_reader(cast(Connection, conn))
    assert "set session characteristics as transaction read only" in conn.done


def test_the_reader_begins_anew_after_whatever_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, stop, looks = PublicReader("postgresql://nowhere"), threading.Event(), list[int]()

    def look(*_: object) -> None:
        looks.append(len(looks))
        if looks == [0]:
            raise KeyError("st-a")
        stop.set()

    monkeypatch.setattr(public_reader, "connect_migrated", lambda *_: nullcontext())
    monkeypatch.setattr(public_reader, "be_reader", lambda _: None)
    monkeypatch.setattr(reader, "look", look)
    reader.follow(lambda: NOW, stop)
    assert looks == [0, 1]


def test_an_alarm_of_a_station_that_is_public_no_more_is_told_no_more() -> None:
    alarm = PublicAlarm(17, "st-gone", "high", NOW, None, NOW, None, {"vi": "Oxy thấp"}, None, None, ())
    network = SimpleNamespace(settings=SimpleNamespace(public=PublicPages()), stations={})
    assert alarms_of(cast(Network, network), PublicFigures(NOW, alarms=(alarm,)), "vi") == []


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(Path(__file__).parents[3] / "station_configs")


def intake(network: Network, values: dict[str, float], *alarms: PublicAlarm) -> PublicIntake:
    """Return what is said of the fresh water at Đại Ngãi with these values."""
    newest = {f"st-dai-ngai/{name}": NewestValue(NOW, value, "ok", 1) for name, value in values.items()}
    figures = PublicFigures(NOW, newest, last_message_at={"st-dai-ngai": NOW}, alarms=alarms)
    assert network.settings.public is not None
    view = public_view(network, network.settings.public, figures, ["st-dai-ngai"], "", NOW, "vi")
    return view.stations[0].intake[0]


FRESH_WATER = {"do": 6.2, "ph": 7.4, "nh3": 0.01, "salinity": 6.5}


def test_what_farmers_ask_for_and_no_limit_speaks_of_is_shown_and_not_called_unmeasured(network: Network) -> None:
    """Fresh-water fish have no limit of salinity, and the sonde at Đại Ngãi measures it."""
    found = intake(network, FRESH_WATER)
    assert (found.answer, found.not_measured) == (Answer.YES, [])
    assert [(one.parameter, one.value, one.finding) for one in found.not_judged] == [
        ("salinity", 6.5, Finding.NO_LIMIT)
    ]
    channels = channels_of(network, cast(PublicPages, network.settings.public))
    assert "st-dai-ngai/salinity" in channels["st-dai-ngai"]


def test_while_a_public_alarm_of_the_station_stands_nobody_is_told_yes(network: Network) -> None:
    alarm = PublicAlarm(17, "st-dai-ngai", "high", NOW, None, NOW, None, {"vi": "Cá chết"}, None, None, ())
    found = intake(network, FRESH_WATER, alarm)
    assert (found.answer, found.hindrance, found.reasons) == (Answer.UNKNOWN, Hindrance.WARNED, [])
    beyond = intake(network, {**FRESH_WATER, "do": 1.0}, alarm)
    assert (beyond.answer, beyond.hindrance, len(beyond.reasons)) == (Answer.NO, Hindrance.NONE, 1)
    for over in (alarm._replace(cleared_at=NOW), alarm._replace(ended_at=NOW), alarm._replace(station="st-tran-de")):
        assert intake(network, FRESH_WATER, over).answer is Answer.YES


@pytest.mark.parametrize(
    ("path", "at"),
    [
        ("", PublicAddress("", "", "page")),
        (".json", PublicAddress("", "", "json")),
        ("poster", PublicAddress("", "", "poster")),
        ("stations/st-a", PublicAddress("stations", "st-a", "page")),
        ("stations/st-a.json", PublicAddress("stations", "st-a", "json")),
        ("communes/xa-tran-de/poster", PublicAddress("communes", "xa-tran-de", "poster")),
        ("cooperatives/my-thanh/", PublicAddress("cooperatives", "my-thanh", "page")),
        ("stations", None),
        ("stations/../st-a", None),
        ("stations/st-a/json", None),
        ("people/an", None),
    ],
)
def test_an_address_names_a_page_a_twin_or_a_poster_and_nothing_else(path: str, at: PublicAddress | None) -> None:
    assert address_in(path) == at


def test_communes_have_addresses_without_accents() -> None:
    assert slug("xã Trần Đề") == "xa-tran-de"
    assert slug("phường Vĩnh Châu") == "phuong-vinh-chau"
    assert slug("xã Đại Ngãi") == "xa-dai-ngai"


def test_who_asks_too_often_waits_and_nobody_else_does() -> None:
    rates = StrangerRates(60)
    depth = round(DEEP_S)
    assert [rates.wait_s("192.0.2.1", 0.0) for _ in range(depth)] == [0] * depth
    assert rates.wait_s("192.0.2.1", 0.0) == 1
    assert rates.wait_s("192.0.2.2", 0.0) == 0
    assert rates.wait_s("192.0.2.1", 0.5) == 1
    assert rates.wait_s("192.0.2.1", 1.0) == 0


@given(st.lists(st.floats(0, 5), min_size=1, max_size=300), st.integers(1, 600))
def test_over_any_time_no_address_gets_more_than_its_rate_and_one_bucket(pauses: list[float], per_minute: int) -> None:
    rates, at_s, let_in = StrangerRates(per_minute), 0.0, 0
    for pause in pauses:
        at_s += pause
        let_in += rates.wait_s("192.0.2.1", at_s) == 0
    assert let_in <= max(1.0, per_minute / 60 * DEEP_S) + at_s * per_minute / 60 + 1e-6


def test_one_subscriber_of_ipv6_is_one_address_and_ipv4_is_itself() -> None:
    assert network_of("2001:db8:1:2::7") == network_of("2001:db8:1:2:ffff::1%eth0") != network_of("2001:db8:1:3::7")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("") == ""


def test_the_sheet_has_the_colours_of_the_decree() -> None:
    sheet = (HERE / "static/public.css").read_text()
    found = re.findall(r"\.aqi-(\d) \.word \{ background: (#\w+);", sheet)
    assert found == [(str(number), one.colour) for number, one in enumerate(CLASSES, 1)]
