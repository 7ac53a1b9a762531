"""Formulas of derived channels: against published tables and the decree's worked sample, never against themselves."""

from collections.abc import Mapping, Sequence

import pytest

from quantrac.telemetry.indices.formulas import FORMULAS, Options
from quantrac.telemetry.indices.water_chemistry import pka_fresh, pka_salt, toxic_share
from quantrac.telemetry.parameters import CATALOGUE, Kind
from tests.unit.telemetry.indices.test_vn_aqi import NEWEST_FIRST

NH3_PER_N = 17.031 / 14.007


def made(name: str, columns: Mapping[str, Sequence[float | None]], **options: object) -> float | None:
    return FORMULAS[name].value(columns, Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ph", "salinity", "share"),
    [(7.0, None, 0.0069), (8.0, None, 0.0654), (9.0, None, 0.4116),
     (7.5, 10, 0.0211), (8.0, 20, 0.0606), (8.5, 30, 0.1617)],
)  # fmt: skip
def test_toxic_ammonia_is_the_published_share_at_28_degrees(ph: float, salinity: float | None, share: float) -> None:
    """Shares of total ammonia at 28 °C: Emerson 1975 (fresh), EPA 440/5-88-004 (salt)."""
    columns = {"nh4_n": [1.0], "ph": [ph], "water_temp": [28.0]}
    if salinity is not None:
        columns["salinity"] = [salinity]
    total, ion = made("toxic-ammonia", columns, probe="total"), made("toxic-ammonia", columns, probe="ion")
    assert total == pytest.approx(share * NH3_PER_N, rel=0.01)
    assert ion == pytest.approx(share / (1 - share) * NH3_PER_N, rel=0.015)


def test_ammonia_has_the_masses_of_its_atoms() -> None:
    """N 14.007, H 1.008 (IUPAC, abridged standard atomic weights): all of the nitrogen is NH3 at a pH of 20."""
    total = made("toxic-ammonia", {"nh4_n": [14.007], "ph": [20.0], "water_temp": [28.0]}, probe="total")
    assert total == pytest.approx(14.007 + 3 * 1.008, rel=1e-9)


@pytest.mark.parametrize(("celsius", "percent"), [(25.0, 1.3), (28.0, 2.6), (30.0, 3.7), (34.0, 6.3)])
def test_the_two_formulas_of_pka_differ_by_what_is_said(celsius: float, percent: float) -> None:
    share = {pka: toxic_share(8.0, pka) for pka in (pka_fresh(celsius), pka_salt(celsius, 0.0))}
    fresh, salt = share.values()
    assert 100 * (salt / fresh - 1) == pytest.approx(percent, abs=0.05)


@pytest.mark.parametrize("absent", ["nh4_n", "ph", "water_temp", "salinity"])
def test_without_one_of_its_inputs_there_is_no_ammonia(absent: str) -> None:
    columns = {"nh4_n": [1.0], "ph": [8.0], "water_temp": [28.0], "salinity": [5.0]}
    assert made("toxic-ammonia", {**columns, absent: [None]}) is None


def test_a_value_beyond_all_numbers_is_none() -> None:
    assert made("toxic-ammonia", {"nh4_n": [1.0], "ph": [400.0], "water_temp": [28.0]}) is None


@pytest.mark.parametrize(("salinity", "saturated"), [(0, 7.83), (10, 7.40), (20, 7.00), (30, 6.62)])
def test_oxygen_saturation_knows_salt(salinity: float, saturated: float) -> None:
    """Saturated water at 28 °C and 1 atm, mg/l: table 4500-O:I of Standard Methods."""
    columns = {"do": [saturated / 2], "water_temp": [28.0], "salinity": [salinity]}
    assert made("oxygen-saturation", columns) == pytest.approx(50, abs=0.05)


def test_the_hour_of_the_decrees_sample() -> None:
    """PM2.5 gives 41 by Nowcast, ozone 136.1 gives 43, NO2 118.7 gives 59 (the decree prints 60; it is 59.35)."""
    particles: list[float | None] = [*NEWEST_FIRST]
    no: list[float | None] = [None] * 11
    assert made("vn-aqi-hour", {"pm2_5": particles}) == 41
    assert made("vn-aqi-hour", {"pm2_5": particles, "o3": [136.1, *no]}) == 43
    assert made("vn-aqi-hour", {"pm2_5": particles, "o3": [136.1, *no], "no2": [118.7, *no]}) == 59
    assert made("vn-aqi-hour", {"pm2_5": [None, None, *particles[2:]], "o3": [136.1, *no]}) is None
    assert made("vn-aqi-hour", {"o3": [136.1, *no]}) is None


def test_the_day_of_the_decrees_sample() -> None:
    """A 24-hour mean of PM2.5 of 55.7 gives 110; a mean of fewer than 18 hours is none."""
    whole: list[float | None] = [55.7] * 24
    assert made("vn-aqi-day", {"pm2_5": whole, "o3": [114.6] * 24, "o3_8h": [89.3] * 24}) == 110
    assert made("vn-aqi-day", {"pm2_5": [55.7] * 18 + [None] * 6}) == 110
    assert made("vn-aqi-day", {"pm2_5": [55.7] * 17 + [None] * 7}) is None


def test_ozone_counts_by_its_worst_hour_or_eight_hours() -> None:
    """1 hour 114.6 gives 36; 8 hours 89.3 gives 45; NO2 130.8 gives 65."""
    low: list[float | None] = [5.0] * 24
    no2: list[float | None] = [*[20.0] * 20, *[130.8] * 4]
    assert made("vn-aqi-day", {"pm10": low, "o3": [114.6] * 24}) == 36
    assert made("vn-aqi-day", {"pm10": low, "o3": [114.6] * 24, "o3_8h": [89.3] * 24}) == 45
    assert made("vn-aqi-day", {"pm10": low, "no2": no2}) == 65


def test_six_of_eight_hours_make_a_mean_and_five_do_not() -> None:
    assert made("mean-8h", {"of": [80.0, None, 90.0, 70.0, None, 80.0, 80.0, 80.0]}) == 80
    assert made("mean-8h", {"of": [80.0, None, 90.0, 70.0, None, 80.0, None, 80.0]}) is None
    assert made("mean-8h", {"of": [80.0] * 4 + [None] * 4}, valid_share=0.5) == 80


def test_the_reference_index_of_water_needs_three_of_group_four() -> None:
    """T 29 °C and DO 3.0 mg/l give 41.3; NH4-N 0.2 and COD 8 give 100 each; pH 7 leaves it: mean 80.4."""
    columns = {"ph": [7.0], "do": [3.0], "water_temp": [29.0], "nh4_n": [0.2], "cod": [8.0]}
    assert made("vn-wqi", columns) == 80
    assert made("vn-wqi", {**columns, "cod": [None]}) is None
    assert made("vn-wqi", {**columns, "ph": [None]}) is None


def test_every_formula_gives_a_parameter_of_the_catalogue_and_takes_means() -> None:
    for formula in FORMULAS.values():
        assert formula.parameter is None or formula.parameter in CATALOGUE
        assert all(
            CATALOGUE[entry.parameter].kind is Kind.MEAN for entry in formula.inputs if entry.parameter is not None
        )
