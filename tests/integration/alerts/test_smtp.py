"""What a mail server answers and what we make of it, against a real one."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from alerts.channels.email_smtp import SmtpNotifier
from alerts.telling.notifier import Gone, NeedsPerson, Outgoing, TryAgain, UndeliverableError
from quantrac.config.settings import MissingSetting
from quantrac.private_services.catchers import MailCatcher

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
        asyncio.run_coroutine_threadsafe(stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Refusing:
    """A server that answers RCPT or DATA with one line."""

    def __init__(self, rcpt: str = "250 ok", data: str = "250 ok") -> None:
        self._rcpt, self._data = rcpt, data

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self._rcpt

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802
        return self._data


@pytest.mark.parametrize(
    ("handler", "kind", "text"),
    [
        (Refusing(rcpt="550 no such user"), Gone, "550 no such user"),
        (Refusing(rcpt="450 mailbox busy"), TryAgain, "450 mailbox busy"),
        (Refusing(data="451 try later"), TryAgain, "451 try later"),
        (Refusing(data="554 refused as spam"), NeedsPerson, "554 refused as spam"),
    ],
)
def test_refusals_are_told_apart(handler: Refusing, kind: type[UndeliverableError], text: str) -> None:
    with server(lambda: SMTP(handler, hostname="test")) as address, pytest.raises(kind, match=text):
        SmtpNotifier(f"smtp://{address}", "canhbao@example.org").send(MESSAGE)


def test_a_wrong_password_needs_a_person_and_the_right_one_does_not() -> None:
    def allow(server, session, envelope, mechanism, data) -> AuthResult:
        return AuthResult(success=data.password == b"p@ss:word", handled=False)

    def make() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # that it requires a password without TLS
            return SMTP(Refusing(), hostname="test", authenticator=allow, auth_require_tls=False, auth_required=True)

    with server(make) as address:
        SmtpNotifier(f"smtp://canhbao:p%40ss%3Aword@{address}", "canhbao@example.org").send(MESSAGE)
        with pytest.raises(NeedsPerson, match="login refused: 535"):
            SmtpNotifier(f"smtp://canhbao:wrong@{address}", "canhbao@example.org").send(MESSAGE)


def test_a_server_that_is_away_is_tried_again(free_port: Callable[[], int]) -> None:
    with pytest.raises(TryAgain, match="Connection refused"):
        SmtpNotifier(f"smtp://127.0.0.1:{free_port()}", "canhbao@example.org").send(MESSAGE)


def test_a_mail_keeps_its_accents_and_no_line_break_enters_a_header() -> None:
    with MailCatcher() as catcher:
        SmtpNotifier(catcher.url, "Quantrac <canhbao@example.org>").send(MESSAGE)
        (letter,) = catcher.messages
    assert (letter.subject, letter.body, letter.to) == ("Oxy thấp", "Oxy thấp\n", ["lan@example.org"])
    assert letter.message_id == "<0123456789abcdef@example.org>"


@pytest.mark.parametrize("url", ["http://x", "smtp://", "mail.example.org:25"])
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(MissingSetting, match="QUANTRAC_SMTP_URL"):
        SmtpNotifier(url, "canhbao@example.org")
