"""Roles: the matrix covers every desk function once, and stations bound what a role allows."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from quantrac.desks.roles import MATRIX, DeskAct, Role, RoleGrant, readable, role_for

DESKS = (
    "alerts.desk",
    "alerts.people.contacts",
    "alerts.people.contact_changes",
    "alerts.people.personal_data",
    "alerts.people.test_message",
    "ingest.desk",
    "quantrac.desks.accounts",
    "quantrac.desks.books",
    "quantrac.desks.certificates",
    "quantrac.desks.commands",
    "quantrac.desks.field_book",
    "quantrac.desks.config_files",
    "quantrac.desks.identities",
    "quantrac.desks.bulletin_dispatch",
    "quantrac.desks.bulletins",
    "quantrac.desks.jobs",
    "quantrac.desks.laboratory_import",
    "quantrac.desks.laboratory_results",
    "quantrac.desks.network",
    "quantrac.desks.corrections",
    "quantrac.desks.samples",
    "quantrac.desks.saved_views",
    "quantrac.desks.second_factor",
    "quantrac.desks.service_proposals",
    "quantrac.desks.shift",
    "quantrac.desks.stages",
    "quantrac.desks.tokens",
    "quantrac.desks.verdicts",
    "quantrac.desks.withdrawals",
    "reports.desk",
)
STATIONS = ("st-a", "st-b", "st-c")
grants = st.builds(
    RoleGrant,
    st.sampled_from(Role),
    st.one_of(st.none(), st.frozensets(st.sampled_from(STATIONS), min_size=1)),
)


def functions_for_a_person() -> Iterator[str]:
    """Yield the public functions of the desks that do something in a person's name, also those of their entry books."""
    for name in DESKS:
        for function, value in inspect.getmembers(importlib.import_module(name), inspect.isroutine):
            owner = type(value.__self__) if inspect.ismethod(value) else value
            if (
                owner.__module__ == name
                and not function.startswith("_")
                and "person" in inspect.signature(value).parameters
            ):
                yield f"{name}.{function}"


def test_every_function_of_the_desks_that_takes_a_person_stands_in_the_matrix_once() -> None:
    assert set(MATRIX) == set(DeskAct)
    said = Counter(function.replace(":", ".") for rule in MATRIX.values() for function in rule.functions)
    assert said == Counter(functions_for_a_person())


def test_every_act_of_the_desks_has_its_command() -> None:
    project = Path(__file__).parents[3]
    commands = "\n".join(path.read_text("utf-8") for path in (project / "quantrac" / "cli").rglob("*.py"))
    functions = {function for rule in MATRIX.values() for function in rule.functions}
    assert [one for one in functions if not re.search(rf"\b{re.split('[:.]', one)[-1]}\b", commands)] == []


def test_an_administrator_may_do_everything_and_a_viewer_only_read() -> None:
    assert [act for act in DeskAct if Role.ADMINISTRATOR not in MATRIX[act].roles] == []
    assert [act for act in DeskAct if Role.VIEWER in MATRIX[act].roles] == [DeskAct.READ]


def test_the_documentation_shows_the_matrix() -> None:
    page = (Path(__file__).parents[3] / "docs" / "accounts.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")]
    shown = {row[0].strip("`"): row[2:] for row in rows if len(row) == 2 + len(Role)}
    assert shown == {act: ["✓" if role in MATRIX[act].roles else "" for role in Role] for act in DeskAct}
    assert f"| act | | {' | '.join(role.replace('_', ' ') for role in Role)} |" in page


@given(st.lists(grants, max_size=4), st.sampled_from(DeskAct), st.sampled_from((None, *STATIONS)))
def test_a_role_counts_at_its_stations_and_only_one_at_all_stations_reaches_what_belongs_to_none(
    held: list[RoleGrant], act: DeskAct, station: str | None
) -> None:
    roles = {role for role, stations in held if stations is None or (station is not None and station in stations)}
    found = role_for(held, act, station)
    assert (found is not None) == bool(roles & MATRIX[act].roles)
    assert found is None or found in roles
    seen = readable(held)
    assert (seen is None or station in seen) == (role_for(held, DeskAct.READ, station) is not None)
