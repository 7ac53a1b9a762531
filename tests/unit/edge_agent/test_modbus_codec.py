"""Registers to numbers. Reference words: 7.25 in its four orders, as IEEE 754 has it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.modbus import codec

INTEGERS = {
    "int8": (-(2**7), 2**7 - 1), "uint8": (0, 2**8 - 1),
    "int16": (-(2**15), 2**15 - 1), "uint16": (0, 2**16 - 1), "int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1), "bcd16": (0, 9999), "bcd32": (0, 99_999_999),
}  # fmt: skip


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("ABCD", [0x40E8, 0x0000]),
        ("CDAB", [0x0000, 0x40E8]),
        ("BADC", [0xE840, 0x0000]),
        ("DCBA", [0x0000, 0xE840]),
    ],
)
def test_each_order_of_a_known_float_is_told_apart(order: codec.ByteOrder, words: list[int]) -> None:
    assert codec.decode(words, "float32", order) == 7.25


def test_the_modbus_reply_of_25_33_degrees_decodes() -> None:
    assert codec.decode([0x41CA, 0xA3D7], "float32") == pytest.approx(25.33, abs=1e-6)


def on_the_wire(value: int, kind: codec.NumberType, order: codec.ByteOrder) -> list[int]:
    """Registers of a whole number, made apart from the codec."""
    size = 2 * codec.width(kind)
    digits = kind.startswith("bcd")
    raw = bytes.fromhex(f"{value:0{2 * size}d}") if digits else value.to_bytes(size, "big", signed=kind[0] == "i")
    words = [
        int.from_bytes(raw[i : i + 2], "little" if order in ("BADC", "DCBA") else "big") for i in range(0, size, 2)
    ]
    return words[::-1] if order in ("CDAB", "DCBA") else words


@given(st.data(), st.sampled_from(sorted(INTEGERS)), st.sampled_from(codec.BYTE_ORDERS))
def test_whole_numbers_of_every_type_are_read_in_every_order(
    data: st.DataObject, kind: codec.NumberType, order: codec.ByteOrder
) -> None:
    value = data.draw(st.integers(*INTEGERS[kind]))
    words = on_the_wire(value, kind, order)
    if kind.endswith("int8"):  # the other byte of the register may hold anything
        words[0] = words[0] & (0xFF00 if order in ("BADC", "DCBA") else 0xFF) | data.draw(st.integers(0, 255)) << (
            0 if order in ("BADC", "DCBA") else 8
        )
    assert codec.decode(words, kind, order) == value
    if kind.startswith(("int", "uint")) and not kind.endswith("int8"):
        assert list(codec.encode(value, kind, order)) == words


@given(st.floats(allow_nan=False), st.sampled_from(codec.BYTE_ORDERS))
def test_the_orders_agree_with_an_independent_byte_shuffle(value: float, order: codec.ByteOrder) -> None:
    shuffle = {
        "ABCD": [0, 1, 2, 3, 4, 5, 6, 7], "CDAB": [6, 7, 4, 5, 2, 3, 0, 1],
        "BADC": [1, 0, 3, 2, 5, 4, 7, 6], "DCBA": [7, 6, 5, 4, 3, 2, 1, 0],
    }[order]  # fmt: skip
    raw = struct.pack(">d", value)
    wire = bytes(raw[i] for i in shuffle)
    assert codec.decode(struct.unpack(">4H", wire), "float64", order) == value


def test_a_nibble_above_nine_is_no_decimal() -> None:
    assert codec.decode([0x1234], "bcd16") == 1234
    with pytest.raises(codec.CodecError, match="binary-coded decimal"):
        codec.decode([0x12A4], "bcd16")


def test_the_wrong_number_of_registers_is_refused() -> None:
    with pytest.raises(codec.CodecError, match="takes 2 registers, got 1"):
        codec.decode([1], "float32")


def test_bits_are_shifted_down_to_the_lowest_of_the_mask() -> None:
    assert codec.bits(0x4200, 0x0F00) == 2
    assert codec.bits(0x8000, 0x8000) == 1
    with pytest.raises(codec.CodecError):
        codec.bits(1, 0)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=16), st.booleans())
def test_text_is_read_two_characters_a_register_and_either_first(text: str, swapped: bool) -> None:
    registers = struct.unpack("<8H" if swapped else ">8H", text.encode("ascii").ljust(16, b"\0"))
    assert codec.decode_text(registers, "BADC" if swapped else "ABCD") == text
