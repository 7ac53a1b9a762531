"""The main job, whole: six stations, from the instruments' registers to the farmer's telephone."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Demo, alive

pytestmark = pytest.mark.slow

START_WITHIN_S = 300
END_WITHIN_S = 500
SECOND, LATE = timedelta(seconds=1), timedelta(seconds=8)


def expect_nothing_lost_and_nothing_doubled(found: dict[str, Any]) -> None:
    messages = found["messages"]
    assert messages["produced"] > 0
    assert messages["stored"] == messages["produced"], found["printed"]
    assert (messages["dead"], messages["lost"], messages["missing"]) == (0, 0, 0)
    assert messages["received"] == messages["new"] + messages["duplicate"] + messages["rejected"]
    assert messages["rejected"] == 0
    assert found["journal"]["different"] == 0, found["journal"]["differences"]
    assert found["journal"]["compared"] > 500
    assert found["balanced"] is True


def expected_episode(journals: Path) -> tuple[datetime, datetime]:
    """When the oxygen alarm of st-cu-lao-dung must rise and clear, worked out from the journal alone.

    The demo's rule: below 3.0 mg/l for 3 s raises, above 3.3 for 3 s clears. The station sends one-second readings,
    stamped with the end of the second in which the sonde was asked.
    """
    seconds: dict[int, float] = {}
    for line in (journals / "st-cu-lao-dung.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if (entry["bus"], entry["address"], entry["signal"]) == ("sondes", "1", "do"):
            seconds[math.ceil(entry["t"] / 1000)] = entry["value"]
    raised = cleared = None
    low = high = 0
    for second, value in sorted(seconds.items()):
        low = low + 1 if value < 3.0 else 0
        high = high + 1 if value > 3.3 else 0
        if raised is None and low >= 3:
            raised, high = second, 0
        elif raised is not None and cleared is None and high >= 3:
            cleared = second
    assert raised is not None
    assert cleared is not None
    return datetime.fromtimestamp(raised, UTC), datetime.fromtimestamp(cleared, UTC)


def expect_the_alarm(found: dict[str, Any], journals: Path) -> None:
    """It rose and cleared when it had to; a second for which a stalled machine got no reply may delay it."""
    expected = dict(zip(("raised_at", "cleared_at"), expected_episode(journals), strict=True))
    alarms = [a for a in found["alarms"]["list"] if (a["rule"], a["channel"]) == ("do-low", "st-cu-lao-dung/do")]
    assert any(
        all(
            alarm[name] and -SECOND <= datetime.fromisoformat(alarm[name]) - due <= LATE
            for name, due in expected.items()
        )
        for alarm in alarms
    ), (expected, alarms)


def expect_people_were_told(running: Demo) -> None:
    """Vietnamese with diacritics by mail, plain GSM-7 by SMS; both say that it is over, too; the demo lists all."""
    caught = running.folder / "caught"
    mails = [json.loads(line) for line in (caught / "mail.jsonl").read_text().splitlines()]
    texts = [json.loads(line) for line in (caught / "sms.jsonl").read_text().splitlines()]
    raised, cleared = (mail["subject"] for mail in mails if "Cù Lao Dung" in mail["subject"])
    assert "Oxy thấp" in raised
    assert "hết cảnh báo" in cleared.lower()
    raised, cleared = (text["text"] for text in texts if "Cu Lao Dung" in text["text"])
    assert raised.isascii()
    assert "oxy" in raised.lower()
    assert cleared.isascii()
    assert "HET" in cleared.upper()
    for message in (*mails, *texts):
        assert message.get("subject", message.get("text")) in running.printed.read_text()


def test_a_minute_of_six_stations_ends_with_balanced_books(demo: Callable[..., Demo]) -> None:
    """The issue's own command: exit 0 only if all of it is true."""
    running = demo("--seconds", "60")
    found = running.ends(START_WITHIN_S + END_WITHIN_S)
    expect_nothing_lost_and_nothing_doubled(found)
    assert found["exit"] == 0, found["printed"]
    assert found["stations"] == 6
    assert found["channels"] >= 6 * 12
    assert found["seconds_to_first_reading"] < 90
    assert found["messages"]["duplicate"] == 0
    expect_the_alarm(found, running.folder / "journal")
    assert found["notifications"]["email"] >= 2
    assert found["notifications"]["sms"] >= 2
    expect_people_were_told(running)


def test_killed_ingest_broker_and_agent_lose_and_double_nothing(demo: Callable[..., Demo]) -> None:
    """kill -9 of ingest, then of the broker, then of one edge agent, each in mid-flight."""
    running = demo("--seconds", "60")
    running.says(r"first reading after", START_WITHIN_S)
    for victim, after_s in (("ingest", 12), ("broker", 8), ("st-tran-de", 8)):
        time.sleep(after_s)
        pid = running.broker_id() if victim == "broker" else running.ids()[victim]
        os.kill(pid, signal.SIGKILL)
    found = running.ends(END_WITHIN_S)
    expect_nothing_lost_and_nothing_doubled(found)
    assert found["exit"] == 0, found["printed"]
    expect_the_alarm(found, running.folder / "journal")


def test_a_second_demo_is_refused_with_one_line_and_ctrl_c_stops_all_that_the_first_started(
    demo: Callable[..., Demo],
) -> None:
    running = demo()
    running.says(r"0\.json will not be written: there is a verdict only after --seconds N", START_WITHIN_S)
    running.says(r"TimescaleDB", START_WITHIN_S)
    second = demo("--seconds", "5").ends(START_WITHIN_S)
    assert second["exit"] == 1
    assert second["printed"].strip().splitlines()[-1].startswith("another demo of this project is running")
    running.says(r"first reading after", START_WITHIN_S)
    processes = [*running.ids().values(), running.broker_id()]
    assert all(alive(pid) for pid in processes)
    running.process.send_signal(signal.SIGINT)
    assert running.ends(END_WITHIN_S)["exit"] == 0
    assert not any(alive(pid) for pid in processes)
    assert not (running.folder / "postgres" / "data" / "postmaster.pid").exists()
