"""The pages of the field book and of samples, by HTTP: acts, refusals in words, names with markup, no stations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from dashboards.console.equipment import read_equipment
from dashboards.console.station_page import ChartSpan, read_marks
from dashboards.console.workbench import read_stretch
from quantrac.database.pool import Connection
from quantrac.desks import field_book, laboratory_results, samples
from quantrac.desks.acts import ReviewedReadings
from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures.console import session_of, text_of, with_session
from tests.integration.console.test_admission import served

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HERE = "/api/stations/st-my-thanh"
WILD = "<b>" + "x" * 60
VISIT = {
    "arrived_at": "2026-11-24T01:00:00Z", "left_at": "2026-11-24T02:00:00Z", "crew": WILD, "words": "nước đục",
    "works": [
        {"device": "sonde", "kind": "calibration", "channel": "do", "before": 7.9, "after": 8.2, "reference": 8.2},
    ],
}  # fmt: skip
PAPER = {
    "device": "sonde", "kind": "verification", "number": "KD <1>", "issued_by": "Quatest 3", "issued_on": "2025-11-24",
    "expires_on": "2026-11-23", "serial": "4711",
}  # fmt: skip
SAMPLE = {"code": "M1 <i>", "sampled_at": "2026-11-24T01:30:00Z", "sampled_by": WILD, "laboratory": "TT Quan trắc"}
FILE = 'code,sampled_at,parameter,value\nM1 <i>,2026-11-24T01:30Z,pH,"7,4"\nM2,2026-11-24T01:30Z,pH,7;4\n'


async def test_a_technician_writes_a_visit_and_a_sample_and_everybody_reads_them(
    database: str, configured: Connection
) -> None:
    conn = configured
    here = frozenset({"st-my-thanh"})
    technician = with_session(session_of(conn, "Lê An", NOW, RoleGrant(Role.TECHNICIAN, here)))
    officer = with_session(session_of(conn, "Hoa", NOW, RoleGrant(Role.DATA_OFFICER)))
    minute = timedelta(minutes=1)
    for n in range(60):
        conn.execute(
            "insert into reading select channel_id, %s, 7.5, 0, 0, %s from channel where channel = 'st-my-thanh/ph'",
            [NOW - 2 * HOUR + n * minute, NOW],
        )
    async with served(database, Role.VIEWER) as (http, _):

        async def act(path: str, body: Mapping[str, object], status: int = 200, by: dict[str, str] = technician) -> str:
            answer = await http.post(f"{HERE}/{path}", json=body, headers={**by, "Accept-Language": "vi"})
            assert answer.status_code == status, answer.text
            return str(answer.json().get("error", ""))

        async def page(path: str) -> str:
            both = [await http.get(f"{path}?station=st-my-thanh&lang={lang}") for lang in ("vi", "en")]
            assert [one.status_code for one in both] == [200, 200], both[0].text[:300]
            assert "<b>x" not in both[0].text
            return text_of(both[0])

        assert "Chưa có chuyến nào" in await page("/field-book")
        await act("visits", VISIT)
        (visit,) = field_book.visits(conn)
        assert (visit.person, visit.crew) == ("Lê An", WILD)
        assert await act("visits", {**VISIT, "left_at": "2026-11-24T00:00:00Z"}, 422) == (
            "đến lúc 01:00:00 24/11/2026, rời lúc 00:00:00 24/11/2026: một chuyến kéo dài nhiều nhất 7 ngày"
        )
        await act("visits", VISIT, 403, officer)
        number = f"visits/{visit.visit_id}"
        await act(number, {**VISIT, "words": "nước trong", "reason": "gõ nhầm", "seen": 1})
        late = await act(number, {**VISIT, "reason": "khác", "seen": 1}, 409)
        assert late.startswith("Lê An đã sửa mục này lúc 03:00:00 24/11/2026")
        assert await act(number, VISIT, 422) == "cần ghi lý do sửa"
        wrong_place = await http.post(
            f"/api/stations/st-tran-de/{number}/withdraw", json={"reason": "x1"}, headers=with_session(
                session_of(conn, "Bình", NOW, RoleGrant(Role.TECHNICIAN))))  # fmt: skip
        assert wrong_place.status_code == 422
        shown = await page("/field-book")
        assert "7,9 → 8,2 (Chuẩn 8,2)" in shown
        assert "nước trong" in shown
        assert "Các bản trước (1)" in shown

        await act("certificates", PAPER)
        assert "KD <1> Quatest 3, 24/11/2025 23/11/2026 ✕ đã hết hạn" in await page("/field-book")
        (paper,) = (await http.get("/api/certificates/expiring")).json()
        assert (paper["device"], paper["expires_on"]) == ("sonde", "2026-11-23")
        await act(
            f"certificates/{paper['certificate_id']}", {**PAPER, "expires_on": "2027-11-23", "reason": "nhầm năm"}
        )
        assert (await http.get("/api/certificates/expiring")).json() == []
        found = read_equipment(conn, "st-my-thanh", NOW)
        assert found is not None
        assert [(row.kind, row.before, row.after) for row in found.works] == [("calibration", 7.9, 8.2)]
        assert found.certificates["sonde"].number == "KD <1>"
        await act(f"certificates/{paper['certificate_id']}/withdraw", {"reason": "của trạm khác", "seen": 2})
        await act(f"{number}/withdraw", {"reason": "không có chuyến này", "seen": 2})
        assert "Chưa có chuyến nào" in await page("/field-book")

        await act("samples", SAMPLE, by=officer)
        assert await act("samples", SAMPLE, 422) == "trạm st-my-thanh đã có mẫu M1 <i>"
        (sample,) = samples.samples(conn)
        number = f"samples/{sample.sample_id}"
        await act(f"{number}/step", {"step": "received", "done_at": "2026-11-24T02:00:00Z", "done_by": "Chi"})
        taken = await http.post(
            f"{HERE}/laboratory-file", headers={**officer, "Accept-Language": "vi"},
            json={"name": "kq.csv", "text": FILE, "lines_before": 100, "sampled_by": WILD, "laboratory": "TT"},
        )  # fmt: skip
        assert taken.json() == {"new": 1, "known": 0, "refused": [{
            "line": 103, "column": 4, "name": "value",
            "why": "'7;4' không phải là một số, hoặc giới hạn phát hiện như <0,02",
        }]}  # fmt: skip
        own = [sample.sample_id, "cyanide", 1, None, 0.5, None, "ug/L", "0,5 µg/l", "", False, "Chi", NOW, None]
        conn.execute(laboratory_results.RESULT, own)  # of the network's own, which no file declares any more
        shown = await page("/samples")
        assert "cyanide 0,5 µg/l" in shown
        assert "pH 7,4 7,50 (30 số liệu) +0,10 (+1,4 %) ✓ trong sai số ± 0,2" in shown
        assert "✓ Phòng thí nghiệm nhận 09:00 24/11/2026 Chi" in shown
        await act(f"{number}/result", {"parameter": "ph", "reported": "<9,9", "reason": "bản cuối"})
        await act(f"{number}/result", {"parameter": "battery_v", "reported": "1"}, 422)
        stretch = ReviewedReadings("st-my-thanh/ph", NOW - 3 * HOUR, NOW)
        bench = read_stretch(conn, stretch, "vi")
        assert bench is not None
        at = (NOW - 1.5 * HOUR).timestamp()
        assert bench["samples"] == [[at, 9.9, "<9,9", "M1 <i>", 7.5, "within"]]
        marks = read_marks(conn, "st-my-thanh", ChartSpan(NOW - 3 * HOUR, NOW))
        assert marks["samples"] == [[at, "st-my-thanh/ph", 9.9, "<9,9", "M1 <i>"]]
        assert read_marks(conn, "st-my-thanh", ChartSpan(NOW - HOUR, NOW))["samples"] == []
        await act(f"{number}/result", {"parameter": "ph", "withdraw": True, "reason": "hỏng"})
        await act(number, {**SAMPLE, "code": "M1b", "reason": "nhãn mờ", "seen": 1})
        assert "Rút" in (await http.get("/samples?station=st-my-thanh", headers=technician)).text
        await act(f"{number}/withdraw", {"reason": "vỡ chai", "seen": 2})
        assert "Chưa có mẫu nào." in await page("/samples")


@pytest.mark.usefixtures("conn")
async def test_without_stations_the_pages_say_so(database: str) -> None:
    async with served(database, Role.VIEWER) as (http, _):
        for path in ("/field-book", "/samples"):
            answer = await http.get(path)
            assert (answer.status_code, "Chưa có trạm nào." in answer.text) == (200, True)
