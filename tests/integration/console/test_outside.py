"""A signed link acknowledges in a person's name, by a button only; a provider's receipt settles a message once."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from alerts.telling.links import Links, links_of
from tests.fixtures.console import RunningConsole


@pytest.fixture
def console(unstarted_console: Callable[..., RunningConsole]) -> RunningConsole:
    """A console that signs links, and a contact who gets mails."""
    running = unstarted_console(link_secret="geheim")
    running.conn.execute(
        "insert into contact (name, email, language, groups) values ('Chị Lan', 'lan@example.org', 'vi', '{operators}')"
    )
    running.start()
    return running


@pytest.fixture
def links(console: RunningConsole) -> Links:
    found = links_of(console.settings)
    assert found is not None
    return found


def ask(console: RunningConsole, url: str, method: str = "GET") -> tuple[int, str]:
    status, _, text = console.ask(method, url.removeprefix(console.url))
    return status, text


def test_opening_a_link_changes_nothing_and_its_button_acknowledges_once(console: RunningConsole, links: Links) -> None:
    number = console.raise_alarm()
    link = links.to_alarm(number, 1, datetime.now(UTC))
    status, page = ask(console, link)
    assert (status, console.acknowledged_by(number)) == (200, None)
    assert "Oxy thấp" in page
    assert "Chị Lan" in page
    assert "2,10 mg/l" in page
    assert "ngưỡng 3" in page
    assert "<svg" not in page
    console.arrive("st-cu-lao-dung/do", 3.4)
    console.arrive("st-cu-lao-dung/do", 2.1)
    drawn = ask(console, link)[1]
    assert drawn.count("<svg") == drawn.count('class="limit"') == drawn.count('class="curve"') == 1
    assert '<form method="post">' in page
    status, page = ask(console, link, "POST")
    assert (status, console.acknowledged_by(number)) == (200, "Chị Lan")
    assert '<form method="post">' not in page
    assert "Chị Lan" in page
    events = "select event, person, reason from v_alarm_event"
    assert ask(console, link, "POST")[0] == 200
    assert console.conn.execute(events).fetchall() == [("acknowledged", "Chị Lan", "by the link in a mail")]


def test_a_link_that_was_altered_or_whose_person_left_is_refused(console: RunningConsole, links: Links) -> None:
    number = console.raise_alarm()
    link = links.to_alarm(number, 1, datetime.now(UTC))
    assert ask(console, link.replace("/a/1.", "/a/2."), "POST")[0] == 410
    console.conn.execute("update contact set active = false")
    assert ask(console, link, "POST")[0] == 410
    assert console.acknowledged_by(number) is None


def test_a_receipt_settles_its_message_once_and_only_with_the_secret_word(
    console: RunningConsole, links: Links
) -> None:
    number = console.raise_alarm()
    row = console.conn.execute(
        "insert into notification (alarm_id, contact_id, medium, purpose, status, body, queued_at, sent_at)"
        " values (%s, 1, 'sms', 'raised', 'sent', 'x', now(), now()) returning key",
        [number],
    ).fetchone()
    assert row is not None
    words = {"SMSID": "s-1", "RequestId": row[0].hex, "SendStatus": "5", "SendSuccess": "1", "SendFailed": "0"}
    told = urllib.parse.urlencode(words)
    state = "select status, delivered_at is not null from v_notification"
    assert ask(console, f"{links.public_url}/receipts/esms/guessed?{told}")[0] == 404
    assert console.conn.execute(state).fetchall() == [("sent", False)]
    assert ask(console, f"{links.receipts('esms')}?{told}")[0] == 200
    assert console.conn.execute(state).fetchall() == [("delivered", True)]
    failed = urllib.parse.urlencode({**words, "SendSuccess": "0", "SendFailed": "1"})
    assert ask(console, f"{links.receipts('esms')}?{failed}")[0] == 200
    assert console.conn.execute(state).fetchall() == [("delivered", True)]


def test_a_link_shows_the_picture_of_its_alarm_and_none_of_another(console: RunningConsole, links: Links) -> None:
    mine = console.raise_alarm()
    link = links.to_alarm(mine, 1, datetime.now(UTC))
    wanted = """
        insert into alarm_picture (alarm_id, alarm_event_id, station, camera, wanted_at, expires_at, asked_at, outcome)
        values (%s, %s, 'st-cu-lao-dung', 'gate', now(), now(), now(), 'taken')
        """
    event = """
        insert into alarm_event (alarm_id, time, event, at, state, acknowledged)
        values (%s, now(), 'raised', now(), 'unacknowledged', false)
        """
    console.conn.execute(event, [mine])
    console.conn.execute(wanted, [mine, 1])
    assert "Ảnh đang được gửi về" in ask(console, link)[1]
    assert ask(console, f"{link}/pictures/gate")[0] == 404
    console.conn.execute(
        "insert into image (station, camera, time, sha256, cause, epoch, seq, received_at, jpeg) values"
        " ('st-cu-lao-dung', 'gate', now(), sha256('JPEG'), 'asked', 'e', 1, now(), 'JPEG')"
    )
    assert f'<img src="{urllib.parse.urlsplit(link).path}/pictures/gate"' in ask(console, link)[1]
    assert ask(console, f"{link}/pictures/gate") == (200, "JPEG")
    assert ask(console, f"{links.public_url}/api/alarms/{mine}/pictures/gate") == (200, "JPEG")
    assert ask(console, f"{link.replace('/a/1.', '/a/2.')}/pictures/gate")[0] == 410
    assert ask(console, f"{link}/pictures/river")[0] == 404


def test_pages_lead_to_grafana_without_the_login_of_its_address(
    unstarted_console: Callable[..., RunningConsole],
) -> None:
    console = unstarted_console(grafana_url="http://push:geheim@grafana:3000/")
    console.start()
    assert 'href="http://grafana:3000/d/quantrac-network"' in console.ask("GET", "/")[2]
    page = console.ask("GET", "/stations/st-tran-de")[2]
    assert 'href="http://grafana:3000/d/quantrac-station?var-station=st-tran-de"' in page
    assert "geheim" not in page
    assert "grafana" not in console.ask("GET", "/sign-in")[2]
