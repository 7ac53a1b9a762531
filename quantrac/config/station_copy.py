"""Copies a station file for a new station, without what belongs to one place or one instrument."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

SINGLE: Final = ("serial", "adjust", "datum_offset")
"""Keys that hold for one instrument at one place: a serial number, a technician's correction, an offset to a datum."""
WIDTH: Final = 160


@dataclass(frozen=True, slots=True)
class NewStation:
    """What a new station is called and where it stands; degrees WGS 84."""

    station: str
    name_vi: str
    name_en: str
    latitude: float
    longitude: float
    commune: str
    in_service: date | None = None
    """None: the day on which the file is begun."""


def copied(text: str, new: NewStation) -> tuple[str, list[str]]:
    """Return the text of the new station's file, and the key paths of `text` that were left out."""
    yaml = YAML(typ="rt")
    yaml.width, yaml.preserve_quotes = WIDTH, True
    tree = yaml.load(text)
    like = tree["station"]
    left_out = list(_dropped(tree))
    if tree.pop("ministry", None) is not None:
        left_out.insert(0, "ministry")
    tree["station"], tree["in_service"] = new.station, new.in_service
    tree["name"] = _flow(vi=new.name_vi, en=new.name_en)
    tree["location"] = _flow(latitude=new.latitude, longitude=new.longitude, commune=new.commune, surveyed=False)
    tree.yaml_set_start_comment(f"{new.name_vi}. Made from {like}: make buses, addresses, limits those of this place.")
    out = StringIO()
    yaml.dump(tree, out)
    return out.getvalue(), left_out


def _dropped(tree: Any) -> Iterator[str]:
    """Take the SINGLE keys out of devices and channels, and yield where they stood."""
    for name, device in tree.get("devices", {}).items():
        for place, spec in ((f"devices.{name}", device), *_channels(name, device)):
            for key in SINGLE:
                if key in spec:
                    del spec[key]
                    yield f"{place}.{key}"


def _channels(name: str, device: Any) -> Iterator[tuple[str, Any]]:
    for channel, spec in (device.get("channels") or {}).items():
        if spec:
            yield f"devices.{name}.channels.{channel}", spec


def _flow(**values: Any) -> CommentedMap:
    found = CommentedMap(values)
    found.fa.set_flow_style()
    return found
