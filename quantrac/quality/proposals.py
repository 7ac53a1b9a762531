"""Proposals: stretches to flag and drifts to correct that the service ledger finds, each with its reasons. Pure.

A proposal changes nothing. A person looks at it and accepts it, or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from quantrac.quality.accuracy import CLASSES, Accuracy
from quantrac.quality.ledger import Deployment, Witness, deployments_of
from quantrac.quality.series import DeviceSeries, Floats
from quantrac.quality.services import MINUTE, LogEntry, ServiceTrace, found_services, logged_services
from quantrac.quality.steps import steps_of
from quantrac.telemetry.words import Words

SURE_FLAG: Final = 6.0
"""A flag is proposed where the error is so many times its uncertainty: tide and fronts have long tails."""
SURE_DRIFT: Final = 3.0
"""The same of a correction."""
SUREST: Final = 0.99
"""Most of a confidence."""
GROWTH: Final = 3.0
"""Power of time with which an error is taken to grow where flags begin: fouling and failing cells grow late. A
correction grows in a straight line all the same, as people draw it."""
LONGEST: Final = 30 * 24 * 60 * MINUTE
"""A stretch between breaks of which one is a mere jump is judged up to this length, microseconds."""
TRUST: Final[Mapping[ServiceTrace, float]] = {ServiceTrace.LOGGED: 1.0, ServiceTrace.GAP: 0.7, ServiceTrace.JUMP: 0.7}
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
    figures: Mapping[str, float]

    def words(self, language: str) -> str:
        """Return the reason for `vi` or `en`."""
        mark = "," if language == "vi" else "."
        figures = {name: f"{value:.3g}".replace(".", mark) for name, value in self.figures.items()}
        return REASONS[self.key].in_language(language).format(**figures)


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
    "witness_companion": Words(
        "so với đầu đo đi kèm hoặc trạm lân cận: lệch {error}",
        "against its companion or neighbour the sensor was off by {error}",
    ),
    "beyond_accuracy": Words(
        "sai số lên tới {error}, trong khi đầu đo tốt chỉ được sai {allowed}",
        "the error reaches {error}, where a sensor in order has {allowed} at most",
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
    accuracy: Mapping[str, Accuracy] = CLASSES,
) -> list[Proposal]:
    """Return what the services of a device speak for, by parameter and time.

    `log`: when services were; None: they are found in the data. `witnesses`: by parameter. A parameter whose
    `accuracy` nobody knows has no proposals.
    """
    services = found_services(series) if log is None else logged_services(series, log)
    known = {name: values for name, values in series.values.items() if name in accuracy and np.isfinite(values).any()}
    steps = steps_of(DeviceSeries(series.time_us, known, series.resolution, series.interval_s), services)
    found: list[Proposal] = []
    for parameter, values in known.items():
        times = series.time_us[np.isfinite(values)]
        allowed = float(np.nanmedian(accuracy[parameter].allowed(values)))
        heard = (witnesses or {}).get(parameter, ())
        deployments = deployments_of(services, steps[parameter], heard, (int(times[0]), int(times[-1])), allowed)
        for number, deployment in enumerate(deployments):
            traces = [services[k].trace for k in (number - 1, number) if 0 <= k < len(services)]
            if ServiceTrace.JUMP not in traces or deployment.until_us - deployment.from_us <= LONGEST:
                bounds = (
                    deployment.from_us if number > 0 else None,
                    deployment.until_us if number < len(services) else None,
                )
                found += _proposed(series, parameter, deployment, traces, accuracy[parameter], bounds)
    return found


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
    if abs(worst) <= allowed or sure < SURE_DRIFT:
        return
    # Null steps fall off as exp(-|x|/scale), 68 % of them within one sigma.
    confidence = min(1 - math.exp(-1.14 * sure), SUREST) * min((TRUST[trace] for trace in traces), default=1.0)
    reasons = (*_reasons(deployment, traces), Reason("beyond_accuracy", {"error": worst, "allowed": allowed}))
    yield Proposal(ProposalKind.DRIFT, parameter, int(times[0]), int(times[-1]), -deployment.start, -deployment.end,
                   confidence, reasons, services)  # fmt: skip
    if sure < SURE_FLAG:
        return
    error = error_at(deployment, times)
    beyond = np.flatnonzero(np.diff(np.concatenate([[False], np.abs(error) > allowed, [False]]).astype(np.int8)))
    for first, behind in beyond.reshape(-1, 2):
        yield Proposal(ProposalKind.FLAG, parameter, int(times[first]), int(times[behind - 1]), -float(error[first]),
                       -float(error[behind - 1]), confidence, reasons, services)  # fmt: skip


def error_at(deployment: Deployment, time_us: np.ndarray) -> Floats:
    """Return by how much the sensor is taken to be wrong at times of a deployment, in the unit of the parameter."""
    share = (time_us - deployment.from_us) / max(deployment.until_us - deployment.from_us, 1)
    return deployment.start + (deployment.end - deployment.start) * share**GROWTH


def _reasons(deployment: Deployment, traces: Sequence[ServiceTrace]) -> Iterator[Reason]:
    for key, step in zip(("step_before", "step_after"), deployment.steps, strict=True):
        if step is not None and abs(step.amount) >= SURE_DRIFT * step.sigma:
            yield Reason(key, {"step": step.amount, "usual": step.sigma})
    for witness in deployment.witnesses:
        yield Reason(f"witness_{witness.kind}", {"error": witness.error})
    if any(trace is not ServiceTrace.LOGGED for trace in traces):
        yield Reason("not_logged", {})
