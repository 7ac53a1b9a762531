"""How slots fall to processes, stations to slots, and what a slot is sent by the broker meanwhile."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ingest.workers.leases import Leases, balance
from ingest.workers.slots import FEWER_AFTER_S, GRACE_S, Number, share, to_start, to_stop
from ingest.workers.subscribing import KINDS, filters, wanted
from quantrac.telemetry import topics

NAMES = [f"st-{n:02}" for n in range(30)]


@given(st.sets(st.sampled_from(NAMES)), st.integers(1, 6), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 8)))
def test_stations_are_shared_evenly_and_as_few_as_possible_move(
    stations: set[str], slots: int, had: dict[str, int]
) -> None:
    given_now = balance(stations, had, slots)
    after = {name: given_now.get(name, had.get(name)) for name in stations}
    counts = Counter(after.values())
    assert all(slot is not None and 0 <= slot < slots for slot in after.values())
    sizes = [counts[slot] for slot in range(slots)]
    assert max(sizes) - min(sizes) <= 1
    assert balance(stations, {name: slot for name, slot in after.items() if slot is not None}, slots) == {}
    # the least that have to move: those without a slot that stays, and of each slot what exceeds its share
    before = Counter(slot for name, slot in had.items() if name in stations and slot < slots)
    most = -(-len(stations) // slots)
    homeless = sum(had.get(name, slots) >= slots for name in stations)
    assert len(given_now) <= homeless + sum(max(0, before[slot] - len(stations) // slots) for slot in range(slots))
    assert len(given_now) >= homeless + sum(max(0, before[slot] - most) for slot in range(slots))


def test_a_new_slot_takes_a_fair_share_from_each_and_a_closed_one_gives_all_back() -> None:
    had = {name: n % 2 for n, name in enumerate(NAMES)}
    grown = balance(NAMES, had, 3)
    assert Counter(grown.values()) == {2: 10}
    assert Counter(had[name] for name in grown) == {0: 5, 1: 5}
    shrunk = balance(NAMES, had | grown, 2)
    assert shrunk.keys() == grown.keys()
    assert Counter(shrunk.values()) == {0: 5, 1: 5}


def names(found: frozenset[str]) -> set[str]:
    """Filters without what they all begin with."""
    return {each.removeprefix("quantrac/v1/") for each in found}


def test_a_single_slot_is_sent_everything_and_needs_no_lease() -> None:
    want = wanted(0, 1, Leases(), NAMES)
    assert want.filters == {topics.subscription(kind) for kind in KINDS}
    assert want.ended == frozenset()


def test_slot_0_is_sent_everything_until_each_station_has_a_slot_that_receives_it() -> None:
    held = Leases([("st-a", 0, True, None), ("st-b", 1, False, None)])
    want = wanted(0, 2, held, ["st-a", "st-b"])
    assert names(want.filters) == {
        "+/readings", "+/backfill", "+/birth", "+/status", "st-a/readings", "st-a/backfill"
    }  # fmt: skip
    assert want.ended == frozenset()
    held = Leases([("st-a", 0, True, None), ("st-b", 1, True, None)])
    want = wanted(0, 2, held, ["st-a", "st-b"])
    assert names(want.filters) == {"+/birth", "+/status", "st-a/readings", "st-a/backfill"}
    assert names(want.ended) == {"+/readings", "+/backfill"}
    assert "+/readings" in names(wanted(0, 2, held, ["st-a", "st-b", "st-new"]).filters)
    assert wanted(1, 2, held, []).filters == filters(1, "st-b")
    assert held.received_elsewhere == {"st-b"}


def test_a_station_that_moves_is_received_by_the_old_slot_until_the_new_one_does() -> None:
    moving, arrived = Leases([("st-a", 2, False, 1)]), Leases([("st-a", 2, True, 1)])
    assert wanted(1, 3, moving, ["st-a"]).filters == wanted(2, 3, moving, ["st-a"]).filters == filters(1, "st-a")
    assert wanted(1, 3, arrived, ["st-a"]) == (frozenset(), filters(1, "st-a"))
    assert wanted(2, 3, arrived, ["st-a"]).filters == filters(2, "st-a")
    assert moving.at_rest == arrived.at_rest == frozenset()
    assert arrived.concern(1)
    assert not Leases([("st-a", 2, True, None)]).concern(1)


def test_the_last_slot_ends_its_own_filters_when_it_is_sent_everything_again() -> None:
    held = Leases([("st-a", 0, True, 1)])
    assert wanted(0, 1, held, ["st-a"]).ended == filters(0, "st-a")
    assert wanted(1, 1, held, ["st-a"]).ended == filters(1, "st-a")


@given(st.integers(1, 8), st.integers(1, 8))
def test_processes_that_come_and_go_settle_with_every_slot_served_once(slots: int, members: int) -> None:
    """All processes follow the two rules in turn until nothing changes."""
    serving: list[set[int]] = [set() for _ in range(members)]
    serving[0] = set(range(slots))
    for _ in range(50):
        for own in serving:
            if (leave := to_stop(own, members, slots)) is not None:
                own.discard(leave)
            free = dict.fromkeys(set(range(slots)) - set().union(*serving), 60.0)
            if (start := to_start(own, free, members, slots)) is not None:
                own.add(start)
    assert sorted(slot for own in serving for slot in own) == list(range(slots))
    assert max(map(len, serving)) <= share(members, slots)


def test_a_process_without_a_slot_takes_one_at_once_and_another_only_after_a_while() -> None:
    assert to_start(set(), {1: 0.0}, 1, 2) == 1
    assert to_start({0}, {1: GRACE_S - 0.1}, 1, 2) is None
    assert to_start({0}, {1: GRACE_S}, 1, 2) == 1
    assert to_start({0}, {1: 60.0}, 2, 2) is None


def test_a_process_that_dies_over_and_over_moves_no_station() -> None:
    number = Number()
    assert number.settle(2, 100.0) == 2
    assert [number.settle(3 if second % 8 == 0 else 2, 104.0 + second) for second in range(60)] == [3] * 60
    gone = 104.0 + 56
    assert number.settle(2, gone + FEWER_AFTER_S - 0.1) == 3
    assert number.settle(2, gone + FEWER_AFTER_S) == 2
    assert number.settle(3, gone + FEWER_AFTER_S + 1) == 3
