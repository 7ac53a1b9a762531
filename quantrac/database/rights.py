"""The groups of roles that hold a right, as `grants.sql` gives them: what is said to whoever lacks one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

GRANTS: Final = Path(__file__).with_name("grants.sql")
_GRANT: Final = re.compile(r"^grant (.+?) on (?:function |schema )?(.+?)\s+to (.+?);", re.MULTILINE | re.DOTALL)
_DENIED: Final = re.compile(r"permission denied for \w+(?: \w+)* (\w+)$")


def missing_right(denied: str) -> str:
    """Return PostgreSQL's "permission denied for table review" with the groups whose members may, and what."""
    found = _DENIED.search(denied)
    holders = dict(_holders(found[1])) if found else {}
    if not holders:
        return f"{denied}; use the address of the owner (QUANTRAC_DATABASE_URL), see docs/database.md"
    groups = ", ".join(f"{group} ({rights})" for group, rights in holders.items())
    return f"{denied}: members of {groups} may; use an address whose user is one, see docs/database.md"


def _holders(name: str) -> Iterator[tuple[str, str]]:
    """Yield the groups with rights on a table, view or function, and the rights of each."""
    rights: dict[str, list[str]] = {}
    for granted, objects, groups in _GRANT.findall(GRANTS.read_text("utf-8")):
        if name in re.findall(r"\w+", re.sub(r"\([^)]*\)", "", objects)):
            for group in re.findall(r"\w+", groups):
                rights.setdefault(group, []).append(" ".join(granted.split()))
    return ((group, ", ".join(said)) for group, said in rights.items())
