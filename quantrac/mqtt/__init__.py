"""The MQTT 5 client that edge and ingest share; `Session` is its face."""

from quantrac.mqtt.address import AddressError, MqttAddress
from quantrac.mqtt.delivery import Delivery, Outcome, SettledPublish
from quantrac.mqtt.session import QueueFullError, Session
from quantrac.mqtt.terms import Connected, Retained, Subscription, Subscriptions, Will

__all__ = [
    "AddressError",
    "Connected",
    "Delivery",
    "MqttAddress",
    "Outcome",
    "QueueFullError",
    "Retained",
    "Session",
    "SettledPublish",
    "Subscription",
    "Subscriptions",
    "Will",
]
