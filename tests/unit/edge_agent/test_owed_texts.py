"""Answers of text that are owed: what is one, which has come, and what a fence's looks like. SDI-12 1.4, 4.4."""

from __future__ import annotations

import pytest

from edge_agent.lines.endings import LINE, Ending, bare
from edge_agent.lines.owed_texts import OWED_S, OwedText, OwedTexts
from edge_agent.modbus.owed_answers import NumberedAnswers

DUST = Ending(b"\x03", 2, b"\x02MD")
"""Bayern-Hessen: STX MD … ETX and two characters of block check."""
SENSOR = LINE._replace(head=b"0")


@pytest.mark.parametrize(
    ("raw", "is_it"),
    [
        (b"0\r\n", True), (b"\x00\xff0\r\n", True), (b"0!0\r\n", True),
        (b"0+1.5\r\n", False), (b"00014\r\n", False), (b"1\r\n", False), (b"\r\n", False),
    ],
)  # fmt: skip
def test_the_answer_of_a_fence_is_an_address_and_nothing_else(raw: bytes, is_it: bool) -> None:
    assert bare("0").is_answer(raw) is is_it
    assert SENSOR.but_not(bare("0")).is_answer(raw) is (not is_it and b"0" in raw)


@pytest.mark.parametrize(
    ("ending", "heard", "has_come"),
    [
        (DUST, b"", False), (DUST, b"\x83\xf1\x03\x99\x80", False), (DUST, b"\x02MD01 00", True),
        (DUST, b"\x82MD01 001 +0001+03 00 00 000 000000 \x0312", True),
        (bare("0"), b"0+1.5\r\n", False), (bare("0"), b"0+1.5\r\n0\r\n", True),
        (SENSOR, b"0", False), (SENSOR, b"0+1.", False), (SENSOR, b"0+1.5\r\n", True), (SENSOR, b"1+1.5\r\n", False),
    ],
)  # fmt: skip
def test_noise_is_no_answer_and_a_damaged_answer_is_one(ending: Ending, heard: bytes, has_come: bool) -> None:
    assert ending.has_come(heard) is has_come


def test_an_answer_is_owed_until_it_comes_is_fenced_off_or_can_come_no_more() -> None:
    owed = OwedTexts()
    owed.owe(OwedText(b"DA", DUST, 100.0, "dust"))
    assert owed.left_ms(b"DA", 104.0) == 6_000
    assert owed.left_ms(b"0!", 104.0) == 0
    assert owed.late(b"\x02MD01 0") is None
    found = owed.late(b"?\x02MD01 x\x0312...")
    assert found is not None
    assert (found[0].device, found[1]) == ("dust", 11)
    assert owed.left_ms(b"DA", 104.0) == 0
    owed.owe(OwedText(b"DA", DUST, 100.0, "dust"))
    assert owed.left_ms(b"DA", 100.0 + OWED_S) == 0
    owed.owe(OwedText(b"0!", SENSOR, 120.0, "level"))
    owed.settle(b"0!")
    assert owed.left_ms(b"0!", 120.0) == 0


def test_a_late_answer_on_tcp_is_known_by_its_number() -> None:
    owed = NumberedAnswers()
    owed.owe(7, 2, 100.0)
    owed.owe(8, 3, 101.0)
    another, late = bytes.fromhex("000900000005010402" + "0001"), bytes.fromhex("000700000005020402" + "0001")
    assert list(owed.late(another + late[:-1])) == [], "not whole yet"
    assert list(owed.late(another + late)) == [(2, 100.0)]
    assert list(owed.late(late)) == []
