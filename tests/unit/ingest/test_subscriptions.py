"""Which stations ingest hears at the broker: all but those that flood, and for a while only."""

from collections.abc import Collection

import pytest

from ingest.receiving.flood import AT_ONCE, SPELL_US, UNHEARD_AFTER, FloodWatch, Spell
from ingest.receiving.quotas import QuotasInForce
from ingest.receiving.registry import Registry
from ingest.receiving.subscriptions import Hearing, subscriptions
from quantrac.mqtt import Retained, Subscriptions
from tests.unit.ingest.network import IN_SERVICE_MS, NOW_MS, receipt

T_US = NOW_MS * 1000
STATIONS = ("st-calm", "st-mad", "st-test")
SPELL = Spell(T_US, 5.0)


def registry(unheard: int = len(STATIONS)) -> Registry:
    return Registry.of([(each, IN_SERVICE_MS) for each in STATIONS], [], quotas=QuotasInForce(unheard=unheard))


def heard(session: set[str], asked: Subscriptions, stations: Collection[str]) -> tuple[set[str], set[str]]:
    """Return the stations that a session hears when this is granted, and its topics."""
    now = (session | {each.topic for each in asked.wanted}) - {*asked.ended}
    by_all = {kind for kind in ("readings", "backfill", "birth", "status") if f"quantrac/v1/+/{kind}" in now}
    found = {
        station
        for station in stations
        if by_all | {topic.split("/")[3] for topic in now if topic.split("/")[2] == station}
        == {"readings", "backfill", "birth", "status"}
    }
    partly = {station for station in stations if any(topic.split("/")[2] == station for topic in now)}
    assert found >= partly, "of a station all is heard or nothing"
    return found, now


@pytest.mark.parametrize("left", [[], ["st-test"], ["st-calm", "st-mad"], ["?"]])
def test_everybody_but_the_unheard_is_heard_whatever_the_session_had_before(left: list[str]) -> None:
    everybody = (*STATIONS, "st-stranger")
    _, session = heard(set(), subscriptions(STATIONS, left), everybody)
    for unheard in (["st-mad"], ["st-mad", "?"], [], ["?"], ["st-test"], []):
        told, session = heard(session, subscriptions(STATIONS, unheard), everybody)
        deaf = {*unheard, "st-stranger"} if unheard else set()
        assert told == {*everybody} - deaf
    assert len(session) == 4, "what was subscribed station by station is gone"


@pytest.mark.parametrize(
    ("before", "unheard", "retained"),
    [([], ["st-mad"], Retained.NEVER), (["st-mad", "?"], ["?"], Retained.IF_NEW), (["?"], [], Retained.IF_NEW)],
)
def test_what_is_retained_comes_of_who_is_heard_again_and_not_of_each_neighbour(
    before: list[str], unheard: list[str], retained: Retained
) -> None:
    assert {each.retained for each in subscriptions(STATIONS, unheard, before).wanted} == {retained}


def test_a_change_is_asked_once_and_each_spell_is_told_once() -> None:
    hearing, known = Hearing(), registry()

    def look(registry: Registry, unheard: dict[str, Spell]) -> tuple[bool, list[str]]:
        wanted, breaches = hearing.look(registry, unheard)
        return wanted is not None, [f"{each.station} {each.kind} {each.detail}" for each in breaches]

    assert look(known, {}) == (True, []), "what an earlier worker left in the session ends"
    assert look(registry(), {}) == (False, []), "a new station is heard with all"
    assert look(known, {"st-mad": SPELL}) == (True, ["st-mad unheard for 5 s"])
    assert look(known, {"st-mad": SPELL}) == (False, [])
    assert look(registry(), {"st-mad": SPELL}) == (True, []), "a new station wants a topic of its own"
    twice = {"st-mad": Spell(T_US + SPELL_US, 10.0), "?": SPELL}
    assert look(known, twice) == (True, ["st-mad unheard for 10 s", "? unheard for 5 s"])
    assert look(known, {"?": SPELL}) == (True, [])
    assert look(known, {}) == (True, [])


def test_in_a_network_with_more_stations_than_the_quota_everybody_is_heard() -> None:
    hearing, known = Hearing(), registry(len(STATIONS) - 1)
    everybody = subscriptions(STATIONS, [])
    assert hearing.look(known, {}) == (everybody, []), "what an earlier worker left in the session ends"
    assert hearing.look(known, {"st-mad": SPELL}) == (None, [])
    hearing.look(registry(), {"st-mad": SPELL})
    assert hearing.look(known, {"st-mad": SPELL}) == (everybody, []), "nobody is subscribed beside everybody"


def test_who_is_put_off_very_often_in_a_spell_is_not_heard_until_the_spell_is_over_and_longer_the_next_time() -> None:
    known = registry()
    watch, now_us = FloodWatch(lambda: known), T_US

    def send(station: str, times: int) -> None:
        for _ in range(times):
            watch.puts_off(receipt(b"", station=station)._replace(received_us=now_us), behind=True)

    send("st-test", 1)
    send("st-mad", AT_ONCE + UNHEARD_AFTER - 1)
    assert not watch.unheard(now_us), "a spool that is sent after an outage may meet such a moment"
    send("st-mad", 1)
    assert watch.unheard(now_us) == {"st-mad": Spell(T_US, 5.0)}
    assert watch.unheard(now_us + SPELL_US - 1)
    assert not watch.unheard(now_us - 3600 * 10**6), "nor for an hour because the clock was set back"
    now_us += SPELL_US
    assert not watch.unheard(now_us)
    send("st-test", 1)
    send("st-mad", UNHEARD_AFTER)
    assert not watch.unheard(now_us), "what its channels make is not put off"
    send("st-mad", 10)
    assert watch.unheard(now_us) == {"st-mad": Spell(now_us, 10.0)}
