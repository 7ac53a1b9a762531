"""A unit that is late and busy: its refusal of an earlier request is not taken for the end of a later one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from edge_agent.modbus.bus import ModbusBus, Timing
from edge_agent.modbus.request_plan import Function, RegisterSpan
from edge_agent.readings.misses import Contested, NoAnswer, RequestRefused
from quantrac.config.stations import Bus
from simulators.single_bus import SingleBus
from tests.fixtures.instruments import now_ms

PATIENT = Timing(60_000)
TRIES = 5
"""On a machine that stalls the late refusal comes before anybody asks again."""
SIX, TWO, OTHER_TWO = (RegisterSpan(Function.HOLDING, at, count) for at, count in ((0, 6), (0, 2), (80, 2)))


async def meets_a_late_refusal(bus: ModbusBus, field: SingleBus) -> bool:
    """Ask for two registers while the refusal of six is on its way; its own answer comes later still."""
    field.switch(["late:1.2s@2", "busy@2"])
    with suppress(NoAnswer, RequestRefused):
        await bus.read(2, SIX, Timing(100))
    field.switch(["late:2s@2"])
    try:
        await bus.read(2, TWO, PATIENT)
    except RequestRefused:
        return True
    except Contested:
        return False  # both answers had come when it looked: it takes neither
    return False


async def test_the_answer_behind_a_late_refusal_is_not_taken_for_the_next_register_s(tmp_path: Path) -> None:
    """Of the tally the second register of pair k in answer n holds 64 n + k: 0 and 40 here."""
    line = {"kind": "modbus-rtu", "line": "19200 8N1", "instruments": [{"instrument": "tally", "address": 2}]}
    with SingleBus(line, journal_dir=tmp_path) as field:
        bus = ModbusBus(Bus(name="b", kind="modbus-rtu", port=str(field.place["port"]), guard_ms=50), now_ms)
        await bus.open()
        for _ in range(TRIES):
            if await meets_a_late_refusal(bus, field):
                break
        else:
            raise AssertionError("no refusal of the six was met")
        field.switch([])
        (word, pair) = (await bus.read(2, OTHER_TWO, PATIENT)).words
        assert (word, pair % 64) == (0, 40)
        bus.close()
