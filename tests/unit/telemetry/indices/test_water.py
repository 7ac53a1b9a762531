"""VN_WQI after Decision 1460/QĐ-TCMT, and toxic ammonia against published tables."""

import pytest

from quantrac.telemetry.indices import vn_wqi, water_chemistry


@pytest.mark.parametrize(("temperature", "expected"), [(25, 8.176), (28, 7.723), (30, 7.437), (32, 7.159)])
def test_saturated_oxygen(temperature: float, expected: float) -> None:
    """The decree's polynomial, computed by hand."""
    assert vn_wqi.saturated_oxygen(temperature) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(
    ("saturation", "expected"),
    [(19.9, 10), (20.1, 25), (39.58, 41.3), (50, 50), (75, 75), (88, 100), (100, 100), (112, 100), (125, 75),
     (150, 50), (201, 10)],
)  # fmt: skip
def test_the_table_of_oxygen(saturation: float, expected: float) -> None:
    do = saturation / 100 * vn_wqi.saturated_oxygen(28.0)
    assert vn_wqi.oxygen(do, 28.0) == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5.4, 10), (5.5, 50), (5.75, 75), (6, 100), (7.5, 100), (8.5, 100), (8.75, 75), (9, 50), (9.01, 10)],
)
def test_the_table_of_ph(value: float, expected: float) -> None:
    assert vn_wqi.ph(value) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("parameter", "concentration", "expected"),
    [
        ("bod5", 4, 100), ("bod5", 5, 87.5), ("bod5", 60, 10), ("cod", 22.5, 62.5), ("cod", 100, 17.5), ("toc", 15, 50),
        ("nh4_n", 0.29, 100), ("nh4_n", 0.3, 75), ("nh4_n", 0.45, 62.5), ("nh4_n", 9, 10), ("no3_n", 15, 25),
        ("no3_n", 15.1, 10), ("no3_n", 7.5, 62.5), ("no2_n", 0.05, 100), ("no2_n", 0.06, 10), ("po4_p", 0.4, 37.5),
    ],
)  # fmt: skip
def test_the_tables_of_group_iv(parameter: str, concentration: float, expected: float) -> None:
    assert vn_wqi.partial(parameter, concentration) == pytest.approx(expected)


def test_the_reference_index_needs_three_parameters_of_group_iv() -> None:
    assert vn_wqi.reference(7.0, {"do": 41.3, "nh4_n": 75.0}) is None
    assert vn_wqi.reference(7.0, {"do": 41.3, "nh4_n": 75.0, "cod": 100.0}) == 72
    assert vn_wqi.reference(9.0, {"do": 41.3, "nh4_n": 75.0, "cod": 100.0}) == 36
    assert vn_wqi.reference(None, {"do": 50.0, "nh4_n": 50.0, "cod": 50.5}) == 50


FRESH = {  # share of NH3 by pH at 25, 28, 30, 32 °C (Emerson 1975)
    7.0: (0.0056, 0.0069, 0.0080, 0.0091),
    7.5: (0.0176, 0.0216, 0.0248, 0.0283),
    8.0: (0.0537, 0.0654, 0.0743, 0.0842),
    8.5: (0.1521, 0.1812, 0.2025, 0.2253),
    9.0: (0.3619, 0.4116, 0.4453, 0.4791),
}
SALT = {  # share at 28 °C by salinity, at pH 7.5, 8.0, 8.5 (EPA 1989)
    0: (0.0222, 0.0671, 0.1853),
    10: (0.0211, 0.0638, 0.1773),
    20: (0.0200, 0.0606, 0.1695),
    30: (0.0189, 0.0575, 0.1617),
}


@pytest.mark.parametrize("ph", FRESH)
def test_the_toxic_share_in_fresh_water(ph: float) -> None:
    found = [
        water_chemistry.toxic_share(ph, water_chemistry.pka_fresh(temperature)) for temperature in (25, 28, 30, 32)
    ]
    assert found == pytest.approx(FRESH[ph], abs=6e-5)


@pytest.mark.parametrize("salinity", SALT)
def test_the_toxic_share_in_salt_water(salinity: int) -> None:
    found = [water_chemistry.toxic_share(ph, water_chemistry.pka_salt(28, salinity)) for ph in (7.5, 8.0, 8.5)]
    assert found == pytest.approx(SALT[salinity], abs=6e-5)
