"""A small registry and deliveries for the unit tests."""

from ingest.books.receipt import Receipt
from ingest.receiving.registry import Registry
from quantrac.mqtt.delivery import Delivery

IN_SERVICE_MS = 1_546_300_800_000  # 2019-01-01
NOW_MS = 1_790_000_000_000
NAMES = ("water_temp", "do", "ph", "salinity")


def registry() -> Registry:
    """One station, four channels with ids 11, 12, … and bounds: span -5..80, plausible 0..45, expected 20..35."""
    channels = [(11 + n, "st-test", name, -5.0, 80.0, 0.0, 45.0, 20.0, 35.0) for n, name in enumerate(NAMES)]
    return Registry.of([("st-test", IN_SERVICE_MS)], channels)


def receipt(
    payload: bytes, kind: str = "readings", station: str = "st-test", at_ms: int = NOW_MS, **more: object
) -> Receipt:
    topic = f"quantrac/v1/{station}/{kind}"
    delivery = Delivery(topic, payload, 1, 1, False, False, len(payload), None, ())._replace(**more)  # type: ignore[arg-type]
    return Receipt(delivery, at_ms * 1000)
