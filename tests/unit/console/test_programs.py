"""What programs ask, without a database: expressions are read or refused with their place; bounds for each account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.api.answers import AskedTooOften, csv_of
from dashboards.api.cursors import BadCursor, cursor_of, key_of
from dashboards.api.rate import RateBound
from dashboards.console.admission import Visitor
from dashboards.console.token_guesses import AT_ONCE, TokenGuesses
from dashboards.sensorthings.compiler import Compiler
from dashboards.sensorthings.expressions import parse_filter
from dashboards.sensorthings.model import ENTITIES
from dashboards.sensorthings.options import BadOption, NotOffered, read_options
from dashboards.sensorthings.resource_path import read_path
from dashboards.sensorthings.syntax import Application, BadExpression, Literal, Path

VOCABULARY = "name eq 'zq9x' and or not ( ) , / 1 -1 null length( Datastreams/name now() 1e999 ''"
WORD = st.sampled_from(VOCABULARY.split())
TEXT = st.lists(WORD, max_size=12).map(" ".join) | st.text(max_size=60)


def test_operators_bind_as_odata_says() -> None:
    """OData 4.0 part 2, section 5.1.1.9: multiplication before addition, that before comparison, `and` before `or`."""
    found = parse_filter("result gt 1 add 2 mul 3 or not true and name eq 'it''s'")
    assert isinstance(found, Application)
    assert found == Application(
        "or",
        (
            Application(
                "gt",
                (
                    Path(("result",), 0),
                    Application(
                        "add",
                        (Literal(1.0, 10), Application("mul", (Literal(2.0, 16), Literal(3.0, 22)), 18)),
                        12,
                    ),
                ),
                7,
            ),
            Application(
                "and",
                (
                    Application("not", (Literal(True, 31),), 27),
                    Application("eq", (Path(("name",), 40), Literal("it's", 49)), 45),
                ),
                36,
            ),
        ),
        24,
    )


def test_no_text_of_a_table_is_a_formula_of_a_spreadsheet() -> None:
    row = ["=HYPERLINK(1)", "\t@SUM(1)", "-", "pin yếu", -2.5, None]
    assert csv_of(["a"], [row]).decode().splitlines() == ["a", "HYPERLINK(1),SUM(1),-,pin yếu,-2.5,"]


@given(TEXT)
def test_any_text_is_read_or_refused_and_none_of_it_becomes_sql(text: str) -> None:
    for name in ("Things", "Observations"):
        compiler = Compiler(ENTITIES[name])
        try:
            sql = compiler.condition(parse_filter(text))
        except BadExpression as refusal:
            sql, said = "", str(refusal)
        else:
            said = "(at character"
        assert "(at character" in said
        assert "zq9x" not in sql


@given(st.sampled_from(["$filter", "$orderby", "$expand", "$select", "$top", "$skip", "$count", "$x"]), TEXT)
def test_any_option_is_read_or_refused(name: str, text: str) -> None:
    try:
        said = str(read_options(ENTITIES["Things"], [(name, text)]))
    except (BadOption, NotOffered) as refusal:
        said = str(refusal)
    assert said.startswith(("QueryOptions(", name))


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["Things", "('a')", "/", "$ref", "name", "Datastreams"])).map("".join)
)
def test_any_path_names_something_or_nothing(text: str) -> None:
    found = read_path(text)
    assert found is None or found.steps or text == ""


def test_who_tries_many_tokens_waits_and_a_program_with_an_old_one_costs_its_neighbours_nothing() -> None:
    guesses = TokenGuesses()
    for number in range(AT_ONCE - 2):
        guesses.note(f"2001:db8:1:2::{number:x}", f"guess {number}", 100.0)
    for _ in range(500):
        guesses.check("2001:db8:1:2::1", "one that was revoked", 100.0)
        guesses.note("2001:db8:1:2::1", "one that was revoked", 100.0)
    guesses.note("2001:db8:1:2::2", "one guess more", 100.0)
    with pytest.raises(AskedTooOften) as refused:
        guesses.check("2001:db8:1:2:ffff::9", "another guess", 100.0)
    assert refused.value.wait_s == pytest.approx(10)
    guesses.check("2001:db8:1:3::1", "another guess", 100.0)
    guesses.check("2001:db8:1:2::1", "another guess", 111.0)


def test_whoever_guesses_shuts_out_no_program_of_his_network_whose_token_is_right() -> None:
    guesses = TokenGuesses()
    guesses.note_right("a right one")
    for number in range(AT_ONCE):
        guesses.note("192.0.2.1", f"guess {number}", 100.0)
    guesses.check("192.0.2.1", "a right one", 100.0)
    guesses.note("192.0.2.1", "a right one", 100.0)  # revoked meanwhile
    with pytest.raises(AskedTooOften):
        guesses.check("192.0.2.1", "a right one", 100.0)


def test_a_subscriber_s_whole_network_is_one_account_where_nobody_signed_in() -> None:
    """A household has 2^64 addresses of IPv6 (RFC 6177), and each would have had a bucket of its own."""
    first, second = (Visitor(None, "", (), f"2001:db8:1:2::{end}").account for end in ("1", "ffff"))
    assert first == second != Visitor(None, "", (), "2001:db8:1:3::1").account
    assert Visitor("an", "An", (), "2001:db8:1:2::1").account == "an"


@given(st.text(max_size=80))
def test_any_cursor_is_a_key_or_refused(text: str) -> None:
    try:
        (key,) = key_of(text, (str,))
    except BadCursor:
        return
    assert isinstance(key, str)
    assert key_of(cursor_of([key]), (str,)) == [key]


def test_an_account_may_ask_so_often_at_once_and_then_so_often_a_second() -> None:
    bound = RateBound(at_once=3, each_s=2)
    assert [bound.wait_s("an", 100.0) for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]
    assert bound.wait_s("binh", 100.0) == 0, "of others nobody is slowed"
    assert bound.wait_s("an", 100.5) == 0
    assert bound.wait_s("an", 100.5) > 0
    assert [bound.wait_s("an", 900.0) for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)], "no more than that at once"
