"""Roles and what each may do: one table of acts and roles, which the console and the documentation read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Role(StrEnum):
    """What an account is for."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    TECHNICIAN = "technician"
    DATA_OFFICER = "data_officer"
    ADMINISTRATOR = "administrator"


class DeskAct(StrEnum):
    """What a person may ask of the desks; the matrix says which roles may."""

    READ = "read"
    ACKNOWLEDGE = "acknowledge"
    COMMENT = "comment"
    SHELVE = "shelve"
    RESET = "reset"
    MARK_FALSE = "mark_false"
    PUBLISH = "publish"
    OUT_OF_SERVICE = "out_of_service"
    COMMAND = "command"
    REVIEW = "review"
    SIGN_OFF = "sign_off"
    FIELD_BOOK = "field_book"
    SAMPLES = "samples"
    MINISTRY = "ministry"
    CONFIGURE = "configure"
    DEAD_LETTERS = "dead_letters"
    CONTACTS = "contacts"
    SHIFT = "shift"
    VIEWS = "views"
    JOBS = "jobs"
    BULLETINS = "bulletins"
    ISSUE = "issue"
    AUDIT = "audit"
    ACCOUNTS = "accounts"


class ActRule(NamedTuple):
    """Who may do an act, and which functions of the desks it stands for.

    Functions of a room with a colon, as `alerts.desk:comment`: the wheel has rooms elsewhere and refuses their paths.
    """

    roles: frozenset[Role]
    functions: tuple[str, ...] = ()


def _by(*roles: Role) -> frozenset[Role]:
    """Return the roles; an administrator may do everything."""
    return frozenset({*roles, Role.ADMINISTRATOR})


_OPERATOR, _TECHNICIAN, _DATA_OFFICER = Role.OPERATOR, Role.TECHNICIAN, Role.DATA_OFFICER
MATRIX: Final[Mapping[DeskAct, ActRule]] = {
    DeskAct.READ: ActRule(frozenset(Role)),
    DeskAct.ACKNOWLEDGE: ActRule(_by(_OPERATOR, _TECHNICIAN), ("alerts.desk:acknowledge",)),
    DeskAct.COMMENT: ActRule(_by(_OPERATOR, _TECHNICIAN, _DATA_OFFICER), ("alerts.desk:comment",)),
    DeskAct.SHELVE: ActRule(_by(_OPERATOR), ("alerts.desk:shelve", "alerts.desk:unshelve")),
    DeskAct.RESET: ActRule(_by(_OPERATOR, _TECHNICIAN), ("alerts.desk:reset",)),
    DeskAct.MARK_FALSE: ActRule(_by(_OPERATOR, _DATA_OFFICER), ("alerts.desk:mark_false",)),
    DeskAct.PUBLISH: ActRule(_by(_OPERATOR), ("alerts.desk:publish", "alerts.desk:unpublish")),
    DeskAct.OUT_OF_SERVICE: ActRule(
        _by(_OPERATOR, _TECHNICIAN), ("alerts.desk:take_out_of_service", "alerts.desk:put_in_service")
    ),
    DeskAct.COMMAND: ActRule(_by(_OPERATOR, _TECHNICIAN), ("quantrac.desks.commands.give",)),
    DeskAct.REVIEW: ActRule(
        _by(_DATA_OFFICER),
        (
            *(f"quantrac.desks.verdicts.{act}" for act in ("flag", "flag_each", "unflag")),
            *(f"quantrac.desks.corrections.{act}" for act in ("correct", "approve")),
            *(f"quantrac.desks.service_proposals.{act}" for act in ("accept", "reject")),
            "quantrac.desks.withdrawals.withdraw",
        ),
    ),
    DeskAct.SIGN_OFF: ActRule(_by(_DATA_OFFICER), ("quantrac.desks.stages.sign", "quantrac.desks.stages.reopen")),
    DeskAct.FIELD_BOOK: ActRule(
        _by(_TECHNICIAN),
        tuple(
            f"quantrac.desks.{desk}.{act}"
            for desk in ("field_book", "certificates")
            for act in ("add", "correct", "withdraw")
        ),
    ),
    DeskAct.SAMPLES: ActRule(
        _by(_TECHNICIAN, _DATA_OFFICER),
        (
            *(f"quantrac.desks.samples.{act}" for act in ("add", "correct", "withdraw", "pass_on")),
            "quantrac.desks.laboratory_results.enter_result",
            "quantrac.desks.laboratory_results.withdraw_result",
            "quantrac.desks.laboratory_import.import_file",
        ),
    ),
    DeskAct.MINISTRY: ActRule(_by(_DATA_OFFICER), ("reports.desk:owe_again",)),
    DeskAct.CONFIGURE: ActRule(
        _by(_TECHNICIAN),
        (
            "quantrac.desks.config_files.save",
            "quantrac.desks.config_files.take_back",
            "quantrac.desks.network.apply_network",
            "quantrac.desks.commands.push",
            "alerts.desk:confirm_files",
        ),
    ),
    DeskAct.DEAD_LETTERS: ActRule(_by(_TECHNICIAN, _DATA_OFFICER), ("ingest.desk:replay", "ingest.desk:discard")),
    DeskAct.CONTACTS: ActRule(
        _by(_OPERATOR),
        (
            "alerts.people.contacts:save_contacts",
            "alerts.people.test_message:send_test",
            "alerts.people.test_message:queue_test",
            *(f"alerts.people.contact_changes:{act}_contact" for act in ("add", "change", "remove")),
            *(f"alerts.people.personal_data:{act}" for act in ("export_contact", "erase_contact", "erase_number")),
        ),
    ),
    DeskAct.SHIFT: ActRule(
        _by(_OPERATOR, _TECHNICIAN), tuple(f"quantrac.desks.shift.{act}" for act in ("note", "hand_over", "take_over"))
    ),
    DeskAct.VIEWS: ActRule(
        _by(_OPERATOR, _TECHNICIAN, _DATA_OFFICER),
        ("quantrac.desks.saved_views.save", "quantrac.desks.saved_views.remove"),
    ),
    DeskAct.JOBS: ActRule(_by(_TECHNICIAN, _DATA_OFFICER), ("quantrac.desks.jobs.run_now",)),
    DeskAct.BULLETINS: ActRule(
        _by(_OPERATOR, _DATA_OFFICER), tuple(f"quantrac.desks.bulletins.{act}" for act in ("make", "edit"))
    ),
    DeskAct.ISSUE: ActRule(
        _by(_DATA_OFFICER), ("quantrac.desks.bulletins.approve", "quantrac.desks.bulletin_dispatch.send")
    ),
    DeskAct.AUDIT: ActRule(_by()),
    DeskAct.ACCOUNTS: ActRule(
        _by(),
        (
            *(f"quantrac.desks.accounts.{act}" for act in ("add", "invite", "change_role", "disable", "enable")),
            "quantrac.desks.identities.link",
            "quantrac.desks.identities.unlink",
            "quantrac.desks.second_factor.demand",
            "quantrac.desks.second_factor.reset",
            "quantrac.desks.tokens.add",
            "quantrac.desks.tokens.revoke",
        ),
    ),
}
"""Every act and who may do it. A test holds that each desk function that takes a person stands here once."""


class RoleGrant(NamedTuple):
    """A role of an account, at all stations or some."""

    role: Role
    stations: frozenset[str] | None = None
    """None: all, and what belongs to no station."""

    def __str__(self) -> str:
        """Return it in words, such as `operator at st-a, st-b`."""
        return self.role if self.stations is None else f"{self.role} at {', '.join(sorted(self.stations))}"


def role_for(grants: Iterable[RoleGrant], act: DeskAct, station: str | None) -> Role | None:
    """Return the role by which somebody may do an act at a station, None where they may not.

    `station` None: what belongs to no station, or to all, needs a role at all stations.
    """
    for role, stations in grants:
        if role in MATRIX[act].roles and (stations is None or station in stations):
            return role
    return None


def readable(grants: Iterable[RoleGrant]) -> frozenset[str] | None:
    """Return the stations that somebody may read; None: all."""
    found: frozenset[str] = frozenset()
    for _, stations in grants:
        if stations is None:
            return None
        found |= stations
    return found
