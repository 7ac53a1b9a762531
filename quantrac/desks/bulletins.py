"""The desk of bulletins: a draft is made, its words are changed, a person approves it.

An approved bulletin never changes: its documents are kept with one digest, and the database refuses to touch them. What
is to be corrected is made again, as the next version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg.types.json import Jsonb

from alerts.telling import gsm
from quantrac.config.bulletins import BulletinKind
from quantrac.config.network import Network
from quantrac.database import audit
from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.telemetry.errors import TranslatableError
from reports.bulletins import bulletin as making
from reports.bulletins.bulletin import BulletinDraft, BulletinWords, Documents, draft_of
from reports.bulletins.figures import collect
from reports.bulletins.periods import period_before, period_of
from reports.bulletins.printer import pdf
from reports.bulletins.templates import LANGUAGES, NEVER_EMPTY, PARTS, BadTemplate

MOST_SEGMENTS: Final = 2
LONGEST_WORDS: Final = 8000
MOST_LISTED: Final = 100


class BadBulletin(TranslatableError):
    """What was asked of a bulletin cannot be done; the text says why."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Bulletin:
    """A row of `v_bulletin`."""

    bulletin_id: int
    kind: str
    period: str
    version: int
    state: str
    """`draft`, `approved`, `sent`."""
    figures: dict[str, Any]
    words: BulletinWords
    made_at: datetime
    made_by: str
    edition: int
    """How often its words were changed or its figures were made again, from 1 on."""
    edited_at: datetime | None
    edited_by: str | None
    approved_at: datetime | None
    approved_by: str | None
    digest: str | None
    sent_at: datetime | None
    sent_by: str | None

    @property
    def draft(self) -> BulletinDraft:
        """What it is made of."""
        return draft_of(self.kind, self.period, self.figures, self.made_at)


class BulletinHead(NamedTuple):
    """A bulletin in a list, with how many messages of it are on their way, taken and failed."""

    bulletin_id: int
    kind: str
    period: str
    version: int
    state: str
    made_at: datetime
    made_by: str
    approved_at: datetime | None
    approved_by: str | None
    sent_at: datetime | None
    queued: int
    taken: int
    failed: int


ONE: Final = f"select {columns_of(Bulletin)} from v_bulletin where bulletin_id = %s"  # noqa: S608
NEWEST: Final = f"""
select {columns_of(Bulletin)} from v_bulletin where kind = %s and period = %s order by version desc limit 1
"""  # noqa: S608
_COUNTED: Final = """
select b.bulletin_id, b.kind, b.period, b.version, b.state, b.made_at, b.made_by, b.approved_at, b.approved_by,
       b.sent_at, m.queued, m.taken, m.failed
from v_bulletin b cross join lateral (
  select count(*) filter (where status in ('queued', 'held'))::int4 as queued,
         count(*) filter (where status in ('sent', 'delivered', 'unknown'))::int4 as taken,
         count(*) filter (where status in ('failed', 'dead'))::int4 as failed
  from v_notification n where n.bulletin_id = b.bulletin_id) m
"""
HEAD: Final = f"{_COUNTED} where b.bulletin_id = %s"
HEADS: Final = f"""
{_COUNTED} where %(kind)s::text is null or b.kind = %(kind)s order by b.made_at desc, b.bulletin_id desc limit %(most)s
"""
INSERT: Final = """
insert into bulletin (kind, period, version, figures, words, made_at, made_by)
values (%(kind)s, %(period)s, %(version)s, %(figures)s, %(words)s, %(now)s, %(person)s) returning bulletin_id
"""
HOLD: Final = "select from bulletin where kind = %s and period = %s for update"
REMAKE: Final = """
update bulletin set figures = %(figures)s, words = %(words)s, edition = edition + 1, made_at = %(now)s,
  made_by = %(person)s
where bulletin_id = %(id)s and approved_at is null
"""
EDIT: Final = """
update bulletin set words = jsonb_set(words, array[%(language)s, %(part)s], to_jsonb(%(text)s::text)),
  edition = edition + 1, edited_at = %(now)s, edited_by = %(person)s
where bulletin_id = %(id)s and approved_at is null and edition = %(edition)s
"""
APPROVE: Final = """
update bulletin set approved_at = %(now)s, approved_by = %(person)s, digest = %(digest)s
where bulletin_id = %(id)s and approved_at is null and edition = %(edition)s
"""
KEEP: Final = "insert into bulletin_document (bulletin_id, language, part, content) values (%s, %s, %s, %s)"
DOCUMENTS: Final = "select language, part, content from v_bulletin_document where bulletin_id = %s"


def bulletins(conn: Connection, kind: str | None = None, most: int = MOST_LISTED) -> list[BulletinHead]:
    """Return the newest bulletins, of one kind or of all."""
    return rows_of(conn, BulletinHead, HEADS, {"kind": kind, "most": most})


def head(conn: Connection, number: int) -> BulletinHead | None:
    """Return one as the list has it."""
    return next(iter(rows_of(conn, BulletinHead, HEAD, [number])), None)


def bulletin(conn: Connection, number: int) -> Bulletin:
    """Return one. Raises BadBulletin."""
    found = rows_of(conn, Bulletin, ONE, [number])
    if not found:
        raise BadBulletin("there is no bulletin {number}", number=number)
    return found[0]


def make(
    conn: Connection, network: Network, kind: BulletinKind, period: str | None, person: str, now: datetime
) -> Bulletin:
    """Make a bulletin as a draft, of a period or of the last one that is over; an approved one gets a next version.

    A draft that is there gets new figures; its words too, but for the parts that somebody has changed. It is a next
    edition: nobody approves figures that they have not read. Audited.
    Raises BadSpan, BadTemplate, BadBulletin.
    """
    today = now.astimezone(network.zone).date()
    asked = period_before(kind, today) if period is None else period_of(kind, period)
    if asked.last >= today:
        raise BadBulletin("the period {period} is not over", period=asked.name)
    draft = BulletinDraft(kind, asked, collect(conn, network, kind, asked, now), now)
    words = _fitting(making.written(draft, network))
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"bulletin {kind} {asked.name}"])
        conn.execute(HOLD, [kind.value, asked.name])  # whoever edits or approves is done, or comes afterwards
        newest = next(iter(rows_of(conn, Bulletin, NEWEST, [kind.value, asked.name])), None)
        said = {
            "kind": kind.value, "period": asked.name, "figures": Jsonb(draft.figures), "now": now, "person": person,
        }  # fmt: skip
        if newest is not None and newest.state == "draft":
            kept = words if newest.edited_at is None else _with_changes(newest, words, network)
            conn.execute(REMAKE, {**said, "words": Jsonb(kept), "id": newest.bulletin_id})
            number = newest.bulletin_id
        else:
            version = 1 if newest is None else newest.version + 1
            row = conn.execute(INSERT, {**said, "words": Jsonb(words), "version": version}).fetchone()
            number = 0 if row is None else int(row[0])
        audit.record(conn, now, person, "make", f"bulletin {number}", detail={"kind": kind.value, "period": asked.name})
    return bulletin(conn, number)


def _with_changes(before: Bulletin, words: BulletinWords, network: Network) -> BulletinWords:
    """Return new words with the parts that somebody has changed: those that the templates did not write so before."""
    try:
        written = _fitting(making.written(before.draft, network))
    except BadTemplate:  # today's templates do not fit the figures of then: all of it may have been changed
        return before.words

    def kept(language: str, part: str, new: str) -> str:
        old = before.words.get(language, {}).get(part, new)
        return new if old == written[language][part] else old

    return {language: {part: kept(language, part, new) for part, new in own.items()} for language, own in words.items()}


def is_made(conn: Connection, kind: BulletinKind, period: str) -> bool:
    """Whether there is a bulletin about a period."""
    return bool(rows_of(conn, Bulletin, NEWEST, [kind.value, period]))


def edit(
    conn: Connection,
    number: int,
    language: str,
    part: str,
    text: str,
    person: str,
    now: datetime,
    edition: int | None = None,
) -> Bulletin:
    """Change the words of a draft. Audited. Raises BadBulletin, also where somebody else has changed it meanwhile.

    `edition`: which one the person has read; None: that which is there.
    """
    found = _open_draft(conn, number)
    known = PARTS[BulletinKind(found.kind)]
    if language not in LANGUAGES or part not in known:
        raise BadBulletin(
            "found {part} in {language}, expected one of {known} in vi or en",
            part=part,
            language=language,
            known=", ".join(known),
        )
    if len(text) > LONGEST_WORDS:
        raise BadBulletin("the text has {length} characters, at most {most}", length=len(text), most=LONGEST_WORDS)
    if "\0" in text:
        raise BadBulletin("the text has a NUL, which is no character to read")
    _check_words(part, text)
    if part == "sms":
        _check_short(text)
    said = {
        "id": number, "language": language, "part": part, "text": text.strip(), "now": now, "person": person,
        "edition": found.edition if edition is None else edition,
    }  # fmt: skip
    with conn.transaction():
        if conn.execute(EDIT, said).rowcount != 1:
            raise BadBulletin("somebody has changed the bulletin {number} meanwhile: read it again", number=number)
        audit.record(conn, now, person, "edit", f"bulletin {number}", detail={"language": language, "part": part})
    return bulletin(conn, number)


def approve(
    conn: Connection, network: Network, number: int, person: str, now: datetime, edition: int | None = None
) -> Bulletin:
    """Approve a draft: its documents are made and never change again. Audited.

    Raises BadBulletin, BadTemplate, CannotPrint.
    """
    found = _open_draft(conn, number)
    for part, text in ((part, text) for own in found.words.values() for part, text in own.items()):
        _check_words(part, text)
    made = making.documents(found.draft, found.words, network)
    said = {
        "id": number, "now": now, "person": person, "digest": making.digest(made),
        "edition": found.edition if edition is None else edition,
    }  # fmt: skip
    with conn.transaction():
        if conn.execute(APPROVE, said).rowcount != 1:
            raise BadBulletin("somebody has changed the bulletin {number} meanwhile: read it again", number=number)
        with conn.cursor() as cursor:
            cursor.executemany(KEEP, [[number, language, part, content] for (language, part), content in made.items()])
        audit.record(conn, now, person, "approve", f"bulletin {number}", detail={"digest": said["digest"]})
    return bulletin(conn, number)


def documents(conn: Connection, number: int) -> Documents:
    """Return the documents of an approved bulletin; of a draft none."""
    return {(lang, part): bytes(content) for lang, part, content in conn.execute(DOCUMENTS, [number]).fetchall()}


def document(conn: Connection, network: Network, found: Bulletin, language: str, part: str) -> bytes:
    """Return `html` or `pdf` in a language: of a draft as it would be. Raises BadTemplate, CannotPrint, BadBulletin."""
    if found.digest is not None:
        kept = documents(conn, found.bulletin_id)
        if (language, part) not in kept:
            raise BadBulletin(
                "the bulletin {number} has no {part} in {language}",
                number=found.bulletin_id,
                part=part,
                language=language,
            )
        return kept[language, part]
    html = making.page(found.draft, found.words, network, language)
    return pdf(html) if part == "pdf" else html.encode()


def is_intact(conn: Connection, found: Bulletin) -> bool:
    """Whether the documents of an approved bulletin are those that were approved."""
    return found.digest is not None and making.digest(documents(conn, found.bulletin_id)) == found.digest


def _open_draft(conn: Connection, number: int) -> Bulletin:
    found = bulletin(conn, number)
    if found.approved_at is not None:
        raise BadBulletin("the bulletin {number} is approved and never changes: make it again", number=number)
    return found


def _fitting(words: BulletinWords) -> BulletinWords:
    """Return the words with short messages cut to two segments: whole words go, and three points say so."""
    return {
        language: {part: _cut(text) if part == "sms" else text for part, text in parts.items()}
        for language, parts in words.items()
    }


def _cut(text: str) -> str:
    text = " ".join(gsm.unaccented(text).split())
    while gsm.length(text).segments > MOST_SEGMENTS:
        text = f"{text.removesuffix('...').rpartition(' ')[0]}..."
    return text


def _check_words(part: str, text: str) -> None:
    """Refuse a message without words. Raises BadBulletin."""
    if part in NEVER_EMPTY and not text.strip():
        raise BadBulletin("the {part} has no words, and people would be sent it", part=part)


def _check_short(text: str) -> None:
    """Refuse a short message of more than two segments, as it goes on the air. Raises BadBulletin."""
    found = gsm.length(gsm.unaccented(text))
    if found.segments > MOST_SEGMENTS:
        raise BadBulletin(
            "the short message has {segments} segments, at most {most}", segments=found.segments, most=MOST_SEGMENTS
        )
