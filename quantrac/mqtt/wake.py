"""A pipe that wakes a thread which waits for its sockets."""

from __future__ import annotations

import contextlib
import os


class WakePipe:
    """Any thread may `wake` the one that polls `reader`."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self._writer, False)

    def wake(self) -> None:
        """Make `reader` readable; after `close` it does nothing."""
        with contextlib.suppress(OSError):  # a full pipe has woken it already, a closed one has ended
            os.write(self._writer, b"\0")

    def drain(self) -> None:
        """Take in what woke the thread, so that it can wait again."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.reader, 4096)

    def close(self) -> None:
        """Close both ends, once the thread has ended."""
        writer, self._writer = self._writer, -1
        os.close(writer)
        os.close(self.reader)
