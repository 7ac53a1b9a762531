"""A bulletin on a real database, from figures to messages: draft, words, approval that holds, each person once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from alerts.channels.email_smtp import SmtpNotifier
from alerts.rules.watched_network import WatchedNetwork
from alerts.telling.attachments import attachments
from alerts.telling.notifier import Outgoing
from dashboards.console.rule_library import RuleLibrary
from ingest.rollups import consumer as rollups
from quantrac.cli.commands.report import app
from quantrac.cli.jobs.runs import run_if_due
from quantrac.cli.jobs.service import bulletin_jobs, jobs_of
from quantrac.config.bulletins import BulletinKind
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.settings import Settings
from quantrac.database.pool import Connection, connect
from quantrac.desks import bulletins as desk
from quantrac.desks.bulletin_dispatch import send
from quantrac.desks.roles import Role, RoleGrant
from reports.bulletins import bulletin as making
from tests.fixtures.console import CONFIGS, session_of, with_session
from tests.integration.console.test_admission import served

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
"""Monday, ten in the morning in Vietnam; the week before is the 48th."""
MONDAY = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
MINUTES = """
insert into reading
select c.channel_id, %(begin)s::timestamptz + n * interval '1 minute', %(value)s, 0, 0,
  %(begin)s::timestamptz + n * interval '1 minute'
from channel c, generate_series(1, %(days)s * 1440) n where c.channel = %(channel)s
"""
JSON = {"Content-Type": "application/json"}
PEOPLE = """
insert into contact (name, email, phone_e164, groups, language, consent) values
  ('An', 'an@example.org', '+84900000001', '{farmers,managers}', 'vi', 'given'),
  ('Ann', 'ann@example.org', null, '{managers}', 'en', 'given'),
  ('Bình', 'binh@example.org', null, '{farmers}', 'vi', null),
  ('Cúc', 'cuc@example.org', null, '{farmers}', 'vi', 'refused'),
  ('Dung', null, '+84900000002', '{farmers}', 'vi', 'given'),
  ('Em', 'em@example.org', null, '{operators}', 'vi', 'given')
"""


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(CONFIGS)


@pytest.fixture
def week(configured: Connection) -> Connection:
    """Five days of salinity, oxygen and pH at one station, and the same week of the year before."""
    conn = configured
    for channel, value in (("salinity", 4.0), ("do", 4.5), ("ph", 7.5)):
        said = {"begin": MONDAY, "value": value, "days": 5, "channel": f"st-my-thanh/{channel}"}
        conn.execute(MINUTES, said)
    before = MONDAY - timedelta(days=364)
    conn.execute(MINUTES, {"begin": before, "value": 2.5, "days": 7, "channel": "st-my-thanh/salinity"})
    conn.execute("insert into consumer (consumer, position) values ('quality', 0)")
    rollups.make_everything(conn)
    conn.execute(PEOPLE)
    return conn


def test_a_bulletin_goes_from_figures_to_each_person_once_and_never_changes_once_approved(
    week: Connection, network: Network, tmp_path: Path
) -> None:
    made = desk.make(week, network, BulletinKind.WATER_WEEK, None, "jobs", NOW)
    assert (made.period, made.version, made.state) == ("2026-W48", 1, "draft")
    row = next(one for one in made.figures["rows"] if one["station"] == "st-my-thanh")
    assert (row["verdict"], row["year_before"], row["difference"]) == ("wait", 2.5, 1.5)
    assert row["cells"][1]["lacking"] == ["2026-11-28", "2026-11-29"]
    assert "Độ mặn 4,00 ‰ (thấp hơn mức 7)" in made.words["vi"]["summary"]
    with pytest.raises(desk.BadBulletin, match="approve it first"):
        send(week, network, made.bulletin_id, "Hoa", NOW)

    edited = desk.edit(week, made.bulletin_id, "vi", "note", "Triều cường ngày 2/12.", "Hoa", NOW, made.edition)
    with pytest.raises(desk.BadBulletin, match="meanwhile"):
        desk.edit(week, made.bulletin_id, "vi", "note", "khác", "Bình", NOW, made.edition)
    with pytest.raises(desk.BadBulletin, match="3 segments, at most 2"):
        desk.edit(week, made.bulletin_id, "vi", "sms", "x" * 400, "Hoa", NOW)
    for part in ("title", "sms"):
        with pytest.raises(desk.BadBulletin, match=f"the {part} has no words"):
            desk.edit(week, made.bulletin_id, "vi", part, " \n", "Hoa", NOW)
    again = desk.make(week, network, BulletinKind.WATER_WEEK, "2026-W48", "Hoa", NOW)
    assert (again.bulletin_id, again.words["vi"]["note"]) == (made.bulletin_id, "Triều cường ngày 2/12.")
    with pytest.raises(desk.BadBulletin, match="is not over"):
        desk.make(week, network, BulletinKind.WATER_WEEK, "2026-W49", "Hoa", NOW)

    with pytest.raises(desk.BadBulletin, match="meanwhile"):
        desk.approve(week, network, made.bulletin_id, "Hoa", NOW, edited.edition)
    approved = desk.approve(week, network, made.bulletin_id, "Hoa", NOW, again.edition)
    kept = desk.documents(week, made.bulletin_id)
    assert kept["vi", "pdf"].startswith(b"%PDF-")
    assert "Triều cường ngày 2/12." in kept["vi", "html"].decode()
    assert desk.is_intact(week, approved)
    for statement in (
        "update bulletin set words = '{}'", "delete from bulletin", "delete from bulletin_document",
        "update bulletin_document set content = ''",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            week.execute(statement)
    with pytest.raises(desk.BadBulletin, match="never changes"):
        desk.edit(week, made.bulletin_id, "vi", "note", "", "Hoa", NOW)

    assert send(week, network, made.bulletin_id, "Hoa", NOW) == (3, 0, 1)
    assert send(week, network, made.bulletin_id, "Hoa", NOW, ["farmers", "managers", "operators"]).queued == 1
    told = "select c.name, n.medium, n.subject from notification n join contact c using (contact_id) order by 1"
    assert [row[0] for row in week.execute(told)] == ["An", "Ann", "Bình", "Em"]
    week.execute("update notification set status = 'failed', attempts = 1, next_attempt_at = null where contact_id = 1")
    everybody = ["farmers", "managers", "operators"]
    assert send(week, network, made.bulletin_id, "Hoa", NOW, everybody).queued == 1, "it failed to reach An"
    assert send(week, network, made.bulletin_id, "Hoa", NOW, everybody).queued == 0
    renewed = "select status, attempts, next_attempt_at from notification where contact_id = 1"
    assert week.execute(renewed).fetchall() == [("queued", 0, NOW)]
    for groups, by, said in (([], ["email"], "nobody is named"), (["farmers"], [], "no way is named")):
        with pytest.raises(desk.BadBulletin, match=said):
            send(week, network, made.bulletin_id, "Hoa", NOW, groups, by)
    facts = week.execute("select facts from notification where contact_id = 1").fetchall()[0][0]
    carried = attachments(Settings(), lambda: NOW)(week, None, 1, facts)
    assert carried["file"] == ("water-week-2026-W48-vi.pdf", kept["vi", "pdf"])
    letter = SmtpNotifier("smtp://127.0.0.1", "a@example.org")._letter(
        Outgoing("k", "b@example.org", "x", facts=carried)
    )
    assert [part.get_content_type() for part in letter.iter_attachments()] == ["application/pdf"]

    second = desk.make(week, network, BulletinKind.WATER_WEEK, "2026-W48", "Hoa", NOW)
    assert (second.version, second.state) == (2, "draft")
    acts = week.execute("select action from audit where subject like 'bulletin%' order by audit_id").fetchall()
    assert [act for (act,) in acts] == ["make", "edit", "make", "approve", *["send"] * 4, "make"]


def test_a_draft_that_is_made_again_has_its_new_figures_in_all_words_but_those_that_somebody_changed(
    week: Connection, network: Network
) -> None:
    made = desk.make(week, network, BulletinKind.WATER_WEEK, "2026-W48", "jobs", NOW)
    desk.edit(week, made.bulletin_id, "vi", "note", "Triều cường ngày 2/12.", "Hoa", NOW)
    late = {"begin": MONDAY + timedelta(days=5), "value": 9.5, "days": 2, "channel": "st-my-thanh/salinity"}
    week.execute(MINUTES, late)
    rollups.make_everything(week)
    again = desk.make(week, network, BulletinKind.WATER_WEEK, "2026-W48", "Hoa", NOW)
    assert again.words["vi"]["note"] == "Triều cường ngày 2/12."
    assert "Độ mặn 4,00 ‰" in made.words["vi"]["summary"]
    assert "Độ mặn 4,00 ‰" not in again.words["vi"]["summary"], "the mean is (5 · 4 + 2 · 9.5) / 7 = 5.57"
    assert again.words["vi"]["sms"] != made.words["vi"]["sms"]


def test_of_two_who_approve_at_once_the_later_is_told(
    week: Connection, network: Network, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = desk.make(week, network, BulletinKind.FARMERS_DAY, "2026-11-26", "jobs", NOW)
    documents = making.documents

    def meanwhile(*given: Any) -> Any:
        monkeypatch.setattr(making, "documents", documents)
        with connect(database, "the other person") as other:
            desk.approve(other, network, made.bulletin_id, "Bình", NOW)
        return documents(*given)

    monkeypatch.setattr(making, "documents", meanwhile)
    with pytest.raises(desk.BadBulletin, match="meanwhile"):
        desk.approve(week, network, made.bulletin_id, "Hoa", NOW)
    approved = desk.bulletin(week, made.bulletin_id)
    assert (approved.approved_by, desk.is_intact(week, approved)) == ("Bình", True)


def test_all_kinds_are_made_of_stations_without_any_data_and_by_the_clock(week: Connection, network: Network) -> None:
    for kind in BulletinKind:
        made = desk.make(week, network, kind, None, "Hoa", NOW)
        assert made.words["vi"]["title"]
        assert desk.document(week, network, made, "en", "html")
    watched = WatchedNetwork(CONFIGS)
    (weekly,) = [job for job in bulletin_jobs(watched) if job.name == "bulletin-water-week"]
    assert [job.name for job in jobs_of(watched) if "bulletin" in job.name] == [], "alarms of silence wait for none"
    later = NOW + timedelta(days=7)
    assert run_if_due(week, weekly, lambda: later)
    assert run_if_due(week, weekly, lambda: later) is False
    newest = desk.bulletins(week, "water-week")[0]
    assert (newest.period, newest.state, newest.made_by) == ("2026-W49", "draft", "jobs")


def test_the_commands_do_what_the_desk_does(
    week: Connection, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    monkeypatch.setenv("QUANTRAC_CONFIG", str(CONFIGS))

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "water-week 2026-W48" in run("bulletin", "make", "water-week", "--period", "2026-W48", "--person", "Hoa")
    run("bulletin", "edit", "1", "--part", "note", "--text", "Lời thêm", "--person", "Hoa")
    assert "Lời thêm" in run("bulletin", "show", "1", "--html", str(tmp_path / "a.html"))
    assert "Lời thêm" in (tmp_path / "a.html").read_text("utf-8")
    assert "digest" in run("bulletin", "approve", "1", "--person", "Hoa")
    assert "3 queued" in run("bulletin", "send", "1", "--to", "farmers", "--to", "managers", "--person", "Hoa")
    assert "sent" in run("bulletin", "list")
    assert "layout.html" in run("templates", "list")
    assert "can be used" in run("templates", "check")


async def test_the_pages_show_change_approve_and_send(
    week: Connection, database: str, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = with_session(session_of(week, "Hoa", NOW, RoleGrant(Role.DATA_OFFICER)))
    operator = with_session(session_of(week, "Bình", NOW, RoleGrant(Role.OPERATOR)))
    of_one_station = with_session(session_of(week, "Dung", NOW, RoleGrant(Role.VIEWER, frozenset({"st-tran-de"}))))
    number = desk.make(week, network, BulletinKind.FARMERS_DAY, "2026-11-26", "jobs", NOW).bulletin_id
    library = RuleLibrary.of(network, NOW.date())
    async with served(database, None, clock=lambda: NOW, library=lambda: library) as (http, _):
        page = (await http.get(f"/bulletins/{number}", headers=officer)).text
        assert "Giá trị giới hạn cho phép lấy nước vào ao" in page
        assert "Tin hằng ngày cho hộ nuôi" in (await http.get("/bulletins", headers=officer)).text
        words = {"language": "vi", "part": "note", "text": "<i>x</i>", "edition": 1}
        assert (await http.post(f"/api/bulletins/{number}/words", json=words, headers=operator)).json() == {
            "edition": 2
        }
        for text, status in (("a\u0000b", 409), ("\ud800", 422)):
            unfit = json.dumps({**words, "text": text, "edition": 2}).encode()
            answer = await http.post(f"/api/bulletins/{number}/words", content=unfit, headers={**operator, **JSON})
            assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
        assert "&lt;i&gt;x&lt;/i&gt;" in (await http.get(f"/bulletins/{number}", headers=officer)).text
        for place in (f"/bulletins/{number}", f"/bulletins/{number}/vi.html"):
            assert (await http.get(place, headers=of_one_station)).status_code == 403, "it has all stations"
        with monkeypatch.context() as patch:
            patch.setattr(desk, "pdf", lambda _: pytest.fail("a draft was printed for nobody"))
            head = await http.head(f"/bulletins/{number}/vi.pdf", headers=officer)
        assert (head.status_code, head.headers["content-type"], head.content) == (200, "application/pdf", b"")
        wish = {"edition": 2}
        assert (await http.post(f"/api/bulletins/{number}/approve", json=wish, headers=operator)).status_code == 403
        assert (await http.post(f"/api/bulletins/{number}/approve", json=wish, headers=officer)).status_code == 200
        pdf = await http.get(f"/bulletins/{number}/vi.pdf", headers=officer)
        assert (await http.get(f"/bulletins/{number}/vi.html", headers=of_one_station)).status_code == 200
        assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
        to = {"to": ["farmers"], "by": ["email", "sms"]}
        sent = (await http.post(f"/api/bulletins/{number}/send", json=to, headers=officer)).json()
        assert sent == {"queued": 4, "known": 0, "nowhere": 0}
        assert (await http.get("/aqi?year=2026&lang=en", headers=officer)).status_code == 200
