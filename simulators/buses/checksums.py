"""The checksums of the field's protocols: CRC-16 of Modbus and SDI-12, and the XOR of all bytes."""


def crc16(data: bytes, start: int = 0xFFFF) -> int:
    """Return the CRC-16 with polynomial 0xA001; Modbus starts with 0xFFFF, SDI-12 with 0."""
    crc = start
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def modbus_crc(data: bytes) -> bytes:
    """Return the two bytes behind a Modbus RTU frame, low byte first as on the wire."""
    return crc16(data).to_bytes(2, "little")


def crc_characters(text: str) -> str:
    """Return the three characters that SDI-12, and Vaisala with it, put behind address and values."""
    crc = crc16(text.encode("ascii"), start=0)
    return "".join(chr(0x40 | part) for part in (crc >> 12, (crc >> 6) & 0x3F, crc & 0x3F))


def xor(data: bytes) -> bytes:
    """Return the XOR of all bytes as two upper-case hexadecimal digits."""
    total = 0
    for byte in data:
        total ^= byte
    return b"%02X" % total
