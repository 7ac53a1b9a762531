"""Proposals: stretches to flag and drifts to correct that the service ledger finds, each with its reasons. Pure.

A proposal changes nothing. A person looks at it and accepts it, or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from quantrac.quality.accuracy import CLASSES, Accuracy
from quantrac.quality.growth import grown_errors
from quantrac.quality.hindsight import (
    BlamedStretch,
    RecordedFindings,
    acidity_witnesses,
    blamed_stretches,
    without_failed,
)
from quantrac.quality.ledger import Deployment, deployments_of
from quantrac.quality.series import DeviceSeries
from quantrac.quality.services import APART, MINUTE, LogEntry, ServiceTrace, found_services, logged_services
from quantrac.quality.steps import stepped, steps_of
from quantrac.quality.witnesses import Beside, Witness, witnesses_of
from quantrac.telemetry.words import Words

SURE: Final = 6.0
"""An error is proposed where it is so many times its uncertainty (tide and fronts have long tails), beside services
that were written down; beside others as many more times as they are less trusted."""
TOLD: Final = 3.0
"""A step of so many times its uncertainty is a reason."""
LIKELY: Final = 0.4
"""Readings are flagged that are so likely beyond accuracy: a share of half the F1 that can be had makes it greatest
(Lipton and others 2014, Optimal thresholding of classifiers to maximize F1 measure), and people agree at 0.8."""
FOULED: Final[Mapping[str, float]] = {"ec": -1.0, "salinity": -1.0, "turbidity": 1.0}
"""In which sense fouling moves a sensor: a film on the cell conducts less than salt water, one on the window scatters.
It is washed off by the service and grows in no straight line."""
SUREST: Final = 0.99
"""Most of a confidence."""
STEADY: Final = frozenset({"water_temp"})
"""Parameters whose sensors do not drift: thermistors of sondes change by some hundredths of a degree in years."""
LONGEST: Final = 30 * 24 * 60 * MINUTE
"""A stretch between breaks of which one is a mere jump is judged up to this length, microseconds."""
TRUST: Final[Mapping[ServiceTrace, float]] = dict.fromkeys(ServiceTrace, 0.7) | {ServiceTrace.LOGGED: 1.0}
"""Share of such breaks that are services: of those found in two years of an estuary 13 of 19 were."""


class ProposalKind(StrEnum):
    """What a person may accept."""

    FLAG = "flag"
    """The readings are suspect: their error is more than a sensor in order has."""
    DRIFT = "drift"
    """The readings are corrected by a straight line between the two services."""


class Reason(NamedTuple):
    """One piece of evidence: its key in REASONS, and the figures that its words speak of."""

    key: str
    figures: Mapping[str, float | str]

    def words(self, language: str) -> str:
        """Return the reason for `vi` or `en`."""
        mark = "," if language == "vi" else "."
        figures = {name: _written(value, mark) for name, value in self.figures.items()}
        return REASONS[self.key].in_language(language).format(**figures)


def _written(value: float | str, mark: str) -> str:
    """Write a figure to three places with this decimal mark, a large one whole; a name as it is."""
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace(".", mark)


REASONS: Final[Mapping[str, Words]] = {
    "step_after": Words(
        "ở lần bảo trì cuối đợt đặt máy, giá trị nhảy {step} (bình thường triều và ngày chỉ làm lệch {usual})",
        "at the service behind it the values jumped by {step} (tide and day usually make {usual})",
    ),
    "step_before": Words(
        "ở lần bảo trì đầu đợt đặt máy, giá trị nhảy {step} (bình thường triều và ngày chỉ làm lệch {usual})",
        "at the service before it the values jumped by {step} (tide and day usually make {usual})",
    ),
    "witness_standard": Words(
        "đo lại trong dung dịch chuẩn: đầu đo lệch {error}", "read in a standard the sensor was off by {error}"
    ),
    "witness_laboratory": Words(
        "mẫu phòng thí nghiệm: đầu đo lệch {error}", "against a laboratory sample the sensor was off by {error}"
    ),
    "witness_adjusted": Words(
        "sau khi hiệu chuẩn, đo dung dịch chuẩn vẫn lệch {error}",
        "read in a standard after it was set right, the sensor was still off by {error}",
    ),
    "witness_companion": Words(
        "so với đầu đo khác tại trạm ({source}): lệch {error} so với mức thường ngày",
        "against another sensor of the station ({source}) it was off by {error} more than usual",
    ),
    "witness_neighbour": Words(
        "so với trạm lân cận ({source}): lệch {error} so với mức thường ngày",
        "against a neighbouring station ({source}) it was off by {error} more than usual",
    ),
    "beyond_accuracy": Words(
        "sai số lên tới {error}, trong khi đầu đo tốt chỉ được sai {allowed}",
        "the error reaches {error}, where a sensor in order has {allowed} at most",
    ),
    "tests": Words(
        "kiểm tra tự động ({tests}) nghi ngờ {blamed} trong {readings} số đo",
        "live tests ({tests}) blame {blamed} of {readings} readings",
    ),
    "not_logged": Words(
        "không ai ghi lần bảo trì này: nó được nhận ra từ số liệu",
        "nobody wrote this service down: it was found in the data",
    ),
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one act of a person would accept: from the first to the last reading, both inclusive."""

    kind: ProposalKind
    parameter: str
    from_us: int
    until_us: int
    added: float
    """What is to be added to the value at the start of the stretch, unit of the parameter."""
    gap: float
    """What is to be added at the end; of a flag, both are the estimated error with the other sign."""
    confidence: float
    """0 to 1: how surely the error is one of the sensor."""
    reasons: tuple[Reason, ...]
    services: tuple[int | None, int | None] = (None, None)
    """The services that bound the deployment: its first reading after one, its last before the next; None: none is."""

    def words(self, language: str) -> str:
        """Return the reasons as one text, for `vi` or `en`."""
        return "; ".join(reason.words(language) for reason in self.reasons)


def proposals_of(
    series: DeviceSeries,
    log: Iterable[LogEntry] | None = None,
    witnesses: Mapping[str, Sequence[Witness]] | None = None,
    beside: Mapping[str, Sequence[Beside]] | None = None,
    findings: Sequence[RecordedFindings] = (),
    accuracy: Mapping[str, Accuracy] = CLASSES,
) -> list[Proposal]:
    """Return what the services of a device speak for, by parameter and time.

    `log`: when services were; None: they are found in the data. `witnesses`: readings in standards and laboratory
    samples by parameter; `beside`: other sensors of the place and of neighbours; `findings`: of live tests. A parameter
    whose `accuracy` nobody knows has no proposals.
    """
    whole, series = series, without_failed(series, findings)
    services = found_services(series) if log is None else logged_services(series, log)
    known = {name: values for name, values in series.values.items() if name in accuracy and np.isfinite(values).any()}
    steps = steps_of(replace(series, values=known), services)
    if len(sure := stepped(services, steps, SURE)) < len(services):
        services, steps = sure, steps_of(replace(series, values=known), sure)
    told = acidity_witnesses(findings)
    settled = {
        parameter: [_settled(parameter, stretch) for stretch in blamed_stretches(whole, parameter, findings)]
        for parameter in whole.values
        if parameter in accuracy
    }
    found: list[Proposal] = []
    for parameter, values in known.items():
        times = series.time_us[np.isfinite(values)]
        allowed = float(np.nanmedian(accuracy[parameter].allowed(values)))
        heard = [*(witnesses or {}).get(parameter, ()), *told.get(parameter, ())]
        for other in (beside or {}).get(parameter, ()):
            heard += witnesses_of(series.time_us, values, other, services, allowed)
        ends = int(times[0]), int(times[-1])
        drifts = parameter not in STEADY
        deployments = deployments_of(services, steps[parameter], heard, ends, allowed, drifts=drifts)
        for number, deployment in enumerate(deployments):
            traces = [services[k].trace for k in (number - 1, number) if 0 <= k < len(services)]
            lasted = deployment.until_us - deployment.from_us
            # Between two services of a day nothing tells an error from both their steps.
            if lasted >= APART and (ServiceTrace.JUMP not in traces or lasted <= LONGEST):
                bounds = (
                    deployment.from_us if number > 0 else None,
                    deployment.until_us if number < len(services) else None,
                )
                proposed = _proposed(series, parameter, deployment, traces, accuracy[parameter], bounds)
                found += (_joined(one, settled[parameter]) for one in proposed)
    return [*found, *(one for stretches in settled.values() for one in stretches)]


def _settled(parameter: str, stretch: BlamedStretch) -> Proposal:
    counts = {"blamed": float(stretch.blamed), "readings": float(stretch.readings)}
    figures: dict[str, float | str] = {"tests": ", ".join(stretch.tests), **counts}
    confidence = min(stretch.blamed / stretch.readings, SUREST)
    return Proposal(ProposalKind.FLAG, parameter, stretch.from_us, stretch.until_us, 0.0, 0.0, confidence,
                    (Reason("tests", figures),))  # fmt: skip


def _joined(one: Proposal, stretches: list[Proposal]) -> Proposal:
    """Return a proposal with the stretches that it overlaps, which are taken out: both are settled in one act."""
    if one.kind is not ProposalKind.FLAG:
        return one
    over = [other for other in stretches if other.from_us <= one.until_us and other.until_us >= one.from_us]
    for other in over:
        stretches.remove(other)
        one = replace(
            one,
            from_us=min(one.from_us, other.from_us),
            until_us=max(one.until_us, other.until_us),
            confidence=max(one.confidence, other.confidence),
            reasons=(*one.reasons, *other.reasons),
        )
    return one


def _proposed(
    series: DeviceSeries, parameter: str, deployment: Deployment, traces: Sequence[ServiceTrace], accuracy: Accuracy,
    services: tuple[int | None, int | None],
) -> Iterator[Proposal]:  # fmt: skip
    inside = slice(*np.searchsorted(series.time_us, [deployment.from_us, deployment.until_us + 1]))
    times, values = series.time_us[inside], series.values[parameter][inside]
    times = times[np.isfinite(values)]
    if len(times) < 2:
        return
    allowed = float(np.nanmedian(accuracy.allowed(values)))
    worst = max(deployment.start, deployment.end, key=abs)
    sure = abs(worst) / deployment.sigma
    trust = min((TRUST[trace] for trace in traces), default=1.0)
    if abs(worst) <= allowed or sure * trust < SURE:
        return
    # Null steps fall off as exp(-|x|/scale), 68 % of them within one sigma.
    confidence = min(1 - math.exp(-1.14 * sure), SUREST) * trust
    evidence = tuple(_reasons(deployment, traces))
    if not any(reason.key.startswith(("step", "witness")) for reason in evidence):
        return  # what is far behind or ahead speaks of it alone
    reasons = (*evidence, Reason("beyond_accuracy", {"error": worst, "allowed": allowed}))
    if FOULED.get(parameter, 0.0) * worst <= 0 or _borne_out(deployment, allowed):
        yield Proposal(ProposalKind.DRIFT, parameter, int(times[0]), int(times[-1]), -deployment.start, -deployment.end,
                       confidence, reasons, services)  # fmt: skip
    error, likely = grown_errors(times, values[np.isfinite(values)], deployment.start, deployment.end, allowed)
    beyond = np.flatnonzero(np.diff(np.concatenate([[False], likely > LIKELY, [False]]).astype(np.int8)))
    for first, behind in beyond.reshape(-1, 2):
        yield Proposal(ProposalKind.FLAG, parameter, int(times[first]), int(times[behind - 1]), -float(error[first]),
                       -float(error[behind - 1]), confidence, reasons, services)  # fmt: skip


def _borne_out(deployment: Deployment, allowed: float) -> bool:
    """Tell whether all witnesses agree with a straight line, of which one at least would have told no error at all."""
    lasted = max(deployment.until_us - deployment.from_us, 1)
    knows = False
    for witness in deployment.witnesses:
        share = min(max((witness.at_us - deployment.from_us) / lasted, 0.0), 1.0)
        error = deployment.start + share * (deployment.end - deployment.start)
        if abs(witness.error - error) > math.hypot(witness.sigma, allowed):
            return False
        knows |= abs(error) >= TOLD * witness.sigma
    return knows


def _reasons(deployment: Deployment, traces: Sequence[ServiceTrace]) -> Iterator[Reason]:
    for key, step in zip(("step_before", "step_after"), deployment.steps, strict=True):
        if step is not None and abs(step.amount) >= TOLD * step.sigma:
            yield Reason(key, {"step": step.amount, "usual": step.sigma})
    for witness in deployment.witnesses:
        yield Reason(f"witness_{witness.kind}", {"error": witness.error, "source": witness.source})
    if any(trace is not ServiceTrace.LOGGED for trace in traces):
        yield Reason("not_logged", {})
