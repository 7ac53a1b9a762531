"""An import that is undone leaves the books as if it had never come: held against a station that never had it."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ingest.books.receipt import Receipt
from ingest.importing.import_run import ImportUndone, Order, run_import
from ingest.importing.taking_back import take_back
from ingest.quality.service import works
from ingest.receiving import registry_table
from ingest.receiving.batch import prepare
from ingest.rollups import consumer as rollups
from ingest.rollups.consumer import RollupRounds
from ingest.storing.transaction import store
from quantrac.database.feed import Cause, Consumer
from quantrac.database.pool import Connection
from quantrac.desks import import_flags, stages, verdicts, withdrawals
from quantrac.desks.acts import ReviewedReadings
from quantrac.desks.undone_imports import NotUndone, begin_undo, known_imports
from quantrac.mqtt.delivery import Delivery
from quantrac.telemetry import topics, wire
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.wire import Message
from tests.fixtures.stations import add_channel

OWN, OTHER = "st-my-thanh", "st-test"
START = datetime(2024, 11, 2, 17, 0, tzinfo=UTC)
"""The beginning of 3 November in the network's zone."""
SLOT = timedelta(minutes=10)
NOW = datetime(2024, 11, 20, 3, 0, tzinfo=UTC)
DERIVED = {
    "do_1h": ("do", "mean-1h", {"of": "do"}),
    "do_8h": ("do", "mean-8h", {"of": "do_1h"}),
    "saturation": ("do_sat", "oxygen-saturation", {"do": "do", "water_temp": "water_temp", "salinity": "salinity"}),
}
Value = float | None


@pytest.fixture
def centre(network: Connection) -> Connection:
    """Two stations alike: measured each ten minutes, tested for spikes and flat lines, with derived channels."""
    network.execute("update channel set interval_s = 600, history_tests = '{spike,flat,rate}'")
    network.execute("delete from channel_interval")
    for station in (OWN, OTHER):
        known = dict(network.execute("select name, channel_id from channel where station = %s", [station]).fetchall())
        for name, (parameter, formula, inputs) in DERIVED.items():
            known[name] = add_channel(network, station, name, parameter=parameter, interval_s=3600, derived=True)
            made_of = Jsonb({entry: known[channel] for entry, channel in inputs.items()})
            network.execute(
                "insert into derived_channel (channel_id, formula, inputs) values (%s, %s, %s)",
                [known[name], formula, made_of],
            )
    return network


def settle(conn: Connection) -> None:
    """Let every consumer of `quality run` take all there is."""
    every = works(lambda: NOW)
    feeds = [(work, Consumer(conn, work.name, work.causes, after=work.after)) for work in every]
    for _ in range(50):
        taken = [work.round_of(conn, feed) for work, feed in feeds]
        if not any(taken):
            return
    raise AssertionError("the consumers do not come to an end")


def value(slot: int, name: str) -> float:
    """A course that moves, so that no line is flat."""
    base = {"water_temp": 28.0, "do": 24.0, "ph": 22.0, "salinity": 21.0}[name]
    return round(base + (slot * 7 % 13) / 10, 2)


def live(conn: Connection, station: str, epoch: str, readings: Iterable[tuple[Any, ...]], at: datetime) -> None:
    """Store readings as an edge sends them: one message a slot."""
    made = []
    for seq, (slot, some) in enumerate(itertools.groupby(readings, key=lambda one: one[0]), start=1):
        found: list[Any] = [
            (name, number, *(said or ["comm" if number is None else "ok"])) for _, name, number, *said in some
        ]
        made.append(Message(epoch=epoch, seq=seq, t=round((START + slot * SLOT).timestamp() * 1000), r=found))
    topic, received = topics.topic(station, "readings"), round(at.timestamp() * 1e6)
    payloads = [wire.encode(message) for message in made]
    receipts = [Receipt(Delivery(topic, one, 0, 0, False, False, len(one), None, ()), received) for one in payloads]
    with conn.transaction():
        store(conn, prepare(receipts, registry_table.load_in(conn)))


def table(file: Path, slots: Iterable[int], number: Callable[[int, str], Value], flag: str = "") -> Order:
    """A file of four columns, and its import."""
    names = ("water_temp", "do", "ph", "salinity")
    with file.open("w") as out:
        out.write(f"time,{','.join(names)},do_flag\n")
        for slot in slots:
            time = (START + slot * SLOT).isoformat()
            out.write(f"{time},{','.join(str(number(slot, name)) for name in names)},{flag}\n")
    return Order(OWN, "csv", (file,), 600_000, {}, (), "an", flag_column="*_flag" if flag else None)


def load(conn: Connection, order: Order, at: datetime = NOW) -> int:
    problems: list[str] = []
    done = run_import(conn, order, at, lambda problem: problems.append(str(problem)), lambda *_: None)
    assert problems == []
    if order.flag_column is not None:
        words = import_flags.flag_words(conn, order, {})
        import_flags.import_flags(conn, order, words, at, lambda _: None, done.import_id)
    return done.import_id


def undo(conn: Connection, import_id: int, at: datetime = NOW + timedelta(hours=2)) -> tuple[int, int, int]:
    """Undo an import with the rights that the command has, and no more."""
    conn.execute("set role quantrac_console")
    begin_undo(conn, import_id, "binh", "wrong station", at)
    conn.execute("set role quantrac_ingest")
    done = take_back(conn, import_id, at, lambda _: None)
    conn.execute("reset role")
    return done.readings, done.restored, done.stayed


def shown(conn: psycopg.Connection, station: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that is shown of a station, without its name."""
    asked = {
        "readings": "select time, split_part(channel, '/', 2), value, raw_value, state, quality, tests from v_reading",
        "latest": "select time, split_part(channel, '/', 2), value, state, quality from v_latest",
        "hours": "select time, split_part(channel, '/', 2), value, sd, min, max, count, expected from v_hourly",
        "days": "select time, split_part(channel, '/', 2), value, sd, min, max, count, expected from v_daily",
        "conflicts": "select time, split_part(channel, '/', 2), value, state from v_conflict",
    }
    return {
        name: conn.execute(f"{query} where station = %s order by 2, 1, 3", [station]).fetchall()
        for name, query in asked.items()
    }


NAMES = ("water_temp", "do", "ph", "salinity")


def early() -> Iterator[tuple[int, str, Value]]:
    """A night of live readings; nobody measured oxygen in slot 40."""
    for slot in range(30, 60):
        yield from ((slot, name, None if (slot, name) == (40, "do") else value(slot, name)) for name in NAMES)


def later() -> Iterator[tuple[int, str, Value]]:
    """Live readings that come after the import, for slots that it has: some as it has them, some otherwise."""
    for slot in range(60, 80):
        yield from ((slot, name, value(slot, name) + (0.05 if slot % 2 else 0.0)) for name in NAMES)


def test_undone_it_leaves_what_would_be_there_without_it(centre: Connection, tmp_path: Path) -> None:
    """Days before the network, over live readings, under later ones; with spikes, and a value for a null."""
    conn = centre
    for station in (OWN, OTHER):
        live(conn, station, "e1", early(), NOW - timedelta(days=9))
    settle(conn)
    order = table(
        tmp_path / "a.csv", range(-200, 90),
        lambda slot, name: value(slot, name) + (6 if slot in (-50, 20, 33) and name == "do" else 0), flag="<-3>",
    )  # fmt: skip
    first = load(conn, order)
    settle(conn)
    assert conn.execute("select count(*) from v_flag where test = 'spike' and flag >= 3").fetchone() != (0,)
    assert len(shown(conn, OWN)["days"]) > len(shown(conn, OTHER)["days"])
    for station in (OWN, OTHER):
        live(conn, station, "e2", later(), NOW + timedelta(hours=1))
    settle(conn)
    taken, restored, stayed = undo(conn, first)
    settle(conn)
    assert shown(conn, OWN) == shown(conn, OTHER)
    assert stayed == 10 * 4
    assert restored == 10 * 4 + 1, "the live values that were conflicts, and the null"
    assert taken == 290 * 4 - (30 * 4 - 1) - 10 * 4, "all but those that stood before, or came alike from the station"
    # What was shown before it was undone can still be read.
    (channel_id,) = conn.execute("select channel_id from channel where channel = %s", [f"{OWN}/do"]).fetchone() or (0,)
    as_of = "select value from readings_as_of(%s, %s, %s, %s) order by time"
    for slots, hours, expected in (
        ((-3, 0), -1, []), ((-3, 0), 1, [value(slot, "do") for slot in (-2, -1, 0)]), ((-3, 0), 3, []),
        ((38, 40), -1, [value(39, "do"), None]), ((38, 40), 1, [value(39, "do"), value(40, "do")]),
        ((60, 62), 1, [value(61, "do"), value(62, "do")]), ((60, 62), 3, [value(61, "do") + 0.05, value(62, "do")]),
    ):  # fmt: skip
        span = [START + slot * SLOT for slot in slots]
        found = conn.execute(as_of, [channel_id, *span, NOW + timedelta(hours=hours)]).fetchall()
        assert [number for (number,) in found] == expected, (slots, hours)
    told = conn.execute("select person, subject, reason from audit where action = 'undo import'").fetchall()
    assert told == [("binh", f"station {OWN}", "wrong station")]
    with pytest.raises(NotUndone, match="undone already, by binh"):
        begin_undo(conn, first, "cuong", "again", NOW)
    # The same files may come again, as another import with a book of its own.
    again = load(conn, order, NOW + timedelta(hours=3))
    assert again != first
    assert [(one.state, one.readings) for one in known_imports(conn, OWN)] == [
        ("undone", 1041),
        ("finished", 290 * 4 - 199),
    ]
    undo(conn, again, NOW + timedelta(hours=4))
    settle(conn)
    assert shown(conn, OWN) == shown(conn, OTHER)


def as_of(conn: Connection, station: str, moment: datetime) -> list[tuple[Any, ...]]:
    """The readings that are shown of an earlier moment."""
    return conn.execute(
        """select c.name, r.time, r.value, r.state from channel c
           cross join lateral readings_as_of(c.channel_id, '-infinity', 'infinity', %s) r
           where c.station = %s and not c.derived order by 1, 2""",
        [moment, station],
    ).fetchall()


def undo_some_that_overlap(conn: Connection, folder: Path, chance: random.Random, between: Callable[[], Any]) -> None:
    """Four imports and two edges in any order, each with a value, a null or nothing for 300 instants and two channels.

    Two or three are undone, in any order: what is left is what a twin has that never had them, and each moment before
    can be read as it was. `between` is done before and after each of them.
    """
    some: list[Any] = [*["nothing"] * 3, *[(None, "comm")] * 2, (None, "fault"), *[(1.0, "ok")] * 3]
    some += [(2.0, "ok"), (3.0, "ok"), (3.0, "cal")]
    said = {
        source: {(slot, name): chance.choice(some) for slot in range(1, 151) for name in NAMES[:2]}
        for source in ("import 1", "import 2", "import 3", "import 4", "edge 1", "edge 2")
    }
    order = chance.sample(list(said), len(said))
    undone = chance.sample([source for source in order if source.startswith("import")], chance.choice((2, 3)))
    numbers: dict[str, int] = {}
    now, then = NOW, {}

    def arrives(source: str, station: str) -> int:
        readings = [(slot, name, *found) for (slot, name), found in said[source].items() if found != "nothing"]
        if source.startswith("edge"):
            live(conn, station, source[-1], readings, now)
            return 0
        lines = [
            f"{(START + slot * SLOT).isoformat()},{name},{'NA' if number is None else number},{state}"
            for slot, name, number, state in readings
        ]
        file = folder / f"{source}.csv"
        file.write_text("\n".join(["time,channel,value,state", *lines]))
        return load(conn, Order(station, "csv", (file,), 600_000, {}, (), "an"), now)

    raw = "select split_part(channel, '/', 2), time, raw_value, state from v_reading where station = %s order by 1, 2"
    for source in order:
        now += timedelta(hours=1)
        between()
        numbers[source] = arrives(source, OWN)
        if source not in undone:
            arrives(source, OTHER)
        then[now] = as_of(conn, OWN, now)
        assert then[now] == conn.execute(raw, [OWN]).fetchall()
    for source in undone:
        now += timedelta(hours=1)
        between()
        undo(conn, numbers[source], now)
        then[now] = as_of(conn, OWN, now)
        assert then[now] == conn.execute(raw, [OWN]).fetchall()
    settle(conn)
    own, other = shown(conn, OWN), shown(conn, OTHER)
    for found in (own, other):
        found["conflicts"] = sorted(set(found["conflicts"]), key=str)
    assert own == other
    assert {moment: as_of(conn, OWN, moment) for moment in then} == then
    both = conn.execute(
        """select count(*), count(distinct c.station) from seconded_reading s join channel c using (channel_id)
           where s.received_at in (select started_at from import where undone_at is not null)"""
    ).fetchone()
    assert both == (0, 0), "nothing is owed to an import that is undone"


def test_of_imports_that_overlap_each_takes_along_what_it_alone_has_brought(centre: Connection, tmp_path: Path) -> None:
    undo_some_that_overlap(centre, tmp_path, random.Random(11), between=lambda: None)


def test_of_two_imports_alike_each_is_undone_by_itself(centre: Connection, tmp_path: Path) -> None:
    conn = centre
    one = load(conn, table(tmp_path / "a.csv", range(40), value))
    two = load(conn, table(tmp_path / "b.csv", range(20, 40), value), NOW + timedelta(hours=1))
    assert undo(conn, one) == (20 * 4, 0, 20 * 4), "slots 20 to 39 are the other's too"
    assert conn.execute("select count(*) from reading").fetchone() == (20 * 4,)
    same = "select count(*) from latest join reading using (channel_id, time, value, state, tests, received_at)"
    assert conn.execute(same).fetchone() == (4,), "what is shown as newest is the other's, too"
    assert undo(conn, two) == (20 * 4, 0, 0)
    settle(conn)
    empty = shown(conn, OTHER)
    assert shown(conn, OWN) == empty
    assert not any(empty.values())


def test_an_hour_of_which_only_newer_live_readings_are_left_holds_nothing_of_the_import(
    centre: Connection, tmp_path: Path
) -> None:
    """Live readings come for an hour of the import after it was undone, before the roll-ups follow."""
    conn = centre
    rounds, feed = RollupRounds(), Consumer(conn, "rollups", rollups.CAUSES)
    import_id = load(conn, table(tmp_path / "a.csv", range(1, 10), lambda slot, name: value(slot, name) + 3))
    while rounds.round_of(conn, feed):
        pass
    undo(conn, import_id)
    newer = [(slot, "do", value(slot, "do")) for slot in (11, 12)]
    for station in (OWN, OTHER):
        live(conn, station, "e1", newer, NOW)
    assert [change.cause for change in rounds.round_of(conn, feed, most=1)] == [Cause.WITHDRAWN]
    while rounds.round_of(conn, feed):
        pass
    hours = shown(conn, OWN)["hours"]
    assert hours == shown(conn, OTHER)["hours"]
    assert [row[6] for row in hours] == [2]


def test_what_people_built_on_an_import_is_theirs_to_take_back_first(centre: Connection, tmp_path: Path) -> None:
    conn = centre
    import_id = load(conn, table(tmp_path / "a.csv", range(1, 145), value))
    settle(conn)
    own = ReviewedReadings.at(f"{OWN}/do", START + 5 * SLOT)
    act = verdicts.flag(conn, own, Quality.FAIL, "chi", "dry", NOW)
    with pytest.raises(NotUndone, match=rf"review.* {act.review_id} \({OWN}/do, chi\).*withdraw them first"):
        begin_undo(conn, import_id, "binh", "x", NOW)
    withdrawals.withdraw(conn, act.review_id, "chi", "it was not", NOW)
    day = START.date() + timedelta(days=1)
    settle(conn)
    days = stages.ChannelDays(OWN, day, day, (f"{OWN}/do",))
    stages.sign(conn, days, "dung", "looked at", NOW)
    with pytest.raises(NotUndone, match=r"signed 1 day, 03/11/2024 of st-my-thanh/do \(by dung\).*stages reopen"):
        begin_undo(conn, import_id, "binh", "x", NOW)
    stages.reopen(conn, days, "dung", "the import was wrong", NOW)
    # The next day was measured by the station alone; the means over eight hours of its first hours reach into this one.
    live(conn, OWN, "e1", [(slot, "do", value(slot, "do")) for slot in range(145, 300)], NOW + timedelta(hours=1))
    settle(conn)
    after = stages.ChannelDays(OWN, day + timedelta(days=1), day + timedelta(days=1), (f"{OWN}/do",))
    stages.sign(conn, after, "dung", "looked at", NOW)
    with pytest.raises(NotUndone, match=r"reach into them: 1 day, 04/11/2024 of st-my-thanh/do_8h: reopen first"):
        begin_undo(conn, import_id, "binh", "x", NOW)
    stages.reopen(conn, after, "dung", "the import was wrong", NOW)
    assert undo(conn, import_id) == (144 * 4, 0, 0)
    with pytest.raises(NotUndone, match="found no import 99"):
        begin_undo(conn, 99, "binh", "x", NOW)
    with pytest.raises(NotUndone, match="needs a reason"):
        begin_undo(conn, import_id, "binh", " ", NOW)


def test_undone_while_it_runs_it_ends_and_what_is_left_is_taken_back_later(centre: Connection, tmp_path: Path) -> None:
    """Killed between the act and the last of its readings, the act is gone on with."""
    conn = centre
    order = table(tmp_path / "a.csv", range(1, 6000), value)  # more than one batch

    def undo_it(done: Any, _: Any) -> None:
        begin_undo(conn, done.import_id, "binh", "x", NOW)

    with pytest.raises(ImportUndone, match="undone by binh while it ran"):
        run_import(conn, order, NOW, lambda _: None, undo_it)
    ((import_id, state),) = conn.execute("select import_id, state from v_import").fetchall()
    assert state == "being undone"
    assert begin_undo(conn, import_id, "binh", "x", NOW).was_begun
    assert take_back(conn, import_id, NOW, lambda _: None).readings > 0
    assert conn.execute("select count(*) from reading").fetchone() == (0,)
    assert conn.execute("select state from v_import").fetchall() == [("undone",)]
