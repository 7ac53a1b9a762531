"""What a station may take of ingest: what is beyond is put off, counted, and costs its neighbours nothing."""

import contextlib
import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.books.arrivals import BookKey
from ingest.books.receipt import Receipt
from ingest.books.report import MOST_EPOCHS, StationReport, newest
from ingest.receiving import flood as flood_module
from ingest.receiving.batch import MOST_EVENTS, Batch, prepare, within_quotas
from ingest.receiving.columns import MOST_LINES
from ingest.receiving.flood import AT_ONCE, BYTES_A_MESSAGE, LONGEST_SPELL, SPELL_US, FloodWatch, weigh
from ingest.receiving.inbox import BEHIND, BatchLimits, Inbox
from ingest.receiving.preparer import Preparer
from ingest.receiving.quotas import DAY_MS, LETTERS_AT_ONCE, LetterQuota, QuotasInForce
from ingest.receiving.registry import Registry
from ingest.storing import plan
from ingest.storing.plan import Merged
from quantrac.telemetry.wire import Held
from tests.fixtures.timing import PATIENCE_S
from tests.unit.ingest.network import IN_SERVICE_MS, NAMES, NOW_MS, receipt

STATIONS = ("st-mad", "st-test")
T_US = NOW_MS * 1000


def registry(quotas: QuotasInForce | None = None) -> Registry:
    """Two stations of four channels a minute."""
    channels = [
        (10 * at + n, station, name, None, None, None, None, None, None)
        for at, station in enumerate(STATIONS)
        for n, name in enumerate(NAMES)
    ]
    stations, rates = [(each, IN_SERVICE_MS) for each in STATIONS], dict.fromkeys(STATIONS, 4 / 60)
    return Registry.of(stations, channels, rates=rates, quotas=quotas or QuotasInForce())


def body(seq: int = 1, epoch: str = "e", t: int = NOW_MS) -> bytes:
    return json.dumps({"epoch": epoch, "seq": seq, "t": t, "r": [["do", 5.0, "ok"]]}).encode()


def status(epochs: int) -> bytes:
    held = {f"e{n}": {"first": 1, "last": 5, "refused": []} for n in range(epochs)}
    return json.dumps({"online": True, "t": NOW_MS, "epoch": "e0", "epochs": held}).encode()


def booked(batch: Batch) -> list[tuple[BookKey, int, bool]]:
    """The entries of the books: book, seq, and whether something of it is stored."""
    planned = plan.plan(batch, np.zeros(batch.checked.columns.messages, np.bool_), cautious=False)
    arrived = plan.arrivals(batch, planned, Merged(), set())
    keys = [arrived.keys[number] for number in arrived.key]
    return [*zip(keys, arrived.seq.tolist(), arrived.usable.tolist(), strict=True)]


def test_readings_older_than_the_quota_are_refused_and_a_person_may_vouch_for_them() -> None:
    oldest = NOW_MS - 400 * DAY_MS
    messages = [receipt(body(seq, t=t)) for seq, t in enumerate((oldest, oldest - 1), 1)]
    batch = prepare(messages, registry())
    assert batch.checked.usable.tolist() == [True, False]
    assert [letter.reason for letter in batch.letters] == ["too_old"]
    vouched = Registry.of([("st-test", IN_SERVICE_MS)], [(1, "st-test", "do", *[None] * 6)])
    assert prepare(messages, vouched).checked.usable.all()


def test_of_the_events_of_a_station_a_batch_stores_a_bounded_number_and_the_rest_comes_again() -> None:
    def events(seq: int, number: int) -> bytes:
        said = [["x", None, "d", NOW_MS]] * number
        return json.dumps({"epoch": "e", "seq": seq, "t": NOW_MS, "r": [["nonsense", 1, "ok"]], "e": said}).encode()

    mad = [receipt(events(seq, MOST_EVENTS // 2), station="st-mad") for seq in (1, 2, 3, 4)]
    test = [receipt(events(1, 3 * MOST_EVENTS)), receipt(events(2, 1)), receipt(body(3))]
    batch = within_quotas(prepare([*mad, *test], registry()), LetterQuota())
    assert batch.checked.usable.tolist() == [True, True, False, False, True, False, True]
    assert sorted((key.station, seq) for key, seq, usable in booked(batch) if usable) == [
        ("st-mad", 1), ("st-mad", 2), ("st-test", 1), ("st-test", 3),
    ]  # fmt: skip
    assert [seq for _, seq, usable in booked(batch) if not usable] == [0, 0, 0], "no seq: they are missing"
    assert [letter.seq for letter in batch.letters] == [1, 2, 1]


deliveries = st.tuples(st.integers(1, 9), st.sampled_from("abcdefgh"), st.booleans())


@settings(max_examples=40)
@given(st.lists(st.lists(deliveries, max_size=6), max_size=5))
def test_a_station_never_has_more_books_than_its_quota_and_each_delivery_is_in_one(
    batches: list[list[tuple[int, str, bool]]],
) -> None:
    known = registry(QuotasInForce(epochs=3))
    books: set[str] = set()
    for said in batches:
        receipts = [receipt(body(seq, epoch, NOW_MS if good else 2**52), station="st-mad") for seq, epoch, good in said]
        batch = within_quotas(prepare(receipts, known), LetterQuota())
        entries = booked(batch)
        assert len(entries) == len(said)
        books |= {key.epoch for key, *_ in entries}
        assert len(books - {""}) <= 3
        assert all(seq == 0 and not usable for key, seq, usable in entries if key.epoch == "")
        assert sum(each.count for each in batch.breaches) == sum(key.epoch == "" for key, *_ in entries)
        assert len(set(batch.checked.columns.keys)) == len(batch.checked.columns.keys)


def test_a_report_opens_no_book_beyond_the_quota_and_one_of_too_many_epochs_is_refused() -> None:
    known = registry(QuotasInForce(epochs=2))
    batch = within_quotas(prepare([receipt(status(4), "status", "st-mad")], known), LetterQuota())
    assert [sorted(each.epochs) for each in batch.reports] == [["e0", "e1"]]
    assert [(each.station, each.kind, each.count) for each in batch.breaches] == [("st-mad", "epochs", 1)]
    batch = prepare([receipt(status(MOST_EPOCHS + 1), "status", "st-mad")], known)
    assert not batch.reports
    assert "expected at most 100" in batch.undecoded[0].found


def test_dead_letters_beyond_the_quota_are_counted_and_not_kept_and_their_seqs_stay_open() -> None:
    known, quota = registry(), LetterQuota()
    flood = [receipt(b"x%d" % n, station="st-mad") for n in range(LETTERS_AT_ONCE)]
    future = [receipt(body(n, t=2**52), station="st-mad") for n in (1, 2)]
    batch = within_quotas(prepare([*flood, *future, receipt(b"y")], known), quota)
    assert [letter.payload for letter in batch.letters if letter.station == "st-test"] == [b"y"]
    assert len(batch.letters) == LETTERS_AT_ONCE + 1
    entries = booked(batch)
    assert len(entries) == LETTERS_AT_ONCE + 3
    assert {seq for key, seq, _ in entries if key.station == "st-mad"} == {0}
    (breach,) = batch.breaches
    assert (breach.station, breach.kind, breach.count) == ("st-mad", "dead_letters", 2)
    assert breach.detail.startswith("in_the_future")
    later = receipt(b"z", station="st-mad", at_ms=NOW_MS + 60_000)
    assert len(within_quotas(prepare([later], known), quota).letters) == 1, "as many come again as its channels make"


def test_letters_whose_transaction_fails_are_charged_when_they_are_stored() -> None:
    known, quota = registry(), LetterQuota()
    receipts = [receipt(b"x%d" % n, station="st-mad") for n in range(LETTERS_AT_ONCE)]
    for ends_well in (False, False, True):
        with contextlib.suppress(ZeroDivisionError), quota.charged_if_stored():
            assert len(within_quotas(prepare(receipts, known), quota).letters) == LETTERS_AT_ONCE
            assert ends_well or 1 / 0
    with quota.charged_if_stored():
        assert not within_quotas(prepare([receipt(b"y", station="st-mad")], known), quota).letters


def test_large_dead_letters_are_bounded_by_their_bytes() -> None:
    flood = [receipt(bytes([n]) * 65_536, station="st-mad") for n in range(256)]
    batch = within_quotas(prepare(flood, registry()), LetterQuota())
    assert sum(len(letter.kept) for letter in batch.letters) == 8 * 1024 * 1024


reports = st.builds(
    StationReport,
    station=st.sampled_from(STATIONS),
    online=st.booleans(),
    epochs=st.dictionaries(st.sampled_from("ab"), st.builds(Held, st.just(1), st.integers(1, 9)), max_size=2),
    config=st.none() | st.sampled_from("xy"),
    received_us=st.integers(0, 50),
    said_us=st.integers(0, 50),
)


@settings(max_examples=40)
@given(st.lists(reports, unique_by=lambda each: each.said_us))
def test_of_many_reports_the_last_words_count(said: list[StationReport]) -> None:
    def words(told: list[StationReport]) -> dict[object, object]:
        """What is on record in the end, told one after the other."""
        record: dict[object, object] = {}
        for each in told:
            record[each.station] = each.online, each.said_us
            record |= {(each.station, epoch, each.online): held for epoch, held in each.epochs.items()}
            record |= {(each.station, "seen"): each.said_us} if each.online else {}
        return record

    in_order = sorted(said, key=lambda each: each.said_us)
    assert words(newest(said)) == words(in_order)
    assert len(newest(said)) <= 2 * len(STATIONS)


def flood_watch() -> FloodWatch:
    known = registry()
    return FloodWatch(lambda: known)


def sent(
    watch: FloodWatch, station: str, times: int, *, behind: bool = True, size: int = 100, at_us: int = T_US
) -> int:
    """Send as often, and return how many were put off."""
    sending = receipt(b" " * size, station=station)._replace(received_us=at_us, weight=weigh(b" " * size))
    return sum(watch.puts_off(sending, behind=behind) for _ in range(times))


def test_a_flood_is_put_off_while_others_wait_and_its_neighbour_never() -> None:
    watch = flood_watch()
    assert sent(watch, "st-mad", 3 * AT_ONCE, behind=False) == 0, "ingest keeps up"
    assert sent(watch, "st-test", 10) == 0
    assert sent(watch, "st-mad", AT_ONCE + 1000) == 1000
    assert sent(watch, "st-mad", 1, size=10**6) == 1
    assert sent(watch, "st-mad", 100, behind=False) == 100, "also while ingest keeps up with what is left"
    assert sent(watch, "st-test", 100) == 0
    later = T_US + 60_000_000
    assert sent(watch, "st-mad", 100, at_us=later) == 100 - 20 * 4, "twenty times what four channels a minute make"
    assert sent(watch, "st-mad", 2, at_us=later - 10**9) == 2, "a clock that steps back brings nothing"


def flooding(watch: FloodWatch) -> bool:
    return watch.is_flood("quantrac/v1/st-mad/readings")


def test_who_is_put_off_once_is_let_go_and_who_is_again_and_again_floods() -> None:
    watch, now_us = flood_watch(), T_US
    sent(watch, "st-test", 1)
    spool = sent(watch, "st-mad", AT_ONCE + 1000), flooding(watch), sent(watch, "st-mad", 1000, behind=False)
    assert spool == (1000, False, 1000), "ingest was behind for a moment while it sent its spool"
    now_us += SPELL_US
    assert sent(watch, "st-mad", 2 * AT_ONCE, behind=False, at_us=now_us) == 0, "ingest keeps up with the rest"
    assert not flooding(watch)
    for spell in range(1, 12):
        for part_us in (0, SPELL_US * min(LONGEST_SPELL, 2**spell) - 1):
            sent(watch, "st-test", 1, at_us=now_us + part_us)
            assert sent(watch, "st-mad", 1000, behind=not part_us, at_us=now_us + part_us) > 100
            assert flooding(watch)
        now_us += SPELL_US * min(LONGEST_SPELL, 2**spell)
    assert sent(watch, "st-mad", AT_ONCE, behind=False, at_us=now_us) == 0
    now_us += 10 * SPELL_US * LONGEST_SPELL
    sent(watch, "st-test", 1, at_us=now_us)
    assert sent(watch, "st-mad", AT_ONCE + 10, at_us=now_us) >= 10
    assert not flooding(watch), "a day later it is the first time again"


def test_ingest_is_behind_when_much_is_not_yet_stored_wherever_it_waits() -> None:
    inbox = Inbox(lambda: T_US, BatchLimits(BEHIND, share=BEHIND), flood=flood_watch())
    flood = receipt(b"{}", station="st-mad").delivery
    inbox.put(receipt(b"{}", station="st-test").delivery)
    taken = inbox.take(0.0)

    def turns(number: int, stored: int) -> int:
        put_off = 0
        for _ in range(number):
            for _ in range(BEHIND):
                inbox.put(flood)
            batch = inbox.take(0.0)
            assert inbox.bytes == 0, "in the batches under way, not here"
            put_off += sum(each.put_off for each in batch)
            inbox.done(batch[:stored])
        return put_off

    inbox.done(taken)
    assert turns(2 * AT_ONCE // BEHIND, BEHIND) == 0
    assert turns(AT_ONCE // BEHIND + 2, 0) >= BEHIND - 1


def test_what_waits_of_a_flood_when_it_is_found_out_is_put_off_too() -> None:
    times = iter(range(T_US, T_US + 10**6))
    inbox = Inbox(lambda: next(times), BatchLimits(10**6, share=10**6, age_s=0.0), flood=flood_watch())

    def put(station: str, number: int) -> None:
        for _ in range(number):
            inbox.put(receipt(b"{}", station=station).delivery)

    put("st-test", 5)
    put("st-mad", BEHIND + AT_ONCE)
    put("st-test", 5)
    put("st-mad", 10)
    taken = inbox.take(0.0)
    assert {(each.station, each.put_off) for each in taken} == {("st-test", False), ("st-mad", True)}
    assert len(taken) == BEHIND + AT_ONCE + 20
    assert inbox.bytes == 0
    inbox.done(taken)
    put("st-test", BEHIND)
    assert not any(each.put_off for each in inbox.take(0.0)), "it is not behind any more"


@pytest.mark.parametrize("step_us", [-3_600_000_000, -1, 0, 3_600_000_000])
def test_after_a_spell_a_station_is_heard_again_however_the_clock_is_set(step_us: int) -> None:
    now_us = T_US
    inbox = Inbox(lambda: now_us, BatchLimits(10**6, share=10**6, age_s=0.0), flood=flood_watch())

    def put(station: str, number: int) -> list[bool]:
        """Put deliveries, take and store them, and return which were put off."""
        for _ in range(number):
            inbox.put(receipt(b"{}", station=station).delivery)
        taken = inbox.take(0.0)
        inbox.done(taken)
        return [each.put_off for each in taken]

    put("st-test", 1)
    assert all(put("st-mad", BEHIND + AT_ONCE + 10))
    now_us += 2 * SPELL_US + step_us
    assert put("st-mad", 10) == put("st-test", 10) == [False] * 10


def test_a_station_that_sent_before_it_was_configured_is_measured_by_its_own_channels_from_then_on() -> None:
    registries = [Registry.of([("st-test", IN_SERVICE_MS)], []), registry()]
    watch = FloodWatch(lambda: registries[0])
    sent(watch, "st-test", 1)
    for now_us in (T_US, T_US + SPELL_US):
        assert sent(watch, "st-stranger", AT_ONCE + 10, at_us=now_us) > 0
        sent(watch, "st-test", 1, at_us=now_us + SPELL_US)
    assert sent(watch, "st-mad", 1, at_us=T_US + SPELL_US) == 1, "all strangers have one account"
    assert flooding(watch)
    registries.pop(0)
    assert sent(watch, "st-mad", AT_ONCE, at_us=T_US + SPELL_US) == 0
    assert not flooding(watch)
    assert sent(watch, "st-stranger", 1, at_us=T_US + SPELL_US) == 1


def test_many_topics_that_come_meanwhile_do_not_harm_the_thread_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network thread forgets all topics when there are too many, between two questions of the one that takes."""
    monkeypatch.setattr(flood_module, "MOST_TOPICS", 2)
    watch = flood_watch()
    sent(watch, "st-test", 1)
    sent(watch, "st-mad", AT_ONCE + 1)
    sent(watch, "st-stranger", 1)
    assert not flooding(watch)


def test_a_preparer_that_ends_by_a_defect_says_so_to_who_takes() -> None:
    asked = threading.Event()

    class Defective(Inbox):
        def take(self, wait_s: float) -> list[Receipt]:
            asked.set()
            raise KeyError(wait_s)

    preparer = Preparer(Defective(lambda: T_US), registry)
    preparer.start()
    assert asked.wait(PATIENCE_S)
    preparer.stop()  # waits for the thread
    with pytest.raises(KeyError):
        preparer.take(0.0)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from(STATIONS), st.integers(1, 60)), max_size=60))
def test_no_topic_has_more_than_its_share_of_a_batch_and_the_order_stays(sending: list[tuple[str, int]]) -> None:
    inbox = Inbox(lambda: T_US, BatchLimits(share=100, age_s=0.0))
    sent = [receipt(b"x" + b"\n" * 4 * lines, "backfill", station).delivery for station, lines in sending]
    for each in sent:
        inbox.put(each)
    batches = []
    while batch := inbox.take(0.0):
        batches.append(batch)
    assert [each.delivery for batch in batches for each in batch] == sent
    for batch in batches:
        for station in STATIONS:
            shares = [each.weight for each in batch if each.station == station]
            assert sum(shares[:-1]) < 100 or not shares
    assert all(
        any(sum(each.weight for each in batch if each.station == station) >= 100 for station in STATIONS)
        for batch in batches[:-1]
    )


def test_a_bundle_of_more_lines_than_messages_fit_is_one_dead_letter() -> None:
    letters = prepare(
        [receipt(b"\n" * lines, "backfill") for lines in (MOST_LINES, MOST_LINES - 1)], registry()
    ).letters
    assert [(each.reason, each.found) for each in letters] == [
        ("too_large", "a bundle of 5001 lines, expected at most 5000"), ("empty", "empty: a bundle without a line"),
    ]  # fmt: skip


def test_a_flood_of_few_large_messages_is_one_too() -> None:
    watch = flood_watch()
    sent(watch, "st-test", 1)
    assert sent(watch, "st-mad", 100, size=2**18) == 100 - AT_ONCE // (2**18 // BYTES_A_MESSAGE + 1)


@settings(max_examples=10)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_when_most_stations_send_much_nothing_is_put_off(turns: list[int]) -> None:
    """After an outage of the broker, or in a benchmark: all have their turns, and all are beyond."""
    watch = flood_watch()
    assert [sent(watch, "st-mad", n * 20) + sent(watch, "st-test", n * 20) for n in turns] == [0] * len(turns)


def test_a_station_alone_harms_nobody() -> None:
    assert sent(flood_watch(), "st-mad", 3 * AT_ONCE) == 0


def test_what_is_put_off_costs_no_memory_is_counted_and_has_no_seq() -> None:
    inbox = Inbox(lambda: T_US, flood=flood_watch())
    large = [receipt(body() + b" " * 2**18, station=name).delivery for name in ("st-test", *["st-mad"] * 120)]
    for each in large:
        inbox.put(each)
    assert inbox.bytes < (AT_ONCE + BEHIND) * BYTES_A_MESSAGE
    batches = []
    while taken := inbox.take(0.0):
        batches.append(within_quotas(prepare(taken, registry()), LetterQuota()))
    entries = [entry for batch in batches for entry in booked(batch)]
    assert len(entries) == 121
    refused = [key for key, seq, usable in entries if not usable]
    assert set(refused) == {BookKey("st-mad", "")}
    assert not [each for batch in batches for each in batch.breaches], "once is no flood"
    assert inbox.bytes == 0


def test_of_a_flood_number_and_bytes_are_told() -> None:
    delivery = receipt(body(), station="st-mad").delivery
    flood = [Receipt(delivery._replace(payload=b""), T_US + n, put_off=True, flood=n > 2) for n in range(10)]
    (breach,) = prepare(flood, registry()).breaches
    assert (breach.station, breach.kind, breach.count) == ("st-mad", "flood", 7)
    assert (breach.bytes, breach.first_us, breach.last_us) == (7 * delivery.length, T_US + 3, T_US + 9)
