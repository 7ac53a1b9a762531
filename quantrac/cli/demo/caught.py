"""What the catchers of mail and SMS have received, told once each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Caught:
    """Reads the catchers' files; `news` yields what has come since it was last asked."""

    def __init__(self, folder: Path) -> None:
        self._told = {folder / "mail.jsonl": 0, folder / "sms.jsonl": 0}

    def news(self) -> Iterator[str]:
        """Yield one line for each new message."""
        for path, told in self._told.items():
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            self._told[path] = len(lines)
            for line in lines[told:]:
                yield _described(json.loads(line))


def _described(message: dict[str, Any]) -> str:
    if "subject" in message:
        return f"e-mail to {', '.join(message['to'])}: {message['subject']}"
    return f"SMS to {message['phone']}: {message['text']}"
