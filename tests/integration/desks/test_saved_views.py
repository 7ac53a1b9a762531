"""Saved views: kept by page or command, opened by whoever has the address, removed without being forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from dashboards.console.compare_page import address_of
from quantrac.cli.commands import ministry, views
from quantrac.desks import saved_views
from quantrac.desks.roles import Role
from quantrac.desks.saved_views import BadView, NoSuchView, ViewSpan
from quantrac.telemetry.errors import QuantracError
from tests.integration.console.test_admission import NOW, served
from tests.integration.database.conftest import World

DO = "st-test/do"


@pytest.fixture
def at_shell(world: World, database: str, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    return world


def test_a_view_is_kept_by_command_listed_and_removed(at_shell: World) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(views.app, words)
        assert done.exit_code == 0, f"{done.output}{done.exception}"
        return done.output

    assert "Mặn  mùa khô" not in run("save", " Mặn  mùa khô ", "--left", DO, "--hours", "72", "--person", "An")
    (one,) = json.loads(run("list", "--json"))
    assert (one["name"], one["left_axis"], one["right_axis"], one["hours"]) == ("Mặn mùa khô", [DO], [], 72.0)
    again = CliRunner().invoke(views.app, ["save", "MẶN mùa khô", "--left", DO])
    assert isinstance(again.exception, BadView)
    assert "there is a view" in str(again.exception)
    run("save", "khác", "--right", DO, "--from", "2026-03-01", "--to", "2026-04-01")
    found = saved_views.views(at_shell.conn)
    assert [address_of(view, "en").partition("&view=")[2] for view in found] == [
        f"{found[0].view_id}&from=2026-02-28T17%3A00%3A00%2B00%3A00&to=2026-03-31T17%3A00%3A00%2B00%3A00",
        f"{found[1].view_id}&hours=72",
    ]
    run("remove", str(one["view_id"]), "--person", "Bình")
    assert [view.name for view in saved_views.views(at_shell.conn)] == ["khác"]
    with pytest.raises(NoSuchView):
        saved_views.view(at_shell.conn, one["view_id"])
    said = "select person, act, reason from v_audit where object = %s order by at"
    told = at_shell.conn.execute(said, [f"view {one['view_id']}"]).fetchall()
    assert told == [("An", "save", "Mặn mùa khô"), ("Bình", "remove", "Mặn mùa khô")]
    run("save", "Mặn mùa khô", "--left", DO)  # the name is free again


@pytest.mark.parametrize(
    ("name", "lines", "span", "why"),
    [
        ("a\n\u202e", [DO], ViewSpan(), "name: found"), ("x", [], ViewSpan(), "found 0 channels"),
        ("x", [DO, DO], ViewSpan(), "twice"), ("x", ["st-test/gone"], ViewSpan(), "no channel st-test/gone"),
        ("x", [DO], ViewSpan(hours=-1), "-1 hours"), ("x", [DO], ViewSpan(from_t=NOW), "half a stretch"),
        ("x", [DO], ViewSpan(None, NOW, NOW), "expected a stretch"),
        ("x", [DO], ViewSpan(1, NOW, NOW), "half a stretch"),
    ],
)  # fmt: skip
def test_what_is_no_view_is_refused_with_words(
    world: World, name: str, lines: list[str], span: ViewSpan, why: str
) -> None:
    with pytest.raises(QuantracError, match=why):
        saved_views.save(world.conn, name, lines, [], span, "An", datetime.now(UTC))


async def test_the_address_of_a_view_leads_to_its_picture(world: World, database: str) -> None:
    span = ViewSpan(None, NOW - timedelta(days=2), NOW)
    view = saved_views.save(world.conn, "Oxy <b>", [DO], [], span, "An", NOW)
    async with served(database, None) as (http, _):
        gone = await http.get("/compare/views/999")
        assert gone.status_code == 303, "nobody is signed in"
    async with served(database, Role.VIEWER) as (http, _):
        led = await http.get(f"/compare/views/{view.view_id}?lang=en")
        assert led.status_code == 303
        assert led.headers["location"].startswith(
            "/compare?lang=en&left=st-test/do&view=1&from=2026-11-22T03%3A00%3A00"
        )
        assert (await http.get("/compare/views/999")).status_code == 404


def test_files_of_a_station_that_nobody_knows_are_refused_with_the_known_ones(at_shell: World) -> None:
    asked = ["files", "--station", "st-tset", "--from", "2026-11-24", "--to", "2026-11-25"]
    done = CliRunner().invoke(ministry.app, asked)
    assert (done.exit_code, "found st-tset, there are: st-test" in " ".join(done.output.split())) == (2, True)
    done = CliRunner().invoke(ministry.app, [word.replace("st-tset", "st-test") for word in asked])
    assert (done.exit_code, done.output) == (0, "no file of these slots was made\n")
