"""The soak's own rules must be able to find something."""

from quantrac.cli.demo.comparison import JournalEntry, ServedSeries, StoredReading
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State
from tests.soak.edge_agent_process import Life
from tests.soak.edge_publishes import Trouble, needless
from tests.soak.edge_verdict import gaps, unexplained

SERIES = ServedSeries(Kind.MEAN, 2000, 1000, 0.75, [JournalEntry(t, 5.0, True) for t in range(500, 60_000, 1000)])
LIFE = [Life(0.0, 41.0), Life(45.5, 99.0)]


def found(*readings: StoredReading) -> list[int]:
    return [difference.t_ms for difference in unexplained("st/do", SERIES, readings, LIFE)]


def test_a_second_publish_needs_a_trouble_between_or_a_minute() -> None:
    assert needless([10.0, 20.0], []) == 1
    assert needless([10.0, 71.0], []) == 0
    assert needless([10.0, 20.0], [Trouble(1.0, 2.0), Trouble(12.0, 13.0)]) == 0
    assert needless([10.0, 20.0, 24.0], [Trouble(1.0, 2.0), Trouble(12.0, 13.0), Trouble(30.0, 31.0)]) == 1
    assert needless([10.0, 12.0], [Trouble(9.0, 40.0)]) == 0


def test_a_null_is_excused_only_where_the_agent_did_not_live_through_the_slot() -> None:
    null = [StoredReading(t, None, state) for t in (20_000, 42_000, 46_000) for state in (State.FAULT, State.WARMUP)]
    assert found(*null) == [20_000, 20_000]
    assert found(StoredReading(20_000, 5.0, State.OK), StoredReading(22_000, 5.1, State.OK)) == [22_000]


def test_a_slot_that_is_not_there_is_found() -> None:
    assert [*gaps(SERIES, [StoredReading(t, 5.0, State.OK) for t in (2000, 4000, 8000)])] == [6000]
