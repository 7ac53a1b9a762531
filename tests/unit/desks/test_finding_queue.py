"""What a test says of a device is one finding, on however many of its channels it shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from quantrac.desks.finding_queue import MOST_FINDINGS, MOST_STRETCHES, FoundStretch, by_device

T0 = datetime(2026, 11, 24, tzinfo=UTC)


def found(name: str, hours: tuple[float, float], *tests: str, device: str | None = "sonde") -> FoundStretch:
    first, last = (T0 + timedelta(hours=hour) for hour in hours)
    return FoundStretch("st-a", f"st-a/{name}", device, first, last, 10, 4, list(tests), 1.0, 2.0)


def test_what_a_test_of_the_device_blames_at_once_is_one_finding_where_its_worst_stretch_stood() -> None:
    """Two tests of single channels, another device, or another time are findings of their own."""
    single = found("do", (20, 21), "spike")
    queue = [
        found("ec", (0, 5), "out_of_water"), single, found("do", (1, 6), "out_of_water", "rate"),
        found("ph", (5.5, 7), "out_of_water"), found("ec", (9, 10), "out_of_water"),
        found("level", (0, 5), "out_of_water", device="gauge"), found("x", (0, 5), "out_of_water", device=None),
        found("orp", (0, 5), "rate"),
    ]  # fmt: skip
    whole, *others = by_device(queue)
    assert (whole.channel, whole.channels) == ("st-a/ec", ("st-a/do", "st-a/ec", "st-a/ph"))
    assert (whole.from_t, whole.to_t) == (T0, T0 + timedelta(hours=7))
    assert (whole.readings, whole.tests) == (30, ["out_of_water", "rate"])
    assert others == [single, *queue[4:]]
    assert by_device([]) == []


def test_a_queue_of_devices_with_many_channels_is_as_long_as_any_other() -> None:
    """Whoever sees fewer than MOST_FINDINGS believes that these are all."""
    names = [f"c{number}" for number in range(20)]
    queue = [found(name, (2 * n, 2 * n + 1), "out_of_water") for n in range(MOST_FINDINGS + 50) for name in names]
    whole = by_device(queue[:MOST_STRETCHES])
    assert len(whole) == MOST_FINDINGS
    assert {len(one.channels) for one in whole} == {20}
