"""Files of the years before Quantrac: through the checks, once, resumable, and every refusal with file and line."""

import gzip
import itertools
import resource
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.books import acks
from ingest.importing import files, import_run, ministry, table
from ingest.importing.flags import UnclearFlags
from ingest.importing.import_run import ImportRuns, Order, Progress, run_import
from ingest.importing.line import FilePlace, ImportLine, LineProblem
from ingest.importing.survey import survey
from ingest.importing.table import Notation
from ingest.importing.times import UnclearDates, moment_ms
from ingest.rollups import consumer as rollups
from quantrac.config.loader import load_network
from quantrac.database.feed import Consumer
from quantrac.database.pool import Connection, connect
from quantrac.desks import import_flags, verdicts, withdrawals
from quantrac.desks.acts import ReviewedReadings, acts_there
from quantrac.desks.network import apply_network
from quantrac.desks.stages import DaySigned
from quantrac.desks.verdicts import ReadingVerdict
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State
from reports.exports.export import export
from reports.exports.formats import FileFormat
from reports.exports.selection import ExportRange

STATION = "st-my-thanh"
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOTATION = Notation(STATION, ZONE)
CONFIGS = Path(__file__).parents[3] / "station_configs"
# The layout of Circular 10/2021/TT-BTNMT with the example of its receivers: 1 March 2025, 00:05 in Vietnam.
EXAMPLE = (
    "Temp\t28.4\toC\t20250301000500\t00\r\npH\t7.21\t-\t20250301000500\t00\r\n"
    "DO\t3.10\tmg/l\t20250301000500\t00\r\nDoMan\t12,5\t‰\t20250301000500\t01\r\n"
)
FIVE_PAST = datetime(2025, 2, 28, 17, 5, tzinfo=UTC)


@pytest.fixture
def conn(conn: Connection) -> Connection:
    """With the stations of the project."""
    apply_network(conn, load_network(CONFIGS), "test", NOW)
    return conn


def order(*paths: Path, file_format: Any = "tt10", **more: Any) -> Order:
    return Order(STATION, file_format, paths, 300_000, chosen={}, skipped=(), person="an")._replace(**more)


def load(
    conn: Connection, what: Order, now: datetime = NOW, moved: Callable[[Progress, FilePlace], None] = lambda *_: None
) -> tuple[Progress, list[str]]:
    said: list[str] = []
    return run_import(conn, what, now, lambda problem: said.append(str(problem)), moved), said


def month(file: Path, days: int = 2) -> Path:
    """A file of five-minute values of three parameters."""
    start = datetime(2024, 5, 1, tzinfo=UTC)
    with file.open("w") as out:
        for slot in range(1, days * 288 + 1):
            time = (start + timedelta(minutes=5 * slot)).strftime("%Y%m%d%H%M%S")
            for name, value in (("Temp", 28 + slot % 7 / 10), ("pH", 7.5), ("DO", 5 + slot % 11 / 10)):
                out.write(f"{name}\t{value:.2f}\t\t{time}\t00\n")
    return file


def test_a_ministry_file_becomes_readings(conn: Connection, tmp_path: Path) -> None:
    (tmp_path / "2025").mkdir()
    (tmp_path / "2025/ST_STMT_NUO001_20250301000500.txt").write_bytes(EXAMPLE.encode())
    done, said = load(conn, order(tmp_path, chosen={"Temp": "water_temp"}))
    assert said == []
    assert (done.lines, done.readings, done.refused) == (4, 4, 0)
    rows = conn.execute(
        "select time, channel, value, state, received_at, late from v_reading order by channel"
    ).fetchall()
    assert rows == [
        (FIVE_PAST, f"{STATION}/do", 3.1, "ok", NOW, True),
        (FIVE_PAST, f"{STATION}/ph", 7.21, "ok", NOW, True),
        (FIVE_PAST, f"{STATION}/salinity", 12.5, "cal", NOW, True),
        (FIVE_PAST, f"{STATION}/water_temp", 28.4, "ok", NOW, True),
    ]
    book = conn.execute("select epoch, highest_seq, stored, missing, new from v_ledger").fetchall()
    assert book == [(done.epoch, 1, 1, 0, 1)]
    traced = (
        "select count(*) from v_reading r join v_import i on i.started_at = r.received_at and i.station = r.station"
    )
    assert conn.execute(traced).fetchone() == (4,)
    assert conn.execute("select person from audit where action = 'import'").fetchone() == ("an",)
    assert acks.read(conn) == {}  # it is no epoch of the station's


def test_every_line_that_cannot_be_used_is_named_and_costs_no_other(conn: Connection, tmp_path: Path) -> None:
    """What is used is converted from the unit of its line."""
    file = tmp_path / "a.txt"
    file.write_text(
        "DO\t5120\tµg/l\t20250301000500\t00\n"
        "DO\tabc\tmg/l\t20250301001000\t00\n"
        "DO\t5.1\tmg/l\t20251301001000\t00\n"
        "DO\t5.1\tkg\t20250301001000\t00\n"
        "DO\t5.1\tmg/l\t20250301001000\t07\n"
        "DO 5.1\n"
        "COD\t5.1\tmg/l\t20250301001000\t00\n"
        "DO\t5.1\tmg/l\t20150301001000\t00\n"
        "DO\t5.1\tmg/l\t20300301001000\t00\n"
        "DO\t5.1\tmg/l\t00010101000000\t00\n"
        "\n"
        "DO\t\tmg/l\t20250301001500\t02\n"
    )
    done, said = load(conn, order(file))
    assert [line.removeprefix(f"{file}:").split(", expected")[0] for line in said] == [
        "2: value: found 'abc'",
        "3: time: found '20251301001000'",
        "4: unit: found 'kg'",
        "5: state: found '07'",
        "6: found 1 fields",
        "7: found 'COD'",
        "8: time: found a time before the station's in_service 2019-05-31 17:00Z",
        "9: time: found a time in the future",
        "10: time: found a time before the station's in_service 2019-05-31 17:00Z",
    ]
    assert (done.readings, done.refused) == (2, 9)
    rows = conn.execute("select value, state from v_reading order by time").fetchall()
    assert rows == [(pytest.approx(5.12), "ok"), (None, "fault")]
    assert conn.execute("select count(*) from dead_letter").fetchone() == (0,)


def test_the_same_files_again_change_nothing(conn: Connection, tmp_path: Path) -> None:
    file = month(tmp_path / "a.txt")
    more = {"chosen": {"Temp": "water_temp"}}
    first, _ = load(conn, order(file, **more))
    again, _ = load(conn, order(file, **more), NOW + timedelta(days=1))
    assert (again.was_finished, again.import_id, again.readings) == (True, first.import_id, first.readings)
    copy = tmp_path / "b.txt"  # the same readings in a file of another name, and one value that differs
    copy.write_text(file.read_text().replace("7.50", "7.60", 1))
    other, said = load(conn, order(copy, **more), NOW + timedelta(days=2))
    assert (other.readings, other.repeated, other.conflicts, said) == (0, 576, 1, [])
    assert conn.execute("select count(*) from reading").fetchone() == (3 * 576,)
    assert conn.execute("select value from conflict").fetchall() == [(7.6,)]


def test_an_import_that_was_stopped_goes_on_where_it_was(
    conn: Connection, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it runs, nobody else begins it: two counted what each of them had added."""
    monkeypatch.setattr(import_run, "LINES_A_BATCH", 250)
    file = month(tmp_path / "a.txt")
    calls = itertools.count(1)

    def killed(progress: Progress, place: FilePlace) -> None:
        if next(calls) == 3:
            with connect(database, "test") as other, pytest.raises(ImportRuns, match="imports these files just now"):
                load(other, order(file, chosen={"Temp": "water_temp"}))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(conn, order(file, chosen={"Temp": "water_temp"}), moved=killed)
    assert conn.execute("select count(*) from reading").fetchone() == (750,)
    done, _ = load(conn, order(file, chosen={"Temp": "water_temp"}), NOW + timedelta(hours=1))
    assert (done.lines, done.readings, done.repeated) == (1728, 1728, 0)
    assert conn.execute("select count(*), count(distinct received_at) from reading").fetchone() == (1728, 1)
    assert conn.execute("select highest_seq = stored, received = new from v_ledger").fetchall() == [(True, True)]


def test_the_advised_second_try_is_no_repetition(conn: Connection, tmp_path: Path) -> None:
    """It was refused as already imported, because its files are the same; what the first try stored stays once."""
    file = tmp_path / "a.txt"
    file.write_text(EXAMPLE.replace("Temp", "Nhiệt độ nước"))
    first, said = load(conn, order(file))
    assert (first.readings, first.refused) == (3, 1)
    assert "found 'Nhiệt độ nước', expected a channel" in said[0]
    told = order(file, chosen={"Nhiệt độ nước": "water_temp"})
    second, said = load(conn, told, NOW + timedelta(minutes=1))
    assert (said, second.was_finished, second.readings) == ([], False, 1)
    assert load(conn, told, NOW + timedelta(minutes=2))[0].was_finished
    assert conn.execute("select count(*) from reading").fetchone() == (4,)


def test_nothing_is_stored_of_files_with_unclear_dates_or_for_a_survey(conn: Connection, tmp_path: Path) -> None:
    """Expected moments: 7 February and 2 July 2021 at 10:00 in Vietnam."""
    file = tmp_path / "a.csv"
    file.write_text("time,do,note\n7/2/2021 10:00,5.1,x\n7/3/2021 10:00,5.3,\n7/4/2021 10:00,bad,\n")
    us = order(file, file_format="csv", skipped=["n*"])
    with pytest.raises(UnclearDates):
        load(conn, us)
    told = us._replace(dates="month-first")
    said: list[str] = []
    found = survey(conn, told, NOW, lambda problem: said.append(str(problem)))
    (one,) = found.names.values()
    assert (one.channel, one.values, one.low, one.high, one.stored) == ("do", 2, 5.1, 5.3, 0)
    assert (one.first, one.last) == (datetime(2021, 7, 2, 3, tzinfo=UTC), datetime(2021, 7, 3, 3, tzinfo=UTC))
    assert (found.dates, found.refused, said) == ("month-first", 1, [f"{file}:4: do: found 'bad', expected a number"])
    nothing = "select (select count(*) from reading) + (select count(*) from import)"
    assert conn.execute(nothing).fetchone() == (0,)
    load(conn, told)
    assert conn.execute("select time from v_reading order by time").fetchall() == [(one.first,), (one.last,)]
    assert next(iter(survey(conn, told, NOW, lambda _: None).names.values())).stored == 2


def test_imported_hours_are_complete_by_their_own_interval(conn: Connection, tmp_path: Path) -> None:
    """Channels report each minute now; twelve five-minute values make a whole hour of the years before."""
    load(conn, order(month(tmp_path / "a.txt"), chosen={"Temp": "water_temp"}))
    feed = Consumer(conn, rollups.NAME, rollups.CAUSES)
    rounds = rollups.RollupRounds()
    while rounds.round_of(conn, feed, 500):
        pass
    hours = conn.execute("select count, expected, valid, count(*)::int from v_hourly group by 1, 2, 3").fetchall()
    assert hours == [(12, 12, True, 3 * 48)]
    days = conn.execute(
        "select count, expected, completeness from v_daily where parameter = 'ph' order by time"
    ).fetchall()
    assert days == [(288, 288, 1.0), (288, 288, 1.0)]


def test_an_export_goes_back_in(conn: Connection, database: str, tmp_path: Path) -> None:
    """In every format that `import` reads; what the centre derives itself is left out."""
    load(conn, order(month(tmp_path / "a.txt", days=1), chosen={"Temp": "water_temp"}))
    conn.execute(
        "insert into derived_reading select channel_id, %s, 0.1, 0, 1, %s from channel where station = %s and derived",
        [datetime(2024, 5, 1, tzinfo=UTC), NOW, STATION],
    )
    content = "select channel_id, time, value, state, tests from reading order by 1, 2"
    before = conn.execute(content).fetchall()
    outs = [tmp_path / f"out.{kind}" for kind in (FileFormat.CSV, FileFormat.XLSX, FileFormat.PARQUET)]
    for out in outs:
        with out.open("wb") as file:
            export(conn, ExportRange(datetime(2024, 1, 1, tzinfo=UTC), NOW), FileFormat(out.suffix[1:]), file)
    for out in outs:
        conn.execute("truncate reading, latest, ledger")
        done, said = load(conn, order(out, file_format="csv"))
        assert (said, done.readings, done.refused) == ([], 864, 0), out.name
        assert conn.execute(content).fetchall() == before, out.name


FLAGGED = (
    "time,DO,do_flag,pH,ph_flag,record_flag\n"
    "2024-05-01T00:05:00Z,5.1,<0>,7.2,<0> (CRE),{CSM}\n"
    "2024-05-01T00:10:00Z,0.2,<-3> [SPC] (CSM),7.1,<1> [STS],\n"
    "2024-05-01T00:15:00Z,0.1,<-3> [SPC] (CSM),,<-2>,\n"
    "2024-05-01T00:20:00Z,5.0,<4>,7.3,odd,\n"
    "2024-05-01T00:25:00Z,5.0,<0>,7.3,<0>,\n"
)


def test_experts_flags_come_in_as_verdicts_of_who_imports_once(conn: Connection, tmp_path: Path) -> None:
    """The words of NERRS (CDMO), and one of a person's own; a verdict of a person here stands above them."""
    file = tmp_path / "old.csv"
    file.write_text(FLAGGED)
    with_flags = order(file, file_format="csv", flag_column="*_flag")
    with pytest.raises(UnclearFlags, match=r"old\.csv:5: 'odd' \(1 values\).*nothing is imported"):
        import_flags.flag_words(conn, with_flags, {})
    words = import_flags.flag_words(conn, with_flags, {"odd": "suspect"})
    done, said = load(conn, with_flags)
    assert (said, done.readings) == ([], 9)
    own = ReviewedReadings.at(f"{STATION}/do", datetime(2024, 5, 1, 0, 25, tzinfo=UTC))
    verdicts.flag(conn, own, Quality.FAIL, "binh", "the probe lay in air", NOW)

    def take() -> dict[Quality, int]:
        return dict(import_flags.import_flags(conn, with_flags, words, NOW, lambda _: None).verdicts)

    assert take() == {Quality.GOOD: 3, Quality.SUSPECT: 2, Quality.FAIL: 2}
    assert take() == {}
    rows = conn.execute(
        """select r.time, r.channel, r.quality, f.reason, f."by" from v_reading r
           left join v_flag f on f.channel = r.channel and f.time = r.time and f.test is null order by 2, 1"""
    ).fetchall()
    assert [(time.minute, channel.partition("/")[2], *rest) for time, channel, *rest in rows] == [
        (5, "do", 1, "old.csv: <0>", "an"),
        (10, "do", 4, "old.csv: <-3> [SPC] (CSM)", "an"),
        (15, "do", 4, "old.csv: <-3> [SPC] (CSM)", "an"),
        (20, "do", 2, None, None),
        (25, "do", 4, "the probe lay in air", "binh"),
        (5, "ph", 1, "old.csv: <0> (CRE)", "an"),
        (10, "ph", 3, "old.csv: <1> [STS]", "an"),
        (20, "ph", 3, "old.csv: odd", "an"),
        (25, "ph", 1, "old.csv: <0>", "an"),
    ]
    acts = conn.execute(
        "select channel, flag, readings from v_review where person = 'an' order by review_id"
    ).fetchall()
    do, ph = f"{STATION}/do", f"{STATION}/ph"
    assert sorted(acts) == [(do, 1, 1), (do, 4, 2), (ph, 1, 1), (ph, 1, 1), (ph, 3, 1), (ph, 3, 1)]
    told = conn.execute("select subject, reason from audit where action = 'flag' and person = 'an' order by 1")
    assert told.fetchall() == [(f"channel {do}", "flags of old.csv"), (f"channel {ph}", "flags of old.csv")]
    changed = conn.execute("select sum(rows) from change where cause = 'flag'").fetchone()
    assert changed == (8,)
    conn.execute(
        "insert into sign_off (channel_id, day, from_t, to_t, content, person, at) select channel_id, '2024-05-01', "
        "'2024-04-30T17:00Z', '2024-05-01T17:00Z', '{}', 'chi', now() from channel where channel = %s", [ph]
    )  # fmt: skip
    act = next(one for one in acts_there(conn, ReviewedReadings(ph, FIVE_PAST.replace(year=2024), NOW)) if one.flag)
    with pytest.raises(DaySigned):
        withdrawals.withdraw(conn, act.review_id, "an", "to see whether the day is kept", NOW)
    again = [ReadingVerdict(own.until, Quality.GOOD, "x")]
    assert verdicts.flag_each(conn, ph, again, "an", "x", NOW) == {}, "nothing new is asked of a signed day"


def test_a_file_that_breaks_off_leaves_its_import_unfinished(conn: Connection, tmp_path: Path) -> None:
    """Repeated when the file can be read it goes on from there; a second file waits for the first."""
    whole = gzip.compress(
        "".join(f"2024-05-01T{n // 60:02}:{n % 60:02}:00Z,{n % 97 / 7}\n" for n in range(1440)).encode()
    )
    head = gzip.compress(b"time,DO\n")
    file, second = tmp_path / "a.csv.gz", tmp_path / "b.csv"
    file.write_bytes(head + whole[:-2000])
    second.write_text("time,pH\n2024-05-02T00:00:00Z,7\n")
    what = order(file, second, file_format="csv", interval_ms=60_000)
    broken, said = load(conn, what)
    assert broken.is_broken_off
    assert 0 < broken.readings < 1440
    assert len(said) == 1
    assert f"{file}:{broken.readings + 2}: found Compressed file ended" in said[0]
    assert conn.execute("select finished_at from v_import").fetchall() == [(None,)]
    again, _ = load(conn, what)
    assert (again.was_finished, again.readings, again.lines) == (False, broken.readings, broken.lines)
    file.write_bytes(head + whole)
    done, said = load(conn, what)
    assert (said, done.is_broken_off) == ([], False)
    assert conn.execute("select count(*) from reading").fetchone() == (1441,)


def test_a_wide_table_with_local_times_and_decimal_commas(conn: Connection, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Thời gian;DO;pH;Ghi chú\n01/03/2025 00:05;3,10;7,21;mưa\n01/03/2025 00:10;;7,3;\n")
    _, said = load(conn, order(file, file_format="csv", skipped=("ghi chú",), dates="day-first"))
    assert said == []
    rows = conn.execute("select time, channel, value from v_reading order by time, channel").fetchall()
    assert rows == [
        (FIVE_PAST, f"{STATION}/do", 3.1),
        (FIVE_PAST, f"{STATION}/ph", 7.21),
        (FIVE_PAST + timedelta(minutes=5), f"{STATION}/ph", 7.3),
    ]


def test_a_name_with_two_meanings_must_be_chosen(conn: Connection, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("Temp\t28.4\toC\t20250301000500\t00\n")
    _, said = load(conn, order(file))
    if said:  # the station has several thermometers
        assert "say which with --map Temp=CHANNEL" in said[0]
    with pytest.raises(import_run.StationNotApplied):
        load(conn, order(file, station="st-nowhere"))
    with pytest.raises(files.NothingToImport):
        load(conn, order(tmp_path / "none.txt"))


@pytest.mark.parametrize(
    "text", ["20250301000500", "2025-03-01T00:05:00+07:00", "2025-03-01 00:05", "01/03/2025 00:05"]
)
def test_times_of_every_spelling(text: str) -> None:
    assert moment_ms(text, ZONE) == FIVE_PAST.timestamp() * 1000


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    file = month(tmp_path / "a.txt", days=3)
    text = file.read_text()
    with file.open("a") as out:
        for _ in range(100):
            out.write(text)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = sum(1 for _ in ministry.lines(file))
    assert count == 101 * 2592
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "kB"


def test_a_line_may_be_damaged_in_any_way(tmp_path: Path) -> None:
    assert isinstance(ministry.line(FilePlace(tmp_path, 1), "\t\t\t\t"), LineProblem)
    good = ministry.line(FilePlace(tmp_path, 1), "DO\t-\tmg/l\t20250301000500")
    assert good == ImportLine(FilePlace(tmp_path, 1), "DO", None, "mg/l", int(FIVE_PAST.timestamp() * 1000), State.COMM)
    file = tmp_path / "b.csv"
    file.write_bytes(b"\xff\xfe\x00time\n\n,,")
    assert all(isinstance(each, LineProblem) for each in table.lines(file, NOTATION))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0001-01-01 00:00:00,do,5", None),  # what some receivers write for "never"; told where in_service is known
        ("9999-12-31 23:59:59,do,5", None),
        ("31/02/2025 00:05,do,5", "2: time: found '31/02/2025 00:05'"),
        ("2025-03-01 00:05,do,1_000", "2: do: found '1_000'"),
        ('2025-03-01 00:05,do,"5', "found a line break"),
        ("2025-03-01 00:05,do," + "x" * 200_000, "2: field larger than field limit"),
    ],
)
def test_a_damaged_row_is_named_and_those_before_and_behind_it_are_read(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"time,channel,value\n{text}\n2025-03-01 00:10,do,6\n")
    found = [*table.lines(file, NOTATION)]
    if said is None:
        assert [isinstance(each, ImportLine) for each in found] == [True, True]
    else:
        assert said in str(found[0])
    assert said == "found a line break" or isinstance(found[-1], ImportLine)


def test_a_column_that_stands_twice_is_not_chosen_from(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("time,do,ph,do\n2025-03-01 00:05,5,7,6\n")
    assert [str(each) for each in table.lines(file, NOTATION)] == [
        f"{file}:1: found column do twice, expected each name once"
    ]
    assert [
        each.name for each in table.lines(file, NOTATION._replace(skipped=["DO"])) if isinstance(each, ImportLine)
    ] == ["ph"]
