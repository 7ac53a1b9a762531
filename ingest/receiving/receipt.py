"""What has arrived, and when."""

from __future__ import annotations

from typing import NamedTuple

from quantrac.mqtt.delivery import Delivery


class Receipt(NamedTuple):
    """A delivery and when it arrived, microseconds since 1970 UTC."""

    delivery: Delivery
    received_us: int
