"""Answers requests: walks the path, reads a page of what it leads to, and what is expanded in it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from psycopg.rows import dict_row

from dashboards.sensorthings.bodies import body_of, self_link, site_of
from dashboards.sensorthings.compiler import Compiler
from dashboards.sensorthings.model import ENTITIES, Entity, catalogue
from dashboards.sensorthings.observations import (
    AskedObservations,
    count_observations,
    is_by_time,
    read_observations,
    token_of,
)
from dashboards.sensorthings.options import BadOption, QueryOptions
from dashboards.sensorthings.resource_path import PathStep
from dashboards.sensorthings.syntax import BadExpression
from quantrac.database.pool import Connection

MOST_READS: Final = 3000
"""Statements of one request: each expanded collection of each entity is one or more."""
MOST_ENTITIES: Final = 20_000
"""Entities of one answer, some 3 kB each while it is made."""
LONGEST_S: Final = 30.0
"""Longest time that one request reads: connections are few."""
Row = Mapping[str, Any]


class EntityPage(NamedTuple):
    """Some entities of a collection."""

    rows: Sequence[Row]
    has_more: bool
    total: int | None


class EntityReader:
    """Reads for one request, of what one account may read."""

    def __init__(self, conn: Connection, stations: frozenset[str] | None, base: str) -> None:
        self._conn, self._base, self._reads, self._entities_read = conn, base, 0, 0
        self._until_s = time.monotonic() + LONGEST_S
        within = None if stations is None else sorted(stations)
        self._values: dict[str, Any] = {"within": within, "site": site_of(base), **catalogue()}

    def walk(self, steps: Sequence[PathStep]) -> dict[str, str] | None:
        """Return what the entities of the last step have in common, by column; None: one on the way is not there."""
        link: dict[str, str] = {}
        for before, step in zip((None, *steps[:-1]), steps, strict=True):
            if before is not None:
                row = self.one(before, link)
                if row is None:
                    return None
                navigation = before.entity.navigations[step.name]
                link = {navigation.theirs: row[navigation.own]}
            if step.key is not None:
                if link.get("id", step.key) != step.key:
                    return None
                link = {**link, "id": step.key}
        return link

    def one(self, step: PathStep, link: Mapping[str, str]) -> Row | None:
        """Return the entity of a step, None where there is none."""
        rows = self.some(step.entity, link, QueryOptions(top=1)).rows
        return rows[0] if rows else None

    def some(self, entity: Entity, link: Mapping[str, str], options: QueryOptions) -> EntityPage:
        """Return a page of a collection. Raises BadOption."""
        self._reads += 1
        if self._reads > MOST_READS:
            raise BadOption(f"$expand: found more than {MOST_READS} collections to read, expected fewer: give $top")
        self._check_time()
        try:
            is_many = entity.collection == "Observations"
            page = self._observations(link, options) if is_many else self._entities(entity, link, options)
        except BadExpression as error:
            raise BadOption(f"$filter, $orderby: {error}") from None
        self._entities_read += len(page.rows)
        if self._entities_read > MOST_ENTITIES:
            raise BadOption(f"$expand: found more than {MOST_ENTITIES} entities, expected fewer: give $top within it")
        return page

    def _check_time(self) -> None:
        """Raise BadOption where the request has read for too long."""
        if time.monotonic() > self._until_s:
            raise BadOption(
                f"$filter, $expand, $orderby: found no end within {LONGEST_S:.0f} s, expected less to read: "
                "one Datastream, a stretch of phenomenonTime, a smaller $top"
            )

    def _observations(self, link: Mapping[str, str], options: QueryOptions) -> EntityPage:
        asked = AskedObservations(self._values, link, options, self._check_time)
        rows = read_observations(self._conn, asked)
        count = count_observations(self._conn, asked) if options.count else None
        return EntityPage(rows[: options.top], len(rows) > options.top, count)

    def _entities(self, entity: Entity, link: Mapping[str, str], options: QueryOptions) -> EntityPage:
        compiler = Compiler(entity)
        conditions = [f"e.{column} = %(link_{column})s" for column in link]
        if options.filter is not None:
            conditions.append(compiler.condition(options.filter))
        ordering = Compiler(entity, "e")
        ordering.values = compiler.values
        order = [ordering.ordering(node, descends=descends) for node, descends in options.order]
        if ordering.is_many:
            raise BadOption("$orderby: found a way to several entities, expected one to a single entity")
        where = " and ".join(conditions) or "true"
        values = {
            **self._values, **ordering.values, **{f"link_{column}": value for column, value in link.items()},
            "limit": options.top + 1, "offset": options.skip,
        }  # fmt: skip
        source = f"from ({entity.relation}) e"
        sql = (
            f"select e.* {source} {ordering.joins} where {where} "  # the model's own text
            f"order by {', '.join([*order, 'e.id'])} limit %(limit)s offset %(offset)s"
        )
        with self._conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(sql, values).fetchall()
        count = None
        if options.count:
            found = self._conn.execute(f"select count(*) {source} where {where}", values).fetchone()
            count = 0 if found is None else int(found[0])
        return EntityPage(rows[: options.top], len(rows) > options.top, count)

    def body(self, entity: Entity, row: Row, options: QueryOptions) -> dict[str, Any]:
        """Return an entity with what is to be expanded in it."""
        found = body_of(entity, row, options, self._base)
        for each in options.expand:
            target = ENTITIES[each.navigation.target]
            link = {each.navigation.theirs: row[each.navigation.own]}
            if not each.navigation.is_many:
                rows = self.some(target, link, QueryOptions(top=1)).rows
                found[each.name] = self.body(target, rows[0], each.options) if rows else None
                continue
            part = self.some(target, link, each.options)
            if part.total is not None:
                found[f"{each.name}@iot.count"] = part.total
            found[each.name] = self._bodies(target, part.rows, each.options)
            if part.has_more:
                way = f"{self_link(self._base, entity, row['id'])}/{each.name}"
                found[f"{each.name}@iot.nextLink"] = _following(way, link, each.given, each.options, part)
        return found

    def _bodies(self, entity: Entity, rows: Iterable[Row], options: QueryOptions) -> list[dict[str, Any]]:
        return [self.body(entity, row, options) for row in rows]

    def page(
        self,
        entity: Entity,
        link: Mapping[str, str],
        options: QueryOptions,
        address: str,
        given: Sequence[tuple[str, str]],
    ) -> dict[str, Any]:
        """Return a collection as it is answered; `given`: the query as it came. Raises BadOption."""
        part = self.some(entity, link, options)
        found: dict[str, Any] = {} if part.total is None else {"@iot.count": part.total}
        if part.has_more:
            found["@iot.nextLink"] = _following(address, link, given, options, part)
        return {**found, "value": self._bodies(entity, part.rows, options)}


def _following(
    address: str, link: Mapping[str, str], given: Sequence[tuple[str, str]], options: QueryOptions, part: EntityPage
) -> str:
    """Return the address of the page behind a part: behind its last observation, or by count.

    Observations of one Datastream in the order of time are not counted off, so that new ones shift nothing.
    """
    kept = [(name, text) for name, text in given if name not in ("$skip", "$skiptoken", "$top")]
    place = ("$skip", str(options.skip + options.top))
    if "datastream" in link and part.rows and is_by_time(options):
        place = ("$skiptoken", token_of(part.rows[-1]))
    return f"{address}?{urlencode([*kept, ('$top', str(options.top)), place])}"
