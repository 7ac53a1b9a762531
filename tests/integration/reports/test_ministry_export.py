"""`quantrac export tt10` writes what the views show, and `import tt10` gives the same values back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quantrac.cli.commands import export, import_files
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection
from quantrac.desks import corrections, verdicts, withdrawals
from quantrac.desks.acts import ReviewedReadings
from quantrac.desks.corrections import CorrectionFormula
from quantrac.desks.network import apply_network
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State
from tests.unit.reports import circular

CONFIGS = Path(__file__).parents[3] / "station_configs"
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
"""Of 24 November in Vietnam."""
MINUTE = timedelta(minutes=1)
SENT = {
    "water_temp": ("Temp", "oC", 2), "ph": ("pH", "-", 2), "do": ("DO", "mg/l", 2), "do_sat": ("DO_SAT", "%", 1),
    "ec": ("EC", "mS/cm", 3), "salinity": ("Salinity", "ppt", 2), "turbidity": ("TUR", "NTU", 1),
    "water_level": ("WL", "m", 3),
}  # fmt: skip
"""What a sonde and a gauge send: symbols and units as receivers know them, digits as the parameters have them."""
STORE = """
insert into reading select channel_id, %s, %s, %s, %s, %s from channel where station = 'st-my-thanh' and name = %s
"""


def run(app: object, *words: str) -> str:
    done = CliRunner().invoke(app, words)  # type: ignore[arg-type]
    assert done.exit_code == 0, f"{done.output}{done.exception}"
    return done.output


def test_files_say_what_the_views_show_and_are_read_as_the_same_values(
    conn: Connection, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    monkeypatch.setenv("QUANTRAC_CONFIG", str(CONFIGS))
    apply_network(conn, load_network(CONFIGS), "test", NOW)
    slots: dict[tuple[int, str], list[circular.Written]] = {}
    for minute in range(1, 21):  # four slots
        for place, name in enumerate(SENT):
            value = f"{5 + place + minute % 7 / 10:.2f}"
            state = "ok"
            if name == "ph" and 5 < minute <= 10:
                state = "cal"
            if name == "do" and 10 < minute <= 13:
                state = "fault"
            if name == "ec" and minute in (16, 17):
                continue  # three of five: no figure
            quality = {"ok": 1, "cal": 4, "fault": 4}[state]
            slots.setdefault(((minute + 4) // 5, name), []).append((minute, value, state, quality))
            time = MIDNIGHT + minute * MINUTE
            conn.execute(STORE, [time, float(value), int(State.from_word(state)), 0, time, name])

    def expected(slot: int) -> bytes:
        stamp = f"2026112400{5 * slot:02}00"
        found = ((words, circular.value_and_status(slots.get((slot, name), []), 5)) for name, words in SENT.items())
        return b"".join(
            circular.line(symbol, circular.half_up(value[0], decimals), unit, stamp, value[1])
            for (symbol, unit, decimals), value in found
            if value is not None
        )

    def written(folder: Path) -> dict[str, bytes]:
        words = ("tt10", "--station", "st-my-thanh", "--from", "2026-11-24", "--to", "2026-11-25", "--output")
        assert "4 files" in run(export.app, *words, str(folder))
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    names = {n: f"ST_STMT_NUO001/2026/11/24/ST_STMT_NUO001_2026112400{5 * n:02}00.txt" for n in range(1, 5)}
    first = written(tmp_path / "first")
    assert first == {names[slot]: expected(slot) for slot in names}

    stretch = ReviewedReadings("st-my-thanh/turbidity", MIDNIGHT, MIDNIGHT + 5 * MINUTE)
    act = corrections.correct(conn, stretch, CorrectionFormula(added=2.0), "lan", "zero was off", NOW)
    bad = ReviewedReadings("st-my-thanh/water_level", MIDNIGHT + 15 * MINUTE, MIDNIGHT + 17 * MINUTE)
    verdicts.flag(conn, bad, Quality.FAIL, "lan", "a boat", NOW)
    slots[1, "turbidity"] = [(m, str(float(v or 0) + 2), s, q) for m, v, s, q in slots[1, "turbidity"]]
    slots[4, "water_level"] = slots[4, "water_level"][2:]
    second = written(tmp_path / "second")
    assert second == {names[slot]: expected(slot) for slot in names}
    assert [name for name in first if first[name] != second[name]] == [names[1], names[4]]

    withdrawals.withdraw(conn, act.review_id, "lan", "its readings go", NOW)
    conn.execute("delete from reading")
    conn.execute("delete from latest")
    run(import_files.app, "tt10", str(tmp_path / "second"), "--station", "st-my-thanh", "--person", "an")
    assert written(tmp_path / "third") == second
