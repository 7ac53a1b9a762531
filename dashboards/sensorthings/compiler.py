"""Makes SQL of expressions: every value is a parameter of the statement, every name one of the model's. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from dashboards.sensorthings.model import ENTITIES, Entity, Kind
from dashboards.sensorthings.syntax import Application, BadExpression, Literal, Node, Path, Shape

MOST_WAYS: Final = 8
"""Ways over other entities in one expression."""


class SqlTerm(NamedTuple):
    """SQL of a part, and what it gives."""

    kind: Kind
    sql: str
    shape: str = "point"


class FilterFunction(NamedTuple):
    """What a function takes and gives."""

    takes: tuple[Kind, ...]
    gives: Kind
    sql: str


_UTC: Final = "({0} at time zone 'UTC')"


def _parts(kind: Kind, of: str) -> FilterFunction:
    return FilterFunction((kind,), "number", f"extract({of} from {_UTC if kind == 'instant' else '{0}'})::float8")


FUNCTIONS: Final[dict[str, tuple[FilterFunction, ...]]] = {
    "substringof": (FilterFunction(("text", "text"), "truth", "(strpos({1}, {0}) > 0)"),),
    "contains": (FilterFunction(("text", "text"), "truth", "(strpos({0}, {1}) > 0)"),),
    "startswith": (FilterFunction(("text", "text"), "truth", "starts_with({0}, {1})"),),
    "endswith": (FilterFunction(("text", "text"), "truth", "(right({0}, length({1})) = {1})"),),
    "length": (FilterFunction(("text",), "number", "length({0})::float8"),),
    "indexof": (FilterFunction(("text", "text"), "number", "(strpos({0}, {1}) - 1)::float8"),),
    "substring": (
        FilterFunction(("text", "number"), "text", "substr({0}, trunc({1})::int4 + 1)"),
        FilterFunction(("text", "number", "number"), "text", "substr({0}, trunc({1})::int4 + 1, trunc({2})::int4)"),
    ),
    "tolower": (FilterFunction(("text",), "text", "lower({0})"),),
    "toupper": (FilterFunction(("text",), "text", "upper({0})"),),
    "trim": (FilterFunction(("text",), "text", "btrim({0})"),),
    "concat": (FilterFunction(("text", "text"), "text", "({0} || {1})"),),
    "year": (_parts("instant", "year"), _parts("date", "year")),
    "month": (_parts("instant", "month"), _parts("date", "month")),
    "day": (_parts("instant", "day"), _parts("date", "day")),
    "hour": (_parts("instant", "hour"), _parts("clock", "hour")),
    "minute": (_parts("instant", "minute"), _parts("clock", "minute")),
    "second": (
        FilterFunction(("instant",), "number", f"floor(extract(second from {_UTC}))::float8"),
        FilterFunction(("clock",), "number", "floor(extract(second from {0}))::float8"),
    ),
    "fractionalseconds": (
        FilterFunction(("instant",), "number", f"mod(extract(second from {_UTC}), 1)::float8"),
        FilterFunction(("clock",), "number", "mod(extract(second from {0}), 1)::float8"),
    ),
    "date": (FilterFunction(("instant",), "date", f"{_UTC}::date"),),
    "time": (FilterFunction(("instant",), "clock", f"{_UTC}::time"),),
    "totaloffsetminutes": (FilterFunction(("instant",), "number", "case when {0} is not null then 0::float8 end"),),
    "now": (FilterFunction((), "instant", "now()"),),
    "mindatetime": (FilterFunction((), "instant", "timestamptz '0001-01-01 00:00:00Z'"),),
    "maxdatetime": (FilterFunction((), "instant", "timestamptz '9999-12-31 23:59:59.999999Z'"),),
    "round": (FilterFunction(("number",), "number", "round({0}::numeric)::float8"),),
    "floor": (FilterFunction(("number",), "number", "floor({0})"),),
    "ceiling": (FilterFunction(("number",), "number", "ceil({0})"),),
    "add": (
        FilterFunction(("number", "number"), "number", "({0} + {1})"),
        FilterFunction(("instant", "duration"), "instant", "({0} + {1})"),
        FilterFunction(("duration", "instant"), "instant", "({0} + {1})"),
        FilterFunction(("duration", "duration"), "duration", "({0} + {1})"),
    ),
    "sub": (
        FilterFunction(("number", "number"), "number", "({0} - {1})"),
        FilterFunction(("instant", "duration"), "instant", "({0} - {1})"),
        FilterFunction(("instant", "instant"), "duration", "({0} - {1})"),
        FilterFunction(("duration", "duration"), "duration", "({0} - {1})"),
    ),
    "mul": (FilterFunction(("number", "number"), "number", "({0} * {1})"),),
    "div": (FilterFunction(("number", "number"), "number", "({0} / nullif({1}, 0))"),),
    "mod": (FilterFunction(("number", "number"), "number", "({0} - {1} * trunc({0} / nullif({1}, 0)))"),),
    "minus": (
        FilterFunction(("number",), "number", "(- {0})"),
        FilterFunction(("duration",), "duration", "(- {0})"),
    ),
    "not": (FilterFunction(("truth",), "truth", "(not {0})"),),
    "and": (FilterFunction(("truth", "truth"), "truth", "({0} and {1})"),),
    "or": (FilterFunction(("truth", "truth"), "truth", "({0} or {1})"),),
    "geo.distance": (FilterFunction(("shape", "shape"), "number", "({0} <-> {1})"),),
    "geo.length": (FilterFunction(("shape",), "number", "(@-@ {0})"),),
    "geo.intersects": (FilterFunction(("shape", "shape"), "truth", "meets"),),
    "st_intersects": (FilterFunction(("shape", "shape"), "truth", "meets"),),
    "st_within": (FilterFunction(("shape", "shape"), "truth", "inside"),),
    "st_contains": (FilterFunction(("shape", "shape"), "truth", "holds"),),
    "st_equals": (FilterFunction(("shape", "shape"), "truth", "same"),),
    "st_disjoint": (FilterFunction(("shape", "shape"), "truth", "apart"),),
}  # fmt: skip
"""Functions and operators by name, without the comparisons."""
COMPARED: Final = {
    "eq": "({0} = {1})", "ne": "({0} is distinct from {1})", "gt": "({0} > {1})", "ge": "({0} >= {1})",
    "lt": "({0} < {1})", "le": "({0} <= {1})",
}  # fmt: skip
_CAST: Final[dict[type, tuple[Kind, str]]] = {
    bool: ("truth", "boolean"), str: ("text", "text"), float: ("number", "float8"), date: ("date", "date"),
    datetime: ("instant", "timestamptz"), time: ("clock", "time"), timedelta: ("duration", "interval"),
}  # fmt: skip
_SHAPES: Final = {"point": "point", "line": "path", "polygon": "polygon"}


class Compiler:
    """Makes SQL of expressions over one entity; what they need beside it stands in `joins` and `values`."""

    def __init__(self, entity: Entity, alias: str = "e") -> None:
        self._entity, self._alias = entity, alias
        self.values: dict[str, Any] = {}
        """Parameters of the statement."""
        self.is_many = False
        """Some way leads to several entities."""
        self._ways: dict[tuple[str, ...], tuple[Entity, str]] = {(): (entity, alias)}
        self._joins: list[str] = []

    @property
    def joins(self) -> str:
        """Return the joins behind the entity."""
        return " ".join(self._joins)

    def condition(self, node: Node) -> str:
        """Return the SQL of a filter, true for what passes. Raises BadExpression."""
        found = self.term(node)
        if found.kind != "truth":
            raise BadExpression(f"found a {found.kind}, expected a condition such as `name eq 'x'`", node.at)
        if not self._joins:
            return found.sql
        return f"exists (select from (select) one {self.joins} where {found.sql})"

    def ordering(self, node: Node, *, descends: bool) -> str:
        """Return the SQL of an order, what is missing last. Raises BadExpression."""
        return f"{self.sort_key(node)} {'desc' if descends else 'asc'} nulls last"

    def sort_key(self, node: Node) -> str:
        """Return the SQL of what something is ordered by: texts by their characters, places by theirs as text."""
        found = self.term(node)
        if found.kind == "null":
            raise BadExpression("found a null, expected something that has an order", node.at)
        return f'({found.sql})::text collate "C"' if found.kind in ("text", "shape") else found.sql

    def term(self, node: Node) -> SqlTerm:
        """Return the SQL of a part. Raises BadExpression."""
        if isinstance(node, Literal):
            return self._literal(node)
        if isinstance(node, Path):
            return self._path(node)
        if node.name in COMPARED:
            return self._comparison(node)
        arguments = [self.term(each) for each in node.arguments]
        return _applied(node, arguments)

    def _literal(self, node: Literal) -> SqlTerm:
        name = f"{self._alias}_v{len(self.values)}"
        if node.value is None:
            return SqlTerm("null", "null")
        if isinstance(node.value, Shape):
            corners = ",".join(f"({x!r},{y!r})" for x, y in node.value.corners)
            kind = node.value.kind
            self.values[name] = corners if kind == "point" else f"[{corners}]" if kind == "line" else f"({corners})"
            return SqlTerm("shape", f"%({name})s::{_SHAPES[kind]}", kind)
        self.values[name] = node.value
        kind_of, cast = _CAST[type(node.value)]
        return SqlTerm(kind_of, f"%({name})s::{cast}")

    def _path(self, node: Path) -> SqlTerm:
        entity, alias, parts = self._entity, self._alias, node.parts
        number = 0
        while number < len(parts) and parts[number] in entity.navigations:
            entity, alias = self._way(parts[: number + 1], entity, alias, node.at)
            number += 1
        name = "/".join(parts[number:])
        found = entity.properties.get("id" if name == "@iot.id" else name)
        if found is None:
            known = ", ".join([*entity.properties, *entity.navigations])
            raise BadExpression(f"found {'/'.join(parts)}, expected one of {entity.collection}: {known}", node.at)
        return SqlTerm(found.kind, found.sql.format(e=alias))

    def _way(self, parts: Sequence[str], entity: Entity, alias: str, at: int) -> tuple[Entity, str]:
        way = tuple(parts)
        if way not in self._ways:
            if len(self._ways) > MOST_WAYS:
                raise BadExpression(f"found more than {MOST_WAYS} ways to other entities, expected fewer", at)
            navigation = entity.navigations[parts[-1]]
            target, name = ENTITIES[navigation.target], f"{self._alias}_w{len(self._ways)}"
            self.is_many = self.is_many or navigation.is_many
            self._joins.append(
                f"left join lateral (select * from ({target.relation}) t "  # noqa: S608  # the model's own text
                f"where t.{navigation.theirs} = {alias}.{navigation.own}) {name} on true"
            )
            self._ways[way] = (target, name)
        return self._ways[way]

    def _comparison(self, node: Application) -> SqlTerm:
        left, right = self._of_one_kind(node)
        if "null" in (left.kind, right.kind):
            if node.name not in ("eq", "ne"):
                raise BadExpression(f"found null beside `{node.name}`, expected `eq` or `ne`", node.at)
            other = right if left.kind == "null" else left
            return SqlTerm("truth", f"({other.sql} is {'not ' if node.name == 'ne' else ''}null)")
        if left.kind != right.kind or left.kind == "shape":
            raise BadExpression(f"found a {left.kind} {node.name} a {right.kind}, expected two of one type", node.at)
        return SqlTerm("truth", COMPARED[node.name].format(left.sql, right.sql))

    def _of_one_kind(self, node: Application) -> list[SqlTerm]:
        """Return what is compared; a number beside a text that reads as one is compared with that number."""
        terms = [self.term(each) for each in node.arguments]
        if {each.kind for each in terms} == {"number", "text"}:
            numbers = (_number_in(each) for each in node.arguments)
            terms = [
                each if number is None else self._literal(number) for each, number in zip(terms, numbers, strict=True)
            ]
        return terms


def _number_in(node: Node) -> Literal | None:
    """Return the number that a quoted text is; None: it is none."""
    if isinstance(node, Literal) and isinstance(node.value, str) and _NUMBER.fullmatch(node.value):
        return Literal(float(node.value), node.at)
    return None


_NUMBER: Final = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)


def _applied(node: Application, arguments: list[SqlTerm]) -> SqlTerm:
    name = node.name.removesuffix("()")
    choices = FUNCTIONS.get(name, ())
    is_operator = node.name == name
    if not choices or is_operator != (name in _OPERATORS):
        offered = ", ".join(sorted(FUNCTIONS.keys() - _OPERATORS))
        raise BadExpression(f"found {name}(…), which is not offered; there are {offered}", node.at)
    kinds = tuple(each.kind for each in arguments)
    for choice in choices:
        if choice.takes == kinds:
            if "shape" in kinds:
                return _of_shapes(node, choice, arguments)
            return SqlTerm(choice.gives, choice.sql.format(*(each.sql for each in arguments)))
    wanted = " or ".join(f"({', '.join(choice.takes)})" for choice in choices)
    raise BadExpression(f"found {name} of ({', '.join(kinds)}), expected {wanted}", node.at)


_OPERATORS: Final = {"add", "sub", "mul", "div", "mod", "minus", "not", "and", "or"}


def _meets(a: SqlTerm, b: SqlTerm) -> str | None:
    """Return the SQL of whether two shapes have a point in common; None: not of these kinds."""
    kinds = {a.shape, b.shape}
    if kinds == {"point"}:
        return f"({a.sql} ~= {b.sql})"
    if kinds == {"point", "polygon"}:
        return f"({a.sql} <@ {b.sql})" if a.shape == "point" else f"({a.sql} @> {b.sql})"
    return f"({a.sql} && {b.sql})" if kinds == {"polygon"} else None


_SHAPE_SQL: Final[dict[str, Callable[[SqlTerm, SqlTerm], str | None]]] = {
    "meets": _meets,
    "apart": lambda a, b: f"(not {_meets(a, b)})" if _meets(a, b) else None,
    "inside": lambda a, b: _meets(a, b) if a.shape == "point" else None,
    "holds": lambda a, b: _meets(a, b) if b.shape == "point" else None,
    "same": lambda a, b: f"({a.sql} ~= {b.sql})" if a.shape == b.shape and a.shape != "line" else None,
}


def _of_shapes(node: Application, choice: FilterFunction, arguments: list[SqlTerm]) -> SqlTerm:
    shapes = " and ".join(each.shape for each in arguments)
    made = _SHAPE_SQL.get(choice.sql)
    if made is not None:
        sql = made(*arguments)
    elif len(arguments) == 1:
        sql = choice.sql.format(arguments[0].sql) if arguments[0].shape == "line" else None
    else:
        is_known = all(each.shape in ("point", "polygon") for each in arguments)
        sql = choice.sql.format(*(each.sql for each in arguments)) if is_known else None
    if sql is None:
        raise BadExpression(f"found {node.name.removesuffix('()')} of {shapes}, which is not offered", node.at)
    return SqlTerm(choice.gives, sql)
