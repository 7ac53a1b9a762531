"""The commands about accounts, tokens and the audit, as an administrator calls them."""

from __future__ import annotations

import json
import re

from tests.fixtures.program import quantrac


def test_the_first_administrator_a_token_and_who_made_them_come_from_the_command_line(database: str) -> None:
    def done(*words: str, status: int = 0) -> str:
        run = quantrac(*words, database_url=database, public_url="https://quantrac.example.vn/")
        assert run.returncode == status, run.stderr
        return str(run.stdout if status == 0 else run.stderr).strip()

    link = done("users", "add", "an.tran", "Trần Văn An", "--role", "administrator", "--person", "root")
    assert re.fullmatch(r"https://quantrac\.example\.vn/enter/[\w-]{43}", link)
    refused = done(
        "users", "add", "an.tran", "An", "--role", "viewer", "--stations", "st-a", "--person", "root", status=2
    )
    assert refused == "there is an account an.tran already; see `quantrac users list`"
    (account,) = json.loads(done("users", "list", "--json"))
    assert (account["login"], account["roles"], account["has_password"]) == ("an.tran", {"administrator": None}, False)
    token = done("tokens", "add", "cổng tỉnh", "--scope", "read", "--for", "30d", "--person", "root")
    assert re.fullmatch(r"qt_[\w-]{43}", token)
    acts = json.loads(done("audit", "--way", "command", "--json"))
    assert [(row["person"], row["act"], row["object"]) for row in acts] == [
        ("root", "add", "token cổng tỉnh"), ("root", "invite", "account an.tran"), ("root", "add", "account an.tran"),
    ]  # fmt: skip
