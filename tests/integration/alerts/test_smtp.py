"""What a mail server answers and what we make of it, against a real one."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from alerts.channels.email_smtp import SmtpNotifier
from alerts.telling.notifier import Gone, NeedsPerson, Outgoing, TryAgain, UndeliverableError
from quantrac.config.settings import MissingSetting
from quantrac.private_services.catchers import MailCatcher
from tests.fixtures.timing import ended

MESSAGE = Outgoing("0123456789abcdef", "lan@example.org", "Oxy thấp\n", subject="Oxy\nthấp", thread="alarm-1")


@contextmanager
def server(make: Callable[[], SMTP]) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(loop.create_server(make, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def stop() -> None:
        listening.close()
        sessions = asyncio.all_tasks() - {asyncio.current_task()}
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)
        await asyncio.sleep(0)  # their transports close

    try:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(180)
        loop.call_soon_threadsafe(loop.stop)
        ended(thread)
        loop.close()


class Handler:
    """Answers RCPT and DATA with a line each, and keeps what it is sent."""

    def __init__(self, rcpt: str = "250 ok", data: str = "250 ok") -> None:
        self._rcpt, self._data = rcpt, data
        self.letters: list[EmailMessage] = []

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.letters.append(message_from_bytes(envelope.content, policy=default))
        return self._data


@pytest.mark.parametrize(
    ("handler", "kind", "text"),
    [
        (Handler(rcpt="550 no such user"), Gone, "550 no such user"),
        (Handler(rcpt="450 mailbox busy"), TryAgain, "450 mailbox busy"),
        (Handler(data="451 try later"), TryAgain, "451 try later"),
        (Handler(data="554 refused as spam"), NeedsPerson, "554 refused as spam"),
    ],
)
def test_refusals_are_told_apart(handler: Handler, kind: type[UndeliverableError], text: str) -> None:
    with server(lambda: SMTP(handler, hostname="test")) as address, pytest.raises(kind, match=text):
        SmtpNotifier(f"smtp://{address}", "canhbao@example.org").send(MESSAGE)


def test_a_wrong_password_needs_a_person_and_the_right_one_does_not() -> None:
    def allow(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.password == b"p@ss:word", handled=False)

    def make() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # that it requires a password without TLS
            return SMTP(Handler(), hostname="test", authenticator=allow, auth_require_tls=False, auth_required=True)

    with server(make) as address:
        SmtpNotifier(f"smtp://canhbao:p%40ss%3Aword@{address}", "canhbao@example.org").send(MESSAGE)
        with pytest.raises(NeedsPerson, match="login refused: 535"):
            SmtpNotifier(f"smtp://canhbao:wrong@{address}", "canhbao@example.org").send(MESSAGE)


def test_a_server_that_is_away_is_tried_again(free_port: Callable[[], int]) -> None:
    with pytest.raises(TryAgain, match="Connection refused"):
        SmtpNotifier(f"smtp://127.0.0.1:{free_port()}", "canhbao@example.org").send(MESSAGE)


def test_a_mail_keeps_its_accents_and_no_line_break_enters_a_header(mail: MailCatcher) -> None:
    SmtpNotifier(mail.url, "Quantrac <canhbao@example.org>").send(MESSAGE)
    (letter,) = mail.messages
    assert (letter.subject, letter.body, letter.to) == ("Oxy thấp", "Oxy thấp\n", ["lan@example.org"])
    assert letter.message_id == "<0123456789abcdef@example.org>"


@pytest.mark.parametrize(
    "station", ["Cù Lao Dung (An Thạnh)", "Vĩnh Châu (kênh Cổ Cò – Trà Niên)", "Trung tâm TP Sóc Trăng"]
)
def test_a_subject_arrives_as_it_was_written_however_long(mail: MailCatcher, station: str) -> None:
    """Python 3.13 made two spaces of one where it folded "(An Thạnh)"."""
    subject = f"[Nghiêm trọng] Oxy thấp: {station} 2,40 mg/l, 20:54 24/11"
    SmtpNotifier(mail.url, "canhbao@example.org").send(replace(MESSAGE, subject=subject))
    assert [letter.subject for letter in mail.messages] == [subject]


@pytest.mark.parametrize("url", ["http://x", "smtp://", "mail.example.org:25"])
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(MissingSetting, match="QUANTRAC_SMTP_URL"):
        SmtpNotifier(url, "canhbao@example.org")


def test_a_mail_about_an_alarm_has_text_html_a_chart_a_link_one_thread_and_an_address_to_answer_to() -> None:
    end = 1_795_000_000
    facts = {
        "purpose": "raised", "language": "vi", "time_zone": "Asia/Ho_Chi_Minh", "severity": "high", "limit": 3.0,
        "link": "https://quantrac.example.vn/a/1.2.3.x",
        "course": [(end - 600 * i, 3 + i / 50) for i in range(144, 0, -1)],
    }  # fmt: skip
    first = Outgoing("a" * 32, "lan@example.org", "Oxy thấp\nGiá trị: 2,40 mg/L\n", "Oxy", "alarm-1", facts=facts)
    kept = Handler()
    with server(lambda: SMTP(kept, hostname="test")) as address:
        carrier = SmtpNotifier(f"smtp://{address}", "canhbao@example.org", "truc@example.org")
        carrier.send(first)
        carrier.send(Outgoing("b" * 32, "lan@example.org", "Đã hết", "Hết", "alarm-1", facts={"purpose": "cleared"}))
    alarm, cleared = kept.letters
    assert abs(datetime.now(UTC) - parsedate_to_datetime(alarm["Date"])) < timedelta(minutes=10)
    assert alarm["Reply-To"] == "truc@example.org"
    assert alarm["References"] == cleared["References"] == "<alarm-1@example.org>"
    text, html = alarm.get_body(("plain",)), alarm.get_body(("html",))
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert text.get_content().splitlines() == ["Oxy thấp", "Giá trị: 2,40 mg/L", "", facts["link"]]
    (picture,) = [part for part in alarm.walk() if part.get_content_type() == "image/png"]
    assert f"cid:{picture['Content-ID'].strip('<>')}" in html.get_content()
    assert picture.get_content().startswith(b"\x89PNG")
    assert len(picture.get_content()) < 30_000
    assert [part.get_content_type() for part in cleared.walk()] == ["multipart/alternative", "text/plain", "text/html"]
