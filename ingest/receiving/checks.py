"""Checks of a batch, vectorised: what may be stored; the rest becomes dead letters with their reasons. Pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.books.dead_letter import MOST_REFUSED, DeadLetter
from ingest.receiving.columns import UNKNOWN_STATE, Columns
from ingest.receiving.quotas import DAY_MS, QuotasInForce
from ingest.receiving.registry import UNKNOWN, Bounds, Registry
from quantrac.telemetry import wire
from quantrac.telemetry.quality import StatelessTest
from quantrac.telemetry.states import State
from quantrac.telemetry.wire import Misfit, Refused

FUTURE_ALLOWED_MS: Final = 300_000
"""How far ahead of its receipt the time of a message may be, milliseconds."""
LISTED_MESSAGES: Final = 100
"""Of so many messages of a batch all that is refused is listed."""
MOST_NAME: Final = 64
"""Characters of a refused reading's name that are shown."""


@dataclass(slots=True)
class Checked:
    """A batch and what of it is fit to store."""

    columns: Columns
    keep: npt.NDArray[np.bool_]
    """One entry a reading: store it."""
    tests: npt.NDArray[np.int16]
    """One entry a reading: findings of the stateless tests, bits of StatelessTest."""
    usable: npt.NDArray[np.bool_]
    """One entry a message: something of it is stored."""
    misfits: list[DeadLetter]


def check(columns: Columns, registry: Registry) -> Checked:
    """Judge every message and reading of a batch."""
    reasons = _message_reasons(columns, registry.quotas)
    bad_message = np.zeros(columns.messages, np.bool_)
    bad_message[list(reasons)] = True
    row_bad = bad_reading(columns)
    keep = ~row_bad & ~bad_message[columns.row_message]
    stored_rows = np.bincount(columns.row_message[keep], minlength=columns.messages)
    has_events = np.zeros(columns.messages, np.bool_)
    has_events[[message for message, events in columns.events.items() if events]] = True
    usable = ~bad_message & ((stored_rows > 0) | has_events)
    misfits = [_letter(columns, message, *why) for message, why in reasons.items()]
    refused_rows = np.bincount(columns.row_message[row_bad], minlength=columns.messages)
    for message, refused in _refusals(columns, row_bad, bad_message).items():
        number = int(refused_rows[message]) + len(columns.refused.get(message, ()))
        reason, found = refused[0].reason, f"{number} of its readings or events"
        misfits.append(_letter(columns, message, reason, found, refused, partial=bool(usable[message])))
    return Checked(columns, keep, stateless_tests(columns, registry), usable, misfits)


def bad_reading(columns: Columns) -> npt.NDArray[np.bool_]:
    """Tell which readings are refused alone."""
    null = np.isnan(columns.row_value)
    bad: npt.NDArray[np.bool_] = (
        (columns.row_channel == UNKNOWN)
        | (columns.row_state == UNKNOWN_STATE)
        | (null & (columns.row_state == State.OK))
        | (~null & (columns.row_state == State.COMM))
    )
    return bad | _repeats(columns, bad) if columns.row_twice.any() else bad


def _repeats(columns: Columns, bad: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell which readings come after a fit one of the same channel and message; a refused one costs none its place."""
    fit = np.flatnonzero(~bad)
    key = columns.row_message[fit].astype(np.int64) << 32 | columns.row_channel[fit]
    repeats = np.zeros(len(bad), np.bool_)
    repeats[fit] = True
    repeats[fit[np.unique(key, return_index=True)[1]]] = False
    return repeats


def stateless_tests(columns: Columns, registry: Registry) -> npt.NDArray[np.int16]:
    """Run the tests that need nothing but the reading; a null has no other finding, an unknown channel none."""
    return tests_of(columns.row_value, columns.row_channel, registry)


def tests_of(
    value: npt.NDArray[np.float64], channel: npt.NDArray[np.integer], registry: Registry
) -> npt.NDArray[np.int16]:
    """Run these tests on values (NaN: null) of channels, by their index into the registry's columns."""
    tests = np.zeros(len(value), np.int16)
    if not len(registry.channel_id):
        return tests
    for bounds, test in (
        (registry.span, StatelessTest.RANGE),
        (registry.plausible, StatelessTest.PLAUSIBLE),
        (registry.expect, StatelessTest.EXPECT),
    ):
        tests |= _outside(value, channel, bounds) * np.int16(test)
    tests |= np.isnan(value) * np.int16(StatelessTest.NULL)
    return tests


def _outside(value: npt.NDArray[np.float64], channel: npt.NDArray[np.integer], bounds: Bounds) -> npt.NDArray[np.bool_]:
    low, high = bounds
    outside: npt.NDArray[np.bool_] = (value < low[channel]) | (value > high[channel])  # NaN is neither
    return outside


def _message_reasons(columns: Columns, quotas: QuotasInForce | None) -> dict[int, tuple[Misfit, str]]:
    ahead_ms = columns.time_ms - columns.received_us // 1000
    future, before = ahead_ms > FUTURE_ALLOWED_MS, columns.time_ms < columns.in_service_ms
    reasons: dict[int, tuple[Misfit, str]] = {}
    if quotas is not None:
        for message in np.flatnonzero(ahead_ms < -quotas.oldest_ms).tolist():
            found = (
                f"t {columns.time_ms[message]} is {-ahead_ms[message] / DAY_MS:.0f} days before its receipt, more than "
                f"{quotas.oldest_ms / DAY_MS:g} (quotas: oldest of network.yaml); a replay takes it"
            )
            reasons[message] = (Misfit.TOO_OLD, found)
    for message in np.flatnonzero(before).tolist():
        found = f"t {columns.time_ms[message]} is before the station's in_service {columns.in_service_ms[message]}"
        reasons[message] = (Misfit.BEFORE_SERVICE, found)
    for message in np.flatnonzero(future).tolist():
        found = f"t {columns.time_ms[message]} is {ahead_ms[message] / 1000:.0f} s ahead of its receipt"
        reasons[message] = (Misfit.IN_THE_FUTURE, found)
    return reasons


def _refusals(
    columns: Columns, row_bad: npt.NDArray[np.bool_], bad_message: npt.NDArray[np.bool_]
) -> dict[int, list[Refused]]:
    refusals: defaultdict[int, list[Refused]] = defaultdict(list)
    for message, refused in columns.refused.items():
        if not bad_message[message]:
            refusals[message].extend(refused)
    starts = np.cumsum(columns.count) - columns.count
    sent: dict[int, list[tuple[int, str]]] = {}
    for row in _listed(columns, row_bad & ~bad_message[columns.row_message]):
        message = int(columns.row_message[row])
        if message not in sent:
            sent[message] = _sent(columns, message)
        at, name = sent[message][row - int(starts[message])]
        found = f"{_storable(name[:MOST_NAME])}: {_found(columns, row)}"
        refusals[message].append(Refused(f"r[{at}]", found, _reason(columns, row)))
    return refusals


def _listed(columns: Columns, refused: npt.NDArray[np.bool_]) -> list[int]:
    """Return the refused readings that dead letters list: no more than these keep, and of many messages one each."""
    rows = np.flatnonzero(refused)
    message = columns.row_message[rows]
    place = np.arange(len(rows)) - np.searchsorted(message, message)
    most = np.where(np.unique(message, return_inverse=True)[1] < LISTED_MESSAGES, MOST_REFUSED, 1)
    return rows[place < most].tolist()  # type: ignore[no-any-return]


def _sent(columns: Columns, message: int) -> list[tuple[int, str]]:
    """Return place and name of a message's readings, as sent, but those that the lenient decoder refused.

    The columns hold no name that is not configured.
    """
    payload = columns.payload_of(message)
    try:
        readings = wire.decode_message(payload).r
    except wire.STRICT_ERRORS:
        readings = wire.decode_leniently(payload).message.r
    gone = {each.place for each in columns.refused.get(message, ())}
    places = (at for at in itertools.count() if f"r[{at}]" not in gone)
    return [(at, name) for at, (name, _, _) in zip(places, readings, strict=False)]


def _storable(name: str) -> str:
    """Return a name with what no database keeps (NUL, halves of a surrogate pair) and what no screen shows escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def _reason(columns: Columns, row: int) -> Misfit:
    if columns.row_channel[row] == UNKNOWN:
        return Misfit.UNKNOWN_CHANNEL
    if columns.row_state[row] == UNKNOWN_STATE:
        return Misfit.UNKNOWN_STATE
    null, state = bool(np.isnan(columns.row_value[row])), int(columns.row_state[row])
    if null and state == State.OK:
        return Misfit.NULL_WITH_OK
    if not null and state == State.COMM:
        return Misfit.VALUE_WITH_COMM
    return Misfit.CHANNEL_TWICE


def _found(columns: Columns, row: int) -> str:
    value = columns.row_value[row]
    code = int(columns.row_state[row])
    state = State(code).word if code != UNKNOWN_STATE else "unknown state"
    return f"value {'null' if np.isnan(value) else float(value)}, {state}"


def _letter(
    columns: Columns,
    message: int,
    reason: Misfit,
    found: str,
    refused: Sequence[Refused] = (),
    *,
    partial: bool = False,
) -> DeadLetter:
    key = columns.keys[int(columns.key[message])]
    return DeadLetter(
        columns.source[message][0].topic, columns.payload_of(message), reason.value, found,
        int(columns.received_us[message]), key.station, key.epoch, int(columns.seq[message]), partial, tuple(refused),
        message=message,
    )  # fmt: skip
