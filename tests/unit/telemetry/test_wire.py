"""Wire version 1: what is sent is what is read, and every kind of misfit is told apart (docs/wire.md)."""

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.telemetry import wire
from quantrac.telemetry.states import State
from quantrac.telemetry.wire import BadEnvelope, Message, Misfit

WORDS = [state.word for state in State]
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
epoch = st.text(st.sampled_from("0123456789abcdef"), min_size=1, max_size=8)
seq = st.integers(1, wire.MAX_SEQ)
instant = st.integers(-(2**53), 2**53)
value = st.floats(allow_nan=False, allow_infinity=False)
reading = st.tuples(text, value, st.sampled_from([w for w in WORDS if w != "comm"])) | st.tuples(
    text, st.none(), st.sampled_from([w for w in WORDS if w != "ok"])
)
event = st.tuples(text, text | st.none(), text, instant)
message = st.builds(
    Message, epoch=epoch, seq=seq, t=instant, r=st.lists(reading, max_size=6), e=st.lists(event, max_size=3)
)


@given(message)
def test_decoding_gives_back_what_was_encoded(sent: Message) -> None:
    assert wire.decode_message(wire.encode(sent)) == sent


@given(message.filter(lambda m: m.r or m.e))
def test_the_lenient_decoder_agrees_with_the_strict_one_on_everything_right(sent: Message) -> None:
    read = wire.decode_leniently(wire.encode(sent))
    assert read.refused == []
    assert read.message == sent


@given(message)
def test_a_message_is_plain_json_for_anyone_else(sent: Message) -> None:
    """An independent decoder, the standard library's, reads the same."""
    found = json.loads(wire.encode(sent))
    assert (found["epoch"], found["seq"], found["t"]) == (sent.epoch, sent.seq, sent.t)
    assert [tuple(r) for r in found["r"]] == sent.r


@given(st.binary(max_size=200))
def test_no_bytes_whatever_break_the_lenient_decoder(payload: bytes) -> None:
    values: list[float | None] = []
    with contextlib.suppress(BadEnvelope):
        values = [v for _, v, _ in wire.decode_leniently(payload).message.r]
    assert all(v is None or math.isfinite(v) for v in values)


@given(st.lists(st.binary(min_size=1, max_size=60).filter(lambda b: b.strip() and b"\n" not in b), max_size=30))
def test_bundles_carry_every_line_once_and_in_order(lines: list[bytes]) -> None:
    rest, carried = lines, []
    while rest:
        payload, count = wire.bundle(rest, limit=100)
        assert len(payload) <= 100
        assert count >= 1
        carried += wire.lines_of(payload)
        rest = rest[count:]
    assert carried == lines


GOOD = ["ph", 7.6, "ok"]


def envelope(**changes: object) -> bytes:
    fields: dict[str, object] = {"epoch": "9f31c2ab", "seq": 7, "t": 1_795_490_400_000, "r": [GOOD]}
    return json.dumps({k: v for k, v in (fields | changes).items() if v != "absent"}).encode()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xff\xfe", Misfit.NOT_UTF8),
        (b"", Misfit.NOT_JSON),
        (b"{", Misfit.NOT_JSON),
        (b"[" * 100_000, Misfit.NOT_JSON),
        (b"12", Misfit.NOT_AN_OBJECT),
        (b"[]", Misfit.NOT_AN_OBJECT),
        (envelope(epoch="absent"), Misfit.NO_EPOCH),
        (envelope(epoch=""), Misfit.NO_EPOCH),
        (envelope(epoch="a\x00"), Misfit.NO_EPOCH),
        (envelope(epoch=5), Misfit.NO_EPOCH),
        (envelope(seq="absent"), Misfit.NO_SEQ),
        (envelope(seq=0), Misfit.NO_SEQ),
        (envelope(seq=1.5), Misfit.NO_SEQ),
        (envelope(seq=True), Misfit.NO_SEQ),
        (envelope(seq=2**53), Misfit.NO_SEQ),
        (envelope(t="absent"), Misfit.BAD_TIME),
        (envelope(t="2026-11-24T00:00:00Z"), Misfit.BAD_TIME),
        (envelope(t=10**17), Misfit.BAD_TIME),
        (envelope(r={}), Misfit.BAD_READINGS),
        (envelope(r=[]), Misfit.EMPTY),
    ],
)
def test_a_bad_envelope_is_refused_by_both_decoders_with_its_reason(payload: bytes, reason: Misfit) -> None:
    if reason is not Misfit.EMPTY:  # emptiness is no matter of types
        with pytest.raises(wire.STRICT_ERRORS):
            wire.decode_message(payload)
    with pytest.raises(BadEnvelope) as bad:
        wire.decode_leniently(payload)
    assert bad.value.reason is reason


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ('["do", NaN, "ok"]', Misfit.NOT_FINITE),
        ('["do", -Infinity, "ok"]', Misfit.NOT_FINITE),
        ('["do", 1e400, "ok"]', Misfit.NOT_FINITE),
        (f'["do", {10**400}, "ok"]', Misfit.NOT_FINITE),
        ('["do", "4.2", "ok"]', Misfit.WRONG_TYPE),
        ('["do", true, "ok"]', Misfit.WRONG_TYPE),
        ('["do", 4.2]', Misfit.WRONG_TYPE),
        ('["do", 4.2, "ok", 1]', Misfit.WRONG_TYPE),
        ("[5, 4.2, 0]", Misfit.WRONG_TYPE),
        ("null", Misfit.WRONG_TYPE),
        ('["do", 4.2, "fine"]', Misfit.UNKNOWN_STATE),
        ('["do", 4.2, "comm"]', Misfit.VALUE_WITH_COMM),
        ('["do", null, "ok"]', Misfit.NULL_WITH_OK),
    ],
)
def test_a_bad_reading_is_refused_alone(item: str, reason: Misfit) -> None:
    payload = envelope(r=[GOOD, "HERE", ["ec", 12, "suspect"]]).replace(b'"HERE"', item.encode())
    if reason in (Misfit.NOT_FINITE, Misfit.WRONG_TYPE):  # what a state word says is no matter of types
        with pytest.raises(wire.STRICT_ERRORS):
            wire.decode_message(payload)
    read = wire.decode_leniently(payload)
    assert [(r.place, r.reason) for r in read.refused] == [("r[1]", reason)]
    assert read.message.r == [("ph", 7.6, "ok"), ("ec", 12.0, "suspect")]


def test_events_that_are_no_list_cost_the_readings_nothing() -> None:
    read = wire.decode_leniently(envelope(e="restart"))
    assert [(r.place, r.reason) for r in read.refused] == [("e", Misfit.BAD_EVENTS)]
    assert read.message.r == [("ph", 7.6, "ok")]


def test_an_event_with_a_text_that_is_too_long_is_refused_alone() -> None:
    fits, too_long = (["door", None, "ố" * length, 1] for length in (wire.MAX_TEXT, wire.MAX_TEXT + 1))
    assert len(wire.decode_message(envelope(e=[fits])).e) == 1
    with pytest.raises(wire.STRICT_ERRORS):
        wire.decode_message(envelope(e=[fits, too_long]))
    read = wire.decode_leniently(envelope(e=[fits, too_long]))
    assert [(r.place, r.reason) for r in read.refused] == [("e[1]", Misfit.TOO_LARGE)]
    assert read.message.e == [tuple(fits)]


def test_what_an_edge_has_given_up_is_said_in_numbers_or_ranges() -> None:
    said = wire.decode_status(
        b'{"online":true,"t":1,"epoch":"e","epochs":{"e":{"first":4,"last":12,"refused":[5,[7,9]]}}}'
    )
    assert said.epochs["e"].refused_ranges == [(5, 5), (7, 9)]


def test_what_was_refused_can_be_kept_by_the_database() -> None:
    read = wire.decode_leniently(
        b'{"epoch":"a","seq":1,"t":1,"r":[["x\\u0000",1,"zz"],["y\\ud800",1,2]],"e":[["k",null,"\\u0000",1]]}'
    )
    assert [r.place for r in read.refused] == ["r[0]", "r[1]", "e[0]"]
    for refused in read.refused:
        assert "\x00" not in refused.found
        refused.found.encode("utf-8")


def test_unknown_extra_keys_are_ignored() -> None:
    assert wire.decode_message(envelope(later="x")) == wire.decode_message(envelope())


def test_the_example_of_the_design_reads_as_written() -> None:
    payload = (
        b'{"epoch":"9f31c2ab","seq":1042,"t":1795490400000,'
        b'"r":[["water_temp",28.41,"ok"],["do",null,"comm"],["ph",7.62,"suspect"]],'
        b'"e":[["restart",null,"boot 17",1795490371000]]}'
    )
    read = wire.decode_message(payload)
    assert read.r[1] == ("do", None, "comm")
    assert read.e == [("restart", None, "boot 17", 1795490371000)]
    assert wire.encode(read) == payload


def test_ack_birth_and_status_of_the_design_read_as_written() -> None:
    ack = wire.decode_ack(b'{"t":5,"epochs":{"9f31c2ab":{"upto":1040,"missing":[[311,322]]}}}')
    assert ack.epochs["9f31c2ab"] == wire.Settled(1040, [(311, 322)])
    birth = wire.decode_birth(
        b'{"epoch":"9f31c2ab","epochs":{"9f31c2ab":{"first":1,"last":1042,"refused":[]}},"t":5,"agent":"0.1.0",'
        b'"config":"ab","channels":[{"name":"do","parameter":"do","unit":"mg/L","interval":60}]}'
    )
    assert birth.channels[0].interval == 60
    assert wire.decode_status(b'{"online":false,"t":5}').epochs == {}
    with pytest.raises(wire.WireError, match="online"):
        wire.decode_status(b'{"t":5}')
