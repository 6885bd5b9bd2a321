"""Foundations and Appointment Management at a practice of the sandbox."""
