"""Carriers of messages, each behind `alerts.telling.notifier.Notifier`, and what goes over their wires."""
