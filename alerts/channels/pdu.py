"""Short messages as a modem takes and gives them: TPDUs of 3GPP TS 23.040 in the hex form of TS 27.005. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from alerts.telling import gsm

VALIDITY_6_H: Final = 71
"""TP-VP, relative (23.040 9.2.3.12.1): (71 + 1) x 5 minutes. A warning that is older helps nobody."""
SUBMIT: Final = 0x31
"""TP-MTI submit, relative validity, a status report asked for."""
HEADER_FOLLOWS: Final = 0x40
INTERNATIONAL, UNKNOWN_NUMBER, ALPHANUMERIC = 0x91, 0x81, 5
GSM7, UCS2 = 0x00, 0x08
CONCATENATION: Final = 0x00
HEADER_SEPTETS: Final = 7
ESCAPE: Final = 0x1B


class PduError(ValueError):
    """Bytes that are no such message."""


@dataclass(frozen=True, slots=True)
class Submit:
    """One part, ready for AT+CMGS."""

    hex: str
    length: int
    """Octets without the service centre's address: the argument of AT+CMGS."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """A message that somebody sent to this SIM."""

    sender: str
    text: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What became of a message that was sent."""

    reference: int
    """TP-MR, 0…255: what AT+CMGS answered."""
    to: str
    sent_at: datetime
    settled_at: datetime
    status: int
    """TP-ST (23.040 9.2.3.15): 0–31 arrived, 32–63 still trying, 64 and more given up."""

    @property
    def has_arrived(self) -> bool:
        """Whether the telephone has the message."""
        return self.status < 0x20

    @property
    def is_final(self) -> bool:
        """Whether the network has stopped trying."""
        return not 0x20 <= self.status < 0x40


def submits(to: str, text: str, group: int) -> list[Submit]:
    """Return the parts of a message, GSM-7 if its alphabet has every sign, else UCS-2.

    `to` is a number in E.164; `group` (0…255) names the parts of one message. An empty text is refused (ValueError):
    networks carry it, and it says nothing.
    """
    if not text:
        raise ValueError("the text is empty")
    is_gsm7 = gsm.length(text).alphabet == "GSM-7"
    pieces: list[list[int] | bytes] = [*_gsm7_pieces(text)] if is_gsm7 else [*_ucs2_pieces(text)]
    return [
        _submit(to, piece, b"" if len(pieces) == 1 else bytes([5, CONCATENATION, 3, group, len(pieces), place]))
        for place, piece in enumerate(pieces, start=1)
    ]


def decode(text: str) -> Deliver | StatusReport:
    """Read a PDU that the modem gives: a message or a status report. Raises PduError."""
    try:
        raw = bytes.fromhex(text)
        tpdu = raw[1 + raw[0] :]
        kind = tpdu[0] & 3
        if kind == 0:
            return _deliver(tpdu)
        if kind == 2:
            return _status_report(tpdu)
    except (ValueError, IndexError) as error:
        raise PduError(f"{text[:60]!r}: {error}") from error
    raise PduError(f"{text[:60]!r}: TP-MTI {kind} is neither a message nor a status report")


def pack(codes: list[int], fill: int = 0) -> bytes:
    """Pack septets into octets, lowest bits first (23.038 6.1.2.1), after `fill` bits."""
    value = sum(code << 7 * place for place, code in enumerate(codes)) << fill
    return value.to_bytes((7 * len(codes) + fill + 7) // 8, "little")


def unpack(raw: bytes, count: int, fill: int = 0) -> list[int]:
    """Return `count` septets of octets, after `fill` bits."""
    value = int.from_bytes(raw, "little") >> fill
    return [value >> 7 * place & 0x7F for place in range(count)]


def codes_of(text: str) -> list[int]:
    """Return the septets of a text; an extended sign gives two."""
    return [code for sign in text for code in _codes(sign)]


def text_of(codes: list[int]) -> str:
    """Return the text of septets; an unknown extended sign becomes a space (23.038 6.2.1.1)."""
    signs = {code: sign for sign, code in gsm.EXTENDED.items()}
    text, escaped = "", False
    for code in codes:
        if escaped:
            text += signs.get(code, " ")
        elif code != ESCAPE:
            text += gsm.ALPHABET[code]
        escaped = code == ESCAPE and not escaped
    return text


def _codes(sign: str) -> tuple[int, ...]:
    return (ESCAPE, gsm.EXTENDED[sign]) if sign in gsm.EXTENSION else (gsm.ALPHABET.index(sign),)


def _gsm7_pieces(text: str) -> Iterator[list[int]]:
    """An extended sign is never cut in two."""
    room = gsm.SINGLE_SEPTETS if len(codes_of(text)) <= gsm.SINGLE_SEPTETS else gsm.PART_SEPTETS
    piece: list[int] = []
    for sign in text:
        codes = _codes(sign)
        if len(piece) + len(codes) > room:
            yield piece
            piece = []
        piece += codes
    yield piece


def _ucs2_pieces(text: str) -> Iterator[bytes]:
    """A sign beyond the basic plane (two units) is never cut in two."""
    room = 2 * (gsm.SINGLE_UCS2 if gsm.length(text).units <= gsm.SINGLE_UCS2 else gsm.PART_UCS2)
    piece = b""
    for sign in text:
        units = sign.encode("utf-16-be")
        if len(piece) + len(units) > room:
            yield piece
            piece = b""
        piece += units
    yield piece


def _submit(to: str, piece: list[int] | bytes, header: bytes) -> Submit:
    first = SUBMIT | (HEADER_FOLLOWS if header else 0)
    if isinstance(piece, bytes):
        alphabet, length, data = UCS2, len(header) + len(piece), header + piece
    else:
        fill = 1 if header else 0  # six octets of header and one bit are seven septets
        alphabet, length = GSM7, len(piece) + (HEADER_SEPTETS if header else 0)
        data = header + pack(piece, fill)
    tpdu = bytes([first, 0]) + _address(to) + bytes([0, alphabet, VALIDITY_6_H, length]) + data
    return Submit("00" + tpdu.hex().upper(), len(tpdu))  # 00: the service centre that the SIM names


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    kind = INTERNATIONAL if number.startswith("+") else UNKNOWN_NUMBER
    return bytes([len(digits), kind]) + _swapped(digits)


def _swapped(digits: str) -> bytes:
    even = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(even[i + 1] + even[i] for i in range(0, len(even), 2)))


def _digits(raw: bytes) -> str:
    return "".join(f"{octet & 15:X}{octet >> 4:X}" for octet in raw)


def _read_address(tpdu: bytes, at: int) -> tuple[str, int]:
    """Return the address that begins at `at`, and where it ends."""
    length, kind = tpdu[at], tpdu[at + 1]
    end = at + 2 + (length + 1) // 2
    raw = tpdu[at + 2 : end]
    if kind >> 4 & 7 == ALPHANUMERIC:
        return text_of(unpack(raw, length * 4 // 7)), end
    return ("+" if kind >> 4 & 7 == 1 else "") + _digits(raw)[:length], end


def _read_time(raw: bytes) -> datetime:
    """Read TP-SCTS: six swapped pairs of digits and the zone in quarters of an hour, bit 3 of its octet the sign."""
    if len(raw) != 7:
        raise ValueError("a time stamp is cut off")
    year, month, day, hour, minute, second = (int(_digits(raw[i : i + 1])) for i in range(6))
    quarters = int(_digits(bytes([raw[6] & 0xF7])))
    local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    return local - timedelta(minutes=15 * (-quarters if raw[6] & 8 else quarters))


def _deliver(tpdu: bytes) -> Deliver:
    sender, at = _read_address(tpdu, 1)
    alphabet, sent_at, length = tpdu[at + 1] & 0x0C, _read_time(tpdu[at + 2 : at + 9]), tpdu[at + 9]
    data = tpdu[at + 10 :]
    skip = data[0] + 1 if tpdu[0] & HEADER_FOLLOWS else 0
    if alphabet == UCS2:
        return Deliver(sender, data[skip:length].decode("utf-16-be", "replace"), sent_at)
    if alphabet == GSM7:
        septets = (skip * 8 + 6) // 7
        codes = unpack(data[skip:], length - septets, septets * 7 - skip * 8)
        return Deliver(sender, text_of(codes), sent_at)
    return Deliver(sender, data[skip:length].hex(), sent_at)


def _status_report(tpdu: bytes) -> StatusReport:
    to, at = _read_address(tpdu, 2)
    sent_at, settled_at = _read_time(tpdu[at : at + 7]), _read_time(tpdu[at + 7 : at + 14])
    return StatusReport(tpdu[1], to, sent_at, settled_at, tpdu[at + 14])
