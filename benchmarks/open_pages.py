"""Open pages of the console as one light process: their streams, read and thrown away, but one that is looked into.

`python -m benchmarks.open_pages HOST:PORT PAGES CHANNEL`: prints `open` when all of them have had everything, then a
line `VALUE MILLISECONDS` for each value of the channel that the first page hears of, with the time since 1970.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import zlib

REQUEST = "GET /api/stream HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"


async def page(address: str, opened: asyncio.Queue[None], channel: str | None) -> None:
    """Read one stream until it ends; looked into where a channel is named."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**24)
    writer.write(REQUEST.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n", 1)[0], head
    unpack, text = zlib.decompressobj(wbits=31), b""
    is_open = False
    while length := int(await reader.readline(), 16):
        packed = (await reader.readexactly(length + 2))[:-2]
        if not is_open:
            opened.put_nowait(None)
            is_open = True
        if channel is not None:
            *events, text = (text + unpack.decompress(packed)).split(b"\n\n")
            for event in events:
                _tell(event, channel)


def _tell(event: bytes, channel: str) -> None:
    heard_ms = time.time() * 1000
    if columns := json.loads(event.partition(b"data: ")[2]).get("channels"):
        for station, name, value in zip(columns["station"], columns["name"], columns["value"], strict=True):
            if f"{station}/{name}" == channel:
                print(value, heard_ms, flush=True)


async def main(address: str, pages: int, channel: str) -> None:
    """Open the pages, fifty at a time, and keep them open until this process is ended."""
    opened: asyncio.Queue[None] = asyncio.Queue()
    tasks = set()
    for number in range(pages):
        tasks.add(asyncio.create_task(page(address, opened, channel if number == 0 else None)))
        if number % 50 == 49 or number == pages - 1:
            while opened.qsize() < number + 1:
                await asyncio.sleep(0.05)
                assert not any(task.done() for task in tasks), "a stream has ended"
    print("open", flush=True)
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    raise SystemExit("a stream has ended")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
