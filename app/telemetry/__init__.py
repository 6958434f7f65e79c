"""Logs, metrics and counters that cannot name a patient."""
