"""Carriers of messages, each behind `alerts.telling.notifier.Notifier`, and their wire formats."""
