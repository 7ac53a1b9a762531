"""A signed link acknowledges in a person's name, by a button only; a provider's receipt settles a message once."""

from __future__ import annotations

import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from alerts.telling.links import Links, links_of
from dashboards.console import service
from quantrac.config.loader import load_network
from quantrac.config.settings import Settings
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from tests.fixtures.console import ALARM, CONFIGS
from tests.fixtures.timing import eventually


@pytest.fixture
def conn(database: str) -> Iterator[Connection]:
    with connect(database, "test outside") as connection:
        apply_network(connection, load_network(CONFIGS), "test", datetime.now(UTC))
        connection.execute(
            "insert into contact (name, email, language, groups)"
            " values ('Chị Lan', 'lan@example.org', 'vi', '{operators}')"
        )
        yield connection


@pytest.fixture
def links(database: str, conn: Connection, free_port: Callable[[], int]) -> Iterator[Links]:
    address = f"127.0.0.1:{free_port()}"
    settings = Settings(
        database_url=database, console_listen=address, public_url=f"http://{address}", link_secret="geheim"
    )
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=(settings, stop))
    thread.start()
    try:
        eventually(lambda: ask(f"http://{address}/healthz")[0] == 200)
        found = links_of(settings)
        assert found is not None
        yield found
    finally:
        stop.set()
        thread.join(180)


def ask(url: str, *, form: bool = False) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, data=b"" if form else None, timeout=180) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def alarm(conn: Connection) -> int:
    row = conn.execute(ALARM).fetchone()
    assert row is not None
    return int(row[0])


def seen_by(conn: Connection) -> list[tuple[str | None]]:
    return conn.execute("select acknowledged_by from v_alarm").fetchall()


def test_opening_a_link_changes_nothing_and_its_button_acknowledges_once(conn: Connection, links: Links) -> None:
    link = links.to_alarm(alarm(conn), 1, datetime.now(UTC))
    status, page = ask(link)
    assert (status, seen_by(conn)) == (200, [(None,)])
    assert "Oxy thấp" in page
    assert "Chị Lan" in page
    assert '<form method="post">' in page
    status, page = ask(link, form=True)
    assert (status, seen_by(conn)) == (200, [("Chị Lan",)])
    assert '<form method="post">' not in page
    events = "select event, person, reason from v_alarm_event"
    assert ask(link, form=True)[0] == 200
    assert conn.execute(events).fetchall() == [("acknowledged", "Chị Lan", "by the link in a mail")]


def test_a_link_that_was_altered_or_whose_person_left_is_refused(conn: Connection, links: Links) -> None:
    link = links.to_alarm(alarm(conn), 1, datetime.now(UTC))
    assert ask(link.replace("/a/1.", "/a/2."), form=True)[0] == 410
    conn.execute("update contact set active = false")
    assert ask(link, form=True)[0] == 410
    assert seen_by(conn) == [(None,)]


def test_a_receipt_settles_its_message_once_and_only_with_the_secret_word(conn: Connection, links: Links) -> None:
    number = alarm(conn)
    row = conn.execute(
        "insert into notification (alarm_id, contact_id, medium, purpose, status, body, queued_at, sent_at)"
        " values (%s, 1, 'sms', 'raised', 'sent', 'x', now(), now()) returning key",
        [number],
    ).fetchone()
    assert row is not None
    words = {"SMSID": "s-1", "RequestId": row[0].hex, "SendStatus": "5", "SendSuccess": "1", "SendFailed": "0"}
    told = urllib.parse.urlencode(words)
    state = "select status, delivered_at is not null from v_notification"
    assert ask(f"{links.public_url}/receipts/esms/guessed?{told}")[0] == 404
    assert conn.execute(state).fetchall() == [("sent", False)]
    assert ask(f"{links.receipts('esms')}?{told}")[0] == 200
    assert conn.execute(state).fetchall() == [("delivered", True)]
    failed = urllib.parse.urlencode({**words, "SendSuccess": "0", "SendFailed": "1"})
    assert ask(f"{links.receipts('esms')}?{failed}")[0] == 200
    assert conn.execute(state).fetchall() == [("delivered", True)]


def test_a_link_shows_the_picture_of_its_alarm_and_none_of_another(conn: Connection, links: Links) -> None:
    mine = alarm(conn)
    link = links.to_alarm(mine, 1, datetime.now(UTC))
    wanted = """
        insert into alarm_picture (alarm_id, alarm_event_id, station, camera, wanted_at, expires_at, asked_at, outcome)
        values (%s, %s, 'st-cu-lao-dung', 'gate', now(), now(), now(), 'taken')
        """
    event = """
        insert into alarm_event (alarm_id, time, event, at, state, acknowledged)
        values (%s, now(), 'raised', now(), 'unacknowledged', false)
        """
    conn.execute(event, [mine])
    conn.execute(wanted, [mine, 1])
    assert "Ảnh đang được gửi về" in ask(link)[1]
    assert ask(f"{link}/pictures/gate")[0] == 404
    conn.execute(
        "insert into image (station, camera, time, sha256, cause, epoch, seq, received_at, jpeg) values"
        " ('st-cu-lao-dung', 'gate', now(), sha256('JPEG'), 'asked', 'e', 1, now(), 'JPEG')"
    )
    assert f'<img src="{urllib.parse.urlsplit(link).path}/pictures/gate"' in ask(link)[1]
    assert ask(f"{link}/pictures/gate") == (200, "JPEG")
    assert ask(f"{links.public_url}/api/alarms/{mine}/pictures/gate") == (200, "JPEG")
    assert ask(f"{link.replace('/a/1.', '/a/2.')}/pictures/gate")[0] == 410
    assert ask(f"{link}/pictures/river")[0] == 404
