"""Dead letters through the desks: found, shown, closed once, audited."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from ingest import desk
from ingest.books.dead_letter import NoSuchDeadLetter
from quantrac.database.pool import Connection
from quantrac.desks import books

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def refuse(conn: Connection, payload: bytes, status: str = "open") -> int:
    row = conn.execute(
        """insert into dead_letter (first_received_at, received_at, topic, payload, length, sha256, reason, status)
           values (%s, %s, 'quantrac/v1/st-test/readings', %s, %s, %s, 'not_json', %s) returning dead_letter_id""",
        [NOW, NOW, payload, len(payload), hashlib.sha256(payload).digest(), status],
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_the_newest_open_ones_are_listed_and_closed_ones_on_demand(conn: Connection) -> None:
    first, closed, last = refuse(conn, b"1"), refuse(conn, b"2", "replayed"), refuse(conn, b"3", "partial")
    assert [letter.dead_letter_id for letter in books.dead_letters(conn)] == [last, first]
    assert [letter.dead_letter_id for letter in books.dead_letters(conn, ["replayed"])] == [closed]
    assert len(books.dead_letters(conn, limit=1)) == 1


def test_they_are_found_by_station_and_reason(conn: Connection) -> None:
    first, second, third = refuse(conn, b"1"), refuse(conn, b"2"), refuse(conn, b"3")
    refuse(conn, b"4", "discarded")
    conn.execute("update dead_letter set station = 'st-test'")
    conn.execute("update dead_letter set reason = 'unknown_channel' where dead_letter_id = %s", [second])
    conn.execute("update dead_letter set station = 'st-other' where dead_letter_id = %s", [third])
    assert books.not_closed(conn, station="st-test") == [first, second]
    assert books.not_closed(conn, misfit="not_json") == [first, third]
    assert books.not_closed(conn, station="st-test", misfit="unknown_channel") == [second]
    listed = books.dead_letters(conn, station="st-test", misfit="not_json")
    assert [letter.dead_letter_id for letter in listed] == [first]


def test_the_payload_is_shown_byte_for_byte(conn: Connection) -> None:
    payload = bytes(range(256))
    letter = books.dead_letter(conn, refuse(conn, payload))
    assert letter.payload == payload
    assert letter.sha256 == hashlib.sha256(payload).hexdigest()


def test_discarding_names_the_person_and_the_reason_and_happens_once(conn: Connection) -> None:
    number = refuse(conn, b"{")
    desk.discard(conn, number, "binh", "test of the modem", NOW)
    letter = books.dead_letter(conn, number)
    assert (letter.status, letter.closed_by, letter.closed_reason, letter.closed_at) == (
        "discarded", "binh", "test of the modem", NOW,
    )  # fmt: skip
    audit = conn.execute("select at, person, action, subject, reason from audit").fetchall()
    assert audit == [(NOW, "binh", "discard", f"dead letter {number}", "test of the modem")]
    with pytest.raises(desk.LetterClosedError, match="is discarded already"):
        desk.discard(conn, number, "an", "again", NOW)
    with pytest.raises(NoSuchDeadLetter):
        desk.discard(conn, 999, "an", "x", NOW)
