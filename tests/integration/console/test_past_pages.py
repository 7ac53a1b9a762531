"""The pages about past days, by HTTP: stages with signing, completeness with its gaps, traces; in both languages."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from dashboards.console import completeness_page, disclosures_page, exports_page
from dashboards.console.rule_library import RuleLibrary
from ingest.rollups import consumer as rollups
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection
from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures.console import CONFIGS, session_of, text_of, with_session
from tests.integration.console.test_admission import served

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
BEGIN = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
HERE = "/stations/st-my-thanh"


@pytest.fixture
def past(configured: Connection) -> Connection:
    """A day of oxygen at one station, of which an hour is a calibration and the last one is missing."""
    conn = configured
    (channel_id,) = conn.execute("select channel_id from channel where channel = 'st-my-thanh/do'").fetchone() or (0,)
    conn.execute(
        """insert into reading select %s, %s::timestamptz + n * interval '1 minute', 5,
             case when n between 61 and 120 then 5 else 0 end, 0, %s from generate_series(1, 1380) n""",
        [channel_id, BEGIN, BEGIN],
    )
    conn.execute("insert into consumer (consumer, position) values ('quality', 0)")
    rollups.make_everything(conn)
    return conn


async def test_a_data_officer_signs_a_month_reopens_a_day_and_sees_why_readings_are_missing(
    database: str, past: Connection
) -> None:
    name = '<b>"An" ' + "x" * 200
    officer = with_session(session_of(past, name, NOW, RoleGrant(Role.DATA_OFFICER, frozenset({"st-my-thanh"}))))
    elsewhere = with_session(session_of(past, "Bình", NOW, RoleGrant(Role.DATA_OFFICER, frozenset({"st-tran-de"}))))
    november = {"first": "2026-11-01", "last": "2026-11-30"}
    async with served(database, None) as (http, _):

        async def get(path: str, by: dict[str, str] = officer, status: int = 200) -> httpx.Response:
            answer = await http.get(path, headers=by)
            assert answer.status_code == status, (path, answer.text[:300])
            return answer

        async def post(act: str, status: int, by: dict[str, str] = officer, **body: object) -> dict[str, object]:
            headers = {**by, "Accept-Language": "vi"}
            answer = await http.post(f"/api{HERE}/stages/{act}", json={**november, **body}, headers=headers)
            assert answer.status_code == status, answer.text
            found: dict[str, object] = answer.json()
            return found

        assert "Chưa kiểm duyệt" in text_of(await get("/stages?station=st-my-thanh&month=2026-11"))
        assert await post("sign", 403, elsewhere)
        done = await post("sign", 200, note="đã so với mẫu", seen="2026-11-24T02:00:00Z")
        assert (done["reviewed"], done["waiting"]) == (1, 0)
        page = await get("/stages?station=st-my-thanh&month=2026-11&lang=en")
        assert ">●<" in page.text
        assert "&lt;b&gt;&#34;An&#34;" in page.text
        assert await post("reopen", 422, reason=" ")
        assert await post("reopen", 422, reason="mẫu", channels=["st-my-thanh/none"]) == {
            "error": "st-my-thanh/none không phải là kênh đo của trạm"
        }
        assert await post("reopen", 200, reason="có kết quả mẫu") == {"reopened": 1}
        assert await post("reopen", 422, reason="lần nữa") == {"error": "không có ngày nào trong số này đã được ký"}
        assert "Reopened" in text_of(await get("/stages?station=st-my-thanh&month=2026-11&lang=en"))
        as_of = "/stages?station=st-my-thanh&month=2026-11&lang=en&as_of="
        assert "Shown as it was at 10:00 24/11/2026" in text_of(await get(f"{as_of}2026-11-24T10:00"))
        assert "Shown as" not in text_of(await get(f"{as_of}soon")), "no time is now"
        (day,) = (await get(f"/api{HERE}/stages?first=2026-11-23&last=2026-11-23")).json()
        assert (day["day"], day["stage"], day["reopened_cause"]) == ("2026-11-23", "unreviewed", "person")
        assert (await get(f"/api{HERE}/stages?first=2026-11-23&last=2026-11-22", status=422)).json()
        for wrong in (
            "/stages?month=2026-13",
            "/stages?month=9999-12",
            "/stages?month=20٢٦-05",
            "/api/completeness?first=2026-10-01&last=2026-11-01",
            "/api/completeness?first=2025-10-01&last=2026-11-10&station=st-my-thanh",
            f"{HERE}/gaps?day=9999-12-31",
            f"{HERE}/gaps",
            f"{HERE}/trace/do?time=9999-12-31T23:59:59Z",
            "/api/completeness?first=0001-01-01&last=2026-01-01",
        ):
            await get(wrong, status=422)
        assert await post("sign", 422, first="9999-12-30", last="9999-12-31")
        assert await post("sign", 422, channels=["st-my-thanh/do\0"])
        assert "Shown as" not in text_of(await get(f"{as_of}9999-12-31T23:59"))
        assert "st-tran-de" not in (await get("/stages", officer)).text, "only stations that somebody may read"

        assert "st-tran-de" not in (await get("/completeness?month=2026-11")).text
        shares = (await get("/api/completeness?first=2026-11-23&last=2026-11-23")).json()
        assert [(row["station"], row["counted"], row["expected"]) for row in shares] == [
            ("st-my-thanh", 1320, 9 * 1440)
        ]
        year = "/api/completeness?first=2025-11-24&last=2026-11-23&station="
        assert [row["station"] for row in (await get(f"{year}st-my-thanh")).json() if row["counted"]] == ["st-my-thanh"]
        assert (await get(f"{year}st-tran-de")).json() == [], "nor of a station that somebody may not read"
        assert ">10</a>" in (await get("/completeness?month=2026-11")).text  # 22 hours of one of nine channels
        month = text_of(await get(f"{HERE}/completeness?month=2026-11"))
        assert "Oxy hòa tan 95,8 91,6 1440 1380 1320 Chưa rõ: 120" in month, "of a day 23 hours came and 22 count"
        table = (await get(f"{HERE}/completeness.csv?month=2026-11")).text.splitlines()
        assert any(line.startswith("st-my-thanh,st-my-thanh/do,2026-11,1440,1380,95.83,1320,91.66,") for line in table)
        await get(f"{HERE}/completeness?month=2026-11", elsewhere, 403)
        gaps = text_of(await get(f"{HERE}/gaps?day=2026-11-23"))
        assert "01:00:00 – 02:00:00 Hiệu chuẩn Oxy hòa tan 60" in gaps
        assert "23:00:00 – 24:00:00 Chưa rõ" in gaps or "23:00:00 – 24:00:00 Đường truyền" in gaps
        kinds = {row["gap"]["kind"] for row in (await get(f"/api{HERE}/gaps?day=2026-11-23")).json()}
        assert kinds == {"cal", "absent"}
        assert "không có số liệu" in text_of(await get(f"{HERE}/gaps?day=2026-11-22"))
        await get(f"{HERE}/gaps?day=2026-11-23", elsewhere, 403)

        at = "time=2026-11-23T01:00:00%2B07:00"
        trace = text_of(await get(f"{HERE}/trace/do?{at}"))
        for words in (
            "5 mg/l",
            "Tốt",
            "Aqua TROLL",
            "số sê-ri 512034",
            "Gai nhọn: không phát hiện gì",
            "Mở lại",
            "giá trị giờ",
            "giá trị ngày",
        ):
            assert words in trace, (words, trace)
        assert "It had not come then" in text_of(await get(f"{HERE}/trace/do?{at}&lang=en&as_of=2026-01-01T00:00:00Z"))
        found = (await get(f"/api/channels/st-my-thanh/do/trace?{at}")).json()
        assert (found["reading"]["raw_value"], found["stage"]["reason"]) == (5.0, "có kết quả mẫu")
        lost = await get(f"{HERE}/trace/do?time=2026-11-24T00:30:00%2B07:00", status=404)
        assert "số liệu gần nhất lúc 23:00:00 23/11/2026" in text_of(lost)
        await get(f"{HERE}/trace/none?{at}", status=404)
        await get(f"{HERE}/trace/do?{at}", elsewhere, 403)
    with_nothing = past.execute(
        "select count(*) from audit where action in ('sign off', 'reopen') and role = 'data_officer'"
    )
    assert with_nothing.fetchone() == (2,)


async def test_whoever_may_read_a_station_downloads_its_readings_in_each_format(
    database: str, past: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins = {"csv": b"time_utc,", "xlsx": b"PK", "parquet": b"PAR1", "netcdf": b"\x89HDF"}
    reader = with_session(session_of(past, "An", NOW, RoleGrant(Role.VIEWER, frozenset({"st-my-thanh"}))))
    day = f"{HERE}/export?first=2026-11-23&last=2026-11-23&resolution=raw"
    async with served(database, None) as (http, _):
        page = await http.get("/exports?lang=en", headers=reader)
        assert "Export data as a file" in text_of(page)
        assert 'value="st-my-thanh/do"' in page.text
        assert "st-tran-de" not in page.text
        for name, begin in begins.items():
            answer = await http.get(f"{day}&channel=st-my-thanh/do&format={name}", headers=reader)
            assert (answer.status_code, answer.content[: len(begin)]) == (200, begin), answer.text[:300]
        answer = await http.get(f"{day}&format=netcdf", headers=reader)
        assert answer.headers["content-disposition"].endswith('"st-my-thanh-raw-2026-11-23-2026-11-23.nc"')
        rows = (await http.get(f"{day}&channel=st-my-thanh/do", headers=reader)).text.splitlines()
        assert (len(rows), rows[-1].split(",")[1]) == (1 + 1380, "2026-11-23T23:00:00.000+07:00")
        asked = {
            "elsewhere": day.replace("my-thanh", "tran-de"),
            "backwards": day.replace("last=2026-11-23", "last=2026-11-20"),
        }
        answers = {why: (await http.get(address, headers=reader)).status_code for why, address in asked.items()}
        assert answers == {"elsewhere": 403, "backwards": 422}
        unknown = await http.get(f"{day}&channel=st-my-thanh/none", headers=reader)
        assert (unknown.status_code, "st-my-thanh/do" in unknown.text) == (422, True)
        assert "st-tran-de" not in unknown.text
        both = await http.get(f"{day}&channel=st-my-thanh/do&channel=st-tran-de/do", headers=reader)
        assert (both.status_code, "st-tran-de/do" in both.text) == (422, True), "a file without it would look whole"
        monkeypatch.setattr(exports_page, "MOST_OF_OTHERS", 1000)
        refused = await http.get(f"{day}&channel=st-my-thanh/do", headers=reader)
        assert (refused.status_code, "khoảng 1440 dòng là quá nhiều" in refused.text) == (422, True)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_nothing_of_a_download_stays_and_whoever_asks_for_its_head_has_nothing_made(
    database: str, past: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A range that nobody can read, or behind the end, is answered with the whole file: RFC 9110, section 14.2."""
    reader = with_session(session_of(past, "An", NOW, RoleGrant(Role.VIEWER, frozenset({"st-my-thanh"}))))
    file = f"{HERE}/export?first=2026-11-23&last=2026-11-23&resolution=raw"
    past.execute(
        "insert into disclosure (year, version, sha256, bytes, unsigned_days, days, person, reason, made_at)"
        " values (2025, 1, 'a', 5, 0, 1, 'An', 'first', now())"
    )
    past.execute("insert into disclosure_part select disclosure_id, 0, 'bytes' from disclosure")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with served(database, None) as (http, _):
        for asked in ("bytes=wrong", "bytes=99999999-", "bytes=0-9"):
            answer = await http.get(file, headers={**reader, "Range": asked, "Accept-Encoding": "identity"})
            assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(answer.content)))
        assert names_in(tmp_path) == []
        assert (await http.get("/disclosures/2025/1", headers=reader)).content == b"bytes"
        monkeypatch.setattr(exports_page, "export", None)
        monkeypatch.setattr(disclosures_page, "part", None)
        monkeypatch.setattr(completeness_page, "completeness_report", None)
        for path, name in (
            (file, "st-my-thanh-raw-2026-11-23-2026-11-23.csv"), ("/disclosures/2025/1", "quantrac-"),
            (f"{HERE}/completeness.csv?month=2026-11", "completeness-2026-11.csv"),
        ):  # fmt: skip
            head = await http.head(path, headers=reader)
            assert (head.status_code, head.content, name in head.headers["content-disposition"]) == (200, b"", True)
        assert (await http.head(f"{file}&channel=st-my-thanh/none", headers=reader)).status_code == 422


async def test_limits_of_a_decree_stand_beside_how_often_a_station_was_beyond_them(
    database: str, past: Connection
) -> None:
    """QCVN 08:2023/BTNMT, table 2: dissolved oxygen at least 6 mg/l in class A, 5 in class B; here it was 5."""
    library = RuleLibrary.of(load_network(CONFIGS), NOW.date())
    reader = with_session(session_of(past, "An", NOW, RoleGrant(Role.VIEWER, frozenset({"st-my-thanh"}))))
    async with served(database, None, library=lambda: library) as (http, _):
        page = text_of(await http.get("/limits?decree=qcvn-08-2023&month=2026-11&lang=en", headers=reader))
        for words in (
            "Dissolved oxygen ≥ 6 mg/l rivers, class A (good) (unconfirmed) 22 of 22 values 5.00 01:00 23/11/2026",
            "Dissolved oxygen ≥ 5 mg/l rivers, class B (fair) (unconfirmed) 0 of 22 values –",
            "Ammonium nitrogen protection of human health ≤ 0.3 mg/l single values 12/09/2023 – ✓ table 1",
        ):
            assert words in page
        nothing = await http.get("/limits?decree=none&station=st-tran-de&month=2026-01", headers=reader)
        assert "không có giá trị hợp lệ nào" in text_of(nothing), "the first decree, a station that they may read"
        assert 'value="st-tran-de"' not in nothing.text
