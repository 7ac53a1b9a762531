"""Which addresses a process listens on, as the kernel tells it."""

import re
import socket
import struct
from pathlib import Path

LISTEN = "0A"  # include/net/tcp_states.h: TCP_LISTEN


def addresses_of(pid: int) -> set[tuple[str, int]]:
    """Return (address, port) of every listening TCP socket of the process."""
    inodes = {
        match.group(1)
        for entry in Path(f"/proc/{pid}/fd").iterdir()
        if (match := re.fullmatch(r"socket:\[(\d+)\]", _target(entry)))
    }
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and fields[9] in inodes:
                host, port = fields[1].split(":")
                found.add((_address(host), int(port, 16)))
    return found


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def _address(digits: str) -> str:
    if len(digits) != 8:
        return f"[{digits}]"
    return socket.inet_ntoa(struct.pack("<I", int(digits, 16)))
