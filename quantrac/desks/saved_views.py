"""The desk of saved views: comparisons of channels that people keep under a name, so that others open them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from quantrac.database import audit
from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.telemetry.errors import TranslatableError

MOST_LINES: Final = 8
"""Channels in one picture: as many as can be told apart."""
LONGEST: Final = timedelta(days=5 * 366)
LONGEST_NAME: Final = 80


class BadView(TranslatableError):
    """What was asked to be saved is no view; the text says why."""

    exit_code = 2


class NoSuchView(TranslatableError):
    """There is no view of a number, or not any more."""


class ViewSpan(NamedTuple):
    """The time that a view opens on; nothing of it: as the page opens."""

    hours: float | None = None
    """Up to now."""
    from_t: datetime | None = None
    to_t: datetime | None = None


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view as it was saved."""

    view_id: int
    name: str
    left_axis: list[str]
    right_axis: list[str]
    hours: float | None
    from_t: datetime | None
    to_t: datetime | None
    person: str
    at: datetime


VIEWS: Final = f"""
select {columns_of(SavedView)} from saved_view
where removed_at is null and (%(view)s::int is null or view_id = %(view)s) order by lower(name)
"""  # noqa: S608  # our own text
KNOWN: Final = "select channel from v_channel where channel = any(%s)"
SAVE: Final = """
insert into saved_view (name, left_axis, right_axis, hours, from_t, to_t, person, at)
values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning view_id
"""
REMOVE: Final = "update saved_view set removed_at = %s where view_id = %s and removed_at is null returning name"


def save(
    conn: Connection, name: str, left: Sequence[str], right: Sequence[str], span: ViewSpan, person: str, now: datetime
) -> SavedView:
    """Keep channels on their axes under a name. Raises BadView, also for a name that a view has already."""
    name, lines = " ".join(name.split()), [*left, *right]
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadView("name: found {found!r}, expected up to {most} letters", found=name, most=LONGEST_NAME)
    if not 0 < len(lines) <= MOST_LINES:
        raise BadView("found {count} channels, expected 1 to {most}", count=len(lines), most=MOST_LINES)
    _check_channels(conn, lines)
    _check_span(span)
    with conn.transaction():
        row = conn.execute(SAVE, [name, [*left], [*right], *span, person, now]).fetchone()
        if row is None:
            raise BadView("there is a view {name} already: take another name", name=name)
        detail: dict[str, Any] = {"left": [*left], "right": [*right]}
        audit.record(conn, now, person, "save", f"view {row[0]}", name, detail)
    return view(conn, row[0])


def remove(conn: Connection, view_id: int, person: str, now: datetime) -> None:
    """Take a view out of the list; its address opens no more. Raises NoSuchView."""
    with conn.transaction():
        row = conn.execute(REMOVE, [now, view_id]).fetchone()
        if row is None:
            raise NoSuchView("there is no view {view}", view=view_id)
        audit.record(conn, now, person, "remove", f"view {view_id}", row[0])


def views(conn: Connection) -> list[SavedView]:
    """Return the views that stand, by name."""
    return rows_of(conn, SavedView, VIEWS, {"view": None})


def view(conn: Connection, view_id: int) -> SavedView:
    """Return one view. Raises NoSuchView."""
    for found in rows_of(conn, SavedView, VIEWS, {"view": view_id}):
        return found
    raise NoSuchView("there is no view {view}", view=view_id)


def _check_channels(conn: Connection, lines: Sequence[str]) -> None:
    if len(set(lines)) < len(lines):
        raise BadView("found a channel twice")
    known = {channel for (channel,) in conn.execute(KNOWN, [[*lines]])}
    if unknown := [one for one in lines if one not in known]:
        raise BadView("there is no channel {channels}", channels=", ".join(unknown))


def _check_span(span: ViewSpan) -> None:
    is_stretch = span.from_t is not None and span.to_t is not None
    if (span.from_t is None) != (span.to_t is None) or (is_stretch and span.hours is not None):
        raise BadView("found half a stretch of time, expected hours, or from when until when")
    longest_h = LONGEST / timedelta(hours=1)
    if span.hours is not None and not 0 < span.hours <= longest_h:
        raise BadView("found {hours} hours, expected up to five years", hours=span.hours)
    if span.from_t is not None and span.to_t is not None and not timedelta() < span.to_t - span.from_t <= LONGEST:
        raise BadView("found {from_t} to {to_t}, expected a stretch of up to five years", **span._asdict())
