"""A password in an address is never shown, not half of it: whatever stands in it, and wherever a parser cuts it."""

from collections.abc import Callable

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.channels.email_smtp import SmtpNotifier
from alerts.channels.http_api import HttpApi
from alerts.telling.notifier import Gone, TryAgain
from dashboards.grafana.push import Grafana, PushFailed
from quantrac.config.settings import BadSetting, MissingSetting, Settings
from quantrac.database.pool import address
from quantrac.mqtt import AddressError, MqttAddress

PIECES = ("Qk7z", "Vw3x", "4711", "815")
"""Of passwords; digits are taken for a port where a parser cuts there."""
PASSWORDS = st.tuples(
    st.sampled_from(PIECES), st.text("@/?#%:[],&=+ é", min_size=1, max_size=3), st.sampled_from(PIECES)
).map("".join)
PLACES = st.sampled_from(("@h:5/x", "@h", "@g,h:5/x", "@[::1]:5/x", "@", "@/x", "@h:x", "@h?a=b"))


def database(url: str) -> str:
    """Return what libpq takes for the servers, which its errors name, and what we say ourselves."""
    url = str(Settings(database_url=url).database_url)
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {}
    return f"{parts.get('host')} {parts.get('port')} {parts.get('dbname')} {address(url)}"


def broker(url: str) -> str:
    found = MqttAddress.parse(url)
    return f"{found} {found!r}"


def mail_server(url: str) -> str:
    mail = SmtpNotifier(url, "quantrac@h")
    return f"{mail._host} {mail._port}"


@settings(max_examples=50)
@given(password=PASSWORDS, place=PLACES)
@example(password="Qk7z@Vw3x", place="@h:5/x")
@example(password="4711/Vw3x", place="@h:5/x")
@example(password="Qk7z", place="")  # no server was named
@pytest.mark.parametrize(("scheme", "read"), [("postgresql", database), ("mqtt", broker), ("smtp", mail_server)])
def test_no_piece_of_a_password_is_shown(scheme: str, read: Callable[[str], str], password: str, place: str) -> None:
    try:
        said = read(f"{scheme}://me:{password}{place}")
    except (AddressError, BadSetting, MissingSetting) as refusal:
        said = str(refusal)
        assert "expected" in said
    assert not [piece for piece in PIECES if piece in said]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://an:p%40ss%2F@a:1,b:2/quantrac?target_session_attrs=read-write", "postgresql:///quantrac",
        "postgres://an@[::1]:6432/quantrac", "postgresql://%2Fvar%2Frun%2Fpostgresql/x", "postgresql://an:a?b#c@h/x",
    ],
)  # fmt: skip
def test_what_libpq_reads_as_it_is_meant_is_allowed(url: str) -> None:
    assert Settings(database_url=url).database("ingest") == url


def test_a_web_address_is_shown_without_its_login() -> None:
    with pytest.raises(BadSetting, match="esms") as bad:
        HttpApi("esms", "http://me:Qk7z/Vw3x@h")
    assert "Qk7z" not in str(bad.value)
    for url in ("http://me:Qk7z@127.0.0.1:1", "http://me:Qk7z/Vw3x@127.0.0.1:1", "http://me:47x@:1"):
        with pytest.raises(PushFailed, match="QUANTRAC_GRAFANA_URL") as refused, Grafana(url, "x") as grafana:
            grafana.push({})
        assert not [piece for piece in ("Qk7z", "Vw3x", "47x") if piece in str(refused.value)]
        with pytest.raises((Gone, TryAgain)) as gone:
            HttpApi("webhook").post(url)
        assert not [piece for piece in ("Qk7z", "Vw3x", "47x") if piece in str(gone.value)]
