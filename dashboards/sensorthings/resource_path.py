"""Reads the path of a request: collections, entities by id, ways from one to the other, properties. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dashboards.sensorthings.model import ENTITIES, Entity

MOST_STEPS: Final = 10
_SEGMENT: Final = re.compile(r"(\$?[A-Za-z_][A-Za-z_.@]*)(?:\((?:'((?:[^']|'')*)'|(-?\d{1,30}))\))?(?:/|$)")


@dataclass(frozen=True, slots=True)
class PathStep:
    """A collection, or one entity of it."""

    entity: Entity
    name: str
    """Of the collection, or of the way that led there."""
    key: str | None
    """The id of the one; None: all that the way leads to."""
    is_one: bool
    """One entity: by its id, or since the way leads to one."""


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """What a path names."""

    steps: tuple[PathStep, ...]
    """From a collection of the root on; empty: the root."""
    property: tuple[str, ...] = ()
    """Of the one entity."""
    is_value: bool = False
    """`$value`: the property's bare value."""
    is_links: bool = False
    """`$ref`: the links to the entities alone."""


def read_path(text: str) -> ResourcePath | None:
    """Return what a path behind the version names; None: nothing that there is."""
    segments, place = list[re.Match[str]](), 0
    while place < len(text):
        found = _SEGMENT.match(text, place)
        if found is None or len(segments) == MOST_STEPS:
            return None
        segments.append(found)
        place = found.end()
    steps = list[PathStep]()
    while segments:
        step = _step(steps[-1] if steps else None, segments[0])
        if step is None:
            break
        steps.append(step)
        segments.pop(0)
    rest = [segment[1] for segment in segments if segment[2] is None and segment[3] is None]
    if len(rest) != len(segments):
        return None
    if rest in ([], ["$ref"]):
        return ResourcePath(tuple(steps), is_links=bool(rest)) if steps or not rest else None
    if not steps or not steps[-1].is_one:
        return None
    is_value = rest[-1] == "$value"
    path = tuple(rest[:-1] if is_value else rest)
    known = ("id", *steps[-1].entity.names)
    return ResourcePath(tuple(steps), path, is_value) if path and path[0] in known else None


def _step(before: PathStep | None, segment: re.Match[str]) -> PathStep | None:
    """Return the next step, None where the segment names no collection and no way."""
    name = segment[1]
    key = segment[2].replace("''", "'") if segment[2] is not None else segment[3]
    if before is None:
        entity = ENTITIES.get(name)
        return None if entity is None else PathStep(entity, name, key, key is not None)
    navigation = before.entity.navigations.get(name) if before.is_one else None
    if navigation is None or (key is not None and not navigation.is_many):
        return None
    return PathStep(ENTITIES[navigation.target], name, key, key is not None or not navigation.is_many)
