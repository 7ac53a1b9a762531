"""A resolved station as JSON, so that it can travel: `loads(dumps(station))` has the same content and the same hash.

A station is not checked again against files, which stay at home; its form is, key by key, against the models, and its
content against the hash that it carries. Golden exchanges stay at home, too: they are no part of the hash.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from quantrac.config.devices import PROFILE_OF_PROTOCOL, AnyProfile
from quantrac.config.fields import LineSettings, parse_line, parse_state
from quantrac.config.frames import HexFrame, TextFrame, parse_hex, parse_text
from quantrac.config.resolution import config_hash
from quantrac.config.stations import Station
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.states import State
from quantrac.telemetry.words import Words

FRAMES: Final = (HexFrame, TextFrame)


class BadStation(QuantracError):
    """The text is no resolved station."""

    exit_code = 2


def dumps(station: Station) -> str:
    """Return the station as JSON, in canonical form: keys sorted, no spaces."""
    return json.dumps(
        station.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def loads(text: str | bytes) -> Station:
    """Return the station of a JSON text; raises BadStation: not JSON, of another form, or not what its hash says."""
    try:
        tree = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise BadStation(f"a station that travels: found no JSON ({error})") from error
    station: Station = _model(Station, tree, "station")
    found = config_hash(station)
    if found != station.config_hash:
        raise BadStation(f"config_hash: found {station.config_hash[:12]}…, the content has {found[:12]}…")
    return station


def _refuse_constant(token: str) -> float:
    raise ValueError(f"{token} is no number of JSON")


def _refuse(place: str, value: object, allowed: str) -> BadStation:
    return BadStation(f"{place}: found {str(value)[:60]!r}, allowed {allowed}")


def _model(model: type[BaseModel], value: object, place: str) -> Any:
    if not isinstance(value, dict):
        raise _refuse(place, value, f"an object ({model.__name__})")
    hints = get_type_hints(model, include_extras=True)
    kept = {name for name, field in model.model_fields.items() if not field.exclude}
    if unknown := value.keys() - kept:
        raise _refuse(place, ", ".join(sorted(unknown)), f"the keys of {model.__name__} (is the agent older?)")
    made: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in value:
            made[name] = _thawed(hints[name], value[name], f"{place}.{name}")
        elif name not in kept:
            made[name] = () if field.is_required() else field.get_default(call_default_factory=True)
        elif field.is_required():
            raise _refuse(place, "nothing", f"the key {name}")
    return model.model_construct(**made)


def _thawed(hint: Any, value: object, place: str) -> Any:
    """Return a value of JSON as what an annotation says."""
    origin = get_origin(hint)
    if hint in FRAMES:
        return _leaf(hint, value, place)
    if origin is Annotated:
        return _thawed(get_args(hint)[0], value, place)
    if hint == AnyProfile:
        protocol = value.get("protocol") if isinstance(value, dict) else None
        return _model(PROFILE_OF_PROTOCOL[_known(protocol, PROFILE_OF_PROTOCOL, place)], value, place)
    if origin in SHAPES:
        return SHAPES[origin](get_args(hint), value, place)
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return _model(hint, value, place)
    return _leaf(hint, value, place)


def _known(word: object, allowed: Iterable[Any], place: str) -> Any:
    words = list(allowed)
    if word not in words or isinstance(word, bool):
        raise _refuse(place, word, ", ".join(map(str, words)))
    return word


def _one_of(hints: tuple[Any, ...], value: object, place: str) -> Any:
    if value is None and type(None) in hints:
        return None
    refusal: BadStation | None = None
    for hint in hints:
        if hint is type(None):
            continue
        try:
            return _thawed(hint, value, place)
        except BadStation as error:
            refusal = refusal or error
    raise refusal or _refuse(place, value, "nothing")


def _mapping(hints: tuple[Any, ...], value: object, place: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise _refuse(place, value, "an object")
    key = hints[0]
    while get_origin(key) is Annotated:
        key = get_args(key)[0]
    if key is int and not all(name.lstrip("-").isdecimal() for name in value):
        raise _refuse(place, ", ".join(value), "whole numbers as keys")
    return {
        (int(name) if key is int else name): _thawed(hints[1], one, f"{place}.{name}") for name, one in value.items()
    }


def _row(hints: tuple[Any, ...], value: object, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _refuse(place, value, "a list")
    each = [hints[0]] * len(value) if len(hints) == 2 and hints[1] is ... else list(hints)
    if len(each) != len(value):
        raise _refuse(place, value, f"{len(each)} entries")
    return tuple(_thawed(hint, one, f"{place}[{at}]") for at, (hint, one) in enumerate(zip(each, value, strict=True)))


SHAPES: Final[dict[Any, Callable[[tuple[Any, ...], object, str], Any]]] = {
    Union: _one_of,
    types.UnionType: _one_of,
    Literal: lambda words, value, place: _known(value, words, place),
    dict: _mapping,
    tuple: _row,
}


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a whole number")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("a number")
    return float(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text")
    return value


def _line(value: object) -> LineSettings:
    if isinstance(value, list) and len(value) == 4:
        baud, bits, parity, stop = value
        return parse_line(f"{baud} {bits}{parity}{stop}")
    return parse_line(value)


def _words(value: object) -> Words:
    if not isinstance(value, dict) or value.keys() != {"vi", "en"}:
        raise TypeError("a text in vi and en")
    return Words(_text(value["vi"]), _text(value["en"]))


LEAVES: Final[dict[Any, Callable[[Any], Any]]] = {
    int: _whole,
    float: _number,
    bool: _flag,
    str: _text,
    HexFrame: parse_hex,
    TextFrame: parse_text,
    State: parse_state,
    LineSettings: _line,
    Words: _words,
    datetime: lambda value: datetime.fromisoformat(_text(value)),
    date: lambda value: date.fromisoformat(_text(value)),
}


def _leaf(hint: Any, value: object, place: str) -> Any:
    read = LEAVES.get(hint)
    if read is None:
        raise TypeError(f"{place}: no way to read a {hint}")
    try:
        return read(value)
    except PydanticCustomError as error:
        raise _refuse(place, value, error.message()) from error
    except (TypeError, ValueError) as error:
        raise _refuse(place, value, str(error)) from error
