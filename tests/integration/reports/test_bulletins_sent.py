"""A bulletin from a run that a person asks for to what its readers got: mail server, GSM modem and Zalo's answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from shutil import copytree

import pytest
from aiosmtpd.smtp import SMTP

from alerts.channels.configured import notifiers_of
from alerts.people.inbox import SmsInbox
from alerts.rules.watched_network import WatchedNetwork
from alerts.telling.attachments import attachments
from alerts.telling.gsm import unaccented
from alerts.telling.sender import Sender
from dashboards.console.rule_library import RuleLibrary
from ingest.rollups import consumer as rollups
from quantrac.cli.jobs.runs import register, run_asked
from quantrac.cli.jobs.service import bulletin_jobs
from quantrac.config.settings import Settings
from quantrac.database.pool import Connection
from quantrac.desks import bulletins as desk
from quantrac.desks import jobs as jobs_desk
from quantrac.desks.roles import Role, RoleGrant
from simulators.gsm.modem import GsmModem
from tests.fixtures.console import CONFIGS, session_of, with_session
from tests.integration.alerts.test_carriers import Server
from tests.integration.alerts.test_smtp import Handler
from tests.integration.alerts.test_smtp import server as mail_server
from tests.integration.console.test_admission import served
from tests.integration.reports.test_bulletins import MINUTES, MONDAY, NOW

PLANS = """bulletins:
  water-week: {at: "monday 06:30", to: [farmers, managers], by: [email], limits: [qcvn-02-19-2014/pond]}
  farmers-day: {at: "daily 05:30", to: [farmers], by: [sms, email], limits: [qcvn-02-19-2014/pond]}
  air-month: {at: "monthly 2 07:00", to: [managers], by: [email]}
templates:
  zns: {bulletin: {id: "412345", placeholders: {tieu_de: {of: title, most: 100}, noi_dung: {of: response, most: 400}}}}
"""
PEOPLE = """
insert into contact (name, email, phone_e164, groups, language, consent) values
  ('An', 'an@example.org', '+84900000001', '{farmers}', 'vi', 'given'),
  ('Dung', null, '+84900000002', '{farmers}', 'vi', 'given'),
  ('Lan', 'lan@example.org', null, '{managers}', 'en', 'given')
"""
AQI_DAYS = """
insert into daily (channel_id, time, value, mean, count, received, expected)
select channel_id, timestamptz '2026-10-01 00:00+07' + n * interval '1 day', 60 + n * 5, 60 + n * 5, 24, 24, 24
from channel, generate_series(0, 29) n where channel = 'st-tp-soc-trang/aqi_day'
"""
TOLD = "select c.name, n.medium, n.status from v_notification n join contact c using (contact_id) order by 1, 2"


class Centre:
    """A database with data, a network with three plans, and people who are reached by real ways."""

    def __init__(self, conn: Connection, database: str, folder: Path, zalo: Server) -> None:
        self.conn, self.database, self.zalo = conn, database, zalo
        root = Path(copytree(CONFIGS, folder / "configs"))
        file = root / "network.yaml"
        text = file.read_text("utf-8")
        begin = text.index("bulletins:")
        file.write_text(text[:begin] + PLANS + text[text.index("unwatched:", begin) :], "utf-8")
        self.watched = WatchedNetwork(root)
        self.network = self.watched.network
        tokens = folder / "zalo.json"
        kept = {"app_id": "1", "secret_key": "s", "refresh_token": "r", "access_token": "a"}
        tokens.write_text(json.dumps(kept), "utf-8")
        self.modem = GsmModem(folder / "modem", time.time)
        self.settings = Settings(
            database_url=database, sms_provider="zns,modem", sms_modem=self.modem.link, zns_tokens=tokens,
            zns_url=zalo.url, smtp_from="quantrac@example.vn",
        )  # fmt: skip

    def make(self, kind: str) -> desk.Bulletin:
        """Have a draft made by the clock's job, as who asked for it on the page."""
        jobs = bulletin_jobs(self.watched)
        register(self.conn, jobs, NOW)
        jobs_desk.run_now(self.conn, f"bulletin-{kind}", "Hoa", "mai họp", NOW)
        assert run_asked(self.conn, jobs, lambda: NOW) == 1
        run = jobs_desk.run_asked_at(self.conn, f"bulletin-{kind}", NOW)
        assert (run.outcome, run.rows) == ("done", 1)
        return desk.bulletin(self.conn, desk.bulletins(self.conn, kind)[0].bulletin_id)

    async def issue(self, made: desk.Bulletin, changes: dict[str, str]) -> None:
        """Read a draft, change its words, approve it and send it as network.yaml says, all on its page."""
        officer = with_session(session_of(self.conn, f"Hoa {made.bulletin_id}", NOW, RoleGrant(Role.DATA_OFFICER)))
        library, place = RuleLibrary.of(self.network, NOW.date()), f"/api/bulletins/{made.bulletin_id}"
        async with served(self.database, None, clock=lambda: NOW, library=lambda: library) as (http, _):
            edition = made.edition
            for part, text in changes.items():
                words = {"language": "vi", "part": part, "text": text, "edition": edition}
                edition = (await http.post(f"{place}/words", json=words, headers=officer)).json()["edition"]
            page = (await http.get(f"/bulletins/{made.bulletin_id}", headers=officer)).text
            assert all(text in page for text in changes.values()), "the draft is read before it is approved"
            approved = await http.post(f"{place}/approve", json={"edition": edition}, headers=officer)
            assert approved.status_code == 200, approved.text
            plan = next(plan for kind, plan in self.network.settings.bulletins.items() if kind == made.kind)
            to = {"to": plan.to, "by": plan.by}
            sent = await http.post(f"{place}/send", json=to, headers=officer)
            assert sent.json()["queued"] > 0
            assert (await http.post(f"{place}/send", json=to, headers=officer)).json()["queued"] == 0, "once"

    def hand_over(self) -> list[EmailMessage]:
        """Send all that waits, and return the mails that a mail server took."""
        handler = Handler()
        with mail_server(lambda: SMTP(handler)) as address:
            settings = self.settings.model_copy(update={"smtp_url": _secret(f"smtp://{address}")})
            relays = notifiers_of(settings, self.network.templates, lambda: NOW, SmsInbox)
            attach = attachments(settings, lambda: NOW)
            for medium, relay in relays.items():
                sender = Sender("", medium, relay, lambda: NOW, attach)
                while sender.send_one(self.conn):
                    pass
                relay.close()
        return handler.letters


def _secret(text: str) -> object:
    return Settings(smtp_url=text).smtp_url


@pytest.fixture
def centre(configured: Connection, database: str, tmp_path: Path, zalo: Server) -> Iterator[Centre]:
    for channel, value in (("salinity", 4.0), ("do", 4.5), ("ph", 7.5)):
        said = {"begin": MONDAY, "value": value, "days": 7, "channel": f"st-my-thanh/{channel}"}
        configured.execute(MINUTES, said)
    configured.execute("insert into consumer (consumer, position) values ('quality', 0)")
    rollups.make_everything(configured)
    configured.execute(AQI_DAYS)
    configured.execute(PEOPLE)
    found = Centre(configured, database, tmp_path, zalo)
    yield found
    found.modem.close()


async def test_each_bulletin_is_asked_for_read_changed_approved_and_reaches_people_as_approved(centre: Centre) -> None:
    weekly = centre.make("water-week")
    await centre.issue(weekly, {"title": "Nước tuần 48", "note": "Triều cường ngày 2/12."})
    daily = centre.make("farmers-day")
    words = {"sms": "My Thanh: do man 4,0; lay nuoc duoc buoi sang.", "zalo": "Mỹ Thanh: lấy nước được buổi sáng."}
    await centre.issue(daily, words)
    air = centre.make("air-month")
    await centre.issue(air, {})
    centre.zalo.answers = [
        (200, {"error": 0, "message": "Success", "data": {"msg_id": "m-1"}}),
        (200, {"error": -118, "message": "Zalo account not existed"}),
    ]
    letters = await asyncio.to_thread(centre.hand_over)  # the mail server has an event loop of its own

    got = sorted((str(letter["To"]), str(letter["Subject"])) for letter in letters)
    titles = {one.kind: desk.bulletin(centre.conn, one.bulletin_id).words for one in (weekly, daily, air)}
    assert got == sorted([
        ("an@example.org", "Nước tuần 48"), ("an@example.org", titles["farmers-day"]["vi"]["title"]),
        ("lan@example.org", titles["water-week"]["en"]["title"]),
        ("lan@example.org", titles["air-month"]["en"]["title"]),
    ])  # fmt: skip
    for letter in letters:
        (paper,) = letter.iter_attachments()
        number = {"water": weekly, "farme": daily, "air-m": air}[str(paper.get_filename())[:5]].bulletin_id
        language = "vi" if str(letter["To"]).startswith("an@") else "en"
        assert paper.get_content() == desk.documents(centre.conn, number)[language, "pdf"], "byte for byte as approved"
    body = next(letter for letter in letters if letter["Subject"] == "Nước tuần 48").get_body(("plain",))
    assert body is not None
    assert "Triều cường ngày 2/12." in body.get_content()

    asked = [json.loads(body) for _, _, body in centre.zalo.asked]
    assert [one["phone"] for one in asked] == ["84900000001", "84900000002"]
    told = {"tieu_de": titles["farmers-day"]["vi"]["title"], "noi_dung": words["zalo"]}
    assert asked[0]["template_data"] == told
    assert [(part.to, part.text) for part in centre.modem.log] == [("+84900000002", unaccented(words["sms"]))]
    assert centre.conn.execute(TOLD).fetchall() == [
        *[("An", "email", "sent")] * 2, ("An", "sms", "sent"), ("Dung", "sms", "sent"), *[("Lan", "email", "sent")] * 2,
    ]  # fmt: skip
