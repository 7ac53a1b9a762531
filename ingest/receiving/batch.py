"""A batch: deliveries decoded, checked, and fit to be stored; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ingest.books import report
from ingest.books.arrivals import NO_SEQ, UNPARSED, BookKey, Mask
from ingest.books.breach import STRANGERS, Breach, breaches_of
from ingest.books.dead_letter import DeadLetter
from ingest.books.receipt import Receipt
from ingest.books.report import StationReport
from ingest.receiving import columns
from ingest.receiving.checks import Checked, check
from ingest.receiving.quotas import LetterQuota, letters_beyond
from ingest.receiving.registry import Registry, unknown_station
from quantrac.telemetry.breaches import BreachKind
from quantrac.telemetry.topics import BadTopic
from quantrac.telemetry.wire import Misfit, WireError

CURED_BY_CONFIGURATION = frozenset(
    {Misfit.UNKNOWN_STATION, Misfit.UNKNOWN_CHANNEL, Misfit.BEFORE_SERVICE, Misfit.TOO_OLD}
)
"""Misfits that a newer registry may not see."""
MOST_EVENTS = 2000
"""Events of a station that a batch stores, beside those of its first message: an event costs as much as a message."""
REPORT_ENDINGS = ("/birth", "/status")
"""How the topics of births and statuses end."""


@dataclass(slots=True)
class Batch:
    """What a number of deliveries came to; `registry` is the one it was checked against."""

    registry: Registry
    checked: Checked
    undecoded: list[DeadLetter]
    """What is no message: its envelope was refused. What was refused of messages is in `checked`."""
    reports: list[StationReport]
    put_off: list[DeadLetter] = field(default_factory=list)
    """Deliveries beyond a quota: counted as rejected, without a seq, so that the station sends them again."""
    breaches: list[Breach] = field(default_factory=list)

    @property
    def letters(self) -> list[DeadLetter]:
        """All dead letters."""
        return [*self.undecoded, *self.checked.misfits]


def prepare(receipts: Iterable[Receipt], registry: Registry) -> Batch:
    """Decode and check deliveries."""
    data: list[Receipt] = []
    said: list[Receipt] = []
    flood: list[Receipt] = []
    for receipt in receipts:
        if receipt.put_off:
            flood.append(receipt)
            continue
        (said if receipt.delivery.topic.endswith(REPORT_ENDINGS) else data).append(receipt)
    decoded, undecoded = columns.decode(data, registry)
    reports, unreadable = _reports(said, registry)
    batch = Batch(registry, check(decoded, registry), [*undecoded, *unreadable], reports)
    return _with_flood(batch, flood) if flood else batch


def _with_flood(batch: Batch, flood: Sequence[Receipt]) -> Batch:
    """Count what was put off on receipt, and what of it makes a flood; there is no time for more than a count."""
    known, put_off = batch.registry.stations, list[DeadLetter]()
    breaches: list[Breach] = []
    by_topic: dict[str, list[Receipt]] = {}
    for receipt in flood:
        by_topic.setdefault(receipt.delivery.topic, []).append(receipt)
    for topic, receipts in by_topic.items():
        name = receipts[0].station
        station, last_us = name if name in known else None, receipts[-1].received_us
        put_off += [DeadLetter(topic, b"", BreachKind.FLOOD, "", last_us, station)] * len(receipts)
        if named := [each for each in receipts if each.flood]:
            first_us, size = named[0].received_us, sum(each.delivery.length for each in named)
            about = station or STRANGERS
            breaches.append(Breach(about, BreachKind.FLOOD, first_us, last_us, len(named), size, topic))
    return replace(batch, put_off=put_off, breaches=breaches)


def _reports(receipts: Iterable[Receipt], registry: Registry) -> tuple[list[StationReport], list[DeadLetter]]:
    """Read births and statuses; unknown stations and payloads that are neither come back as dead letters."""
    reports: list[StationReport] = []
    misfits: list[DeadLetter] = []
    for receipt in receipts:
        if receipt.station not in registry.stations:
            misfits.append(receipt.refused(Misfit.UNKNOWN_STATION.value, unknown_station(receipt.station), recurs=True))
            continue
        try:
            reports.append(report.read(receipt))
        except (WireError, BadTopic) as error:
            misfits.append(receipt.refused(Misfit.WRONG_TYPE.value, str(error)))
    return reports, misfits


def within_quotas(batch: Batch, letters: LetterQuota) -> Batch:
    """Return what of a batch its stations' quotas allow; without quotas all of it."""
    return batch if batch.registry.quotas is None else _letters_within(_events_within(_epochs_within(batch)), letters)


def _epochs_within(batch: Batch) -> Batch:
    """Put messages off that would open more books than the quota allows, and remove them."""
    columns, registry = batch.checked.columns, batch.registry
    beyond = [number for number, key in enumerate(columns.keys) if not registry.has_book(*key)]
    undecoded = [_in_a_book(letter, registry) for letter in batch.undecoded]
    reports = [_in_books(each, registry) for each in batch.reports]
    refused = [
        (each.station, each.received_us, 0, f"epochs {', '.join(sorted(each.epochs))}")
        for each, after in zip(batch.reports, reports, strict=True)
        if after is not each
    ]
    if not beyond and not refused:
        return replace(batch, undecoded=undecoded)
    over = np.isin(columns.key, beyond)
    for message in np.flatnonzero(over).tolist():
        key = columns.keys[columns.key[message]]
        refused.append((key.station, int(columns.received_us[message]), 0, f"epoch {key.epoch}"))
    keys: dict[BookKey, int] = {}
    place = np.empty(len(columns.keys), np.int32)
    for number, key in enumerate(columns.keys):
        book = BookKey(key.station, UNPARSED) if number in beyond else key
        place[number] = keys.setdefault(book, len(keys))
    checked = _without(batch.checked, over)
    checked = replace(checked, columns=replace(checked.columns, keys=list(keys), key=place[columns.key]))
    breaches = [*batch.breaches, *breaches_of(BreachKind.EPOCHS, refused)]
    return replace(batch, checked=checked, undecoded=undecoded, reports=reports, breaches=breaches)


def _events_within(batch: Batch) -> Batch:
    """Put messages off that bring more events of a station than a batch stores."""
    columns = batch.checked.columns
    over = np.zeros(columns.messages, np.bool_)
    stored: dict[str, int] = {}
    for message, events in columns.events.items():
        station = columns.keys[columns.key[message]].station
        number = stored.get(station, 0) + len(events)
        over[message] = number > max(MOST_EVENTS, len(events))
        if not over[message]:
            stored[station] = number
    return replace(batch, checked=_without(batch.checked, over)) if over.any() else batch


def _without(checked: Checked, over: Mask) -> Checked:
    """Return what is left when messages are put off: they have no seq, so that the station sends them again."""
    columns = checked.columns
    return replace(
        checked,
        columns=replace(columns, seq=np.where(over, NO_SEQ, columns.seq)),
        keep=checked.keep & ~over[columns.row_message],
        usable=checked.usable & ~over,
        misfits=[each for each in checked.misfits if each.message is None or not over[each.message]],
    )


def _in_a_book(letter: DeadLetter, registry: Registry) -> DeadLetter:
    """Return a letter that opens no book too many."""
    is_within = not letter.epoch or registry.has_book(letter.station or "", letter.epoch)
    return letter if is_within else replace(letter, epoch=None, seq=None)


def _in_books(said: StationReport, registry: Registry) -> StationReport:
    """Return a report without the epochs that would open a book too many; itself where there are none."""
    epochs = {epoch: held for epoch, held in said.epochs.items() if registry.has_book(said.station, epoch)}
    return said if len(epochs) == len(said.epochs) else replace(said, epochs=epochs)


def _letters_within(batch: Batch, letters: LetterQuota) -> Batch:
    """Remove dead letters beyond the quota; put messages off that were refused wholly."""
    if not batch.undecoded and not batch.checked.misfits:
        return batch
    rates = batch.registry.rates
    verdicts: dict[tuple[str, bytes, str], bool] = {}  # equal ones are one row with a count
    beyond: list[DeadLetter] = []
    for each in batch.letters:
        same = (each.topic, each.payload, each.reason)
        if same not in verdicts:
            verdicts[same] = letters.admit(each, rates)
        if not verdicts[same]:
            beyond.append(each)
    if not beyond:
        return batch
    gone = {id(each) for each in beyond}
    columns = batch.checked.columns
    seq = columns.seq.copy()
    seq[[each.message for each in beyond if each.message is not None and not each.partial]] = NO_SEQ
    misfits = [each for each in batch.checked.misfits if id(each) not in gone]
    return replace(
        batch,
        checked=replace(batch.checked, columns=replace(columns, seq=seq), misfits=misfits),
        undecoded=[each for each in batch.undecoded if id(each) not in gone],
        put_off=[*batch.put_off, *(replace(each, epoch=None, seq=None) for each in beyond if each.message is None)],
        breaches=[*batch.breaches, *letters_beyond(beyond, rates)],
    )


def poisoned(receipt: Receipt, registry: Registry, reason: str, found: str) -> Batch:
    """Return the batch that keeps one delivery as a dead letter, whatever is in it."""
    return replace(prepare([], registry), undecoded=[receipt.refused(reason, found)])


def may_be_cured(batch: Batch) -> bool:
    """Tell whether a newer registry might accept what was refused here."""
    reasons = {letter.reason for letter in batch.letters}
    reasons |= {each.reason for letter in batch.letters for each in letter.refused}
    return not CURED_BY_CONFIGURATION.isdisjoint(reasons)
