"""Messages in the frame that was registered with a provider: slots filled from the facts of a message. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.channels.gsm import unaccented
from alerts.telling.notifier import NotCarried, Outgoing
from alerts.telling.texts import fill
from quantrac.config.templates import MessageTemplate, Templates


def template_of(templates: Templates, carrier: str, message: Outgoing) -> MessageTemplate | None:
    """Return what is registered for a message's purpose and language; None: this carrier takes free text.

    Raises NotCarried where a carrier has templates but none for such a message.
    """
    registered = templates.get(carrier)
    if not registered:
        return None
    purpose, language = str(message.facts.get("purpose", "")), str(message.facts.get("language", ""))
    found = registered.get(purpose)
    if found is None or found.language != language:
        raise NotCarried(
            f"{carrier}: no template is registered for {purpose or 'such'} messages in {language or '?'!r}"
        )
    return found


def registered_text(templates: Templates, carrier: str, message: Outgoing) -> str:
    """Return the text to send: the registered frame with its slots filled, or the message's own words."""
    template = template_of(templates, carrier, message)
    if template is None:
        return message.body
    if template.text is None:
        raise NotCarried(f"{carrier}: its template for {message.facts.get('purpose')} messages has no text")
    return unaccented(fill(template.text, filled(template, message)))


def filled(template: MessageTemplate, message: Outgoing) -> dict[str, str]:
    """Return the provider's slots with their texts, cut to what was registered; an empty fact is a dash."""
    words = message.facts.get("words")
    known: Mapping[str, str] = words if isinstance(words, dict) else {}
    return {
        slot: (known.get(source.of) or "-")[: source.most] if source.most else known.get(source.of) or "-"
        for slot, source in template.slots.items()
    }
