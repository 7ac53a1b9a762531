"""How slots fall to processes, and stations to slots."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.leases import Leases, divide
from ingest.slots import GRACE_S, share, to_start, to_stop

NAMES = [f"st-{n:02}" for n in range(30)]


@given(st.sets(st.sampled_from(NAMES)), st.integers(1, 6), st.data())
def test_stations_are_shared_evenly_and_none_ever_changes_its_slot(
    stations: set[str], slots: int, data: st.DataObject
) -> None:
    had = data.draw(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 5)))
    given_now = divide(stations, had, slots)
    assert given_now.keys() <= stations - had.keys()
    assert all(0 < slot < slots for slot in given_now.values())
    after = had | given_now
    assert divide(stations, after, slots) == {}
    if slots > 1:
        counts = [sum(slot == n for slot in after.values()) for n in range(1, slots)]
        at_0 = len(stations - after.keys())
        assert at_0 <= max(counts)
        if not had:
            assert max(counts) - min(counts) <= 1
            assert max(counts) - at_0 <= 1


def test_one_worker_needs_no_lease() -> None:
    assert divide(NAMES, {}, 1) == {}


def test_slot_0_drops_only_what_the_broker_has_granted_another_slot() -> None:
    leases = Leases([("st-a", 1, True), ("st-b", 1, False), ("st-c", 2, True)])
    assert leases.received_elsewhere == {"st-a", "st-c"}
    assert leases.of(1) == ["st-a", "st-b"]


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
