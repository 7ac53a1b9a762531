"""The readings of a batch in the order of their keys; which messages bring something for a second time. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.receiving.batch import Batch

Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Rows:
    """The readings fit to store, sorted by (channel, time, arrival)."""

    at: npt.NDArray[np.intp]
    """Index into the batch's rows."""
    message: npt.NDArray[np.int32]
    channel_id: npt.NDArray[np.int32]
    time_us: npt.NDArray[np.int64]


def sorted_rows(batch: Batch) -> Rows:
    """Return the readings of a batch that passed its checks; equal keys stay in order of arrival."""
    columns, registry = batch.checked.columns, batch.registry
    at = np.flatnonzero(batch.checked.keep)
    message = columns.row_message[at]
    channel_id = registry.channel_id[columns.row_channel[at]] if len(at) else np.empty(0, np.int32)
    time_us = columns.time_ms[message] * 1000
    order = np.lexsort((time_us, channel_id))  # stable
    return Rows(at[order], message[order], channel_id[order], time_us[order])


def repeats_seq(batch: Batch) -> Mask:
    """Tell which messages have the seq of an earlier one of the same book."""
    columns = batch.checked.columns
    order = np.lexsort((columns.seq, columns.group))
    group, seq = columns.group[order], columns.seq[order]
    repeats = np.zeros(columns.messages, np.bool_)
    repeats[order[1:]] = (group[1:] == group[:-1]) & (seq[1:] == seq[:-1])
    return repeats


def repeats_key(rows: Rows, messages: int) -> Mask:
    """Tell which messages hold a reading whose key an earlier one of the batch has."""
    same = (rows.channel_id[1:] == rows.channel_id[:-1]) & (rows.time_us[1:] == rows.time_us[:-1])
    repeats = np.zeros(messages, np.bool_)
    repeats[rows.message[1:][same]] = True
    return repeats


def split(rows: Rows, slow: Mask) -> tuple[Rows, Rows]:
    """Return the rows of messages that are not `slow`, and those of messages that are."""
    is_slow = slow[rows.message]
    if not is_slow.any():
        return rows, _pick(rows, is_slow)
    return _pick(rows, ~is_slow), _pick(rows, is_slow)


def _pick(rows: Rows, chosen: Mask) -> Rows:
    return Rows(rows.at[chosen], rows.message[chosen], rows.channel_id[chosen], rows.time_us[chosen])


def last_of_channel(rows: Rows) -> npt.NDArray[np.intp]:
    """Return where the newest reading of each channel stands."""
    ends = np.ones(len(rows.at), np.bool_)
    ends[:-1] = rows.channel_id[1:] != rows.channel_id[:-1]
    return np.flatnonzero(ends)
