"""Loads a single file: checks its tree against its model, and device profiles in themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel

from quantrac.config.devices import PROFILE_OF_PROTOCOL, AnyProfile
from quantrac.config.documents import Leaf, Map, Tree, follow, read_document
from quantrac.config.findings import ConfigErrors, Findings, Problem, one_of
from quantrac.config.profile_checks import check_profile
from quantrac.config.validation import salvage, validate

M = TypeVar("M", bound=BaseModel)

PLACEHOLDERS: Final[dict[str, Any]] = {
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
}
"""What stands in for a top-level key that was refused while the rest of the file is checked; never part of a result."""


def load_profile(path: Path) -> AnyProfile:
    """Read and check one device profile; raises ConfigErrors."""
    findings = Findings()
    tree = read_document(path, str(path), findings)
    profile = None if tree is None else make_profile(path.stem, tree, findings)
    findings.raise_if_any()
    if profile is None:
        raise ConfigErrors([Problem(str(path), 1, 1, "", "found an empty file, allowed a device profile")])
    return profile


def make_profile(stem: str, tree: Tree, findings: Findings) -> AnyProfile | None:
    """Return the profile of a tree; None when it is refused, with every reason among the findings."""
    _, place, protocol = follow(tree, ("protocol",))
    named = isinstance(tree, Map) and "protocol" in tree.entries and isinstance(protocol, Leaf)
    word = protocol.value if named and isinstance(protocol, Leaf) else None
    if word not in PROFILE_OF_PROTOCOL:
        found = (
            one_of(word, PROFILE_OF_PROTOCOL) if named else f"found nothing, allowed {', '.join(PROFILE_OF_PROTOCOL)}"
        )
        findings.add(place.problem(("protocol",), found))
        return None
    model: type[AnyProfile] = PROFILE_OF_PROTOCOL[str(word)]
    before = len(findings.problems)
    profile: AnyProfile | None = validated(model, tree, findings)
    if profile is not None:
        check_stem(stem, "device", profile.device, tree, findings)
        check_profile(profile, tree, findings)
    return None if len(findings.problems) > before else profile


def validated(model: type[M], tree: Tree, findings: Findings) -> M | None:
    """Return the model of a tree, or with new findings what could be salvaged of it."""
    schema = get_args(model.model_fields["schema_"].annotation)[0]
    return validate(model, tree, findings) or salvage(model, tree, {"schema": schema, **PLACEHOLDERS})


def check_stem(stem: str, key: str, name: str, tree: Tree, findings: Findings) -> None:
    """Refuse a file whose content has another name than the file."""
    if name not in (stem, PLACEHOLDERS[key]):
        message = f"found {name!r}, allowed {stem!r}, the name of the file"
        findings.add(follow(tree, (key,))[1].problem((key,), message))
