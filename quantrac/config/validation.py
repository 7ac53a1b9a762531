"""Checks a tree against a model: what pydantic refuses becomes problems with their places."""

from __future__ import annotations

import re
import types
from dataclasses import is_dataclass
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, PlainValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from quantrac.config.documents import Key, Leaf, Map, Row, Tree, follow, key_place, plain
from quantrac.config.findings import Findings, Place, cut, one_of

M = TypeVar("M", bound=BaseModel)

ALLOWED: Final = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "finite_number": "a finite number",
    "datetime_type": "a time such as 2026-11-24T00:00:00Z",
    "datetime_from_date_parsing": "a time such as 2026-11-24T00:00:00Z",
    "tuple_type": "a list",
    "list_type": "a list",
}
"""What pydantic's plain type errors mean."""
BOUNDS: Final = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "string_pattern_mismatch": "text like {pattern}",
}
LOGIN: Final = re.compile(r"(?<=://).*(?=@)")
"""Of an address: is not shown."""
DECIMAL_COMMA: Final = re.compile(r"(?<![\d,])(\d+),(\d+)(?![\d,])")
NUMBERS: Final = frozenset({"float_type", "int_type", "refused"})
"""Refusals of what may be a number with a decimal comma."""
MOST_ROUNDS: Final = 20
"""Rounds of leaving out what is wrong; each leaves out at least one part."""
LENGTHS: Final = {"too_short": "at least {min_length}", "too_long": "at most {max_length}"}
STAND_INS: Final[dict[str, Any]] = {
    "station": "unnamed",
    "device": "unnamed",
    "network": "unnamed",
    "title": "",
    "source": "",
    "verified": False,
    "name": {"vi": "", "en": ""},
    "operator": {"vi": "", "en": ""},
    "time_zone": "UTC",
    "tags": [],
    "location": {"latitude": 0.0, "longitude": 0.0, "commune": "", "surveyed": False},
    "in_service": "2000-01-01",
    "buses": {},
    "devices": {},
    "signals": {},
    "rules": {},
    "decree": "",
    "cases": {},
    "limits": {},
}
"""What stands in for a top-level key that was refused while the rest of the file is checked; never part of a result."""


LEVEL_STAND_INS: Final[dict[str, Any]] = {"on_delay": "0s", "off_delay": "0s", "severity": "low"}
"""The same for the keys of a level that was refused, so that its other mistakes are found too."""


def validated(model: type[M], tree: Tree, findings: Findings) -> M | None:
    """Return the model of a tree, or with new findings what could be salvaged of it."""
    schema = get_args(model.model_fields["schema_"].annotation)[0]
    return validate(model, tree, findings) or salvage(model, tree, {"schema": schema, **STAND_INS})


def check_stem(stem: str, key: str, name: str, tree: Tree, findings: Findings) -> None:
    """Refuse a file whose content has another name than the file."""
    if name not in (stem, STAND_INS[key]):
        message = f"found {name!r}, allowed {stem!r}, the name of the file"
        findings.add(follow(tree, (key,))[1].problem((key,), message))


def validate(model: type[M], tree: Tree, findings: Findings) -> M | None:
    """Return the model of a tree; None when it is refused, with every reason among the findings."""
    try:
        return model.model_validate(plain(tree))
    except ValidationError as refusal:
        for error in refusal.errors(include_url=False):
            _report(model, tree, error, findings)
        return None


def salvage(model: type[M], tree: Tree, stand_ins: dict[str, Any]) -> M | None:
    """Return what is left of a refused tree without the parts that are wrong, so that the rest can be checked too.

    Wrong keys go; where a mapping then lacks a key it needs, the mapping goes; at the top a stand-in takes its place.
    """
    data = plain(tree)
    for _ in range(MOST_ROUNDS):
        try:
            return model.model_validate(data)
        except ValidationError as refusal:
            wrong = {
                (id(part[0]), part[1]): part
                for error in refusal.errors(include_url=False)
                if (part := _wrong_part(data, error, stand_ins)) is not None
            }
            for holder, key in sorted(wrong.values(), key=lambda part: part[1] if isinstance(part[1], int) else 0)[
                ::-1
            ]:
                del holder[key]
    return None


def _wrong_part(data: Any, error: ErrorDetails, stand_ins: dict[str, Any]) -> tuple[Any, Key] | None:
    """Return what holds the part that an error is about, and its key there; None where a stand-in took its place."""
    location = tuple(step for step in error["loc"] if step != "[key]")
    if len(location) == 1 and location[0] in stand_ins:
        data[location[0]] = stand_ins[str(location[0])]
        return None
    if error["type"] == "missing" and location[-1] in LEVEL_STAND_INS and isinstance(error["input"], dict):
        error["input"][location[-1]] = LEVEL_STAND_INS[location[-1]]
        return None
    trail: list[tuple[Any, Key]] = []
    for step in location:
        here = trail[-1][0][trail[-1][1]] if trail else data
        if (isinstance(here, dict) and step in here) or (
            isinstance(here, list) and isinstance(step, int) and 0 <= step < len(here)
        ):
            trail.append((here, step))
    return trail[-1] if trail else None


def _report(model: type[BaseModel], tree: Tree, error: ErrorDetails, findings: Findings) -> None:
    location = tuple(step for step in error["loc"] if step != "[key]")
    if error["type"] in ("extra_forbidden", "invalid_key") and (before := _cut_by_a_comma(tree, location)) is not None:
        path, place, here = follow(tree, (*location[:-1], before))
        number = f"{_value(here)},{location[-1]}"
        exact = f"found {number!r}, {_with_a_point(number)}"
        vague = f"found a comma within a number, write a decimal point, such as {_value(here)}.5"
        is_exact = location[-1] == 0 or not isinstance(location[-1], int)  # `3,05` has left a 5 behind
        findings.add(place.problem(path, exact if is_exact else vague))
        return
    if _is_cut(tree, location):
        return  # told by what the comma has cut off
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        path, _, _ = follow_signal(tree, location)
        message = one_of(location[-1], fields_at(model, location[:-1]))
        findings.add(key_place(tree, path).problem(path, message))
        return
    if error["type"] == "missing":
        path, place, _ = follow(tree, location[:-1])
        findings.add(place.problem((*path, location[-1]), f"found nothing, allowed {described(model, location)}"))
        return
    path, place, here = follow_signal(tree, location)
    if error["type"] == "too_short" and _size(here) >= error["ctx"]["min_length"]:
        return  # its entries were refused one by one
    place = key_place(tree, path) if "[key]" in error["loc"] and path else place
    found = path[-1] if "[key]" in error["loc"] else here
    findings.add(place.problem(path, message_of(error, found)))


def _cut_by_a_comma(tree: Tree, location: tuple[Key, ...]) -> Key | None:
    """Return the key whose number a comma has cut: `{limit: 3,0}` is read as `limit: 3` and an empty `0`."""
    followed, _, parent = follow(tree, location[:-1])
    if followed != location[:-1] or not isinstance(parent, Map) or location[-1] not in parent.entries:
        return None
    keys = list(parent.entries)
    place, rest = keys.index(location[-1]), parent.entries[location[-1]].tree
    if not place or rest != Leaf(None, rest.place) or re.fullmatch(r"\d+[a-zA-Z]*", str(location[-1])) is None:
        return None
    before = parent.entries[keys[place - 1]].tree
    return keys[place - 1] if isinstance(before, Leaf) and re.fullmatch(r"-?\d+", str(before.value)) else None


def _is_cut(tree: Tree, location: tuple[Key, ...]) -> bool:
    """Whether a comma has cut the number at a location."""
    if not location:
        return False
    _, _, parent = follow(tree, location[:-1])
    keys = list(parent.entries) if isinstance(parent, Map) else []
    behind = keys.index(location[-1]) + 1 if location[-1] in keys else len(keys)
    return behind < len(keys) and _cut_by_a_comma(tree, (*location[:-1], keys[behind])) == location[-1]


def _with_a_point(found: str) -> str:
    written = DECIMAL_COMMA.sub(r"\1.\2", found)
    return f"write {written}: a decimal point, no comma"


def follow_signal(tree: Tree, location: tuple[Key, ...]) -> tuple[tuple[Key, ...], Place, Tree]:
    """Follow a location as `follow` does; what a profile's `defaults` gave to a signal is found there."""
    path, place, here = follow(tree, location)
    if len(location) > 2 and location[0] == "signals" and _names(path) < _names(location):
        default, default_place, default_here = follow(tree, ("defaults", *location[2:]))
        if _names(default) == _names(location) - 1:
            return default, default_place, default_here
    return path, place, here


def _names(path: tuple[Key, ...]) -> int:
    """Count the steps that are keys: places in lists may be the model's own, where a file writes one thing bare."""
    return sum(isinstance(step, str) for step in path)


def _size(tree: Tree) -> int:
    return 0 if isinstance(tree, Leaf) else len(tree.entries if isinstance(tree, Map) else tree.items)


def message_of(error: ErrorDetails, found: Any) -> str:
    """Return what pydantic found and what is allowed there, in our form of words."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("literal_error", "enum"):
        return one_of(_value(found), [word.strip("'") for word in _words(context["expected"])])
    if kind == "word":
        return one_of(_value(found), context["allowed"].split(", "))
    if kind in LENGTHS:
        return f"found {shown(found)}, allowed {LENGTHS[kind].format(**context)} entries"
    if isinstance(value := getattr(found, "value", found), str) and kind in NUMBERS and DECIMAL_COMMA.search(value):
        return f"found {shown(found)}, {_with_a_point(value)}"
    template = BOUNDS.get(kind) or ALLOWED.get(kind)
    allowed = template.format(**context) if template else context.get("allowed", error["msg"])
    return f"found {shown(found)}, allowed {allowed}"


def _words(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")


def _value(found: Any) -> Any:
    return found.value if isinstance(found, Leaf) else shown(found)


def shown(found: Any) -> str:
    """Return how a value is named in a message: text in quotes, numbers bare, collections by their kind."""
    if isinstance(found, dict | Map):
        keys = found.entries if isinstance(found, Map) else found
        return "a mapping of " + (", ".join(cut(str(key)) for key in keys) or "nothing")
    if isinstance(found, Row):
        items = ", ".join(shown(item) for item in found.items)
        return f"[{items}]" if len(items) < 60 else f"a list of {len(found.items)}"
    value = found.value if isinstance(found, Leaf) else found
    if isinstance(value, str):
        value = LOGIN.sub("…", value)
    if value is None:
        return "nothing"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else cut(repr(value))


def fields_at(model: type[BaseModel], location: tuple[Key, ...]) -> list[str]:
    """Return the keys that a model allows at a location, as files write them."""
    inner = _models_at(model, location)
    return [field.alias or name for found in inner for name, field in _fields(found).items()]


def described(model: type[BaseModel], location: tuple[Key, ...]) -> str:
    """Return what is allowed at a location in a few words, for a key that is missing."""
    for parent in _models_at(model, location[:-1]):
        for name, field in _fields(parent).items():
            if location[-1] in (name, field.alias):
                return _own_words(field) or _kind(field.annotation)
    return "a value"


def _own_words(field: FieldInfo) -> str | None:
    """Ask the field's own validator what it allows, by giving it nothing."""
    for validator in field.metadata:
        if isinstance(validator, BeforeValidator | PlainValidator):
            try:
                validator.func(None)  # type: ignore[call-arg]
            except PydanticCustomError as refusal:
                return refusal.message()
    return None


KINDS: Final[dict[Any, str]] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(map(str, get_args(annotation)))
    if _is_model(annotation):
        return "a mapping of " + ", ".join(fields_at(annotation, ()))
    return {tuple: "a list", list: "a list", dict: "a mapping"}.get(origin) or KINDS.get(annotation, "a value")


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and (issubclass(annotation, BaseModel) or is_dataclass(annotation))


def _fields(model: type[Any]) -> dict[str, FieldInfo]:
    """Return the fields of a pydantic model, or of a dataclass that stands in one."""
    if issubclass(model, BaseModel):
        return model.model_fields
    return {name: FieldInfo.from_annotation(hint) for name, hint in get_type_hints(model).items()}


def _models_at(annotation: Any, location: tuple[Key, ...]) -> list[type[Any]]:
    """Return the models that an annotation leads to along a location."""
    origin, inner, rest = get_origin(annotation), get_args(annotation), location
    if _is_model(annotation):
        if not location:
            return [annotation]
        named = (field for name, field in _fields(annotation).items() if location[0] in (name, field.alias))
        inner, rest = tuple(field.annotation for field in named), location[1:]
    elif origin is Annotated:
        inner = inner[:1]
    elif origin in (tuple, list, dict):
        rest = location[1:]
    elif origin not in (Union, types.UnionType):
        return []
    return [found for argument in inner for found in _models_at(argument, rest)]
