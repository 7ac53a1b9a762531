"""A bulletin: its figures, its words in both languages, and the documents that are made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from quantrac.config.bulletins import BulletinKind
from quantrac.config.network import Network
from reports.bulletins.notation import localised
from reports.bulletins.periods import BulletinPeriod, period_of
from reports.bulletins.printer import pdf
from reports.bulletins.templates import LANGUAGES, PARTS, Templates

BulletinWords = dict[str, dict[str, str]]
"""Language → part → text."""
Documents = dict[tuple[str, str], bytes]
"""(Language, part) → content; UTF-8 but of `pdf`."""
TEXTS: Final = ("mail", "sms", "zalo")


@dataclass(frozen=True, slots=True)
class BulletinDraft:
    """What a bulletin is made of."""

    kind: BulletinKind
    period: BulletinPeriod
    figures: Mapping[str, Any]
    made_at: datetime


def given_to(draft: BulletinDraft, network: Network, language: str) -> dict[str, Any]:
    """Return what the templates of a bulletin are given. Pure."""
    settings, period = network.settings, draft.period
    return {
        "kind": draft.kind.value,
        "lang": language,
        "network": settings.name.in_language(language),
        "operator": settings.operator.in_language(language),
        "telephone": settings.telephone or "",
        "period": {
            "name": period.name, "first": period.first, "last": period.last, "week": period.week,
            "month": period.first.month, "year": period.last.year,
        },
        "made_on": draft.made_at.astimezone(network.zone).date(),
        "figures": localised(draft.figures, language),
    }  # fmt: skip


def written(draft: BulletinDraft, network: Network) -> BulletinWords:
    """Return the words of a new draft as the templates write them. Raises BadTemplate."""
    words: BulletinWords = {}
    for language in LANGUAGES:
        templates, given = Templates(network.root, language), given_to(draft, network, language)
        words[language] = {part: templates.write(draft.kind, part, given) for part in PARTS[draft.kind]}
    return words


def page(draft: BulletinDraft, words: BulletinWords, network: Network, language: str) -> str:
    """Return the bulletin as a whole HTML document. Raises BadTemplate."""
    given = given_to(draft, network, language) | {"words": words[language]}
    return Templates(network.root, language).write(draft.kind, "page", given)


def mail(draft: BulletinDraft, words: BulletinWords, network: Network, language: str) -> str:
    """Return the text of the mail that carries the PDF. Raises BadTemplate."""
    given = given_to(draft, network, language) | {"words": words[language]}
    return Templates(network.root, language).write(draft.kind, "mail", given)


def documents(draft: BulletinDraft, words: BulletinWords, network: Network) -> Documents:
    """Return everything that is sent or kept of a bulletin. Raises BadTemplate, CannotPrint."""
    made: Documents = {}
    for language in LANGUAGES:
        html = page(draft, words, network, language)
        made[language, "html"] = html.encode()
        made[language, "pdf"] = pdf(html)
        made[language, "mail"] = mail(draft, words, network, language).encode()
        made |= {(language, part): text.encode() for part, text in words[language].items() if part in TEXTS}
        made[language, "title"] = words[language]["title"].encode()
    return made


def digest(made: Documents) -> str:
    """Return one sha256 (hex) of all documents: of each, in order, its language, part and own sha256. Pure."""
    lines = (f"{lang} {part} {hashlib.sha256(content).hexdigest()}\n" for (lang, part), content in sorted(made.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def draft_of(kind: str, period: str, figures: Mapping[str, Any], made_at: datetime) -> BulletinDraft:
    """Return what a row of the database says. Raises BadSpan."""
    of_kind = BulletinKind(kind)
    return BulletinDraft(of_kind, period_of(of_kind, period), figures, made_at)
