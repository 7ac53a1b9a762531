"""Which bytes of a line are taken for an answer. Frames: MODBUS specification examples, and those of real manuals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerAscii

from edge_agent.modbus.ascii_frames import ascii_length, ascii_of, lrc, rtu_of
from edge_agent.modbus.frames import Request, WriteRequest, crc16, find_reply, has_come, is_frame
from edge_agent.modbus.request_plan import Function, RegisterSpan

ASKED = Request(1, RegisterSpan(Function.HOLDING, 0, 2))
REPLY = bytes.fromhex("01 03 04 41 CA A3 D7 F6 9F")
REFUSAL = bytes.fromhex("01 83 02 C0 F1")


def seal(frame: bytes) -> bytes:
    return frame + crc16(frame)


def test_checks_are_those_of_the_manuals() -> None:
    for frame in ("01 03 00 00 00 02 C4 0B", "01 03 00 00 00 01 84 0A", "01 03 02 02 18 B9 2E", "01 83 02 C0 F1"):
        raw = bytes.fromhex(frame)
        assert crc16(raw[:-2]) == raw[-2:]


def test_a_reply_and_a_refusal_are_found_behind_glitches_and_echoes() -> None:
    for before in (b"", b"\x00", b"\x00\xff\x00", bytes.fromhex("01 03 00 00 00 02 C4 0B"), REPLY[:4]):
        assert find_reply(before + REPLY, ASKED) == REPLY
        assert find_reply(before + REFUSAL, ASKED) == REFUSAL
    assert find_reply(REPLY + b"\x00", ASKED) == REPLY


def test_an_answer_of_another_unit_function_or_length_is_none() -> None:
    assert find_reply(seal(b"\x02\x03\x04\x41\xca\xa3\xd7"), ASKED) is None
    assert find_reply(seal(b"\x01\x04\x04\x41\xca\xa3\xd7"), ASKED) is None
    assert find_reply(seal(b"\x01\x03\x02\x41\xca"), ASKED) is None, "asked for two registers, one came"
    assert find_reply(seal(b"\x01\x84\x02"), ASKED) is None


@given(st.integers(0, len(REPLY) - 2))
def test_nothing_is_found_before_the_frame_is_complete(length: int) -> None:
    assert find_reply(REPLY[:length], ASKED) is None


@given(st.binary(min_size=1, max_size=9).filter(any))
def test_a_damaged_reply_gives_nothing(noise: bytes) -> None:
    damaged = bytes(a ^ b for a, b in zip(REPLY, noise.ljust(len(REPLY), b"\0"), strict=True))
    found = find_reply(damaged, ASKED)
    # CRC-16 lets 1 of 65536 heavy damages pass; every burst of up to 16 bits is caught.
    assert found is None or sum(1 for byte in noise if byte) > 2


@given(st.binary(max_size=300))
def test_what_is_found_is_always_whole_and_sealed(heard: bytes) -> None:
    found = find_reply(heard, ASKED)
    assert found is None or (found in heard and crc16(found[:-2]) == found[-2:] and found[0] == 1)


def test_bits_are_counted_in_bytes() -> None:
    request = Request(9, RegisterSpan(Function.DISCRETE, 0, 11))
    assert request.data_bytes == 2
    reply = seal(b"\x09\x02\x02\x05\x01")
    assert find_reply(reply, request) == reply


def test_a_garbled_frame_is_told_from_silence_and_from_a_glitch() -> None:
    garbled = REPLY[:5] + b"\x00\x00" + REPLY[7:]
    assert is_frame(garbled, ASKED)
    assert is_frame(REPLY[:6], ASKED), "cut off"
    assert is_frame(b"\x55" + garbled[1:], ASKED), "its first byte is damaged"
    assert is_frame(bytes.fromhex("01 83 02 C0 F0"), ASKED)
    assert not is_frame(b"\x00\xff", ASKED)
    assert not is_frame(b"", ASKED)


def test_a_write_is_answered_by_its_own_echo_alone() -> None:
    """Frames of unit 17: register 1 becomes 3, coil 172 goes on (examples of simplymodbus.ca, FC 06 and FC 05)."""
    several = WriteRequest(17, 16, 1, (10, 258))  # 10 and 258 into two registers from 1 (FC 16)
    assert find_reply(bytes.fromhex("11 10 00 01 00 02 12 98"), several) is not None
    register, coil = WriteRequest(17, 6, 1, (3,)), WriteRequest(17, 5, 172, (1,))
    echoes = bytes.fromhex("11 06 00 01 00 03 9A 9B"), bytes.fromhex("11 05 00 AC FF 00 4E 8B")
    for request, echo in zip((register, coil), echoes, strict=True):
        assert find_reply(b"\x00" + echo, request) == echo
        assert find_reply(echo[:-1], request) is None
        assert find_reply(seal(bytes((17, request.code | 0x80, 2))), request) is not None, "a refusal"
    assert find_reply(echoes[0], WriteRequest(17, 6, 1, (4,))) is None, "another value"
    assert find_reply(echoes[0], coil) is None
    assert find_reply(seal(b"\x11\x03\x02\x00\x01"), register) is None, "a late reading"


def test_an_answer_has_come_when_its_head_and_length_are_there_whatever_its_check_says() -> None:
    assert has_come(REPLY[:-1] + b"\x00", ASKED)
    assert has_come(b"\x00" + REPLY, ASKED)
    assert not has_come(REPLY[:-1], ASKED), "cut off, or the rest still comes"
    assert not has_come(seal(b"\x01\x03\x06\x41\xca\xa3\xd7\x00\x00"), ASKED), "the answer to another request"
    assert not has_come(b"\x13" * 20, ASKED), "noise"


ASCII_FRAMES = [  # public examples that print both forms: 40108-40110 of unit 17; two registers from 0 of unit 1
    (b":1103006B00037E\r\n", "11 03 00 6B 00 03 76 87"),
    (b":010300000002FA\r\n", "01 03 00 00 00 02 C4 0B"),
]


@pytest.mark.parametrize(("text", "rtu"), ASCII_FRAMES)
def test_an_ascii_frame_is_the_rtu_frame_in_letters(text: bytes, rtu: str) -> None:
    frame = bytes.fromhex(rtu)
    assert ascii_of(frame) == text
    assert rtu_of(text) == rtu_of(b"\r\nnoise" + text.lower()) == frame
    assert ascii_length(len(frame)) == len(text)


@given(st.binary(min_size=2, max_size=253), st.integers(0, 600))
def test_every_frame_goes_through_ascii_and_back_however_it_is_cut(body: bytes, cut: int) -> None:
    frame, text = seal(body), ascii_of(seal(body))
    assert FramerAscii.check_LRC(body, lrc(body)), "pymodbus says so, too"
    assert rtu_of(text) == frame
    begun = rtu_of(text[:cut])
    assert begun == frame if cut >= len(text) - 1 else frame[:-2].startswith(begun[: len(body)]) and begun != frame


@given(st.integers(0, 1000), st.binary(min_size=1, max_size=3))
def test_a_damaged_ascii_reply_gives_nothing(place: int, noise: bytes) -> None:
    text = ascii_of(REPLY)
    at = place % (len(text) - 1)
    damaged = text[:at] + noise + text[at + len(noise) :]
    found = find_reply(rtu_of(damaged), ASKED)
    assert found is None or damaged.upper()[: len(text) - 1] == text[:-1] or _same_sum(damaged)


def _same_sum(damaged: bytes) -> bool:
    """Whether the damage left the sum as it was, which no LRC sees."""
    return sum(rtu_of(damaged)[:-2]) & 0xFF == sum(REPLY[:-2]) & 0xFF or damaged.count(b":") > 1


def test_a_damaged_ascii_frame_is_told_from_one_that_has_begun() -> None:
    text = ascii_of(REPLY)
    assert not has_come(rtu_of(text[:9]), ASKED)
    assert is_frame(rtu_of(text[:5]), ASKED)
    assert has_come(rtu_of(text.replace(b"41CA", b"41CB")), ASKED)
    assert find_reply(rtu_of(text.replace(b"41CA", b"4xCA")), ASKED) is None
