"""On site without a link, one look says what every instrument gives, what was missed, and what waits."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from quantrac.cli.commands.edge_watch import table_of, text_of

T = 1_795_490_400_000  # 2026-11-24T03:20:00Z
FOUND: dict[str, Any] = {
    "station": "st-test", "connected": False, "config": "0123456789abcdef", "t": T, "waiting": 41, "in_memory": 1,
    "acknowledged": 1000, "refused": 0, "lost": 0, "used_bytes": 2_500_000, "disk": "ok",
    "rows": [
        {"device": "sonde", "channel": "ph", "value": 7.62, "unit": "[pH]", "state": "ok", "t": T - 1500,
         "raw": "40F3 D70A", "lost": False},
        {"device": "sonde", "channel": "do", "value": None, "unit": "mg/L", "state": "comm", "t": None, "raw": "",
         "lost": True},
    ],
    "errors": {"sonde": {"silent": 3, "check": 1}},
    "advice": {"sonde": "takes 3.0 s to answer"},
    "maintenance": {"sonde": {"state": "maint", "until": T + 60_000}},
}  # fmt: skip
WORDS = [
    "NOT connected", "42 waiting", "7.62 [pH]", "40F3 D70A", "1.5 s", "comm", "never",
    "sonde missed: 3 silent, 1 check",
    "sonde takes 3.0 s to answer", "sonde: maint until", "config 0123456789ab",
]  # fmt: skip


def test_a_block_of_text_says_it_all() -> None:
    text = "\n".join(text_of(FOUND))
    for word in WORDS:
        assert word in text


def test_a_table_on_a_terminal_says_it_too() -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table_of(FOUND))
    text = " ".join(console.export_text().split())
    for word in WORDS:
        assert word.replace("comm", "lost") in text
