"""Carrier of e-mail by SMTP (RFC 5321), with TLS where the address says so or the server offers it."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formatdate, parseaddr
from html import escape
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo

from alerts.telling.notifier import Gone, NeedsPerson, Outgoing, TryAgain
from quantrac.config.settings import ENCODE, MissingSetting

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
        parts, self._host, port = _split(url)
        self._tls = parts.scheme == "smtps"
        self._port = port or (465 if self._tls else 25)
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
        letter["Date"] = formatdate(localtime=True)
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
        if carried := message.facts.get("file"):
            name, content = carried
            letter.add_attachment(content, "application", "pdf", filename=name)
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
    zone, language = ZoneInfo(str(message.facts["time_zone"])), str(message.facts.get("language", "vi"))
    return day_chart(points, None if limit is None else float(limit), zone, language)


def _split(url: str) -> tuple[SplitResult, str, int | None]:
    """Return the address with host and port. Raises MissingSetting, which repeats nothing: it may be a password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if host is None or parts.scheme not in ("smtp", "smtps") or "@" in parts.path + parts.query + parts.fragment:
        raise MissingSetting(
            f"QUANTRAC_SMTP_URL: expected smtp://[user:password@]host[:port] or smtps://…; {ENCODE}"
        ) from None
    return parts, host, port


def _text(reason: bytes | str) -> str:
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason


# The HTML of a mail. Mail programs know tables and inline styles, and nothing from elsewhere is loaded.
COLOURS: Final = {"low": "#0284c7", "medium": "#d97706", "high": "#ea580c", "critical": "#b91c1c"}
OVER: Final = "#15803d"
UNKNOWN: Final = "#475569"
BUTTON: Final = {"vi": "Tôi đã biết, tôi sẽ xử lý", "en": "I have seen it and look after it"}
CHART: Final = {"vi": "24 giờ qua; vạch đỏ: ngưỡng", "en": "The last 24 hours; red: the limit"}
FONT: Final = "font-family:Arial,Helvetica,sans-serif;font-size:15px;line-height:1.5;color:#0f172a"


def letter_html(subject: str, text: str, facts: Mapping[str, Any], chart_id: str | None) -> str:
    """Return the whole HTML document; `chart_id` is the Content-ID of the chart, without brackets."""
    language = "en" if facts.get("language") == "en" else "vi"
    parts = [_lines(text)]
    if chart_id is not None:
        parts.append(
            f'<p style="margin:16px 0 4px;color:#475569">{CHART[language]}</p>'
            f'<img src="cid:{escape(chart_id)}" width="560" alt="{CHART[language]}" style="max-width:100%;height:auto">'
        )
    if link := facts.get("link"):
        parts.append(
            f'<p style="margin:20px 0"><a href="{escape(str(link))}" style="background:#0f172a;color:#ffffff;'
            f'padding:12px 18px;text-decoration:none;border-radius:6px">{BUTTON[language]}</a></p>'
        )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{escape(subject)}</title></head>'
        f'<body style="margin:0;background:#f1f5f9"><table role="presentation" width="100%" cellpadding="0"'
        f' cellspacing="0"><tr><td align="center" style="padding:16px"><table role="presentation" width="600"'
        f' cellpadding="0" cellspacing="0" style="max-width:600px;background:#ffffff;border-top:6px solid'
        f' {_colour(facts)}"><tr><td style="padding:20px;{FONT}">{"".join(parts)}</td></tr></table></td></tr></table>'
        "</body></html>"
    )


def _colour(facts: Mapping[str, Any]) -> str:
    if facts.get("purpose") == "cleared":
        return OVER
    if facts.get("purpose") == "withdrawn":
        return UNKNOWN
    return COLOURS.get(str(facts.get("severity")), UNKNOWN)


def _lines(text: str) -> str:
    """The first line is the heading; `Word: what it says` has its word in bold."""
    heading, *rest = text.strip().split("\n")
    found = [f'<p style="margin:0 0 12px;font-size:18px"><b>{escape(heading)}</b></p>']
    for line in rest:
        word, colon, says = line.partition(": ")
        if not line.strip():
            found.append('<p style="margin:0;line-height:0.8">&nbsp;</p>')
        elif colon and len(word) <= 40:
            found.append(f'<p style="margin:0">{escape(word)}: <b>{escape(says)}</b></p>')
        else:
            found.append(f'<p style="margin:0">{escape(line)}</p>')
    return "".join(found)
