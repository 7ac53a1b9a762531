"""A session with the broker: acks and the fate of publishes go to the forwarding thread, commands elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge_agent.clocks.clock import Now
from edge_agent.sending import announcement
from edge_agent.sending.forwarding_loop import ForwardingLoop
from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.delivery import Delivery, SettledPublish
from quantrac.mqtt.session import Session
from quantrac.mqtt.terms import Subscription, Will
from quantrac.telemetry.topics import topic

SESSION_EXPIRY_S: Final = 300
"""Longer than the will's delay; nothing of value waits for the edge at the broker."""


def uplink(
    address: MqttAddress,
    station: str,
    loop: ForwardingLoop,
    now: Now,
    *,
    on_command: Callable[[Delivery], None],
    on_settled: Callable[[SettledPublish], None],
) -> Session:
    """Return a station's session, not started yet; `on_settled` hears of every publish, as the loop does."""
    acks = topic(station, "ack")

    def receive(delivery: Delivery) -> None:
        if delivery.topic == acks:
            loop.post(lambda f, at: f.heard(delivery.payload, at, retained=delivery.retain))
        else:
            on_command(delivery)
        session.acknowledge([(delivery.generation, delivery.mid)])

    def settle(settled: SettledPublish) -> None:
        on_settled(settled)
        loop.post(lambda f, at: f.answered(settled, at))

    session = Session(
        address,
        f"edge-{station}",
        expiry_s=SESSION_EXPIRY_S,
        receive_maximum=16,
        subscriptions=[Subscription(acks, retained_always=True), Subscription(topic(station, "cmd", "+"))],
        will=Will(topic(station, "status"), announcement.last_will(now().ms)),
        on_connect=lambda _: loop.post(lambda f, at: f.connected(at)),
        on_disconnect=lambda: loop.post(lambda f, _: f.disconnected()),
        on_message=receive,
        on_publish_settled=settle,
    )
    return session
