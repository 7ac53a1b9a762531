"""A small network that is good until a test changes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of `good/`, with an overlay `demo` that says nothing."""
    root = Path(shutil.copytree(Path(__file__).parent / "good", tmp_path / "net"))
    for folder in ("stations", "rules"):
        (root / "demo" / folder).mkdir(parents=True)
    return root
