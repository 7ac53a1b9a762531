"""Rows as commands with `--json` print them."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any


def plain(row: Any) -> dict[str, Any]:
    """Return a row (a dataclass) as JSON takes it: times in ISO 8601."""
    values = dataclasses.asdict(row)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
