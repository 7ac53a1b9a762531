"""A station that floods ingest fills no disk, makes no chunks of years ago, and opens no books without end."""

import json
import threading
from datetime import UTC, datetime
from typing import Any

from ingest import desk
from ingest.books.receipt import Receipt
from ingest.storing.writer import Writer
from quantrac.database.pool import Connection, connect
from quantrac.telemetry import wire
from tests.unit.ingest.network import receipt

DAY_MS = 86_400_000


def test_floods_are_bounded_and_counted_and_the_operator_has_the_last_word(
    network: Connection, ingest_url: str
) -> None:
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    network.execute("""update network set quotas = '{"epochs": 20}'""")
    writer = Writer(lambda: connect(ingest_url, "test"), lambda: None, threading.Event())
    try:
        writer.tenure.begin()

        def deliver(*receipts: Receipt) -> None:
            writer.write(receipts)

        def count(query: str) -> Any:
            return (network.execute(query).fetchone() or (None,))[0]

        def said(seq: int, t: int, epoch: str = "old") -> Receipt:
            message = wire.Message(epoch, seq, t, [("do", 5.0, "ok")])
            return receipt(wire.encode(message), "backfill", at_ms=now_ms)

        deliver(*(said(n, now_ms - n * 7 * DAY_MS) for n in range(1, 300)))
        assert count("select count(*) from timescaledb_information.chunks where hypertable_name = 'reading'") < 62
        assert count("select count(*) from v_dead_letter where reason = 'too_old'") == 299 - 57
        letter = count("select dead_letter_id from v_dead_letter where seq = 299")
        assert isinstance(letter, int)
        assert desk.replay(network, letter, "Bình", datetime.now(UTC)).readings == 1

        deliver(*(receipt(bytes([n]) * 60_000, at_ms=now_ms) for n in range(200)))
        assert count("select sum(length(payload)) <= 8 * 1024 * 1024 from v_dead_letter") is True
        deliver(*(said(1, now_ms - n, f"epoch-{n}") for n in range(50)))
        held = {f"status-{n}": {"first": 1, "last": 1, "refused": []} for n in range(50)}
        status = {"online": True, "t": now_ms, "epoch": "status-0", "epochs": held}
        deliver(receipt(json.dumps(status).encode(), "status", at_ms=now_ms))
        assert count("select count(*) from ledger where station = 'st-test' and epoch <> ''") == 20
        assert network.execute("select kind, count from v_breach where kind = 'epochs'").fetchall() == [("epochs", 32)]
        assert count("select count from v_breach where kind = 'dead_letters'") == 200 - 8 * 1024 * 1024 // 60_000
        books = "select bool_and(received = new + duplicate + rejected), sum(received)::int from v_ledger"
        assert network.execute(books).fetchone() == (True, 299 + 200 + 50)
    finally:
        writer.tenure.close()
