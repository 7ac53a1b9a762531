"""Short messages as the GSM network encodes and decodes them (3GPP TS 23.040).

A reading of its own, so that a driver's mistake cannot agree with it.
"""

import time
from dataclasses import dataclass

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
MORE = {10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "€"}
CENTRE = bytes.fromhex("07914809000020F3")


@dataclass(frozen=True)
class Aired:
    """One part that went to the network."""

    to: str
    text: str
    alphabet: str
    group: tuple[int, int, int] | None
    """Reference, number of parts, place."""
    reference: int


def read_submit(pdu: bytes, reference: int) -> Aired:
    """Read an SMS-SUBMIT as the network would."""
    at = 1 + pdu[0]
    first, digits, kind = pdu[at], pdu[at + 2], pdu[at + 3]
    number_end = at + 4 + -(-digits // 2)
    number = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in pdu[at + 4 : number_end])[:digits]
    alphabet = pdu[number_end + 1] & 0x0C
    at = number_end + 2 + {0: 0, 1: 7, 2: 1, 3: 7}[first >> 3 & 3]
    length, data = pdu[at], pdu[at + 1 :]
    header = data[0] + 1 if first & 0x40 else 0
    group = (data[3], data[4], data[5]) if header and data[1] == 0 else None
    if alphabet == 8:
        if length != len(data):
            raise ValueError("user data length")
        text, word = data[header:].decode("utf-16-be"), "UCS-2"
    else:
        if -(-length * 7 // 8) != len(data):
            raise ValueError("user data length")
        bits = "".join(f"{octet:08b}"[::-1] for octet in data)
        codes = [int(bits[i * 7 : i * 7 + 7][::-1], 2) for i in range(-(-header * 8 // 7), length)]
        text, word = _text(codes), "GSM-7"
    return Aired(("+" if kind == 0x91 else "") + number, text, word, group, reference)


def _text(codes: list[int]) -> str:
    text, signs = "", iter(codes)
    for code in signs:
        text += MORE[next(signs)] if code == 27 else BASIC[code]
    return text


def _swap(digits: str) -> bytes:
    digits += "f" * (len(digits) % 2)
    return bytes(int(digits[i + 1] + digits[i], 16) for i in range(0, len(digits), 2))


def _address(number: str) -> bytes:
    digits = number.lstrip("+")
    return bytes([len(digits), 0x91 if number.startswith("+") else 0x81]) + _swap(digits)


def _stamp(t: float) -> bytes:
    """A service centre's time stamp, in Vietnam's zone: 28 quarters of an hour."""
    return _swap(time.strftime("%y%m%d%H%M%S", time.gmtime(t + 7 * 3600)) + "28")


def status_report(aired: Aired, status: int, t: float) -> bytes:
    """Write an SMS-STATUS-REPORT of a part, without the centre's address; `status` is TP-ST."""
    now = _stamp(t)
    return bytes([6, aired.reference]) + _address(aired.to) + now + now + bytes([status])


def deliver(sender: str, text: str, t: float) -> bytes:
    """Write an SMS-DELIVER with the centre's address, as a modem stores it."""
    if all(sign in BASIC for sign in text):
        bits = "".join(f"{BASIC.index(sign):07b}"[::-1] for sign in text)
        data = bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
        alphabet, length = 0, len(text)
    else:
        data = text.encode("utf-16-be")
        alphabet, length = 8, len(data)
    return CENTRE + bytes([4]) + _address(sender) + bytes([0, alphabet]) + _stamp(t) + bytes([length]) + data
