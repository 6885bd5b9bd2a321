"""Appointments: one queue in, a practice's diary changed once, events out."""
