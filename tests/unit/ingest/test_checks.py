"""Decoding and checking a batch: what is kept, what is refused, and that nothing disappears in between."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.books.dead_letter import MOST_REFUSED
from ingest.receiving.batch import Batch, may_be_cured, prepare
from quantrac.telemetry.states import STATE_OF_WORD
from quantrac.telemetry.wire import Misfit
from tests.unit.ingest.network import IN_SERVICE_MS, NAMES, NOW_MS, receipt, registry

ODD = st.booleans() | st.text(max_size=3) | st.lists(st.none(), max_size=1)
VALUE = st.none() | st.floats() | st.integers(-(2**70), 2**70) | ODD
READING = st.tuples(
    st.sampled_from([*NAMES, "nonsense", None]), VALUE, st.sampled_from([*STATE_OF_WORD, "fine", None])
).map(list)


def body(readings: list[Any], seq: int = 1, t: int = NOW_MS) -> bytes:
    return json.dumps({"epoch": "e1", "seq": seq, "t": t, "r": readings}).encode()


def kept(batch: Batch) -> list[tuple[str, float | None, int]]:
    columns = batch.checked.columns
    return [
        (NAMES[columns.row_channel[row]], None if math.isnan(v := columns.row_value[row]) else float(v),
         int(columns.row_state[row]))
        for row in np.flatnonzero(batch.checked.keep)
    ]  # fmt: skip


def fits(reading: list[Any], earlier: list[list[Any]]) -> bool:
    """Design 5, said anew: may this reading be stored?"""
    name, value, state = reading
    if name not in NAMES or state not in STATE_OF_WORD:
        return False
    if any(each[0] == name and fits(each, []) for each in earlier):
        return False
    if value is None:
        return bool(state != "ok")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return bool(state != "comm")


@given(st.lists(READING, min_size=1, max_size=8))
def test_every_reading_is_either_kept_or_refused_as_the_design_says(readings: list[list[Any]]) -> None:
    """A channel counts as listed once it stood in a reading that fits: a refused one takes no neighbour with it."""
    expected = [
        (name, None if value is None else float(value), int(STATE_OF_WORD[state]))
        for at, (name, value, state) in enumerate(readings)
        if fits([name, value, state], readings[:at])
    ]
    batch = prepare([receipt(body(readings))], registry())
    assert kept(batch) == expected
    refused = [each for letter in batch.checked.misfits for each in letter.refused]
    assert len(kept(batch)) + len(refused) == len(readings)
    places = [each.place for each in refused]
    assert len(set(places)) == len(places)


@given(st.lists(st.sampled_from(["good", "bad", "empty", "text"]), min_size=1, max_size=8))
def test_of_a_bundle_each_line_has_its_own_fate(kinds: list[str]) -> None:
    line: dict[str, Callable[[int], bytes]] = {
        "good": lambda n: body([["do", 5.0 + n, "ok"]], n),
        "bad": lambda n: b"{broken",
        "empty": lambda n: b"",
        "text": lambda n: b'"text"',
    }
    bundle = b"\n".join(line[kind](n) for n, kind in enumerate(kinds, 1))
    batch = prepare([receipt(bundle, "backfill")], registry())
    assert batch.checked.columns.seq.tolist() == [n for n, kind in enumerate(kinds, 1) if kind == "good"]
    bad = [kind for kind in kinds if kind in ("bad", "text")]
    assert len(batch.undecoded) == (len(bad) or (1 if set(kinds) == {"empty"} else 0))


@pytest.mark.parametrize(
    ("value", "tests"),
    [(28.0, 0), (36.0, 8), (46.0, 4 | 8), (81.0, 2 | 4 | 8), (-6.0, 2 | 4 | 8), (20.0, 0), (35.0, 0), (None, 1)],
)
def test_stateless_tests_set_a_bit_for_each_range_left_and_for_a_null_nothing_else(
    value: float | None, tests: int
) -> None:
    batch = prepare([receipt(body([["do", value, "suspect"]]))], registry())
    assert batch.checked.tests.tolist() == [tests]


@pytest.mark.parametrize(
    ("t", "reason"),
    [
        (NOW_MS + 300_000, None),
        (NOW_MS + 300_001, "in_the_future"),
        (IN_SERVICE_MS, None),
        (IN_SERVICE_MS - 1, "before_service"),
        (-(2**53), "before_service"),
        (2**53, "in_the_future"),
    ],
)
def test_the_window_of_time_has_sharp_ends(t: int, reason: str | None) -> None:
    batch = prepare([receipt(body([["do", 5, "ok"]], t=t))], registry())
    assert [letter.reason for letter in batch.checked.misfits] == ([] if reason is None else [reason])
    assert batch.checked.usable.tolist() == [reason is None]


def test_a_payload_that_was_cut_is_a_dead_letter_with_the_true_length_and_digest() -> None:
    cut = receipt(b"x" * 65_536, length=300_000, sha256=b"d" * 32)
    (letter,) = prepare([cut], registry()).undecoded
    row = letter.row(datetime.now(UTC))
    found = row["reason"], row["length"], row["sha256"], len(row["payload"])
    assert found == ("too_large", 300_000, b"d" * 32, 65_536)


def test_misfits_that_a_newer_registry_might_accept_are_told_from_the_others() -> None:
    known = registry()
    assert may_be_cured(prepare([receipt(body([["nonsense", 5, "ok"]]))], known))
    assert may_be_cured(prepare([receipt(body([["do", 5, "ok"]]), station="st-new")], known))
    assert not may_be_cured(prepare([receipt(body([["do", None, "ok"]]))], known))
    assert not may_be_cured(prepare([receipt(b"x")], known))


def test_refused_places_count_from_the_payload_as_it_was_sent() -> None:
    readings = [["do", "x", "ok"], ["nonsense", 1, "ok"], ["ph", 7, "ok"], ["ph", 8, "ok"]]
    (letter,) = prepare([receipt(body(readings))], registry()).checked.misfits
    assert [(each.place, each.reason.value) for each in letter.refused] == [
        ("r[0]", "wrong_type"), ("r[1]", "unknown_channel"), ("r[3]", "channel_twice"),
    ]  # fmt: skip
    assert letter.partial


def test_a_list_of_names_that_no_device_has_is_judged_and_not_remembered() -> None:
    """Whoever makes up names shall not fill the memory: 9,000 of them fit into one message."""
    known = registry()
    made_up = [[f"x{n}", 1.0, "ok"] for n in range(3000)]
    batch = prepare([receipt(body([*made_up, ["ph", 7.0, "ok"], *made_up, ["ph", 8.0, "ok"]]))], known)
    assert kept(batch) == [("ph", 7.0, 0)]
    letter = batch.checked.misfits[0]
    assert letter.found == "6001 of its readings or events"
    assert [each.place for each in letter.refused] == [f"r[{n}]" for n in range(MOST_REFUSED)]
    assert known.stations["st-test"].layouts == {}


def test_an_empty_batch_is_no_trouble() -> None:
    assert prepare([], registry()).checked.columns.messages == 0


MAD = st.sampled_from(
    [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"[" * 5000, b"\x01", "ồ".encode(), b"x" * 90]
)
HEAD = b'{"epoch":"e1","seq":1,"t":%d,'
PLACES = (
    HEAD + b'"r":[["%b",1,"ok"]]}',
    HEAD + b'"r":[["x",1,"ok"]],"%b":1}',
    HEAD + b'"r":[["x",1,"ok"]],"k":"%b"}',
    HEAD + b'"r":[["x",1,"ok"]],"k":%b}',
    HEAD + b'"e":[["k",null,"%b",1]]}',
    b'{"epoch":"%b","seq":1,"t":%d,"r":[]}',
)


@given(st.sampled_from(PLACES), MAD, st.booleans())
def test_whatever_stands_in_a_message_its_refusal_can_be_kept(place: bytes, mad: bytes, is_bundle: bool) -> None:
    """Law: decoding never fails, and what is said of a message is text that UTF-8 and the database hold."""
    values = (mad, NOW_MS) if place.startswith(b'{"epoch":"%b') else (NOW_MS, mad)
    payload = place % values
    batch = prepare([receipt(payload, kind="backfill" if is_bundle else "readings")], registry())
    for letter in batch.letters:
        said = json.dumps([letter.found, [each._asdict() for each in letter.refused]], ensure_ascii=False)
        assert b"\\u0000" not in said.encode("utf-8")
    if mad.startswith((b"\xff", b"\xc0", b"\xed")):
        assert [letter.reason for letter in batch.letters] == [Misfit.NOT_UTF8]
    else:
        assert batch.letters or b'"e":' in payload
