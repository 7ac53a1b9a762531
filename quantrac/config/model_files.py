"""The trained models that files name, each read once, and what is wrong with one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from quantrac.config.sources import BadSource, read_text

if TYPE_CHECKING:
    from quantrac.quality.model_file import ModelFile


@dataclass
class ModelFiles:
    """The models below a folder of configuration. Without one nothing is read: an agent has no use for them."""

    root: Path | None = None
    good: dict[str, ModelFile] = field(default_factory=dict)
    """By name, such as `models/turbidity.json`."""
    bad: dict[str, str] = field(default_factory=dict)
    """By name: "found …, allowed …"."""

    def problem(self, name: str, parameter: str) -> str | None:
        """Return why a model cannot judge a parameter; None: it can, or nothing is read."""
        if self.root is None:
            return None
        if name not in self.good and name not in self.bad:
            self._read(self.root, name)
        if name in self.bad:
            return f"{name}: {self.bad[name]}"
        model = self.good[name]
        return None if model.parameter == parameter else f"found a model of {model.parameter}, allowed of {parameter}"

    def _read(self, root: Path, name: str) -> None:
        from quantrac.quality.model_file import MOST_BYTES, BadModel, read_model  # numpy, which no agent has

        try:
            self.good[name] = read_model(read_text(root / name, MOST_BYTES).encode())
        except (BadSource, BadModel) as error:
            self.bad[name] = str(error)
