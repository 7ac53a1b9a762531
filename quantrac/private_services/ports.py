"""Free TCP ports of the loopback address."""

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"

_LOWEST = 15_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 200
_reserved: list[int] = []
"""Descriptors of the sockets that hold the ports which this process was given; they go with it."""


def free_port() -> int:
    """Return a port that is given to nobody else as long as this process lives, whether a server listens there or not.

    It lies outside the range the kernel gives to outgoing connections. Inside that range a client that keeps knocking
    at a stopped server's port can be given that very port as its own and so connect to itself.
    """
    for _ in range(_TRIES):
        port = random.randrange(_LOWEST, _ephemeral_start())  # noqa: S311 (no secret: any free one does)
        if _reserve(port):
            return port
    raise OSError(f"no free port on {LOOPBACK} between {_LOWEST} and {_ephemeral_start()}")


def _reserve(port: int) -> bool:
    """Bind a socket that never listens: no other reservation can, and a server with SO_REUSEADDR still may."""
    held = socket.socket()
    try:
        held.bind((LOOPBACK, port))
    except OSError:
        held.close()
        return False
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _reserved.append(held.detach())
    return True


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int, timeout_s: float = 0.5) -> bool:
    """Tell whether something accepts connections on this port of the loopback address."""
    try:
        socket.create_connection((LOOPBACK, port), timeout_s).close()
    except OSError:
        return False
    return True


def _ephemeral_start() -> int:
    try:
        start = int(_EPHEMERAL.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        start = 32_768
    return start if start > _LOWEST + 1_000 else 32_768
