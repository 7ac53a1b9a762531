"""The query options of a request, and those within `$expand`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dashboards.sensorthings.expressions import parse_filter, parse_order
from dashboards.sensorthings.model import ENTITIES, Entity, Navigation
from dashboards.sensorthings.syntax import BadExpression, Node
from quantrac.telemetry.errors import QuantracError

DEFAULT_TOP: Final = 100
MOST_TOP: Final = 1000
MOST_SKIPPED: Final = 100_000
"""So many rows are read and held for a page behind them."""
DEEPEST_EXPAND: Final = 4
MOST_EXPANDED: Final = 16


class BadOption(QuantracError):
    """A query option that cannot be."""


class NotOffered(QuantracError):
    """A query option that this service does not have."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Something to be put into a body in place of the link to it."""

    name: str
    navigation: Navigation
    options: QueryOptions
    given: tuple[tuple[str, str], ...] = ()
    """The options as they came."""


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What of a collection is asked for."""

    filter: Node | None = None
    order: tuple[tuple[Node, bool], ...] = ()
    top: int = DEFAULT_TOP
    skip: int = 0
    count: bool = False
    select: tuple[str, ...] = ()
    """Empty: everything."""
    expand: tuple[Expansion, ...] = ()
    token: str | None = None
    """Behind which observation a page begins."""


def read_options(entity: Entity, given: Iterable[tuple[str, str]], depth: int = 0) -> QueryOptions:
    """Return the options of a collection, or of one entity. Raises BadOption, NotOffered."""
    found: dict[str, object] = {}
    for name, text in given:
        if not name.startswith("$"):
            continue  # of no one's: OData leaves it to the service, and links bear what people add
        key = name[1:]
        if key in found:
            raise BadOption(f"{name}: found twice, expected once")
        try:
            found[key] = _read(entity, key, text, depth)
        except BadExpression as error:
            raise BadOption(f"{name}: {error}") from None
    renamed = {{"orderby": "order", "skiptoken": "token"}.get(key, key): value for key, value in found.items()}
    return QueryOptions(**renamed)  # type: ignore[arg-type]


def _read(entity: Entity, key: str, text: str, depth: int) -> object:
    reads: dict[str, Callable[[], object]] = {
        "filter": lambda: parse_filter(text),
        "orderby": lambda: tuple(parse_order(text)),
        "top": lambda: min(_count(key, text), MOST_TOP),
        "skip": lambda: _skipped(text),
        "count": lambda: _wanted(text),
        "select": lambda: tuple(_selected(entity, name.strip()) for name in text.split(",")),
        "expand": lambda: _joined(_expansions(entity, text, depth)),
    }
    if depth == 0:
        reads["skiptoken"] = lambda: text
    if key not in reads:
        offered = ", ".join(f"${name}" for name in reads)
        raise NotOffered(f"${key[:40]}: found an option that is not offered; there are {offered}")
    return reads[key]()


def _skipped(text: str) -> int:
    found = _count("skip", text)
    if found > MOST_SKIPPED:
        raise BadOption(f"$skip: found {text}, expected at most {MOST_SKIPPED}: narrow it with $filter")
    return found


def _wanted(text: str) -> bool:
    if text not in ("true", "false"):
        raise BadOption(f"$count: found {text[:40]!r}, expected true or false")
    return text == "true"


def _count(key: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadOption(f"${key}: found {text[:40]!r}, expected a whole number from 0")
    return int(text)


def _selected(entity: Entity, name: str) -> str:
    known = ("id", "@iot.id", "@iot.selfLink", *entity.names, *entity.navigations)
    if name not in known:
        raise BadOption(f"$select: found {name[:40]!r}, expected some of {', '.join(known)}")
    return name


def _expansions(entity: Entity, text: str, depth: int) -> Iterator[Expansion]:
    if depth >= DEEPEST_EXPAND:
        raise BadOption(f"$expand: found more than {DEEPEST_EXPAND} levels, expected fewer")
    items = _split(text, ",")
    if len(items) > MOST_EXPANDED:
        raise BadOption(f"$expand: found {len(items)} items, expected at most {MOST_EXPANDED}")
    for item in items:
        path, bracket, rest = item.strip().partition("(")
        if bracket and not rest.endswith(")"):
            raise BadOption(f"$expand: found {item.strip()[:60]!r}, expected `)` at its end")
        yield _expansion(entity, path.strip().split("/"), rest[:-1] if bracket else "", depth)


def _expansion(entity: Entity, path: Sequence[str], rest: str, depth: int) -> Expansion:
    """Return one; a path of several parts expands what it leads over, too."""
    navigation = entity.navigations.get(path[0])
    if navigation is None:
        known = ", ".join(entity.navigations)
        raise BadOption(f"$expand: found {path[0][:40]!r}, expected some of {known}")
    target = ENTITIES[navigation.target]
    if len(path) > 1:
        if depth + 1 >= DEEPEST_EXPAND:
            raise BadOption(f"$expand: found more than {DEEPEST_EXPAND} levels, expected fewer")
        inner = _expansion(target, path[1:], rest, depth + 1)
        within = f"{'/'.join(path[1:])}{f'({rest})' if rest else ''}"
        return Expansion(path[0], navigation, QueryOptions(expand=(inner,)), (("$expand", within),))
    parts = (each.strip().partition("=") for each in _split(rest, ";") if each.strip())
    given = tuple((name, text) for name, _, text in parts)
    return Expansion(path[0], navigation, read_options(target, given, depth + 1), given)


def _joined(expansions: Iterable[Expansion]) -> tuple[Expansion, ...]:
    """Return what is expanded, each once: `A/B,A/C` expands both in the same A. Raises BadOption."""
    found: dict[str, Expansion] = {}
    for one in expansions:
        before = found.get(one.name)
        found[one.name] = one if before is None else _both(before, one)
    return tuple(found.values())


def _both(first: Expansion, second: Expansion) -> Expansion:
    plain, other = sorted((first, second), key=lambda one: one.options != QueryOptions(expand=one.options.expand))
    if plain.options != QueryOptions(expand=plain.options.expand):
        raise BadOption(f"$expand: found {first.name} twice with options, expected once")
    inner = [text for one in (first, second) for name, text in one.given if name == "$expand"]
    given = tuple(each for each in other.given if each[0] != "$expand")
    given += (("$expand", ",".join(inner)),) if inner else ()
    expand = _joined((*first.options.expand, *second.options.expand))
    return Expansion(first.name, first.navigation, replace(other.options, expand=expand), given)


def _split(text: str, sign: str) -> list[str]:
    """Return what stands between signs that are in neither quotes nor brackets."""
    parts, depth, quoted, begin = list[str](), 0, False, 0
    for place, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
            if char == sign and depth == 0:
                parts.append(text[begin:place])
                begin = place + 1
    return [*parts, text[begin:]]
