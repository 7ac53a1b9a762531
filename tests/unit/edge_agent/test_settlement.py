"""What becomes of a message (docs/wire.md, "Birth, status, ack")."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.spooling.fate import EpochSpan
from edge_agent.spooling.ranges import Range, RangeSet
from edge_agent.spooling.settlement import (
    GRAIN_S,
    MOST_FAILURES,
    MOST_SENDS,
    RESEND_AFTER_S,
    AckedPlaces,
    Settlement,
    read_ack,
)
from quantrac.telemetry.wire import Ack, Settled

NONE = RangeSet()
ONE = [EpochSpan("e1", 0, 1, 100)]


def fresh(last: int = 0) -> Settlement:
    return Settlement(RangeSet(), RangeSet(), RangeSet(), last=last)


def settling(*ranges: tuple[int, int]) -> AckedPlaces:
    return AckedPlaces(RangeSet(ranges), RangeSet(), beyond=False)


def deliver(settlement: Settlement, part: Range, published_s: float, delivered_s: float) -> None:
    settlement.publish(part, published_s)
    settlement.deliver(part, delivered_s)


def due(settlement: Settlement, last: int, now_s: float) -> Range | None:
    return settlement.next_due(1, last, NONE, now_s)


@pytest.mark.parametrize(
    ("epochs", "spans", "settled", "beyond"),
    [
        pytest.param({"e1": Settled(40, [(3, 5), (40, 40)])}, ONE, [(1, 2), (6, 39)], False, id="all but the missing"),
        pytest.param({"other": Settled(40)}, ONE, [], False, id="an epoch that is not named has nothing settled"),
        pytest.param(
            {"import-9f31c2ab0c1d": Settled(5_000_000, [(2, 9)]), "e1": Settled(40)}, ONE, [(1, 40)], False,
            id="epochs that the spool never had change nothing: of an import, of a card that was replaced",
        ),
        pytest.param(
            {"e1": Settled(100), "e2": Settled(4, [(2, 2)])}, [*ONE, EpochSpan("e2", 100, 1, 10)],
            [(1, 101), (103, 104)], False, id="epochs lie behind one another",
        ),
        pytest.param({"e1": Settled(100)}, ONE, [(1, 100)], False, id="all that was ever made"),
        pytest.param({"e1": Settled(101)}, ONE, [(1, 100)], True, id="more than was ever made"),
        pytest.param(
            {"e1": Settled(300)}, [*ONE, EpochSpan("e2", 100, 1, 0)], [(1, 100)], False,
            id="of a closed epoch a damaged spool may read back less than was sent",
        ),
    ],
)  # fmt: skip
def test_an_ack_is_read_as_places_of_the_spool(
    epochs: dict[str, Settled], spans: list[EpochSpan], settled: list[tuple[int, int]], beyond: bool
) -> None:
    assert read_ack(Ack(5, epochs), spans) == AckedPlaces(RangeSet(settled), RangeSet(), beyond)


def test_a_full_list_of_an_ack_says_nothing_of_what_lies_above() -> None:
    missing = [(n, n) for n in range(1, 400, 2)]
    spans = [EpochSpan("e1", 0, 1, 1000)]
    assert [*read_ack(Ack(5, {"e1": Settled(400, missing)}), spans).unsaid] == [(401, 1000)]


class TestResending:
    def test_silence_of_the_centre_never_counts(self) -> None:
        settlement = fresh()
        deliver(settlement, Range(1, 9), 0.0, 1.0)
        assert due(settlement, 9, 1e6) is None

    def test_an_ack_older_than_the_puback_does_not_count(self) -> None:
        settlement = fresh()
        deliver(settlement, Range(1, 9), 0.0, 10.0)
        assert settlement.obey(settling(), age_s=95.0, now_s=100.0).failed == 0

    def test_what_an_ack_has_overtaken_has_failed_and_goes_again_after_a_minute(self) -> None:
        settlement = fresh()
        deliver(settlement, Range(1, 1), 0.0, 0.1)
        deliver(settlement, Range(2, 2), GRAIN_S, GRAIN_S + 0.1)
        assert settlement.obey(settling((2, 2)), age_s=0.0, now_s=GRAIN_S + 1).failed == 1
        assert due(settlement, 2, 0.0 + RESEND_AFTER_S - 0.1) is None
        assert due(settlement, 2, 0.0 + RESEND_AFTER_S) == (1, 1)

    def test_what_waits_in_the_brokers_queue_has_not_failed(self) -> None:
        """Ingest works off an hour's queue: its acks are newer than our PUBACKs and have not come to our messages."""
        settlement = fresh()
        for n in range(1, 3601):
            settlement.publish(Range(n, n), float(n))
            settlement.deliver(Range(n, n), n + 0.1)
        settlement.obey(settling((1, 50)), age_s=0.0, now_s=3600.5)
        for n in range(3601, 3700):
            settlement.publish(Range(n, n), float(n))
            settlement.deliver(Range(n, n), n + 0.1)
            settlement.obey(settling((1, (n - 3600) * 30)), age_s=0.0, now_s=n + 0.5)
        assert due(settlement, 3700, 3700.0) == (3700, 3700)  # the one that was not published

    def test_without_new_messages_an_ack_newer_than_the_puback_is_enough(self) -> None:
        settlement = fresh()
        deliver(settlement, Range(1, 9), 0.0, 1.0)
        assert settlement.obey(settling(), age_s=0.0, now_s=RESEND_AFTER_S - 1).failed == 0
        assert settlement.obey(settling(), age_s=0.0, now_s=RESEND_AFTER_S + 1).failed == 9
        assert due(settlement, 9, RESEND_AFTER_S + 1) == (1, 9)

    def test_an_edge_whose_clock_is_behind_does_not_judge_too_early(self) -> None:
        """Ages are negative there; the overtaking still decides."""
        settlement = fresh()
        deliver(settlement, Range(1, 1), 0.0, 0.1)
        settlement.publish(Range(2, 2), 0.2)
        assert settlement.obey(settling(), age_s=-600.0, now_s=1.0).failed == 0

    def test_what_is_queued_or_under_way_is_not_sent_again(self) -> None:
        settlement = fresh()
        settlement.publish(Range(1, 3), 0.0)
        assert settlement.next_due(1, 9, RangeSet([(5, 6)]), 1e6) == (4, 4)
        settlement.publish(Range(4, 4), 0.0)
        assert settlement.next_due(1, 9, RangeSet([(5, 6)]), 1e6) == (7, 9)

    def test_a_lost_connection_repeats_at_once_and_counts_nothing(self) -> None:
        settlement = fresh()
        for _ in range(MOST_FAILURES * 2):
            settlement.publish(Range(1, 3), 0.0)
            settlement.withdraw(Range(1, 3), 0.0)
        assert due(settlement, 3, 0.0) == (1, 3)

    def test_five_failed_sends_give_a_message_up(self) -> None:
        settlement, now_s = fresh(), 0.0
        for attempt in range(1, MOST_FAILURES + 1):
            assert due(settlement, 1, now_s) == (1, 1)
            deliver(settlement, Range(1, 1), now_s, now_s + 1)
            now_s += RESEND_AFTER_S + 1
            change = settlement.obey(settling(), age_s=0.0, now_s=now_s)
            assert change.failed == 1
            assert [*change.refused] == ([(1, 1)] if attempt == MOST_FAILURES else [])
        assert due(settlement, 1, 1e9) is None
        assert [*settlement.refused] == [(1, 1)]

    def test_an_ack_may_go_back(self) -> None:
        settlement = fresh()
        deliver(settlement, Range(1, 9), 0.0, 1.0)
        settlement.obey(settling((1, 9)), age_s=0.0, now_s=2.0)
        assert settlement.obey(settling((1, 4)), age_s=1e5, now_s=3.0).reverted == 5
        assert due(settlement, 9, 3.0) == (5, 9)

    def test_months_without_acks_are_remembered_in_little(self) -> None:
        settlement = fresh()
        for n in range(1, MOST_SENDS * 3):
            now_s = n * GRAIN_S * 1.01
            deliver(settlement, Range(n, n), now_s, now_s)
        assert settlement.remembered() <= MOST_SENDS
        assert due(settlement, MOST_SENDS * 3 - 1, 1e9) is None


class Network:
    """An edge, a broker that may lose, and a centre with its own account of what arrived."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.settlement = fresh()
        self.last = 0
        self.has: set[int] = set()
        self.receipt_s = self.now_s = 0.0

    def make(self) -> None:
        self.last += self.chance.randint(1, 5)

    def send(self, *, arrives: bool = True) -> bool:
        part = self.settlement.next_due(1, self.last, NONE, self.now_s)
        if part is None:
            return False
        part = Range(part.lo, min(part.hi, part.lo + 3))
        self.settlement.publish(part, self.now_s)
        self.settlement.deliver(part, self.now_s + 0.01)
        if arrives:
            self.has |= set(range(part.lo, part.hi + 1))
            self.receipt_s = self.now_s
        return True

    def send_and_lose(self) -> None:
        self.send(arrives=False)

    def cut(self) -> None:
        if (part := self.settlement.next_due(1, self.last, NONE, self.now_s)) is not None:
            self.settlement.publish(part, self.now_s)
            self.settlement.withdraw(part, self.now_s)

    def ack(self) -> None:
        highest = max(self.has, default=0)
        missing = [(n, n) for n in range(1, highest) if n not in self.has]
        answer = read_ack(Ack(0, {"e": Settled(highest, missing)}), [EpochSpan("e", 0, 1, self.last)])
        self.settlement.obey(answer, age_s=self.now_s - self.receipt_s, now_s=self.now_s)
        assert {n for lo, hi in self.settlement.settled for n in range(lo, hi + 1)} == self.has

    def restore_a_backup(self) -> None:
        self.has = {n for n in self.has if n < self.last // 2}

    def wait(self) -> None:
        self.now_s += RESEND_AFTER_S


steps = st.sampled_from(["make", "send", "send_and_lose", "cut", "ack", "restore_a_backup", "wait"])


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_only_acks_settle_and_in_the_end_everything_arrives(todo: list[str], chance: random.Random) -> None:
    network = Network(chance)
    for step in todo:
        network.now_s += 0.5
        getattr(network, step)()
    for _ in range(MOST_FAILURES * 3):  # now nothing is lost any more
        network.wait()
        while network.send():
            network.now_s += 0.1
        network.wait()
        network.receipt_s = network.now_s = network.now_s + 1  # a birth is received
        network.ack()
    given_up = {n for lo, hi in network.settlement.refused for n in range(lo, hi + 1)}
    assert network.has | given_up >= set(range(1, network.last + 1))
    assert todo.count("send_and_lose") >= MOST_FAILURES or not given_up
