"""The yearly disclosure: what its archive holds, that equal data give equal bytes, and that a version stays."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import zipfile
from datetime import UTC, date, datetime, timedelta

import psycopg
import pyarrow.parquet as pq
import pytest

from quantrac.config.limits import Averaging, DecreeLimit
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words
from reports.disclosure.versions import disclose, disclosures, parts
from reports.disclosure.year import NotDisclosed, write_year
from tests.fixtures import stations
from tests.integration.database.conftest import add_channel

NOW = datetime(2026, 1, 20, tzinfo=UTC)
BEGIN = datetime(2025, 3, 1, 17, tzinfo=UTC)
"""Midnight in Vietnam, of 2 March."""
LIMITS = {
    name: (
        DecreeLimit(
            name, "QCVN 08:2023", Words(vi="bảng 2", en="table 2"), "do", "b", Words(vi="mức B", en="class B"),
            Averaging.VALUE, 5.0, None, first, None, True,
        ),
    )
    for name, first in (("in-force/do/b", date(2025, 6, 1)), ("later/do/b", date(2026, 1, 1)))
}  # fmt: skip


def _fill(conn: Connection, chance: random.Random) -> None:
    """Two days of two channels, with a finding, a verdict and a correction, inserted in an order of chance."""
    names = ["do", "ph"]
    chance.shuffle(names)
    channels = {name: add_channel(conn, name) for name in names}
    rows = [
        (table, channels[name], BEGIN + timedelta(hours=hour), 5 + hour / 7)
        for name in names
        for table, hours in (("hourly", range(48)), ("daily", (0, 24)))
        for hour in hours
    ]
    chance.shuffle(rows)
    for table, channel, time, value in rows:
        conn.execute(
            f"insert into {table} (channel_id, time, value, mean, min, max, sd, count, received, expected)"
            " values (%s, %s, %s, %s, 1, 9, 0.1, %s, 60, 60)",
            [channel, time, value, value, 55 if time == BEGIN and table == "daily" else 60],
        )
    flags = [
        (channels[name], BEGIN + timedelta(minutes=n), test)
        for name in names
        for n, test in ((1, "spike"), (2, "flat"))
    ]
    chance.shuffle(flags)
    for channel, time, test in flags:
        conn.execute(
            "insert into reading_flag (channel_id, time, test, flag, by, reason, at)"
            " values (%s, %s, %s, 4, 'quality', 'why', '2025-03-02Z')",
            [channel, time, test],
        )
    conn.execute(
        "insert into review (channel_id, kind, from_t, to_t, readings, added, person, reason, at, approved_by,"
        " approved_at) values (%s, 'correction', %s, %s, 2, 0.5, 'An', 'drift', '2025-03-05Z', 'Chi', '2025-03-06Z')",
        [channels["do"], BEGIN, BEGIN + timedelta(hours=1)],
    )


def _sign(conn: Connection, *days: str) -> None:
    conn.execute(
        "insert into sign_off (channel_id, day, from_t, to_t, content, person, at, approved_by, approved_at)"
        " select channel_id, day, day::timestamptz, day::timestamptz + interval '1 day', '{}', 'An', '2025-04-01Z',"
        " 'An', '2025-04-01Z' from channel, unnest(%s::date[]) day",
        [list(days)],
    )


def _archive(conn: Connection, *, marks_unsigned: bool = False) -> bytes:
    out = io.BytesIO()
    write_year(conn, LIMITS, 2025, NOW, out, marks_unsigned=marks_unsigned)
    return out.getvalue()


@pytest.fixture
def filled(conn: Connection) -> Connection:
    stations.add_station(conn, "st-test")
    conn.execute("update station set latitude = 9.4, longitude = 105.9")
    _fill(conn, random.Random(1))
    return conn


def _table(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode())))


def test_equal_signed_data_give_equal_bytes_in_whatever_order_they_came(filled: Connection) -> None:
    """The same days are put in again in another order, so that no number of a row is the same."""
    _sign(filled, "2025-03-02", "2025-03-03")
    first = _archive(filled)
    assert _archive(filled) == first
    for table in ("sign_off", "reading_flag", "review", "hourly", "daily", "channel"):
        filled.execute(f"delete from {table}")
    _fill(filled, random.Random(2))
    _sign(filled, "2025-03-03", "2025-03-02")
    assert _archive(filled) == first
    filled.execute("update hourly set value = 6 where time = %s", [BEGIN])
    assert _archive(filled) != first


def test_the_archive_says_what_it_holds_and_every_sum_is_right(filled: Connection) -> None:
    _sign(filled, "2025-03-02", "2025-03-03")
    archive = zipfile.ZipFile(io.BytesIO(_archive(filled)))
    package = json.loads(archive.read("datapackage.json"))
    listed = {one["path"]: one for one in package["resources"]}
    described = {"README.vi.md", "README.en.md", "datapackage.json", "checksums.sha256"}
    assert {*archive.namelist()} == {*listed} | described
    for path, one in listed.items():
        content = archive.read(path)
        assert (one["bytes"], one["hash"]) == (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}"), path
        if path.endswith(".csv"):
            assert content.splitlines()[0].decode().split(",") == [each["name"] for each in one["schema"]["fields"]]
    lines = [line.split("  ") for line in archive.read("checksums.sha256").decode().splitlines()]
    sums = {path: digest for digest, path in lines}
    assert sums == {
        path: hashlib.sha256(archive.read(path)).hexdigest()
        for path in archive.namelist()
        if path != "checksums.sha256"
    }
    hours = _table(archive, "hourly/st-test.csv")
    assert (len(hours), {row["stage"] for row in hours}) == (96, {"reviewed"})
    assert hours[0]["begin_asia_ho_chi_minh"] == "2025-03-02T00:00:00.000+07:00"
    assert pq.read_table(io.BytesIO(archive.read("hourly/st-test.parquet")))["value"].to_pylist() == [
        float(row["value"]) for row in hours
    ]
    (station,) = _table(archive, "stations.csv")
    assert (station["station"], station["latitude"]) == ("st-test", "9.4")
    assert [row["limit"] for row in _table(archive, "limits.csv")] == ["in-force/do/b"]
    assert [(row["channel"], row["test"]) for row in _table(archive, "flags.csv")] == [
        (f"st-test/{name}", test) for name in ("do", "ph") for test in ("spike", "flat")
    ]
    (review,) = _table(archive, "reviews.csv")
    assert (review["kind"], review["added"], review["reason"]) == ("correction", "0.5", "drift")
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Chi" not in everything.replace(b"Ho_Chi_Minh", b""), "nobody is named in what the public reads"
    shares = {row["period"]: row for row in _table(archive, "completeness.csv") if row["channel"] == "st-test/do"}
    march = shares["2025-03"]
    assert (march["valid"], march["lacking"].split("; ")[-1].split()[0]) == ("115", "unknown")
    assert "Mọi ngày của mọi kênh đã được" in archive.read("README.vi.md").decode()
    assert _table(archive, "unsigned_days.csv") == []


def test_a_channel_that_was_silent_all_year_is_in_the_dictionary_and_in_the_shares(filled: Connection) -> None:
    _sign(filled, "2025-03-02", "2025-03-03")
    add_channel(filled, "turbidity")
    stations.add_station(filled, "st-still")
    stations.add_channel(filled, "st-still", "do")
    archive = zipfile.ZipFile(io.BytesIO(_archive(filled)))
    assert [row["channel"] for row in _table(archive, "channels.csv")][-1] == "st-test/turbidity"
    still = [name for name in archive.namelist() if "st-still" in name]
    assert still == ["hourly/st-still.csv", "daily/st-still.csv"], "no Parquet without rows: frictionless-py refuses it"
    (year,) = [
        row for row in _table(archive, "completeness.csv")
        if (row["channel"], row["period"]) == ("st-test/turbidity", "2025")
    ]  # fmt: skip
    assert (year["expected"], year["received"], year["valid"]) == ("525600", "0", "0")
    assert year["lacking"] == "unknown 525600"


def test_days_that_nobody_signed_are_refused_or_marked(filled: Connection) -> None:
    _sign(filled, "2025-03-02")
    with pytest.raises(NotDisclosed, match=r"2 of 4 days of channels in 2025 .* the first one is 2025-03-03"):
        _archive(filled)
    archive = zipfile.ZipFile(io.BytesIO(_archive(filled, marks_unsigned=True)))
    assert [(row["channel"], row["day"], row["stage"]) for row in _table(archive, "unsigned_days.csv")] == [
        ("st-test/do", "2025-03-03", "unreviewed"), ("st-test/ph", "2025-03-03", "unreviewed"),
    ]  # fmt: skip
    assert {row["stage"] for row in _table(archive, "daily/st-test.csv")} == {"reviewed", "unreviewed"}
    assert "2 of 4 days" in archive.read("README.en.md").decode()
    for year, why in ((2026, "the year 2026 is not over"), (2024, "no daily values of 2024")):
        with pytest.raises(NotDisclosed, match=why):
            write_year(filled, LIMITS, year, NOW, io.BytesIO(), marks_unsigned=True)


def test_a_version_is_kept_for_good_and_the_next_one_is_made_of_changed_data_alone(filled: Connection) -> None:
    def made(reason: str) -> tuple[int, bool]:
        version, is_new = disclose(filled, LIMITS, 2025, "An", reason, NOW, marks_unsigned=True)
        return version.version, is_new

    assert [made("first"), made("again")] == [(1, True), (1, False)]
    filled.execute("update hourly set value = 6 where time = %s", [BEGIN])
    assert made("corrected") == (2, True)
    newest, oldest = disclosures(filled)
    assert (newest.version, newest.reason, newest.person, oldest.unsigned_days, oldest.days) == (
        2,
        "corrected",
        "An",
        4,
        4,
    )
    for one in (newest, oldest):
        assert hashlib.sha256(b"".join(parts(filled, 2025, one.version))).hexdigest() == one.sha256
    said = filled.execute(
        "select person, action, subject, reason from audit where action = 'disclose' order by at"
    ).fetchall()
    assert sorted(said) == [("An", "disclose", "year 2025", "corrected"), ("An", "disclose", "year 2025", "first")]
    for act in ("update disclosure set reason = 'x'", "delete from disclosure_part", "truncate disclosure cascade"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
            filled.execute(act)
    with pytest.raises(NotDisclosed, match="needs a reason"):
        made(" ")
