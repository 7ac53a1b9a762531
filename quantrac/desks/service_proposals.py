"""The desk of the service ledger: what the services of a station's sensors speak for, and a person's yes to it.

Nothing is kept of a proposal: it is worked out of what is on record (`service_evidence.py`) when somebody asks, and its
name says exactly what was seen. Accepting it is a verdict or a correction, with person and reason; rejecting it is an
act of its own, which is kept, so that the same is not proposed again until somebody takes that back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from quantrac.database.pool import Connection
from quantrac.desks.acts import Act, BadReview, ReviewedReadings, acts_there, version_of
from quantrac.desks.corrections import CorrectionFormula, columns_of, correct
from quantrac.desks.review_rows import asked_of, open_review, record, span_of, transaction
from quantrac.desks.service_evidence import EPOCH, MICROSECOND, evidence_of
from quantrac.desks.verdicts import flag
from quantrac.quality.accuracy import CLASSES
from quantrac.quality.ledger_settings import settings_of
from quantrac.quality.proposals import Proposal, ProposalKind, proposals_of
from quantrac.telemetry.quality import Quality

LONGEST: Final = timedelta(days=400)
"""Of what is looked at in one go."""

CHANNELS: Final = """
select channel_id, channel, parameter, coalesce(device, ''), interval_s, history_limits from channel
where station = (select station from channel where channel = %(place)s
                 union select station from station where station = %(place)s)
  and active and not derived and (parameter = any(%(parameters)s) or history_limits ? 'ledger_accuracy')
order by device, channel
"""


@dataclass(frozen=True, slots=True)
class ServiceProposal:
    """A proposal for one channel: from the first to the last reading, both inclusive."""

    name: str
    """Of exactly this proposal: with other readings, times or amounts it is another."""
    channel: str
    kind: str
    from_t: datetime
    to_t: datetime
    added: float
    """What is to be added at the first reading, and `gap` at the last, in the channel's unit."""
    gap: float
    confidence: float
    reasons_vi: str
    reasons_en: str
    service_before: datetime | None = None
    """First reading after the service before the deployment; None: what is looked at begins with it."""
    service_after: datetime | None = None
    """Last reading before the service behind it; None: none is known yet."""

    @property
    def stretch(self) -> ReviewedReadings:
        """Return the readings that it is about."""
        return ReviewedReadings(self.channel, self.from_t - MICROSECOND, self.to_t)

    @property
    def formula(self) -> CorrectionFormula | None:
        """Return the correction that is proposed; None: the flag `suspect` is."""
        if self.kind == ProposalKind.FLAG:
            return None
        return CorrectionFormula(added=self.added, drift=self.gap - self.added)


def service_proposals(conn: Connection, place: str, after: datetime, until: datetime) -> list[ServiceProposal]:
    """Return what nobody has reviewed yet, at a station or on a channel, after < time <= until, the surest first.

    Services are those of the field book and of the wire; where a device has none in this time they are found in its
    data. Raises BadReview for an unknown place, or for more than LONGEST.
    """
    if until - after > LONGEST:
        raise BadReview("found {days} days, allowed 400 at once", days=(until - after).days)
    asked = {"place": place, "after": after, "until": until, "parameters": list(CLASSES)}
    rows = [(*row[:5], settings_of(row[2], row[5])) for row in conn.execute(CHANNELS, asked)]
    channels = [row for row in rows if row[5] is not None]
    if not channels:
        raise BadReview("found {place}: no such station or channel, or none of its parameters is judged by services",
                        place=place)  # fmt: skip
    devices = {
        device: {row[2]: row for row in reversed(channels) if row[3] == device}
        for device in dict.fromkeys(row[3] for row in channels)
    }
    accuracy = {device: {name: row[5].accuracy for name, row in own.items()} for device, own in devices.items()}
    known = {device: evidence_of(conn, device, own, accuracy[device], asked) for device, own in devices.items()}
    found: list[ServiceProposal] = []
    for device, evidence in known.items():
        beside = evidence.beside({name: other.series for name, other in known.items() if name != device})
        for proposal in proposals_of(
            evidence.series, evidence.log or None, evidence.witnesses, beside, evidence.findings, accuracy[device]
        ):
            channel = devices[device][proposal.parameter]
            one = _named(channel[1], proposal)
            if (
                place in (one.channel, one.channel.partition("/")[0])
                and one.confidence >= channel[5].confidence
                and not _reviewed(conn, one)
            ):
                found.append(one)
    return sorted(found, key=lambda one: (-one.confidence, one.channel, one.from_t, one.kind))


def accept(
    conn: Connection, name: str, place: str, after: datetime, until: datetime, person: str, reason: str, now: datetime
) -> Act:
    """Do what a proposal proposes: give its readings the verdict `suspect`, or correct them by its straight line.

    `place`, `after` and `until` as they were when it was seen. Raises BadReview where nothing of this name is proposed
    any more, or somebody reviewed its readings meanwhile; and as `flag` and `correct`.
    """
    proposal, seen = _standing(conn, name, place, after, until)
    whole = f"{reason.strip()} ({proposal.reasons_vi})" if reason.strip() else ""
    if proposal.formula is None:
        return flag(conn, proposal.stretch, Quality.SUSPECT, person, whole, now, seen=seen)
    return correct(conn, proposal.stretch, proposal.formula, person, whole, now, seen=seen)


def reject(
    conn: Connection, name: str, place: str, after: datetime, until: datetime, person: str, reason: str, now: datetime
) -> Act:
    """Keep a person's no to a proposal, with the reason. Arguments and refusals as of `accept`; no reading changes."""
    proposal, seen = _standing(conn, name, place, after, until)
    formula, stretch = proposal.formula, proposal.stretch
    refused = {"flag": int(Quality.SUSPECT)} if formula is None else columns_of(formula, stretch)
    with transaction(conn):
        asked = asked_of(conn, stretch, person, reason, now, seen)
        asked |= span_of(conn, asked["channel_id"], stretch, from_raw=False)
        no = {"kind": "rejection", "approved_by": person, "approved_at": now}
        return record(conn, [open_review(conn, {**asked, **refused, **no})], person, "reject", reason, now, None)


def _standing(conn: Connection, name: str, place: str, after: datetime, until: datetime) -> tuple[ServiceProposal, int]:
    """Return a proposal that nobody has reviewed, and the version of its stretch. Raises BadReview."""
    proposal = next((one for one in service_proposals(conn, place, after, until) if one.name == name), None)
    # To work it out takes seconds to minutes: what others did since stands.
    seen = 0 if proposal is None else version_of(acts_there(conn, proposal.stretch))
    if proposal is None or _reviewed(conn, proposal):
        raise BadReview("found {name}: it is not proposed, or no more; look again at what is", name=name)
    return proposal, seen


def _named(channel: str, proposal: Proposal) -> ServiceProposal:
    from_t, to_t = EPOCH + proposal.from_us * MICROSECOND, EPOCH + proposal.until_us * MICROSECOND
    seen = f"{channel} {proposal.kind} {proposal.from_us} {proposal.until_us} {proposal.added:.4g} {proposal.gap:.4g}"
    name = hashlib.sha256(seen.encode()).hexdigest()[:8]
    services = (None if at_us is None else EPOCH + at_us * MICROSECOND for at_us in proposal.services)
    return ServiceProposal(name, channel, str(proposal.kind), from_t, to_t, proposal.added, proposal.gap,
                           proposal.confidence, proposal.words("vi"), proposal.words("en"), *services)  # fmt: skip


def _reviewed(conn: Connection, one: ServiceProposal) -> bool:
    """Whether a person's act of the same kind, or a no to one, stands on some of its readings."""
    kind = "flag" if one.kind == ProposalKind.FLAG else "correction"
    standing = [act for act in acts_there(conn, one.stretch) if act.state != "withdrawn"]
    refused = (act for act in standing if act.kind == "rejection" and (act.flag is not None) == (kind == "flag"))
    return any(act.kind == kind for act in standing) or any(refused)
