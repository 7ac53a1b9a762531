"""What the demo is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DemoOptions:
    """`quantrac demo`'s options.

    Args:
        project: holds `station_configs`; the run's files go to its `.quantrac/demo` or, where a system user could not
            enter that, to a folder of our own under `/var/tmp`.
        seconds: how long to run from the first reading; None: until Ctrl-C.
        report: where to write the JSON report; None: nowhere.
        keep: go on with the data of the last run.
        overlay: the overlay of `station_configs` that sets short intervals.
    """

    project: Path
    seconds: float | None = None
    report: Path | None = None
    keep: bool = False
    overlay: str = "demo"
