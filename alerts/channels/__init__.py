"""Carriers of messages, each behind `alerts.notifier.Notifier`."""

from __future__ import annotations

from alerts.channels.email_smtp import SmtpNotifier
from alerts.channels.sms_esms import EsmsNotifier
from alerts.notifier import NotConfigured, Notifier
from alerts.routing import Medium
from quantrac.config.settings import MissingSetting, Settings


def notifiers_of(settings: Settings) -> dict[Medium, Notifier]:
    """Return a carrier for each medium. Raises MissingSetting for a provider that is unknown or half configured."""
    return {Medium.EMAIL: _email(settings), Medium.SMS: _sms(settings)}


def _email(settings: Settings) -> Notifier:
    if settings.smtp_url is None:
        return NotConfigured("QUANTRAC_SMTP_URL")
    return SmtpNotifier(settings.smtp_url.get_secret_value(), settings.smtp_from)


def _sms(settings: Settings) -> Notifier:
    if settings.sms_provider is None:
        return NotConfigured("QUANTRAC_SMS_PROVIDER")
    if settings.sms_provider != "esms":
        raise MissingSetting(f"QUANTRAC_SMS_PROVIDER: found {settings.sms_provider!r}, allowed esms")
    if settings.sms_key is None or settings.sms_secret is None:
        raise MissingSetting(
            "QUANTRAC_SMS_PROVIDER is esms: QUANTRAC_SMS_KEY and QUANTRAC_SMS_SECRET are needed with it"
        )
    return EsmsNotifier(
        key=settings.sms_key.get_secret_value(),
        secret=settings.sms_secret.get_secret_value(),
        brandname=settings.sms_brandname,
        base_url=settings.sms_url,
    )
