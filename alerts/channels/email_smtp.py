"""Carrier of e-mail by SMTP (RFC 5321), with TLS where the address says so or the server offers it."""

from __future__ import annotations

import smtplib
import ssl
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import parseaddr
from typing import Final
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from alerts.channels.letter_html import letter_html
from alerts.telling.notifier import Gone, NeedsPerson, Outgoing, TryAgain
from quantrac.config.settings import MissingSetting

TIMEOUT_S: Final = 10.0
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class _WholeSubjects(EmailPolicy):
    """Encodes a subject as one text: Python 3.13 doubles the space where it folds between encoded and plain words."""

    def fold(self, name: str, value: str) -> str:
        """Return the header as lines."""
        if name.lower() != "subject" or str(value).isascii():
            return str(super().fold(name, value))
        return f"{name}: {Header(str(value), 'utf-8', header_name=name).encode(linesep=self.linesep)}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        """Return the header as lines of bytes."""
        if name.lower() != "subject":
            return super().fold_binary(name, value)
        return self.fold(name, value).encode("ascii", "surrogateescape")


WHOLE_SUBJECTS: Final = _WholeSubjects()


class SmtpNotifier:
    """Hands each message over in a session of its own: `smtp://[user:password@]host[:port]` or `smtps://…`."""

    name = "smtp"

    def __init__(self, url: str, sender: str, reply_to: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise MissingSetting("QUANTRAC_SMTP_URL: expected smtp://[user:password@]host[:port] or smtps://…")
        self._tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, parts.port or (465 if self._tls else 25)
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._sender = sender
        self._reply_to = reply_to
        self._domain = parseaddr(sender)[1].partition("@")[2] or "localhost"

    def send(self, message: Outgoing) -> str | None:
        """Deliver one message and return its Message-ID; see Notifier."""
        letter = self._letter(message)
        try:
            with self._session() as session:
                session.send_message(letter)
        except smtplib.SMTPRecipientsRefused as error:
            code, reason = next(iter(error.recipients.values()))
            raise (Gone if code >= 500 else TryAgain)(f"{code} {_text(reason)}") from error
        except smtplib.SMTPAuthenticationError as error:
            raise NeedsPerson(f"login refused: {error.smtp_code} {_text(error.smtp_error)}") from error
        except smtplib.SMTPResponseException as error:
            kind = NeedsPerson if error.smtp_code >= 500 else TryAgain
            raise kind(f"{error.smtp_code} {_text(error.smtp_error)}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise NeedsPerson(str(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise TryAgain(f"{self._host}:{self._port}: {error}") from error
        return str(letter["Message-ID"])

    def close(self) -> None:
        """Hold nothing between messages."""

    def _letter(self, message: Outgoing) -> EmailMessage:
        """Return the mail; its Message-ID is the key, so that a repeated hand-over is one mail for the reader."""
        letter = EmailMessage(policy=WHOLE_SUBJECTS)
        letter["From"] = self._sender
        letter["To"] = message.to
        letter["Subject"] = " ".join(message.subject.split())
        letter["Message-ID"] = f"<{message.key}@{self._domain}>"
        if message.thread:
            letter["References"] = f"<{message.thread}@{self._domain}>"
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        if self._reply_to is not None:
            letter["Reply-To"] = self._reply_to
        link = message.facts.get("link")
        letter.set_content(message.body if link is None else f"{message.body}\n{link}\n")
        if message.facts:
            self._add_html(letter, message)
        return letter

    def _add_html(self, letter: EmailMessage, message: Outgoing) -> None:
        """Add the same words as HTML, with the chart of the last day beside them where there is one."""
        chart = _chart_of(message)
        chart_id = None if chart is None else f"chart-{message.key}@{self._domain}"
        html = letter_html(message.subject, message.body, message.facts, chart_id)
        letter.add_alternative(html, subtype="html")
        if chart is not None:
            *_, part = letter.iter_parts()
            assert isinstance(part, EmailMessage)
            part.add_related(chart, "image", "png", cid=f"<{chart_id}>", disposition="inline", filename="chart.png")

    def _session(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._tls:
            session: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_S, context=context)
        else:
            session = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
        try:
            self._prepare(session, context)
        except BaseException:
            session.close()
            raise
        return session

    def _prepare(self, session: smtplib.SMTP, context: ssl.SSLContext) -> None:
        session.ehlo()
        encrypted = self._tls
        if not encrypted and session.has_extn("starttls"):
            session.starttls(context=context)
            session.ehlo()
            encrypted = True
        if self._login is not None:
            if not encrypted and self._host not in LOOPBACK:
                raise NeedsPerson(f"{self._host} offers no TLS: the password is not sent in the clear; use smtps://")
            session.login(*self._login)


def _chart_of(message: Outgoing) -> bytes | None:
    course = message.facts.get("course")
    if not course:
        return None
    from alerts.channels.chart import day_chart  # Pillow takes 20 MB of memory

    limit = message.facts.get("limit")
    points = [(int(t), float(value)) for t, value in course]
    return day_chart(points, None if limit is None else float(limit), ZoneInfo(str(message.facts["time_zone"])))


def _text(reason: bytes | str) -> str:
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
