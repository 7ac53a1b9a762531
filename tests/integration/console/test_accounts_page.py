"""The page of accounts without a browser: what it offers of each account."""

from __future__ import annotations

import re

from quantrac.database.pool import Connection
from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures.console import session_of, with_session
from tests.integration.console.test_admission import NOW, served


async def test_a_role_at_a_station_that_is_gone_is_not_given_anew_at_all_stations(
    database: str, configured: Connection
) -> None:
    session_of(configured, "Bình", NOW, RoleGrant(Role.OPERATOR, frozenset({"st-tran-de"})))
    chief = session_of(configured, "Chi", NOW, RoleGrant(Role.ADMINISTRATOR))
    configured.execute("update station set active = false where station = 'st-tran-de'")
    async with served(database, None) as (http, _):
        page = (await http.get("/accounts", headers=with_session(chief))).text
    offered = re.findall(r'name="stations" value="([^"]+)"', page)
    assert offered.count("st-tran-de") == 2, "it stays ticked: without one the role would be for all stations"
    assert len(offered) == 2 * len(set(offered)) > 2
