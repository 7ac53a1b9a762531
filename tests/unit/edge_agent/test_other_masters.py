"""What another master sends is known from answers and noise, and whose answer could be ours."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.modbus.frames import Request, crc16
from edge_agent.modbus.other_masters import ANSWERED_WITHIN_S, TELL_EVERY_S, HeardRequest, OtherMasters, requests_in
from edge_agent.modbus.request_plan import Function, RegisterSpan

OURS = Request(1, RegisterSpan(Function.HOLDING, 10, 2))


def read(unit: int, code: int, at: int, count: int) -> bytes:
    body = struct.pack(">BBHH", unit, code, at, count)
    return body + crc16(body)


def answer(unit: int, code: int, data: bytes) -> bytes:
    body = bytes((unit, code, len(data))) + data
    return body + crc16(body)


REQUESTS = st.one_of(
    st.builds(read, st.integers(1, 247), st.sampled_from([3, 4]), st.integers(0, 60_000), st.integers(1, 125)),
    st.builds(read, st.integers(1, 247), st.sampled_from([5, 6]), st.integers(0, 60_000), st.sampled_from([0, 0xFF00])),
)
ANSWERS = st.builds(
    lambda unit, code, words: answer(unit, code, struct.pack(f">{len(words)}H", *words)),
    st.integers(1, 247), st.sampled_from([3, 4]), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20),
)  # fmt: skip


@given(st.lists(st.one_of(REQUESTS.map(lambda frame: (True, frame)), ANSWERS.map(lambda frame: (False, frame)))))
def test_exactly_the_requests_among_frames_and_glitches_are_found(frames: list[tuple[bool, bytes]]) -> None:
    heard = b"\xff".join(frame for _, frame in frames)
    assert [request.frame for request in requests_in(heard)] == [frame for asked, frame in frames if asked]


def test_several_registers_or_coils_that_are_written_are_a_request_too() -> None:
    body = bytes.fromhex("11 10 0001 0002 04 000A 0102")  # MODBUS application protocol V1.1b3, 6.12
    (found,) = requests_in(b"\x00" + body + crc16(body))
    assert (found.text, found.read) == ("writes holding 1 of unit 17", None)
    (coils,) = requests_in(b"\x13\x0f\x00\x13\x00\x0a\x02\xcd\x01" + crc16(b"\x13\x0f\x00\x13\x00\x0a\x02\xcd\x01"))
    assert coils.text == "writes coil 19 of unit 19"


def heard_request(frame: bytes) -> HeardRequest:
    (found,) = requests_in(frame)
    return found


def test_only_an_answer_of_our_shape_is_contested_but_any_refusal_of_our_function() -> None:
    others = OtherMasters()
    others.hear(heard_request(read(1, 3, 30, 2)), 0.0)
    assert others.rivals(OURS, 0.1, refused=False)
    assert not others.rivals(OURS, ANSWERED_WITHIN_S + 0.1, refused=False), "it is not answered any more"
    others.hear(heard_request(read(1, 3, 30, 3)), 5.0)
    assert not others.rivals(OURS, 5.1, refused=False)
    assert others.rivals(OURS, 5.1, refused=True)
    others.hear(heard_request(read(2, 3, 30, 2)), 9.0)
    assert not others.rivals(OURS, 9.1, refused=True), "another unit"


def test_an_answer_or_a_later_one_of_the_unit_ends_the_doubt() -> None:
    others = OtherMasters()
    others.hear(heard_request(read(1, 3, 30, 2)), 0.0)
    theirs = answer(1, 3, b"\0\1\0\2")
    assert others.take_answer(theirs, OURS, 0.1) is None, "it could be ours"
    assert others.free_at > 0.1
    assert others.take_answer(b"\xff" + theirs, None, 0.1) == theirs
    assert others.free_at <= 0.1
    assert not others.rivals(OURS, 0.1, refused=False)
    others.hear(heard_request(read(1, 3, 30, 2)), 1.0)
    others.settle(1, 0.9)
    assert others.rivals(OURS, 1.1, refused=False)
    others.settle(1, 1.05)
    assert not others.rivals(OURS, 1.1, refused=False)


def test_it_is_told_once_an_hour_and_our_own_frames_are_no_others() -> None:
    others = OtherMasters()
    others.asked(OURS, 0.0)
    assert others.overhear(answer(1, 3, b"\0\1\0\2"), 30.0) == "", "a late answer of ours"
    assert "4 bytes" in others.overhear(answer(1, 3, b"\0\1\0\2"), 100.0)
    assert others.hear(heard_request(read(1, 3, 30, 2)), 101.0) == "", "that was told"
    assert "asks unit 1 for holding 30+2" in others.hear(heard_request(read(1, 3, 30, 2)), 101.0 + TELL_EVERY_S)
