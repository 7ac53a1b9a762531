"""Whoever lacks a right is told which group has it."""

import pytest

from quantrac.database.rights import missing_right


@pytest.mark.parametrize(
    ("denied", "groups"),
    [
        ("permission denied for table review", "quantrac_console (select, insert, update)"),
        ("permission denied for view v_alarm", "quantrac_reader (select), quantrac_ingest (select)"),
        ("permission denied for function drop_readings_before", "quantrac_ingest (execute)"),
        ("permission denied for table station", "update (config_reported, status_online, status_at)"),
    ],
)
def test_the_groups_that_hold_the_right_are_named(denied: str, groups: str) -> None:
    told = missing_right(denied)
    assert told.startswith(f"{denied}: members of quantrac_")
    assert groups in told


@pytest.mark.parametrize("denied", ["permission denied for table nothing_of_ours", "must be owner of table reading"])
def test_where_no_group_holds_it_the_owner_is_named(denied: str) -> None:
    assert missing_right(denied).startswith(f"{denied}; use the address of the owner")
