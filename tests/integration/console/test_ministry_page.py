"""The page of the ministry's files: a day's squares, a file with its bytes and sends, sending again with a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from dashboards.console.rule_library import RuleLibrary
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection
from quantrac.desks.roles import Role, RoleGrant
from reports.ministry.consumer import make
from reports.ministry.file import FiveMinuteFile, path_of
from tests.fixtures.console import CONFIGS, session_of, text_of, with_session
from tests.integration.console.test_admission import served

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
"""Of 24 November in Vietnam."""
STATION = "st-my-thanh"
PAGE = f"/ministry?station={STATION}&day=2026-11-24&lang=en"
HAS = "owed = false, sent = (select sha256 from ministry_file f where f.time = ministry_sending.time)"
FATES = {
    1: f"{HAS}, sent_at = now(), sends = 1",
    2: f"{HAS}, sent_at = now(), sends = 2",
    3: "failure = 'full', error = '552 no space <b>left</b>', attempts = 4, owed_at = %(soon)s",
    4: f"{HAS}, sends = 1, owed_at = %(soon)s",
    5: "owed_at = %(soon)s",
    6: "owed_at = %(long)s",
    10: "owed = false",
}
WORDS = {
    1: "all receivers have it", 2: "sent again, its bytes had changed", 3: "not taken, tried again",
    4: "some receivers have it", 5: "made, not sent", 6: "late", 7: "readings, no file", 8: "no data",
    9: "withdrawn, no figures any more", 10: "made, not sent", 288: "not yet",
}  # fmt: skip


async def test_a_day_shows_what_became_of_each_file_and_a_data_officer_sends_again(
    database: str, configured: Connection
) -> None:
    conn, network = configured, load_network(CONFIGS)
    mapping = network.stations[STATION].ministry
    assert mapping is not None
    plan = mapping.model_copy(update={"receivers": ("department", "ministry")})
    station = network.stations[STATION].model_copy(update={"ministry": plan})
    network = replace(network, stations={**network.stations, STATION: station})
    for slot in (*FATES, 9):
        end = MIDNIGHT + slot * timedelta(minutes=5)
        made = FiveMinuteFile(end, path_of(plan, end), b"pH\t7.21\t-\t20261124\t00\r\n")
        make(conn, station, made, end)
        conn.execute(
            f"update ministry_sending set {FATES.get(slot, 'owed = false')} where time = %(end)s",
            {"end": end, "soon": NOW - timedelta(minutes=2), "long": NOW - timedelta(hours=2)},
        )
    conn.execute(
        "update ministry_sending set owed = true, sent = null where time = %s and receiver = 'ministry'",
        [MIDNIGHT + timedelta(minutes=20)],
    )
    conn.execute("update ministry_file set withdrawn = true where time = %s", [MIDNIGHT + timedelta(minutes=45)])
    conn.execute(
        "insert into reading select channel_id, %s, 5, 0, 0, %s from channel where channel = %s",
        [MIDNIGHT + timedelta(minutes=32), NOW, f"{STATION}/do"],
    )
    officer = with_session(session_of(conn, "Lê Văn An", NOW, RoleGrant(Role.DATA_OFFICER, frozenset({STATION}))))
    operator = with_session(session_of(conn, "Bình", NOW, RoleGrant(Role.OPERATOR)))
    library = RuleLibrary.of(network, date(2026, 11, 24))
    async with served(database, None, library=lambda: library) as (http, _):
        page = await http.get(PAGE, headers=officer)
        for slot, words in WORDS.items():
            end = MIDNIGHT + timedelta(hours=7) + slot * timedelta(minutes=5)
            assert f'title="{end:%H:%M}: {words}"' in page.text, words
        assert "Lý do" in text_of(await http.get(PAGE.replace("lang=en", "lang=vi"), headers=officer))
        assert 'id="resend"' not in (await http.get(PAGE, headers=operator)).text
        at = (MIDNIGHT + timedelta(minutes=15)).isoformat().replace("+", "%2B")
        file = await http.get(f"{PAGE}&file={at}", headers=officer)
        assert "pH\t7.21\t-\t20261124\t00" in file.text
        said = text_of(file)
        assert "department lacks it; next try at" in said
        assert "disk full: 552 no space <b>left</b>" in said
        given_up = await http.get(f"{PAGE}&file=2026-11-23T17:50:00Z", headers=officer)
        assert "department not sent any more" in text_of(given_up)
        nothing = f"{PAGE}&file=2026-11-23T20:00:00Z"
        assert "There is no file of these five minutes" in text_of(await http.get(nothing, headers=officer))
        assert "This station has no receivers" in text_of(
            await http.get("/ministry?station=st-tran-de&lang=en", headers=operator)
        )
        wish = {
            "after": MIDNIGHT.isoformat(), "until": (MIDNIGHT + timedelta(minutes=10)).isoformat(),
            "receiver": "ministry", "reason": "máy chủ mất tệp",
        }  # fmt: skip
        act = f"/api/stations/{STATION}/ministry/resend"
        assert (await http.post(act, json=wish, headers=operator)).status_code == 403
        assert (await http.post(act, json={**wish, "reason": " "}, headers=officer)).status_code == 422
        other = await http.post(act, json={**wish, "receiver": "x"}, headers=officer)
        assert (other.status_code, "found department, ministry, expected x" in other.text) == (422, True)
        done = await http.post(act, json=wish, headers=officer)
        assert (done.status_code, done.json()) == (200, {"files": 2})
    rows = "select receiver, owed from ministry_sending where time <= %s order by time, receiver"
    assert conn.execute(rows, [MIDNIGHT + timedelta(minutes=10)]).fetchall() == [
        ("department", False), ("ministry", True), ("department", False), ("ministry", True),
    ]  # fmt: skip
    audit = "select person, action, subject, reason from audit where action = 'resend'"
    assert conn.execute(audit).fetchall() == [("Lê Văn An", "resend", f"ministry {STATION}", "máy chủ mất tệp")]
