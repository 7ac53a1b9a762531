"""Messages in the frame that was registered with a provider: placeholders filled from the facts of a message. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerts.telling.gsm import unaccented
from alerts.telling.notice import fill
from alerts.telling.notifier import NotCarried, Outgoing
from quantrac.config.notifications import MessageTemplate, Placeholder, Templates

WHOLE: Final = frozenset({"value", "limit", "time", "alarm"})
"""What is never cut."""


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
    """Return the text to send: the registered frame with its placeholders filled, or the message's own words."""
    template = template_of(templates, carrier, message)
    if template is None:
        return message.body
    if template.text is None:
        raise NotCarried(f"{carrier}: its template for {message.facts.get('purpose')} messages has no text")
    return unaccented(fill(template.text, filled(template, message)))


def filled(template: MessageTemplate, message: Outgoing) -> dict[str, str]:
    """Return the provider's placeholders with their texts, cut to what was registered; an empty fact is a dash.

    Raises NotCarried where a number or a time would have to be cut: half of one says something else.
    """
    words = message.facts.get("words")
    known: Mapping[str, str] = words if isinstance(words, dict) else {}
    return {name: _cut(known.get(source.of) or "-", source) for name, source in template.placeholders.items()}


def _cut(text: str, source: Placeholder) -> str:
    if source.most is None or len(text) <= source.most:
        return text
    if source.of in WHOLE:
        raise NotCarried(f"{source.of} {text!r} is longer than the {source.most} characters registered for it")
    cut = text[: source.most]
    return cut.rstrip() if not text[source.most].isalnum() else cut.rpartition(" ")[0] or cut
