"""RS-485 by the port's own driver: Linux switches a two-wire transceiver with RTS (TIOCSRS485).

The block is `struct serial_rs485` of linux/serial.h: flags, two delays in ms, and five words of padding.
"""

from __future__ import annotations

import fcntl
import struct
from typing import Final

from edge_agent.readings.misses import LineDown
from quantrac.config.stations import Rs485

TIOCSRS485: Final = 0x542F
ENABLED, RTS_ON_SEND, RTS_AFTER_SEND, RX_DURING_TX = 1, 2, 4, 16


def block(options: Rs485) -> bytes:
    """Return the kernel's block of the options."""
    flags = ENABLED
    flags |= RTS_ON_SEND if options.rts_on_send else 0
    flags |= RTS_AFTER_SEND if options.rts_after_send else 0
    flags |= RX_DURING_TX if options.rx_during_tx else 0
    return struct.pack("=8I", flags, options.before_ms, options.after_ms, 0, 0, 0, 0, 0)


def switch_on(descriptor: int, port: str, options: Rs485) -> None:
    """Ask the driver of an open port to switch the direction; raises LineDown if it cannot."""
    try:
        fcntl.ioctl(descriptor, TIOCSRS485, block(options))
    except OSError as error:
        raise LineDown(
            f"{port}: its driver has no RS-485 mode ({error.strerror}); "
            "leave out `rs485:` if the adapter switches its direction by itself"
        ) from error
