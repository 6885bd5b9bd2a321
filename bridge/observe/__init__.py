"""Logs: set-up and redaction, in one place."""
