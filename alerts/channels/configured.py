"""Builds the carriers that the settings name, by medium and in their order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from alerts.channels.apprise_address import AppriseNotifier
from alerts.channels.email_smtp import SmtpNotifier
from alerts.channels.sms_esms import EsmsNotifier
from alerts.channels.sms_modem import Mailbox, ModemNotifier
from alerts.channels.sms_speedsms import SpeedSmsNotifier
from alerts.channels.webhook import WebhookNotifier
from alerts.channels.zalo_zns import ZaloTokens, ZnsNotifier
from alerts.telling.links import links_of
from alerts.telling.notifier import NotConfigured, Notifier
from alerts.telling.part_journal import PartJournal
from alerts.telling.relay import Relay
from quantrac.config.notifications import Medium, Templates
from quantrac.config.settings import MissingSetting, Settings

Clock = Callable[[], datetime]
OpenMailbox = Callable[[str, str, Clock], Mailbox]
"""Opens the inbox of a carrier (database address, carrier, clock), which takes what people send."""


def notifiers_of(
    settings: Settings, templates: Templates, clock: Clock, open_mailbox: OpenMailbox
) -> dict[Medium, Relay]:
    """Return the carriers of each medium; `templates` are those that network.yaml names.

    Raises MissingSetting for a provider that is unknown or half configured.
    """
    return {
        Medium.EMAIL: Relay([_email(settings)]),
        Medium.SMS: Relay(_sms(settings, templates, clock, open_mailbox)),
        Medium.WEBHOOK: Relay([_webhook(settings, clock)]),
        Medium.APPRISE: Relay([AppriseNotifier()]),
    }


def _email(settings: Settings) -> Notifier:
    if settings.smtp_url is None:
        return NotConfigured("QUANTRAC_SMTP_URL")
    return SmtpNotifier(settings.smtp_url.get_secret_value(), settings.smtp_from, settings.smtp_reply_to)


def _webhook(settings: Settings, clock: Clock) -> Notifier:
    if settings.webhook_secret is None:
        return NotConfigured("QUANTRAC_WEBHOOK_SECRET")
    return WebhookNotifier(settings.webhook_secret.get_secret_value(), clock)


def _sms(settings: Settings, templates: Templates, clock: Clock, open_mailbox: OpenMailbox) -> list[Notifier]:
    if not settings.sms_provider:
        return [NotConfigured("QUANTRAC_SMS_PROVIDER")]
    names = [name.strip() for name in settings.sms_provider.split(",")]
    unknown = [name for name in names if name not in SMS_CARRIERS]
    if unknown or len(set(names)) < len(names):
        raise MissingSetting(
            f"QUANTRAC_SMS_PROVIDER: found {settings.sms_provider!r}, allowed one or several of"
            f" {', '.join(SMS_CARRIERS)}, each once, separated by commas"
        )
    return [SMS_CARRIERS[name](settings, templates, clock, open_mailbox) for name in names]


def _zns(settings: Settings, templates: Templates, *_: object) -> Notifier:
    if settings.zns_tokens is None:
        raise MissingSetting("QUANTRAC_SMS_PROVIDER names zns: QUANTRAC_ZNS_TOKENS is needed with it, a file")
    return ZnsNotifier(ZaloTokens(settings.zns_tokens), templates, settings.zns_url)


def _esms(settings: Settings, templates: Templates, *_: object) -> Notifier:
    if settings.sms_key is None or settings.sms_secret is None:
        raise MissingSetting(
            "QUANTRAC_SMS_PROVIDER is esms: QUANTRAC_SMS_KEY and QUANTRAC_SMS_SECRET are needed with it"
        )
    links = links_of(settings)
    return EsmsNotifier(
        key=settings.sms_key.get_secret_value(),
        secret=settings.sms_secret.get_secret_value(),
        brandname=settings.sms_brandname,
        templates=templates,
        callback=None if links is None else links.receipts("esms"),
        base_url=settings.sms_url,
    )


def _speedsms(settings: Settings, templates: Templates, clock: Clock, _: OpenMailbox) -> Notifier:
    if settings.speedsms_token is None:
        raise MissingSetting("QUANTRAC_SMS_PROVIDER names speedsms: QUANTRAC_SPEEDSMS_TOKEN is needed with it")
    return SpeedSmsNotifier(
        token=settings.speedsms_token.get_secret_value(),
        sender=settings.speedsms_sender,
        templates=templates,
        journal=PartJournal(settings.database("alerts"), "speedsms", clock),
        base_url=settings.speedsms_url,
    )


def _modem(settings: Settings, _: Templates, clock: Clock, open_mailbox: OpenMailbox) -> Notifier:
    if settings.sms_modem is None:
        raise MissingSetting(
            "QUANTRAC_SMS_PROVIDER names modem: QUANTRAC_SMS_MODEM is needed with it, such as /dev/serial/by-id/usb-…"
        )
    url = settings.database("alerts")
    return ModemNotifier(str(settings.sms_modem), PartJournal(url, "modem", clock), open_mailbox(url, "modem", clock))


SMS_CARRIERS: Final[dict[str, Callable[[Settings, Templates, Clock, OpenMailbox], Notifier]]] = {
    "zns": _zns,
    "esms": _esms,
    "speedsms": _speedsms,
    "modem": _modem,
}
