"""The service ledger: the steps of a season, divided among offset and drift of each deployment. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from quantrac.quality.series import Floats
from quantrac.quality.services import APART, NEAR, Service, ServiceTrace
from quantrac.quality.steps import ServiceStep
from quantrac.quality.witnesses import Witness

OFFSET: Final = 4.0
"""An offset at the start of a deployment is usual up to so many times the sensor's accuracy."""
DRIFT: Final = 1.5
"""Drift is usual up to so many offsets. Below 2 an offset explains a step up and the step down after it; above, two
drifts would."""
STEADY: Final = 0.1
"""The same of a sensor that does not drift: a thermometer is wrong from its first reading, or not at all."""
NOISE: Final = 3.0
"""Both are usual up to so many times the season's usual uncertainty of steps at least."""
DOUBT: Final = 1.7
"""A step that nobody wrote down is unsure by so many offsets at least: more than a drift, so that one such step alone
is nature's work; less than 2, so that a step up and the step down after it are an offset."""
SUREST: Final = 100.0
"""Of an accuracy: no step and no witness is surer than this part of it."""
ROUNDS: Final = 50


class Deployment(NamedTuple):
    """One parameter between two services: by how much it was wrong at the start and at the end, in its unit."""

    from_us: int
    until_us: int
    start: float
    end: float
    sigma: float
    """Of both, from the surest step or witness; infinite where nothing speaks of it."""
    steps: tuple[ServiceStep | None, ServiceStep | None]
    """At the service before it and at the one behind it."""
    witnesses: tuple[Witness, ...]


def deployments_of(
    services: Sequence[Service],
    steps: Sequence[ServiceStep],
    witnesses: Sequence[Witness],
    ends: tuple[int, int],
    accuracy: float,
    *,
    drifts: bool = True,
) -> list[Deployment]:
    """Divide the steps of one parameter among its deployments.

    `ends`: first and last reading of the series, microseconds; `accuracy`: of a sensor in order, unit of the parameter;
    `drifts`: whether errors of such sensors grow.
    The sum of absolute deviations is least: steps and witnesses by their uncertainty, offsets and drifts by what is
    usual. Least absolute deviations leave few large errors; least squares would spread each over its neighbours. A
    standard is read in when the sensor has been lifted and often cleaned: what fouled it is gone, so it decides only
    where no step speaks against it.
    """
    edges = [ends[0], *(edge for service in services for edge in (service.last_us, service.first_us)), ends[1]]
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    heard = _heard(spans, witnesses)
    offset = max(OFFSET * accuracy, NOISE * float(np.median([step.sigma for step in steps])) if steps else 0.0)
    # An instrument whose steps nobody told moves by nothing in calm water: no equations are solved with such certainty.
    surest = accuracy / SUREST
    equations: list[_Equation] = []
    for step in steps:
        doubtful = services[step.service].trace is ServiceTrace.JUMP
        sigma = max(step.sigma, DOUBT * offset if doubtful else surest)
        equations.append(_Equation(2 * step.service + 1, -1.0, 1.0, step.amount, sigma))
    for number, (begin, end) in enumerate(spans):
        # Two services of a day are two steps of one: what stood between has next to no cost of its own, and no drift.
        brief = end - begin < APART
        equations.append(_Equation(2 * number, 1.0, 0.0, 0.0, offset * (100 if brief else 1)))
        equations.append(_Equation(2 * number, -1.0, 1.0, 0.0, offset * (DRIFT if drifts and not brief else STEADY)))
        for witness in heard[number]:
            share = min(max((witness.at_us - begin) / max(end - begin, 1), 0.0), 1.0)
            sigma = max(witness.sigma, DOUBT * offset if witness.kind == "standard" else surest)
            equations.append(_Equation(2 * number, 1 - share, share, witness.error, sigma))
    fine = accuracy / 1000
    errors = np.round(_least_absolute(equations, 2 * len(spans)) / fine) * fine + 0.0
    at = {step.service: step for step in steps}
    found = []
    for number, (begin, end) in enumerate(spans):
        beside = at.get(number - 1), at.get(number)
        sigma = min((known.sigma for known in (*beside, *heard[number]) if known is not None), default=float("inf"))
        start, close = float(errors[2 * number]), float(errors[2 * number + 1])
        found.append(Deployment(begin, end, start, close, sigma, beside, heard[number]))
    return found


def _heard(spans: Sequence[tuple[int, int]], witnesses: Sequence[Witness]) -> list[tuple[Witness, ...]]:
    """Return the witnesses of each deployment.

    People round times: what was read in a standard before or after the sensor was set right speaks of the deployment
    whose end or start lies near. All else speaks of the deployment in which it was seen, or of the one before a gap.
    """
    begins, ends = np.array(spans).T
    # A parameter may begin after the first service of its device, or end before the last.
    begins[0], ends[-1] = begins.min(), ends.max()
    behind = np.append(begins[1:], ends[-1])
    found: list[list[Witness]] = [[] for _ in spans]
    for witness in witnesses:
        at = witness.at_us
        number = int(np.searchsorted(begins, at, "right")) - 1
        if witness.kind in ("standard", "adjusted"):
            away = np.maximum(np.maximum(ends - at, at - behind), 0)
            at_service = int(np.argmin(away))
            if away[at_service] <= NEAR:
                number = at_service + (witness.kind == "adjusted")
            elif number >= 0 and at > ends[number]:
                number += witness.kind == "adjusted"
        if 0 <= number < len(spans) and at <= ends[-1] + NEAR:
            found[number].append(witness)
    return [tuple(own) for own in found]


class _Equation(NamedTuple):
    """`own` × unknown number `at` + `following` × the unknown behind it = `wanted`, give or take `sigma`."""

    at: int
    own: float
    following: float
    wanted: float
    sigma: float


def _least_absolute(equations: Sequence[_Equation], unknowns: int) -> Floats:
    """Return the unknowns with the least sum of absolute deviations by sigma, by reweighted least squares.

    Each equation joins neighbours only, so that the normal equations have three diagonals.
    """
    at = np.array([equation.at for equation in equations])
    own, following, wanted = (
        np.array([[e.own, e.following, e.wanted] for e in equations]) / np.array([[e.sigma] for e in equations])
    ).T
    solution = np.zeros(unknowns + 1)
    for turn in range(ROUNDS):
        left = np.abs(own * solution[at] + following * solution[at + 1] - wanted)
        # The floor shrinks: from near least squares to near least absolute deviations.
        weight = 1 / np.maximum(left, max(0.5**turn, 1e-6))
        middle, upper, right = np.full(unknowns + 1, 1e-12), np.zeros(unknowns + 1), np.zeros(unknowns + 1)
        np.add.at(middle, at, weight * own**2)
        np.add.at(middle, at + 1, weight * following**2)
        np.add.at(upper, at, weight * own * following)
        np.add.at(right, at, weight * own * wanted)
        np.add.at(right, at + 1, weight * following * wanted)
        solution = _three_diagonals(middle.tolist(), upper.tolist(), right.tolist())
    return solution[:unknowns]


def _three_diagonals(middle: list[float], upper: list[float], right: list[float]) -> Floats:
    """Solve a symmetric system of three diagonals by elimination and substitution; the lists are used up."""
    for k in range(1, len(middle)):
        factor = upper[k - 1] / middle[k - 1]
        middle[k] -= factor * upper[k - 1]
        right[k] -= factor * right[k - 1]
    solution = np.zeros(len(middle))
    for k in range(len(middle) - 1, -1, -1):
        above = upper[k] * solution[k + 1] if k + 1 < len(middle) else 0.0
        solution[k] = (right[k] - above) / middle[k]
    return solution
