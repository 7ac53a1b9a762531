"""What a model that was trained on people's reviews calls bad. Pure, on arrays.

What it sees: readings that look, beside their hours, days, week and companions, like those that people have rejected
before. What it cannot see: a kind of fault that nobody has rejected yet. It cannot say why, so it only suspects; and it
judges only where its own score is good (`quantrac.quality.model_file`).

Source: gradient boosting of decision trees (Friedman 2001), trained by `quantrac quality train`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.features import features
from quantrac.quality.series import DeviceSeries, Evidence
from quantrac.telemetry.quality import Quality

TEST: Final = "trained"


def trained(series: DeviceSeries) -> list[Evidence]:
    """Judge each channel that has a model."""
    found = []
    for name, model in series.models.items():
        chance = model.chance(features(series, name))
        score = np.where(np.isnan(series.values[name]), np.nan, chance / model.threshold)
        flag = np.where(score >= 1, Quality.SUSPECT, Quality.GOOD).astype(np.int8)
        flag[np.isnan(score)] = Quality.NOT_EVALUATED
        limit = np.full(len(series), 100 * model.threshold)
        found.append(Evidence(TEST, name, flag, score, {"chance": 100 * chance, "limit": limit}))
    return found
